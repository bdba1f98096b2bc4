#!/usr/bin/env bash
# A billing job that follows usage_total by revision, while events come late, processes are killed and a meter is removed. Needs
# curl and Python 3.
cd "$(dirname "$0")"
. ../node.sh

"$TENANTRY" apply meters.toml --data "$work/data" --format text
key="$(new_key --platform --data "$work/data")"
start_node
"$TENANTRY" tenant create acme --url "$url" --key "$key" --format text
"$TENANTRY" tenant create globex --url "$url" --key "$key" --format text
billing_key="$(new_key --platform --scope query --label billing --url "$url" --key "$key")"

# Sends a call of tenant `$1` with id `$2` at time `$3`, of `$4` bytes.
call() {
    curl -sf "$url/v1/events" -H "Authorization: Bearer $key" -H 'Content-Type: application/cloudevents+json' -o "$work/answer" \
        -d "{\"specversion\": \"1.0\", \"id\": \"$2\", \"source\": \"/api\", \"type\": \"api.call\", \"tenant\": \"$1\",
             \"time\": \"$3\", \"data\": {\"bytes\": $4}}"
}

job() {
    python3 billing_job.py "$url" "$billing_key" "$work/billing.db"
}

# What the job keeps, and what the node would bill, in the same words. Values are written alike: whole numbers here.
billed() {
    python3 -c "import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute('SELECT tenant, meter, period_start, value FROM billed ORDER BY 1, 2, 3'):
    print(row[0], row[1], row[2][:10], int(float(row[3])), sep=',')" "$work/billing.db"
}
to_bill="SELECT tenant, meter, to_char(period_start, 'YYYY-MM-DD'), CAST(value AS BIGINT) FROM usage_total
    WHERE NOT removed ORDER BY 1, 2, 3"

call acme 1 2025-01-10T08:00:00Z 500
call acme 2 2025-01-31T23:59:59Z 700
call globex 1 2025-02-01T00:00:00Z 40
expect "January is acme's, February globex's" "$to_bill" \
    "acme,bytes,2025-01-01,1200
acme,calls,2025-01-01,2
globex,bytes,2025-02-01,40
globex,calls,2025-02-01,1"
same "the first run takes all rows" 4 "$(job)"
same "a run without news takes none" 0 "$(job)"
same "the table is what the node would bill" "$(sql "$to_bill")" "$(billed)"

before="$(billed)"
call acme 3 2025-01-10T08:00:01Z 1
call acme 3 2025-01-10T08:00:01Z 1
expect "an event for a month that is over changes its total once" \
    "SELECT CAST(value AS BIGINT) FROM usage_total WHERE meter = 'bytes' AND tenant = 'acme'" 1201
! CRASH=1 job || { echo "the job was to die" >&2; exit 1; }
same "a job that dies before it commits has stored nothing" "$before" "$(billed)"
kill_node
start_node
same "the next run takes the two totals that changed, after the node was killed too" 2 "$(job)"
same "and the table is what the node would bill" "$(sql "$to_bill")" "$(billed)"

"$TENANTRY" delete meter bytes --url "$url" --key "$key" --format text
expect "a removed meter has removed totals" "SELECT count(*) FROM usage_total WHERE removed" 2
same "the job is told of them" 2 "$(job)"
same "and takes them away" "$(sql "$to_bill")" "$(billed)"
