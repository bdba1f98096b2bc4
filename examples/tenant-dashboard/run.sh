#!/usr/bin/env bash
# A tenant looks at its own usage with psql and a key that reads nothing else. Needs curl and psql.
cd "$(dirname "$0")"
. ../node.sh

key="$(new_key --platform --data "$work/data")"
"$TENANTRY" tenant create acme --data "$work/data" --format text
"$TENANTRY" tenant create globex --data "$work/data" --format text
"$TENANTRY" apply meters.toml --data "$work/data" --format text
start_node
acme_key="$(new_key acme --scope query --url "$url" --key "$key")"

# Sends a completion of tenant `$1` with id `$2`, model `$3` and `$4` tokens, at the time of this run.
complete() {
    printf '{"specversion": "1.0", "id": "%s", "source": "/gateway", "type": "llm.completion", "tenant": "%s",
        "data": {"model": "%s", "usage": {"tokens": %s}}}' "$2" "$1" "$3" "$4" | tr -d '\n'
    echo
}
{
    complete acme 1 small 300
    complete acme 2 large 450
    complete acme 3 small 50
    complete acme 4 large 400
    complete globex 1 large 999999
} | curl -sf "$url/v1/events" -H "Authorization: Bearer $key" -H 'Content-Type: application/x-ndjson' --data-binary @- -o "$work/answer"
expect "the node has counted" "SELECT count(*) FROM events" 4

export PGHOST="${postgres%:*}" PGPORT="${postgres##*:}" PGDATABASE=tenantry PGSSLMODE=require PGUSER=acme PGPASSWORD="$acme_key"
psql -X -q -v ON_ERROR_STOP=1 -f dashboard.sql | tee "$work/dashboard"

has() {
    grep -Eq "$1" "$work/dashboard" || { echo "NOT SO: $2" >&2; exit 1; }
    echo "ok: $2"
}
has 'small +\| +350' "tokens are summed by model"
has 'tokens \| +1000 \| +800 \| +200' "the allowance shows what is left"
has 'quota_exceeded \| tokens \| +1' "the event beyond the allowance shows why it was refused"
! grep -q globex "$work/dashboard" || { echo "NOT SO: another tenant shows" >&2; exit 1; }
echo "ok: no other tenant shows"
if psql -X -q -c "INSERT INTO usage VALUES ('acme')" 2>"$work/refused"; then
    echo "NOT SO: SQL wrote" >&2
    exit 1
fi
grep -q 'only reads' "$work/refused" || { cat "$work/refused" >&2; exit 1; }
echo "ok: SQL only reads"
