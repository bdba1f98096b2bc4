#!/usr/bin/env bash
# Meters a gateway in front of a language model and holds its free plan to 40 requests a month. Needs curl and Python 3.
cd "$(dirname "$0")"
. ../node.sh

"$TENANTRY" apply declared --data "$work/data" --format text
key="$(new_key --platform --data "$work/data")"
start_node
"$TENANTRY" tenant create acme --url "$url" --key "$key" --format text
"$TENANTRY" tenant create globex --plan free --url "$url" --key "$key" --format text
gateway_key="$(new_key --platform --scope ingest --url "$url" --key "$key")"

python3 gateway.py "$url" "$gateway_key" >"$work/port" &
until [ -s "$work/port" ]; do sleep 0.05; done
gateway="http://127.0.0.1:$(cat "$work/port")/v1/completions"

# Asks the gateway as `$1`, request number `$2`.
ask() {
    # Printed at once: several of these write to one file.
    printf '%s\n' "$(curl -s "$gateway" -H "X-Tenant: $1" -H "X-Request-Id: $1-$2" -d '{"model": "small", "prompt": "three word prompt"}')"
}
export gateway
export -f ask

# Sixty requests each, eight at a time.
seq 60 | xargs -P 8 -I{} bash -c 'ask acme {}' >"$work/acme"
seq 60 | xargs -P 8 -I{} bash -c 'ask globex {}' >"$work/globex"

same "acme has no limit, all of its requests were answered" 60 "$(grep -c '"usage"' "$work/acme")"
same "globex got exactly its allowance, whatever ran at once" 40 "$(grep -c '"usage"' "$work/globex")"
same "the rest was refused for that reason" 20 "$(grep -c quota_exceeded "$work/globex")"
expect "tokens are what the answers said, though each was told twice" \
    "SELECT tenant, model, CAST(sum(value) AS BIGINT) FROM meter_tokens GROUP BY tenant, model ORDER BY tenant" \
    "acme,small,300
globex,small,200"
expect "the quota that enforces is what bills" \
    "SELECT CAST(q.used AS BIGINT), CAST(u.value AS BIGINT) FROM quotas q JOIN usage_total u ON q.tenant = u.tenant AND q.meter = u.meter
     WHERE q.tenant = 'globex'" \
    "40,40"
expect "refused requests can be queried" \
    "SELECT reason, field, count FROM rejections WHERE tenant = 'globex'" \
    "quota_exceeded,requests,20"
