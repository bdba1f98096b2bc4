#!/usr/bin/env bash
# A producer with numbered bodies, whose answers are lost, whose node is killed, and whose forgotten twin is fenced. Needs Python 3.
cd "$(dirname "$0")"
. ../node.sh

"$TENANTRY" apply meters.toml --data "$work/data" --format text
key="$(new_key --platform --data "$work/data")"
"$TENANTRY" tenant create acme --data "$work/data" --format text
start_node

touch "$work/taken"
python3 producer.py "$url" "$key" 1 96 100 >"$work/taken" &
producer=$!
until [ "$(wc -l <"$work/taken")" -ge 32 ]; do
    kill -0 "$producer" || exit 1
    sleep 0.05
done
kill_node
start_node
wait "$producer"

same "every body was answered" 96 "$(wc -l <"$work/taken" | tr -d ' ')"
expect "every event counts once: 96 bodies of 100 events" \
    "SELECT CAST(sum(value) AS BIGINT) FROM usage_total WHERE meter = 'rows'" 9600
expect "and so does every value" \
    "SELECT CAST(sum(value) AS BIGINT) FROM usage_total WHERE meter = 'amount'" 456000

python3 producer.py "$url" "$key" 1 96 100 >"$work/again"
expect "the same bodies again change nothing" \
    "SELECT CAST(sum(value) AS BIGINT) FROM usage_total WHERE meter = 'rows'" 9600

python3 producer.py "$url" "$key" 2 1 100 >"$work/successor"
expect "a new epoch begins at 0" \
    "SELECT CAST(sum(value) AS BIGINT) FROM usage_total WHERE meter = 'rows'" 9700
if python3 producer.py "$url" "$key" 1 97 100 >"$work/twin" 2>"$work/fenced"; then
    echo "NOT SO: the old epoch still sends" >&2
    exit 1
fi
grep -q 'epoch 1 of producer loader is over' "$work/fenced" || { cat "$work/fenced" >&2; exit 1; }
echo "ok: the process before it is fenced"
