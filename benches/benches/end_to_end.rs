//! End to end: three million events into a fresh node, durable, deduplicated and metered five ways; again, when all are
//! duplicates; and beside it what the same disk does with the same bytes and nothing else.
//!
//! `cargo bench -p benches`. Input: the Azure trace in `../shared/datasets` if it is there, else the generator at the
//! same size. `RUNS` sets how many runs (default 5); medians are printed. Without `--bench`, as in `cargo test
//! --benches`, one run on a few batches shows that it works.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and has failed when it can't go on"
)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use actors::facets::meters::MetersCommand;
use actors::{Command, PLATFORM};
use datasets::azure::{AzureTrace, EventOptions};
use datasets::generator::{Generator, GeneratorOptions};
use datasets::{DatasetBatch, DatasetError, invocation_meters};
use engine::clock::SystemClock;
use engine::event::batch::EventBatch;
use server::import;
use server::node::{Node, NodeOptions};

const EVENTS: u64 = 3_037_902;
const START_US: i64 = 1_700_000_000_000_000;
/// How much the log gathers per sync at most, so the disk alone gets the same cadence.
const SYNC_BYTES: usize = 8 << 20;
/// Of a run that measures nothing.
const BATCHES_TRIED: usize = 4;

type Batches = Box<dyn Iterator<Item = Result<EventBatch, DatasetError>> + Send>;

fn input() -> (&'static str, Box<dyn Fn() -> Batches>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/datasets");
    match AzureTrace::open(&folder) {
        Ok(trace) => ("Azure Functions trace", Box::new(move || Box::new(trace.events(EventOptions::default())))),
        Err(_) => {
            let generate =
                || -> Batches { Box::new(Generator::new(GeneratorOptions::default(), START_US).unwrap().take(EVENTS)) };
            ("generator", Box::new(generate))
        }
    }
}

/// Events, and how many a second.
fn import(node: &Node, batches: impl Iterator<Item = Result<EventBatch, DatasetError>> + Send) -> (u64, f64) {
    let whole = |batch| DatasetBatch { batch, rejected: Vec::new() };
    let report = import::run(node, batches.map(|batch| batch.map(whole)), &import::Terms::default()).unwrap();
    let tally = report.tally;
    let events = tally.admitted + tally.duplicate;
    (events, events as f64 / report.took.as_secs_f64())
}

fn bytes_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| entry.metadata().unwrap().len() as usize).sum()
}

/// Bytes a second that the disk takes when it is only written and synced.
fn disk_alone(folder: &Path, bytes: usize) -> f64 {
    let block = vec![0x5a; SYNC_BYTES];
    let mut file = File::create(folder.join("alone")).unwrap();
    let started = Instant::now();
    for _ in 0..bytes.div_ceil(SYNC_BYTES) {
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
    }
    bytes as f64 / started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let measures = std::env::args().any(|argument| argument == "--bench");
    let runs: usize = std::env::var("RUNS").map_or(if measures { 5 } else { 1 }, |runs| runs.parse().unwrap());
    let batches_max = if measures { usize::MAX } else { BATCHES_TRIED };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (name, input) = input();
    let (mut fresh, mut again, mut shares, mut per_event) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut events = 0;
    for _ in 0..runs {
        let data = tempfile::tempdir().unwrap();
        let node = runtime.block_on(Node::open(NodeOptions::new(data.path()), Arc::new(SystemClock))).unwrap();
        for meter in invocation_meters() {
            let define = Command::Meters(MetersCommand::Define(meter));
            runtime.block_on(node.command(PLATFORM, define, "bench")).unwrap();
        }
        let rate;
        (events, rate) = import(&node, input().take(batches_max));
        let bytes = bytes_below(&data.path().join("log/events"));
        again.push(import(&node, input().take(batches_max)).1);
        runtime.block_on(node.drain()).unwrap();
        let disk = disk_alone(data.path(), bytes);
        shares.push(rate * bytes as f64 / events as f64 / disk);
        per_event.push(bytes as f64 / events as f64);
        fresh.push(rate);
    }
    println!("{name}, {events} events, 5 meters, {runs} runs, medians");
    println!("fresh, durable and deduplicated   {:>12.0} events/s", median(fresh));
    println!("again, all duplicates             {:>12.0} events/s", median(again));
    println!("log                               {:>12.1} bytes an event", median(per_event));
    println!("share of the disk alone           {:>12.2}", median(shares));
}
