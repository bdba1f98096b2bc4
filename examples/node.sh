# What every example begins with: a node of its own on free ports, whose data folder is removed at the end.
#
# TENANTRY names the binary; without it, `tenantry` is taken from the PATH. Sourced, not run.

set -euo pipefail

TENANTRY="${TENANTRY:-tenantry}"
work="$(mktemp -d)"
node=""
http=127.0.0.1:0
postgres=127.0.0.1:0

# Ends what the example started, removes its folder, and keeps its exit code.
finish() {
    local status=$?
    trap - EXIT
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null || true
    wait 2>/dev/null || true
    if [ "$status" -ne 0 ] && [ -f "$work/node.log" ]; then
        printf '\nThe node said:\n' >&2
        cat "$work/node.log" >&2
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

# Starts the node and waits until it is ready; after a kill it starts again at the same addresses.
start_node() {
    : >"$work/ready.log"
    "$TENANTRY" serve --data "$work/data" --http "$http" --postgres "$postgres" --flight "" 2>"$work/ready.log" &
    node=$!
    until grep -q ' ready ' "$work/ready.log"; do
        kill -0 "$node" 2>/dev/null || { cat "$work/ready.log" >&2; echo "the node did not start" >&2; exit 1; }
        sleep 0.05
    done
    cat "$work/ready.log" >>"$work/node.log"
    http="$(address http)"
    postgres="$(address postgres)"
    url="http://$http"
}

# The address behind `$1=` in the line with which the node says that it is ready.
address() {
    sed -n "s/.* ready .*$1=\"\{0,1\}\([^\" ]*\).*/\1/p" "$work/ready.log"
}

# SIGKILL: no drain, no last checkpoint.
kill_node() {
    kill -9 "$node"
    wait "$node" 2>/dev/null || true
}

# Makes a key and prints nothing but the key. Before the node is started the arguments name a folder, afterwards a node.
new_key() {
    "$TENANTRY" key create "$@" --format json 2>/dev/null | grep -o 'tn_[^"]*'
}

# One statement as CSV, without its heading. Answers are 20 ms behind events, so a check waits until it holds.
sql() {
    "$TENANTRY" sql "$1" --format csv --url "$url" --key "$key" | tail -n +2
}

# Fails unless the statement `$2` gives `$3` within ten seconds.
expect() {
    local told="$1" statement="$2" expected="$3" got="" attempt
    for attempt in $(seq 40); do
        got="$(sql "$statement")"
        [ "$got" != "$expected" ] || { echo "ok: $told"; return 0; }
        sleep 0.25
    done
    printf 'NOT SO: %s\nexpected:\n%s\nfound:\n%s\n' "$told" "$expected" "$got" >&2
    return 1
}

# Fails unless `$2` and `$3` are the same text.
same() {
    [ "$2" = "$3" ] || { printf 'NOT SO: %s\nexpected:\n%s\nfound:\n%s\n' "$1" "$2" "$3" >&2; return 1; }
    echo "ok: $1"
}
