//! The whole flow at scale, on one node with its defaults: dedup on, checkpoints on, every event durable before it is
//! answered. Columnar batches, four meters with two dimensions, one-minute windows; events with an id each that count in one
//! meter, with an id each that count in all four, and those of a sequenced producer.
//!
//! `cargo bench -p benches --bench scale [-- <tenants>…]` prints, for each number of tenants, spread and case: events a
//! second and per CPU second at full load; then at half of it, how long after its answer an event is seen by a query
//! (freshness), how long a query of one tenant and one of all tenants takes, and what its CPU went to; memory; and how long
//! the node takes to be ready again after a clean stop. `uniform`, `zipf`, `ids`, `four`, `sequenced` choose among them.
//! `-- killed` prints how long that takes after a kill, for several distances between checkpoints. `EVENTS` sets how many
//! events the full load is (default 8 million). Without `--bench`, as in `cargo test --benches`, a small run shows that it
//! works.
//!
//! Not here: stages one at a time (`stages`), JSON and HTTP, the peers.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and has failed when it can't go on"
)]

mod half;
mod input;
mod killed;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use actors::facets::meters::MetersCommand;
use actors::{Command, PLATFORM};
use benches::process;
use engine::clock::SystemClock;
use engine::service::Submission;
use server::node::{Node, NodeOptions};
use tokio::runtime::Runtime;

use input::{Case, Input, Spread};

/// As the node's binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of a submission at full load.
const ROWS: usize = 1 << 16;
/// Tenants that are created at a time.
const CREATED: usize = 1000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if killed::is_child(&arguments) {
        return;
    }
    let has = |argument: &str| arguments.iter().any(|other| other == argument);
    let measures = has("--bench");
    let mut sizes: Vec<u32> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    if has("killed") || !measures {
        killed::run(!measures);
        if measures {
            return;
        }
    }
    if sizes.is_empty() {
        sizes = if measures { vec![1_000, 100_000, 1_000_000] } else { vec![100] };
    }
    let events =
        std::env::var("EVENTS").map_or(if measures { 8_000_000 } else { 200_000 }, |text| text.parse().unwrap());
    let seconds = if measures { 20 } else { 1 };
    println!("{} cores", std::thread::available_parallelism().unwrap());
    for tenants in sizes {
        for spread in named(&[Spread::Uniform, Spread::Zipf], &arguments) {
            for case in named(&[Case::Ids, Case::Four, Case::Sequenced], &arguments) {
                run(tenants, spread, case, events, seconds);
            }
        }
    }
}

/// Those that the arguments name, all if none.
fn named<T: Copy + std::fmt::Debug>(all: &[T], arguments: &[String]) -> Vec<T> {
    let is_named = |one: &&T| arguments.contains(&format!("{one:?}").to_lowercase());
    let named: Vec<T> = all.iter().filter(is_named).copied().collect();
    if named.is_empty() { all.to_vec() } else { named }
}

fn open(runtime: &Runtime, data: &Path) -> Arc<Node> {
    runtime.block_on(Node::open(NodeOptions::new(data), Arc::new(SystemClock))).unwrap()
}

fn run(tenants: u32, spread: Spread, case: Case, events: usize, seconds: u64) {
    println!("\n{tenants} tenants, {spread:?}, {case:?}");
    let (data, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let mut input = Input::new(tenants, spread, case);
    let before_mb = process::resident_mb();
    let mut node = open(&runtime, data.path());
    for meter in input::meters(case) {
        let define = Command::Meters(MetersCommand::Define(meter));
        runtime.block_on(node.command(PLATFORM, define, "bench")).unwrap();
    }
    for names in input.names().chunks(CREATED) {
        runtime.block_on(node.tenants.create_many(names, "bench")).unwrap();
    }
    println!("registered             {:>12.0} MB", process::resident_mb() - before_mb);
    node = again(&runtime, node, data.path(), "ready with them");

    let batches: Vec<Submission> = (0..events.div_ceil(ROWS)).map(|_| input.submission(ROWS)).collect();
    let held_mb = process::resident_mb();
    let (started, cpu_s) = (Instant::now(), process::cpu_s());
    for batch in &batches {
        node.engine.submit_when_free(batch.clone(), |answer| drop(answer.unwrap())).unwrap();
    }
    node.engine.settle();
    let (took_s, cpu_s) = (started.elapsed().as_secs_f64(), process::cpu_s() - cpu_s);
    let count = (batches.len() * ROWS) as f64;
    println!("full load              {:>12.0} events/s", count / took_s);
    println!("per CPU second         {:>12.0} events", count / cpu_s);
    println!("memory of it           {:>12.0} MB", process::resident_mb() - held_mb);
    drop(batches);

    let before = process::cpu_s_by_thread();
    half::run(&runtime, &node, &mut input, count / took_s / 2.0, seconds);
    for (kind, cpu_s) in process::cpu_s_by_thread() {
        let before = before.iter().find(|(other, _)| *other == kind).map_or(0.0, |(_, cpu_s)| *cpu_s);
        println!("  CPU of {kind:<20} {:>6.2} s", cpu_s - before);
    }

    let node = again(&runtime, node, data.path(), "ready with all");
    runtime.block_on(node.drain()).unwrap();
}

/// Stops the node and opens it again, which is timed.
fn again(runtime: &Runtime, node: Arc<Node>, data: &Path, what: &str) -> Arc<Node> {
    runtime.block_on(node.drain()).unwrap();
    drop(node);
    let started = Instant::now();
    let node = open(runtime, data);
    println!("{what:<22} {:>12.2} s", started.elapsed().as_secs_f64());
    node
}
