#!/usr/bin/env bash
# An alert fires, arrives at a hook, and resolves. Needs curl.
cd "$(dirname "$0")"
. ../node.sh

export TENANTRY_WEBHOOKS_NETWORKS=127.0.0.0/8 TENANTRY_WEBHOOKS_PLAINTEXT=true
key="$(new_key --platform --data "$work/data")"
"$TENANTRY" tenant create acme --data "$work/data" --format text

# Nobody knows the secret before the endpoint is there, and the endpoint needs the receiver's address.
listen() {
    "$TENANTRY" webhook listen --address "${1:-127.0.0.1:0}" "${@:2}" >>"$work/hooks" 2>"$work/listen.log" &
    receiver=$!
    until grep -q '^listening' "$work/listen.log"; do sleep 0.05; done
    hook="$(sed -n 's/^listening at //p' "$work/listen.log")"
}
listen
mkdir "$work/declared"
cp declared/*.toml "$work/declared"
printf '[[endpoint]]\ntenant = "acme"\nname = "on-call"\nurl = "%s"\nevents = ["alert.*"]\n' "$hook" >"$work/declared/endpoints.toml"
"$TENANTRY" apply "$work/declared" --data "$work/data" --format text
secret="$("$TENANTRY" webhook secret acme on-call --data "$work/data" --format json | grep -o 'whsec_[^"]*')"
kill "$receiver"
listen "${hook#http://}" --secret "$secret"
start_node

complete() {
    curl -sf "$url/v1/events" -H "Authorization: Bearer $key" -H 'Content-Type: application/cloudevents+json' -o "$work/answer" \
        -d "{\"specversion\": \"1.0\", \"id\": \"$1\", \"source\": \"/gateway\", \"type\": \"llm.completion\", \"tenant\": \"acme\",
            \"data\": {\"usage\": {\"tokens\": $2}}}"
}
# Fails unless so many verified hooks of a type have come, each name counted once.
hooks() {
    local attempt got
    for attempt in $(seq 100); do
        got="$(awk -F '\t' -v type="\"type\":\"$1\"" '$2 == "verified" && index($3, type) && !seen[$1]++' "$work/hooks" | wc -l)"
        [ "$got" -ne "$2" ] || { echo "ok: $3"; return 0; }
        sleep 0.1
    done
    printf 'NOT SO: %s\n%s hooks of %s came:\n' "$3" "$got" "$1" >&2
    cat "$work/hooks" >&2
    return 1
}

complete 1 790
expect "79 percent is no alert" "SELECT count(*) FROM alerts" 0
complete 2 10
hooks alert.fired 1 "80 percent is one, and its hook comes verified"
complete 3 50
kill_node
start_node
complete 4 10
expect "the alert is the same behind a kill" "SELECT rule, state, severity FROM alerts" "near-limit,firing,warning"
"$TENANTRY" quota set acme tokens --allowance 10000 --url "$url" --key "$key" --format text
hooks alert.resolved 1 "a larger allowance resolves it"
hooks alert.fired 1 "it was told of once"
