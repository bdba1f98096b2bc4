//! A tenant that sends a hundred times its rate, for `TENANTRY_NEIGHBOUR_SECONDS` (default 3): it is refused what is too much,
//! and what others wait is printed beside what they wait without it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Bounded, Template};
use crate::answer;

/// What the loud tenant may send, units a second, and how many times that it does.
const RATE: u64 = 1000;
const TIMES: u64 = 100;
const LOUD_ROWS: usize = 1000;
/// Between two requests of a quiet tenant.
const PAUSE: Duration = Duration::from_millis(10);

/// Percentiles in ms.
#[derive(Debug, Clone, Copy)]
struct Waits {
    p50: f64,
    p99: f64,
}

fn waits(mut times: Vec<f64>) -> Waits {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    Waits { p50: at(50), p99: at(99) }
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e3
}

/// What a quiet tenant waits for its events, and for a query of them.
fn quiet(bounded: &Bounded, key: &str, ids: &AtomicU64, lasts: Duration) -> [Waits; 2] {
    let (agent, mut events) = (answer::agent(), Template::new(None, 20));
    let (mut sends, mut queries) = (Vec::new(), Vec::new());
    let sql = json!({"sql": "SELECT sum(value) FROM usage WHERE meter = 'tokens'"}).to_string();
    let ask = |path: &str, media: &str, body: &[u8]| {
        let headers = [("content-type", media)];
        let answer = answer::send(&agent, bounded.node.address(), ("POST", path), key, &headers, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    let began = Instant::now();
    while began.elapsed() < lasts {
        let first = ids.fetch_add(20, Ordering::Relaxed);
        sends.push(timed(|| ask("/v1/events", "application/x-ndjson", events.from(first))));
        std::thread::sleep(PAUSE);
        queries.push(timed(|| ask("/v1/sql", "application/json", sql.as_bytes())));
        std::thread::sleep(PAUSE);
    }
    [waits(sends), waits(queries)]
}

/// Sends [`TIMES`] times the rate until told to stop; how many events, and how many were refused.
fn loud(bounded: &Bounded, key: &str, ids: &AtomicU64, stop: &AtomicBool) -> (u64, u64) {
    let (agent, mut events) = (answer::agent(), Template::new(None, LOUD_ROWS));
    let pace = Duration::from_secs_f64(LOUD_ROWS as f64 / (RATE * TIMES) as f64);
    let (mut due, mut sent, mut refused) = (Instant::now(), 0, 0);
    while !stop.load(Ordering::Relaxed) {
        let first = ids.fetch_add(LOUD_ROWS as u64, Ordering::Relaxed);
        let (what, headers) = (("POST", "/v1/events"), [("content-type", "application/x-ndjson")]);
        let answer = answer::send(&agent, bounded.node.address(), what, key, &headers, events.from(first));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        assert!(answer["errors"].as_array().unwrap().iter().all(|error| error["reason"] == "rate_limited"));
        sent += LOUD_ROWS as u64;
        refused += answer["rejected"].as_u64().unwrap();
        due += pace;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    (sent, refused)
}

#[test]
fn a_loud_tenant_is_refused_and_others_are_not() {
    let seconds = std::env::var("TENANTRY_NEIGHBOUR_SECONDS").map_or(3, |text| text.parse().unwrap());
    let lasts = Duration::from_secs(seconds);
    let bounded = Bounded::start(&[]);
    let (quiet_key, loud_key) = (bounded.tenant("quiet"), bounded.tenant("loud"));
    let rate = RATE.to_string();
    let limit = json!({"rate": {"units_per_s": rate, "burst": rate}, "hard": true});
    let set = bounded.node.json("PUT", "/v1/tenants/loud/quotas/tokens", &limit);
    assert_eq!(set.status, 200, "{}", set.text);
    let ids = AtomicU64::new(0);
    quiet(&bounded, &quiet_key, &ids, Duration::from_secs(1));
    let alone = quiet(&bounded, &quiet_key, &ids, lasts);

    let stop = AtomicBool::new(false);
    let (beside, (sent, refused)) = std::thread::scope(|scope| {
        let loud = scope.spawn(|| loud(&bounded, &loud_key, &ids, &stop));
        let beside = quiet(&bounded, &quiet_key, &ids, lasts);
        stop.store(true, Ordering::Relaxed);
        (beside, loud.join().unwrap())
    });
    println!("loud: {} events/s, {:.1} % of them refused", sent / seconds, 100.0 * refused as f64 / sent as f64);
    for (what, alone, beside) in [("events", alone[0], beside[0]), ("query", alone[1], beside[1])] {
        println!(
            "quiet, {what}: p50 {:.2} ms alone, {:.2} ms beside; p99 {:.2} ms alone, {:.2} ms beside",
            alone.p50, beside.p50, alone.p99, beside.p99
        );
        // How much longer is a matter of cores; that nobody is starved is not.
        assert!(beside.p50 < 20.0 * alone.p50 + 100.0, "{what}: {beside:?}, alone {alone:?}");
    }
    assert!(refused > sent / 2, "{refused} of {sent} refused");
}
