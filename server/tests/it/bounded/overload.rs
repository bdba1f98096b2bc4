//! Twice the load that the node can take, for `TENANTRY_OVERLOAD_SECONDS` (default 6; the long run is 600): what is too much
//! is refused with a time to come back, what is taken stays near what can be taken, and memory does not grow.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Bounded, Template};
use crate::answer;

const ROWS: usize = 2000;
/// Clients at once that the node answers without haste, and as many that it can't.
const FEW: usize = 2;
const MANY: usize = 96;
const MEASURE: Duration = Duration::from_secs(3);

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

#[test]
fn twice_the_load_is_refused_and_the_rest_goes_on() {
    let seconds = std::env::var("TENANTRY_OVERLOAD_SECONDS").map_or(6, |text| text.parse().unwrap());
    let bounded = Bounded::start(&["http.in_flight_max=32"]);
    bounded.tenant("acme");
    let tally = Tally::default();
    load(&bounded, &tally, FEW, Duration::ZERO, MEASURE);
    let most = load(&bounded, &tally, FEW, Duration::ZERO, MEASURE);
    let warm_mb = bounded.resident_mb();

    // Each of the many asks as often as makes twice of it together.
    let pace = Duration::from_secs_f64((MANY * ROWS) as f64 / (2.0 * most));
    let (mut rates, mut peak_mb) = (Vec::new(), warm_mb);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        rates.push(load(&bounded, &tally, MANY, pace, MEASURE));
        peak_mb = peak_mb.max(bounded.resident_mb());
    }
    let middle = |rates: &[f64]| {
        let mut rates = rates.to_vec();
        rates.sort_by(f64::total_cmp);
        100.0 * rates[rates.len() / 2] / most
    };
    let (first, last) = rates.split_at(rates.len() / 2);
    println!("goodput, median of its first and second half: {:.0} % and {:.0} %", middle(first), middle(last));
    let worst = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let refused = tally.refused.load(Ordering::Relaxed);
    println!("alone {most:.0} events/s; at twice that at least {worst:.0}, {:.0} %", 100.0 * worst / most);
    println!("{refused} bodies refused; memory {warm_mb:.0} MB, then at most {peak_mb:.0} MB");

    let began = Instant::now();
    let body = Template::new(Some("acme"), 1).from(u64::from(u32::MAX)).to_vec();
    let right_after = bounded.node.send("POST", "/v1/events", "application/x-ndjson", &body);
    assert_eq!(right_after.status, 200, "{}", right_after.text);
    println!("a client right after is answered in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    assert!(worst > 0.3 * most, "goodput breaks down");
    assert!(refused > 0 && peak_mb < warm_mb + 500.0, "memory grows");

    let admitted = tally.admitted.load(Ordering::Relaxed) + 1;
    let counted = || bounded.node.rows("SELECT count(*) AS n FROM events")[0]["n"].as_u64().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // What was answered last is in one of the next snapshots.
    while counted() < admitted && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(counted(), admitted, "nothing lost, nothing doubled");
}
