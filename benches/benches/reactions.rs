//! How long it takes from the event that crosses a line to the hook that tells of it, while other events pour in for thousands of
//! tenants with rules on them; and what the rules cost. Prints medians, 99th percentiles, and the node's CPU with and without rules.
//!
//! `cargo bench -p benches --bench reactions`. `TENANTS` (default 10000), `RULES` (20), `RATE` (events a second, 100000) and
//! `SECONDS` (of each half, 30) say how much. This binary is the node too; the receiver is a thread of the measuring process.
//! Without `--bench`, as in `cargo test --benches`, a short run shows that it works.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a measurement prints, and has failed when it can't go on"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use benches::node::{self, Node};
use benches::process::cpu_s_of;
use serde_json::{Value, json};

/// Events of one request.
const BATCH: u64 = 1000;
/// Between two events that cross a line.
const PROBE_EVERY: Duration = Duration::from_millis(100);

/// When the hook of each tenant came.
type Arrived = Arc<Mutex<HashMap<String, Instant>>>;

fn main() -> ExitCode {
    if node::is_one() {
        return server::cli::main();
    }
    let measures = std::env::args().any(|argument| argument == "--bench");
    let number = |name: &str, long: u64, short: u64| {
        std::env::var(name).map_or(if measures { long } else { short }, |text| text.parse().unwrap())
    };
    let (tenants, rules) = (number("TENANTS", 10_000, 20), number("RULES", 20, 3));
    let (rate, time) = (number("RATE", 100_000, 5_000), Duration::from_secs(number("SECONDS", 30, 1)));
    let data = tempfile::tempdir().unwrap();
    let node = Node::start(data.path(), &["webhooks.networks=127.0.0.0/8", "webhooks.plaintext=true"]);
    let agent = ureq::agent();
    let send = |method: &str, path: &str, body: &Value| {
        node.json(&agent, method, path, "application/json", body.to_string().as_bytes())
    };
    for meter in ["load", "probe"] {
        let meter_of = json!({"event_type": meter, "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
        send("PUT", &format!("/v1/meters/{meter}"), &meter_of);
    }
    let probes = (time.as_millis() / PROBE_EVERY.as_millis()) as u64;
    for number in 0..tenants.max(probes) {
        send("POST", "/v1/tenants", &json!({"tenant": format!("t{number}")}));
    }

    let before = load(&node, tenants, rate, time, 0);
    let (arrived, url) = receive();
    let rule = |name: String, meter: &str, at: u64| {
        json!({"kind": "alert", "tenant": "platform", "name": name, "spec": {
            "measure": {"total": {"meter": meter}}, "levels": [{"severity": "critical", "at": at}]}})
    };
    let mut objects: Vec<Value> = (0..rules).map(|n| rule(format!("r{n}"), "load", 1_000_000_000 + n)).collect();
    objects.push(rule("probe".into(), "probe", 1));
    objects.push(json!({"kind": "endpoint", "tenant": "platform", "name": "hook",
        "spec": {"url": url, "events": ["alert.fired"]}}));
    send("POST", "/v1/apply", &json!({"objects": objects}));
    // Everybody is looked at once.
    std::thread::sleep(Duration::from_secs(if measures { 5 } else { 1 }));

    let (beside, waits) = std::thread::scope(|scope| {
        let (node, arrived) = (&node, &arrived);
        let probing = scope.spawn(move || probe(node, arrived, probes));
        let beside = load(node, tenants, rate, time, 1);
        (beside, probing.join().unwrap())
    });
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] * 1e3;
    println!(
        "{} cores, {tenants} tenants with {rules} rules each, {rate} events/s asked",
        std::thread::available_parallelism().unwrap()
    );
    println!(
        "from the event to the hook, of {}: p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms",
        waits.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!(
        "node without rules {:.0} events/s at {:.2} us of CPU each, with rules {:.0} at {:.2} ({:+.0} %)",
        before.0,
        before.1,
        beside.0,
        beside.1,
        (beside.1 / before.1 - 1.0) * 100.0
    );
    ExitCode::SUCCESS
}

/// Events of the type `load`, paced; how many a second were taken, and the node's CPU for each, microseconds.
fn load(node: &Node, tenants: u64, rate: u64, time: Duration, round: u64) -> (f64, f64) {
    let agent = ureq::agent();
    let (began, cpu) = (Instant::now(), cpu_s_of(node.pid()));
    let mut sent = 0;
    while began.elapsed() < time {
        let due = Duration::from_secs_f64(sent as f64 / rate as f64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let events: Vec<Value> =
            (sent..sent + BATCH).map(|n| event(&format!("{round}-{n}"), "load", n % tenants)).collect();
        let body = Value::from(events).to_string();
        node.json(&agent, "POST", "/v1/events", "application/cloudevents-batch+json", body.as_bytes());
        sent += BATCH;
    }
    let took = began.elapsed().as_secs_f64();
    (sent as f64 / took, (cpu_s_of(node.pid()) - cpu) * 1e6 / sent as f64)
}

fn event(id: &str, kind: &str, tenant: u64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time = jiff::Timestamp::from_second(now.as_secs() as i64).unwrap().to_string();
    json!({"specversion": "1.0", "id": id, "source": "/bench", "type": kind, "time": time, "subject": "x",
        "tenant": format!("t{tenant}"), "data": {"n": 1}})
}

/// One event after another, each the first of its tenant that crosses a line; the waits in order, seconds.
fn probe(node: &Node, arrived: &Arrived, probes: u64) -> Vec<f64> {
    let agent = ureq::agent();
    let began = Instant::now();
    let mut sent = Vec::new();
    for number in 0..probes {
        std::thread::sleep((began + PROBE_EVERY * number as u32).saturating_duration_since(Instant::now()));
        sent.push((format!("t{number}"), Instant::now()));
        let body = Value::from(vec![event(&format!("probe-{number}"), "probe", number)]).to_string();
        node.json(&agent, "POST", "/v1/events", "application/cloudevents-batch+json", body.as_bytes());
    }
    let mut waits = Vec::new();
    for (tenant, at) in sent {
        let patience = Instant::now();
        let came = loop {
            if let Some(came) = arrived.lock().unwrap().get(&tenant) {
                break *came;
            }
            assert!(patience.elapsed() < Duration::from_secs(30), "no hook for {tenant}");
            std::thread::sleep(Duration::from_millis(5));
        };
        waits.push(came.duration_since(at).as_secs_f64());
    }
    waits.sort_by(f64::total_cmp);
    waits
}

/// Takes hooks; when each tenant's first came, and where to send them.
fn receive() -> (Arrived, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let arrived = Arrived::default();
    let of = Arc::clone(&arrived);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let arrived = Arc::clone(&of);
            std::thread::spawn(move || take(socket, &arrived));
        }
    });
    (arrived, url)
}

fn take(socket: TcpStream, arrived: &Arrived) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(socket.try_clone().ok()?), socket);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let came = Instant::now();
        writer.write_all(b"HTTP/1.1 204 x\r\ncontent-length: 0\r\n\r\n").ok()?;
        let event: Value = serde_json::from_slice(&body).ok()?;
        let tenant = event["source"].as_str()?.strip_prefix("/tenants/")?.to_owned();
        arrived.lock().unwrap().entry(tenant).or_insert(came);
    }
}
