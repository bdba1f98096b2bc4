//! JSON over HTTP on loopback: CloudEvents in batches, each acknowledged when it is durable, by clients in another process
//! on the same cores. Prints events a second, and what they cost either side.
//!
//! `cargo bench -p benches --bench http`. `SECONDS` sets how long (default 20), `CLIENTS` how many connections (default 4),
//! `EVENTS` how many events a body (default 5000). This binary is the node too: it starts itself as `tenantry serve`.
//! Without `--bench`, as in `cargo test --benches`, a short run shows that it works.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and has failed when it can't go on"
)]

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use benches::node::{self, Node};
use benches::process;
use serde_json::json;

const TENANTS: usize = 1000;
const TYPES: [&str; 4] = ["api.request", "llm.completion", "search.query", "storage.write"];
const ID_DIGITS: usize = 16;

/// A body in which the ids can be changed in place.
struct Body {
    bytes: Vec<u8>,
    ids: Vec<usize>,
}

impl Body {
    fn new(events: usize) -> Self {
        let (mut text, mut ids) = (String::from("["), Vec::new());
        for at in 0..events {
            text.push_str(if at == 0 { "" } else { "," });
            text.push_str(r#"{"specversion":"1.0","id":""#);
            ids.push(text.len());
            let tenant = at * 7919 % TENANTS;
            let (event_type, region, model) =
                (TYPES[at % 4], ["eu-central", "us-east"][at % 2], ["large", "small"][at / 2 % 2]);
            write!(
                text,
                r#"{:0ID_DIGITS$}","source":"/api","type":"{event_type}","tenant":"t{tenant:04}","time":"2026-11-23T11:59:{:02}Z","data":{{"units":{},"region":"{region}","model":"{model}"}}}}"#,
                0,
                at % 60,
                at % 1000
            )
            .unwrap();
        }
        text.push(']');
        Self { bytes: text.into_bytes(), ids }
    }

    fn from(&mut self, first: u64) -> &[u8] {
        let mut digits = String::new();
        for (row, at) in self.ids.iter().enumerate() {
            digits.clear();
            write!(digits, "{:0ID_DIGITS$}", first + row as u64).unwrap();
            self.bytes[*at..at + ID_DIGITS].copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}

fn main() -> ExitCode {
    if node::is_one() {
        return server::cli::main();
    }
    let measures = std::env::args().any(|argument| argument == "--bench");
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let seconds = number("SECONDS", if measures { 20 } else { 1 });
    let (clients, events) = (number("CLIENTS", 4), number("EVENTS", 5000));
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path(), &[]);
    let agent = ureq::agent();
    for event_type in TYPES {
        let dimension = |name: &str| json!({"name": name, "path": format!("$.{name}")});
        let meter = json!({"event_type": event_type, "value": "$.units", "aggregation": "sum",
            "dimensions": [dimension("region"), dimension("model")], "window": {"tumbling": {"size_s": 60}}});
        let path = format!("/v1/meters/{}", event_type.replace('.', "_"));
        node.json(&agent, "PUT", &path, "application/json", meter.to_string().as_bytes());
    }
    for tenant in 0..TENANTS {
        let body = json!({"tenant": format!("t{tenant:04}")}).to_string();
        node.json(&agent, "POST", "/v1/tenants", "application/json", body.as_bytes());
    }

    let (stop, admitted, ids) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let cpu = || (process::cpu_s_of(node.pid()), process::cpu_s_of(std::process::id()));
    let (began, before) = (Instant::now(), cpu());
    let bytes = std::thread::scope(|scope| {
        let client = || {
            let (agent, mut body) = (ureq::agent(), Body::new(events as usize));
            while !stop.load(Ordering::Relaxed) {
                let first = ids.fetch_add(events, Ordering::Relaxed);
                let media = "application/cloudevents-batch+json";
                let answer = node.json(&agent, "POST", "/v1/events", media, body.from(first));
                assert_eq!(answer["admitted"], events, "{answer}");
                admitted.fetch_add(events, Ordering::Relaxed);
            }
            body.bytes.len() as u64 / events
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    });
    let (took_s, after) = (began.elapsed().as_secs_f64(), cpu());
    let count = admitted.into_inner() as f64;
    println!(
        "{} cores, {clients} connections, {events} events of {bytes} bytes a body",
        std::thread::available_parallelism().unwrap()
    );
    println!("events                 {:>12.0} /s", count / took_s);
    println!("CPU of the node        {:>12.2} us an event", (after.0 - before.0) / count * 1e6);
    println!("CPU of the clients     {:>12.2} us an event", (after.1 - before.1) / count * 1e6);
    ExitCode::SUCCESS
}
