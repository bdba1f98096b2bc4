//! Twice the load that the node can take, for `TENANTRY_OVERLOAD_SECONDS` (default 6; the long run is 600): what is too much
//! is refused with a time to come back, what is taken stays near what can be taken, and memory grows by no more than what
//! ids take that are remembered.
//!
//! What can be taken is what a few clients get that are answered without haste, for a fifth of that time before, when
//! checkpoints, merges and the move to the lake cost what they cost for good.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Bounded, Template};
use crate::answer;

const ROWS: usize = 2000;
/// Clients at once that the node answers without haste, and as many that it can't.
const FEW: usize = 2;
const MANY: usize = 96;
const MEASURE: Duration = Duration::from_secs(3);
/// Beyond which memory counts as growing; a short run ends before the node has come to rest.
const GROWTH_MB: f64 = 500.0;
/// Of a remembered id that only a file has: its part of the screen, of a filter and of an index.
const ID_BYTES: f64 = 3.1;

#[derive(Default)]
struct Tally {
    admitted: AtomicU64,
    refused: AtomicU64,
    ids: AtomicU64,
}

/// Admitted events a second while `clients` send one body after the other, each at most every `pace`.
fn load(bounded: &Bounded, tally: &Tally, clients: usize, pace: Duration, lasts: Duration) -> f64 {
    let (stop, began, before) = (AtomicBool::new(false), Instant::now(), tally.admitted.load(Ordering::Relaxed));
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let (agent, mut events) = (answer::agent(), Template::new(Some("acme"), ROWS));
                let mut due = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    let first = tally.ids.fetch_add(ROWS as u64, Ordering::Relaxed);
                    let headers = [("content-type", "application/x-ndjson")];
                    let what = ("POST", "/v1/events");
                    let answer =
                        answer::send(&agent, bounded.node.address(), what, &bounded.key, &headers, events.from(first));
                    match answer.status {
                        200 => {
                            let admitted = answer.json()["admitted"].as_u64().unwrap();
                            assert_eq!(admitted, ROWS as u64, "{}", answer.text);
                            tally.admitted.fetch_add(admitted, Ordering::Relaxed);
                        }
                        429 | 503 => {
                            assert!(answer.header("retry-after").is_some(), "{}", answer.text);
                            tally.refused.fetch_add(1, Ordering::Relaxed);
                        }
                        other => panic!("{other}: {}", answer.text),
                    }
                    due = (due + pace).max(Instant::now().checked_sub(pace).unwrap_or(due));
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            });
        }
        std::thread::sleep(lasts);
        stop.store(true, Ordering::Relaxed);
    });
    (tally.admitted.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64()
}

fn median(rates: &[f64]) -> f64 {
    let mut rates = rates.to_vec();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[test]
fn twice_the_load_is_refused_and_the_rest_goes_on() {
    let seconds = std::env::var("TENANTRY_OVERLOAD_SECONDS").map_or(6, |text| text.parse().unwrap());
    let bounded = Bounded::start(&["http.in_flight_max=32"]);
    bounded.tenant("acme");
    let tally = Tally::default();
    load(&bounded, &tally, FEW, Duration::ZERO, MEASURE);
    let alone: Vec<f64> = (0..(seconds / 5 / MEASURE.as_secs()).max(1))
        .map(|_| load(&bounded, &tally, FEW, Duration::ZERO, MEASURE))
        .collect();
    let most = median(&alone[alone.len() / 2..]);
    let warm_mb = bounded.resident_mb();
    println!("alone {:.0} events/s at first, {most:.0} then; memory {warm_mb:.0} MB", alone[0]);

    // Each of the many asks as often as makes twice of it together.
    let pace = Duration::from_secs_f64((MANY * ROWS) as f64 / (2.0 * most));
    let (mut rates, mut growth_mb) = (Vec::new(), 0.0_f64);
    let (began, admitted) = (Instant::now(), tally.admitted.load(Ordering::Relaxed));
    while began.elapsed() < Duration::from_secs(seconds) {
        rates.push(load(&bounded, &tally, MANY, pace, MEASURE));
        let ids = tally.admitted.load(Ordering::Relaxed) - admitted;
        let (now_mb, ids_mb) = (bounded.resident_mb(), ids as f64 * ID_BYTES / 1e6);
        growth_mb = growth_mb.max(now_mb - warm_mb - ids_mb);
        if rates.len().is_multiple_of(20) {
            println!("after {:.0} s: memory {now_mb:.0} MB, {ids_mb:.0} of it for ids", began.elapsed().as_secs_f64());
        }
    }
    let (first, last) = rates.split_at(rates.len() / 2);
    let [first, last] = [first, last].map(|rates| 100.0 * median(rates) / most);
    println!("goodput, median of its first and second half: {first:.0} % and {last:.0} %");
    let worst = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let refused = tally.refused.load(Ordering::Relaxed);
    println!("in its worst {} s {worst:.0} events/s, {:.0} %", MEASURE.as_secs(), 100.0 * worst / most);
    println!("{refused} bodies refused; memory grew by {growth_mb:.0} MB beside what ids take");

    let began = Instant::now();
    let body = Template::new(Some("acme"), 1).from(u64::from(u32::MAX)).to_vec();
    let right_after = bounded.node.send("POST", "/v1/events", "application/x-ndjson", &body);
    assert_eq!(right_after.status, 200, "{}", right_after.text);
    println!("a client right after is answered in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    assert!(worst > 0.3 * most, "goodput breaks down");
    assert!(refused > 0 && growth_mb < GROWTH_MB, "memory grows");

    let admitted = tally.admitted.load(Ordering::Relaxed) + 1;
    let counted = || bounded.node.rows("SELECT count(*) AS n FROM events")[0]["n"].as_u64().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // What was answered last is in one of the next snapshots.
    while counted() < admitted && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(counted(), admitted, "nothing lost, nothing doubled");
}
