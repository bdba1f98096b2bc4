//! Memory of statements: what they make is refused before it is there, what a node is short of is taken from the largest, and a
//! node that was ended says so at its next start.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Bounded;
use crate::served::{Served, platform_key};

const POOL_MB: f64 = 128.0;
/// What a node's memory may be above what its pool says, and beside that.
const FACTOR_MAX: f64 = 1.5;
const BESIDE_MB: f64 = 128.0;
/// How long the allocator keeps what is free, at least.
const KEPT: Duration = Duration::from_millis(200);

/// Statements that make more than there is room for.
const HOSTILE: [&str; 41] = [
    "SELECT length(repeat('x', 1000000000))",
    "SELECT length(repeat('x', 2147483647))",
    "SELECT length(repeat('x', 9223372036854775807))",
    "SELECT sum(length(repeat(value::text, 100000000))) FROM generate_series(1, 100) AS value",
    "SELECT length(lpad('x', 2147483647, 'y'))",
    "SELECT max(length(rpad(value::text, 100000000, 'y'))) FROM generate_series(1, 100) AS value",
    "SELECT length(x) FROM (SELECT repeat('x', 500000000) AS x)",
    "SELECT length(replace(repeat('x', 1000000), 'x', repeat('y', 2000)))",
    "SELECT length(translate(repeat('x', 1000000), 'x', repeat('é', 2000)))",
    "SELECT length(regexp_replace(repeat('x', 1000000), 'x', repeat('y', 2000), 'g'))",
    "SELECT cardinality(array_repeat(1, 1000000000))",
    "SELECT cardinality(array_repeat(array_repeat(array_repeat(1, 1000), 1000), 1000))",
    "SELECT cardinality(array_resize(make_array(1), 1000000000))",
    "SELECT cardinality(range(0, 1000000000000))",
    "SELECT cardinality(range(1, 2000000000))",
    "SELECT cardinality(range(timestamp '1900-01-01', timestamp '2200-01-01', interval '1 microsecond'))",
    "SELECT length(to_char(now(), repeat('%Y-%m-%d', 1000000)))",
    "SELECT md5(repeat('x', 1000000000)), sha512(repeat('x', 1000000000))",
    "SELECT length(encode(cast(repeat('x', 500000000) AS bytea), 'hex'))",
    "SELECT arrow_cast('x', 'FixedSizeBinary(2147483647)')",
    "SELECT cardinality(array_agg(value)) FROM generate_series(1, 1000000000) AS value",
    "SELECT cardinality(array_agg(repeat('x', 1000000))) FROM generate_series(1, 100000) AS value",
    "SELECT length(string_agg(repeat('x', 1000000), ',')) FROM generate_series(1, 100000) AS value",
    "SELECT length(json_agg(repeat('x', 1000000))::text) FROM generate_series(1, 100000) AS value",
    "SELECT value % 10 AS g, length(jsonb_object_agg(value, repeat('x', 100000))::text) \
     FROM generate_series(1, 100000) AS value GROUP BY g",
    "SELECT length(json_build_array(repeat('x', 10000000), repeat(chr(1), 10000000))::text)",
    "SELECT repeat('x', 10000) || value FROM generate_series(1, 1000000) AS value ORDER BY 1 DESC LIMIT 1 OFFSET 999998",
    "SELECT max(length(a || b || c)) FROM (SELECT repeat(value::text, 1000000) AS a, repeat(value::text, 1000001) AS b, \
     repeat(value::text, 1000002) AS c FROM generate_series(1, 10000000) AS value)",
    "SELECT max(length(initcap(repeat(value::text, 1000000)) || upper(repeat(value::text, 1000000)))) \
     FROM generate_series(1, 100000) AS value",
    "SELECT count(*) FROM (SELECT unnest(range(0, 100000000)))",
    "SELECT count(*) FROM (SELECT unnest(range(0, 100000)), value FROM generate_series(1, 100000) AS value)",
    "SELECT median(value) FROM generate_series(1, 1000000000) AS value",
    "SELECT count(DISTINCT value) FROM generate_series(1, 1000000000) AS value",
    "SELECT count(a.value + b.value) FROM generate_series(1, 10000000) a(value), generate_series(1, 10000000) b(value)",
    "SELECT max(length(array_to_string(array_repeat(value, 100000), ','))) FROM generate_series(1, 100000) AS value",
    "SELECT count(DISTINCT repeat(value::text, 10000)) FROM generate_series(1, 1000000) AS value",
    "SELECT value % 10 AS g, length(string_agg(repeat('x', 100000), ',')) FROM generate_series(1, 100000) AS value GROUP BY g",
    "SELECT value % 10 AS g, cardinality(array_agg(repeat(value::text, 100000))) FROM generate_series(1, 100000) AS value \
     GROUP BY g",
    "SELECT count(*) FROM (SELECT DISTINCT repeat(value::text, 100000) FROM generate_series(1, 100000) AS value)",
    "SELECT count(*) FROM (SELECT repeat(value::text, 100000) AS x FROM generate_series(1, 100000) AS value) a \
     JOIN (SELECT repeat(value::text, 100000) AS x FROM generate_series(1, 100000) AS value) b USING (x)",
    "SELECT max(n) FROM (SELECT row_number() OVER (PARTITION BY repeat(value::text, 100000)) AS n \
     FROM generate_series(1, 100000) AS value)",
];

#[test]
fn resident_memory_is_what_the_pool_says() {
    let settings = [
        "query.memory_bytes_max=134217728",
        "query.tenant_memory_bytes_max=134217728",
        "query.statement_memory_bytes_max=134217728",
        "query.spill_bytes_max=0",
        "query.timeout_ms=4000",
    ];
    let bounded = Bounded::start(&settings);
    let key = bounded.tenant("acme");
    let ask = |sql: &str| {
        let body = json!({"sql": sql}).to_string();
        bounded.node.send_as(&key, "POST", "/v1/sql", "application/json", body.as_bytes())
    };
    assert_eq!(ask("SELECT 1").status, 200);
    let mut refused = 0;
    for sql in HOSTILE {
        // What one statement took is no part of the next one's.
        std::thread::sleep(KEPT);
        bounded.forget_peak();
        let before_mb = bounded.resident_mb();
        let answer = ask(sql);
        assert!([200, 400, 413, 503, 504].contains(&answer.status), "{sql}: {} {}", answer.status, answer.text);
        refused += u32::from([413, 503].contains(&answer.status));
        let grown_mb = bounded.peak_mb() - before_mb;
        println!("{:>4} {grown_mb:+.0} MB: {sql}", answer.status);
        assert!(grown_mb < FACTOR_MAX * POOL_MB + BESIDE_MB, "{sql}: memory {grown_mb:+.0} MB");
        assert_eq!(bounded.node.get("/healthz").status, 200, "{sql}");
    }
    assert!(refused > 20, "{refused}");
    assert_eq!(ask("SELECT length(repeat('x', 1000)) AS n").json(), json!([{"n": 1000}]));
    let too_large = ask("SELECT length(repeat('x', 1000000000))");
    assert_eq!((too_large.status, &too_large.json()["sqlstate"]), (413, &json!("54000")), "{}", too_large.text);
    assert!(
        too_large.text.contains("query.value_bytes_max") && too_large.text.contains("repeat"),
        "{}",
        too_large.text
    );
}

#[test]
fn a_node_short_of_memory_ends_the_largest_statement_and_answers_the_others() {
    let settings = [
        "memory.budget_bytes=419430400",
        "memory.shed_percent=60",
        "query.memory_bytes_max=4294967296",
        "query.tenant_memory_bytes_max=4294967296",
        "query.statement_memory_bytes_max=4294967296",
    ];
    let bounded = Bounded::start(&settings);
    let body =
        json!({"sql": "SELECT cardinality(array_agg(value)) FROM generate_series(1, 400000000) AS value"}).to_string();
    let ended = bounded.node.send("POST", "/v1/sql", "application/json", body.as_bytes());
    assert_eq!((ended.status, &ended.json()["sqlstate"]), (503, &json!("53200")), "{}", ended.text);
    assert!(ended.text.contains("short of memory"), "{}", ended.text);
    assert!(bounded.peak_mb() < 1200.0, "{} MB", bounded.peak_mb());
    assert_eq!(bounded.node.rows("SELECT 1 AS one"), [json!({"one": 1})]);
    assert!(bounded.node.metric("tenantry_statements_shed_total").unwrap() >= 1.0);
}

#[test]
fn what_statements_put_aside_is_in_the_data_folder_and_gone_at_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    let key = platform_key(data.path());
    let settings = ["query.statement_memory_bytes_max=33554432", "query.timeout_ms=600000"];
    let start = || Served::start(data.path(), &key, &settings).unwrap_or_else(|said| panic!("{said}"));
    let spill = data.path().join("spill");
    let bytes = || -> u64 {
        let files = walk(&spill).into_iter().filter_map(|file| file.metadata().ok());
        files.filter(|found| found.is_file()).map(|found| found.len()).sum()
    };
    let node = start();
    let grouped =
        "SELECT count(*) FROM (SELECT md5(value::text) AS m FROM generate_series(1, 20000000) AS value GROUP BY m)";
    // Nobody waits for its answer.
    let body = json!({"sql": grouped}).to_string();
    let mut socket = TcpStream::connect(node.address()).unwrap();
    let head = format!(
        "POST /v1/sql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    eventually("it spills", || bytes() > 1_000_000);
    assert_eq!(spill.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    node.kill();
    assert!(bytes() > 0, "a killed node leaves it");
    let node = start();
    assert_eq!(bytes(), 0);
    assert_eq!(node.rows("SELECT 1 AS one"), [json!({"one": 1})]);
}

/// All that is below `folder`.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let there = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    there.flat_map(|path| walk(&path).into_iter().chain([path])).collect()
}

#[test]
fn a_run_that_ended_without_a_stop_is_told_at_the_next_start() {
    let data = tempfile::tempdir().unwrap();
    let key = platform_key(data.path());
    let start = || Served::start(data.path(), &key, &[]).unwrap_or_else(|said| panic!("{said}"));
    const TOLD: &str = "the last run ended without a stop; its memory was last ";
    let said = start().kill();
    assert!(!said.contains(TOLD), "{said}");
    let node = start();
    let (said, ended_well) = node.terminate();
    assert!(said.contains(TOLD) && ended_well, "{said}");
    let said = start().kill();
    assert!(!said.contains(TOLD), "a stop leaves nothing to tell: {said}");
}

/// Waits until `done`.
pub(super) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
