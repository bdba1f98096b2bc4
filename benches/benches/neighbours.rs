//! What a tenant's clients wait for while another tenant's statements mean harm: events, health checks and point queries, each
//! asked at a steady pace, alone and then beside a storm of hostile statements. Prints medians, 99th percentiles and their
//! ratios, and the node's memory.
//!
//! `cargo bench -p benches --bench neighbours`. `SECONDS` sets how long each half takes (default 60), `CLIENTS` how many
//! connections the storm has (default 8). A wait is counted from when a request was due, not from when it was sent. This
//! binary is the node too. Without `--bench`, as in `cargo test --benches`, a short run shows that it works.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and has failed when it can't go on"
)]

#[allow(dead_code, reason = "tests read more of a form")]
#[path = "../../pipelines/tests/it/views/hostile/forms.rs"]
mod forms;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use benches::node::{self, Node};
use engine::lock::Lock;
use serde_json::json;

/// Between two requests of one kind.
const PACE: Duration = Duration::from_millis(20);
/// Longest statement that is sent.
const STATEMENT_BYTES: usize = 900_000;

/// Statements that take memory or time and not depth.
const HEAVY: [&str; 12] = [
    "SELECT length(repeat('x', 2147483647))",
    "SELECT sum(length(repeat(value::text, 100000))) FROM generate_series(1, 100000) AS value",
    "SELECT cardinality(array_agg(value)) FROM generate_series(1, 1000000000) AS value",
    "SELECT length(string_agg(repeat('x', 1000000), ',')) FROM generate_series(1, 100000) AS value",
    "SELECT value % 10 AS g, string_agg(repeat('x', 100000), ',') FROM generate_series(1, 100000) AS value GROUP BY 1",
    "SELECT count(*) FROM (SELECT unnest(range(0, 100000)), value FROM generate_series(1, 100000) AS value)",
    "SELECT count(DISTINCT value) FROM generate_series(1, 1000000000) AS value",
    "SELECT count(a.value + b.value) FROM generate_series(1, 10000000) a(value), generate_series(1, 10000000) b(value)",
    "SELECT max(md5(value::text)) FROM generate_series(1, 1000000000) AS value",
    "SELECT value FROM generate_series(1, 1000000000) AS value ORDER BY md5(value::text) LIMIT 1",
    "SELECT count(*) FROM events a, events b, events c, events d",
    "SELECT regexp_replace(repeat('a', 100000), '(a+)+b', 'x', 'g')",
];

/// The waits of each kind of request, seconds.
type Waits = BTreeMap<&'static str, Vec<f64>>;

fn main() -> ExitCode {
    if node::is_one() {
        return server::cli::main();
    }
    let measures = std::env::args().any(|argument| argument == "--bench");
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let time = Duration::from_secs(number("SECONDS", if measures { 60 } else { 1 }));
    let clients = number("CLIENTS", if measures { 8 } else { 2 });
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path(), &[]);
    let agent = ureq::agent();
    let meter = json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
    node.json(&agent, "PUT", "/v1/meters/calls", "application/json", meter.to_string().as_bytes());
    let keys = ["honest", "hostile"].map(|tenant| {
        let body = json!({"tenant": tenant}).to_string();
        node.json(&agent, "POST", "/v1/tenants", "application/json", body.as_bytes());
        let scopes = json!({"scopes": ["ingest", "query"]}).to_string();
        let made =
            node.json(&agent, "POST", &format!("/v1/tenants/{tenant}/keys"), "application/json", scopes.as_bytes());
        made["key"].as_str().unwrap().to_owned()
    });
    let [honest, hostile] = &keys;
    let sent = AtomicUsize::new(0);
    probe(&node, honest, time / 10, &sent);
    let alone = probe(&node, honest, time, &sent);
    let (stop, asked, before_mb) = (AtomicBool::new(false), AtomicUsize::new(0), peak_mb(&node));
    let statements = statements();
    let beside = std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let agent = ureq::agent();
                while !stop.load(Ordering::Relaxed) {
                    let sql = &statements[asked.fetch_add(1, Ordering::Relaxed) % statements.len()];
                    let body = json!({"sql": sql}).to_string();
                    let (status, said) =
                        node.send(&agent, hostile, ("POST", "/v1/sql"), "application/json", body.as_bytes());
                    assert!(status != 500, "{}: {}", &sql[..sql.len().min(200)], String::from_utf8_lossy(&said));
                }
            });
        }
        let beside = probe(&node, honest, time, &sent);
        stop.store(true, Ordering::Relaxed);
        beside
    });
    println!(
        "{} cores, {clients} connections with {} hostile statements, {} answered in {} s",
        std::thread::available_parallelism().unwrap(),
        statements.len(),
        asked.into_inner(),
        time.as_secs()
    );
    println!("{:<14} {:>24} {:>24} {:>14}", "", "alone, ms: p50, p99", "beside, ms: p50, p99", "ratio of p99");
    for (kind, alone) in alone {
        let [alone, beside] =
            [alone, beside[kind].clone()].map(|waits| [0.5, 0.99].map(|at| quantile(&waits, at) * 1e3));
        println!(
            "{kind:<14} {:>13.2} {:>10.2} {:>13.2} {:>10.2} {:>14.2}",
            alone[0],
            alone[1],
            beside[0],
            beside[1],
            beside[1] / alone[1]
        );
    }
    println!("memory of the node at most {:.0} MB, {before_mb:.0} MB before the storm", peak_mb(&node));
    ExitCode::SUCCESS
}

fn statements() -> Vec<String> {
    let of_forms = forms::forms().flat_map(|form| {
        [form.honest, form.close].into_iter().chain(form.beyond.iter().copied()).map(|size| form.sized(size))
    });
    let of_forms = of_forms.filter(|sql| sql.len() < STATEMENT_BYTES).collect::<Vec<_>>();
    // The heavy ones come as often as all others.
    of_forms.into_iter().enumerate().flat_map(|(at, sql)| [sql, HEAVY[at % HEAVY.len()].to_owned()]).collect()
}

/// Asks each kind at its pace for `time`.
fn probe(node: &Node, key: &str, time: Duration, sent: &AtomicUsize) -> Waits {
    let waits = Lock::new(Waits::new());
    let paced = |kind: &'static str, ask: &dyn Fn(&ureq::Agent)| {
        let (agent, began) = (ureq::agent(), Instant::now());
        let mut own = Vec::new();
        for number in 0.. {
            let due = began + PACE * number;
            if due > began + time {
                break;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            ask(&agent);
            own.push(due.elapsed().as_secs_f64());
        }
        waits.lock().insert(kind, own);
    };
    let good = |(status, said): (u16, Vec<u8>)| assert_eq!(status, 200, "{}", String::from_utf8_lossy(&said));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            paced("events", &|agent| {
                let first = sent.fetch_add(100, Ordering::Relaxed);
                let event = |id| json!({"specversion": "1.0", "id": id, "source": "/s", "type": "call"}).to_string();
                let body = (first..first + 100).map(|id| event(id.to_string())).collect::<Vec<_>>().join("\n");
                good(node.send(agent, key, ("POST", "/v1/events"), "application/x-ndjson", body.as_bytes()));
            });
        });
        scope.spawn(|| {
            paced("health", &|agent| {
                good(node.send(agent, key, ("GET", "/healthz"), "application/json", b""));
            });
        });
        scope.spawn(|| {
            paced("point query", &|agent| {
                let body =
                    json!({"sql": "SELECT value FROM usage WHERE meter = 'calls' ORDER BY window_start DESC LIMIT 1"});
                let body = body.to_string();
                good(node.send(agent, key, ("POST", "/v1/sql"), "application/json", body.as_bytes()));
            });
        });
    });
    std::mem::take(&mut *waits.lock())
}

fn quantile(waits: &[f64], at: f64) -> f64 {
    let mut sorted = waits.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * at).round() as usize]
}

/// The most that the node's memory has been, MB.
fn peak_mb(node: &Node) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}
