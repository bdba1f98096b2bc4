//! Half of the load that the node can take, for some seconds: how fresh queries are and how long they take meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use pipelines::catalog::Visibility;
use server::node::Node;
use tokio::runtime::Runtime;

use crate::input::Input;

/// Of a submission; a door that gathers for some milliseconds has as many.
const ROWS: usize = 8192;
/// Between two looks at the snapshot.
const LOOK: Duration = Duration::from_micros(500);
/// Between two queries.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs it and prints percentiles.
pub(crate) fn run(runtime: &Runtime, node: &Node, input: &mut Input, per_s: f64, seconds: u64) {
    let (stop, (answered, answers)) = (AtomicBool::new(false), mpsc::channel::<(Instant, u64)>());
    let tenant = input.names()[0].clone();
    let (fresh, point, group, sent_per_s) = std::thread::scope(|scope| {
        let freshness = scope.spawn(move || freshness(node, &answers));
        let queries = scope.spawn(|| queries(runtime, node, &tenant, &stop));
        let sent_per_s = load(node, input, per_s, seconds, answered);
        stop.store(true, Ordering::Relaxed);
        let (point, group) = queries.join().unwrap();
        (freshness.join().unwrap(), point, group, sent_per_s)
    });
    println!("half load              {sent_per_s:>12.0} events/s");
    for (name, times) in [("answered to visible", fresh), ("query of one tenant", point), ("query of all", group)] {
        let [p50, p99] = percentiles(times);
        println!("{name:<22} {p50:>12.1} ms p50 {p99:>10.1} ms p99");
    }
}

/// Submits at an even pace; how much a second became of it.
fn load(node: &Node, input: &mut Input, per_s: f64, seconds: u64, answered: mpsc::Sender<(Instant, u64)>) -> f64 {
    let pause = Duration::from_secs_f64(ROWS as f64 / per_s);
    // What is sent again and again would be duplicates, and making events takes longer than taking them.
    let count = (seconds as f64 / pause.as_secs_f64()).ceil() as usize;
    let batches: Vec<_> = (0..count).map(|_| input.submission(ROWS)).collect();
    let started = Instant::now();
    let mut due = started;
    for batch in batches {
        let (answered, log) = (answered.clone(), node.engine.log());
        let done = move |answer: Result<_, _>| {
            drop::<engine::admission::Receipt>(answer.unwrap());
            // The listener ends when nobody answers any more.
            let _ = answered.send((Instant::now(), log.end()));
        };
        node.engine.submit_when_free(batch, done).unwrap();
        due += pause;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    node.engine.settle();
    (count * ROWS) as f64 / started.elapsed().as_secs_f64()
}

/// From each answer until a snapshot holds everything that was durable then.
fn freshness(node: &Node, answers: &mpsc::Receiver<(Instant, u64)>) -> Vec<f64> {
    let mut times = Vec::new();
    while let Ok((at, end)) = answers.recv() {
        while node.engine.snapshot().offset < end {
            std::thread::sleep(LOOK);
        }
        times.push(at.elapsed().as_secs_f64() * 1e3);
    }
    times
}

/// How long queries of one tenant and of all take.
fn queries(runtime: &Runtime, node: &Node, tenant: &str, stop: &AtomicBool) -> (Vec<f64>, Vec<f64>) {
    let point = format!("SELECT sum(value) FROM usage WHERE meter = 'llm_completion' AND tenant = '{tenant}'");
    let group = "SELECT tenant, sum(value) FROM usage WHERE meter = 'llm_completion' GROUP BY tenant";
    let time = |sql: &str| {
        let started = Instant::now();
        let collect = async { node.catalog.query(&Visibility::Platform, sql).await.unwrap().collect().await.unwrap() };
        runtime.block_on(collect);
        started.elapsed().as_secs_f64() * 1e3
    };
    let (mut points, mut groups) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        points.push(time(&point));
        std::thread::sleep(PAUSE);
        if points.len() % 5 == 0 {
            groups.push(time(group));
        }
    }
    (points, groups)
}

fn percentiles(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [50, 99].map(|percent| {
        times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    })
}
