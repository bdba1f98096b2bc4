//! What a kill costs: a node of its own process takes events at full load, is killed at some moment between two
//! checkpoints, and is opened again; for several numbers of events between checkpoints, the default among them, and for ten
//! million of which no checkpoint knows. Events are made while others are taken, which costs a core.
//!
//! Not here: that nothing is lost or doubled (the server's tests).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actors::facets::meters::MetersCommand;
use actors::{Command as Order, PLATFORM};
use engine::clock::SystemClock;
use engine::service::EngineOptions;
use server::node::{Node, NodeOptions};
use tokio::runtime::Runtime;

use crate::input::{self, Case, Input, Spread};

const TENANTS: u32 = 1_000;
const ROWS: usize = 1 << 16;
const KILLS: usize = 5;
/// Between two lines of the process under load.
const TELLS_EVERY: Duration = Duration::from_millis(20);
/// Events behind the last checkpoint where there is none but the first.
const BEHIND: u64 = 10_000_000;

/// Kills nodes and prints what each distance between checkpoints means.
pub(crate) fn run(short: bool) {
    println!("\nafter a kill: {TENANTS} tenants, ids, evenly spread; medians of {KILLS} kills, and the slowest start");
    println!(
        "{:<16} {:>13} {:>15} {:>14} {:>13}",
        "checkpoint every", "events/s", "events behind", "ready after", "slowest"
    );
    let default = EngineOptions::default().checkpoint_events;
    let (kills, distances) = if short { (1, vec![100_000]) } else { (KILLS, vec![default, default * 4, default * 16]) };
    for distance in distances {
        // Evenly over the third stretch between checkpoints.
        let moments = (0..kills).map(|kill| distance * 2 + distance * kill as u64 / kills as u64);
        row(&distance.to_string(), distance, moments.collect());
    }
    row("never", u64::MAX, vec![if short { 200_000 } else { BEHIND }; kills]);
}

fn row(name: &str, every: u64, moments: Vec<u64>) {
    let (mut rates, mut behinds, mut readies) = (Vec::new(), Vec::new(), Vec::new());
    for until in moments {
        let data = tempfile::tempdir().unwrap();
        rates.push(kill(data.path(), every, until));
        let mut opened = itself("--open", data.path(), every);
        let mut lines = BufReader::new(opened.stdout.take().unwrap()).lines();
        let told: Vec<f64> = words(&lines.next().unwrap().unwrap());
        readies.push(told[0]);
        behinds.push(told[1]);
        assert!(opened.wait().unwrap().success());
    }
    let slowest = readies.iter().copied().fold(0.0, f64::max);
    let [rate, behind, ready] = [rates, behinds, readies].map(median);
    println!("{name:<16} {rate:>13.0} {behind:>15.0} {ready:>12.2} s {slowest:>11.2} s");
}

/// Puts a node under load and kills it after so many events; how many a second they were.
fn kill(data: &Path, every: u64, until: u64) -> f64 {
    let mut loaded = itself("--load", data, every);
    let mut rate = 0.0;
    for line in BufReader::new(loaded.stdout.take().unwrap()).lines() {
        let told = words(&line.unwrap());
        let (seconds, events) = (told[0], told[1]);
        rate = events / seconds;
        if events >= until as f64 {
            break;
        }
    }
    loaded.kill().unwrap();
    loaded.wait().unwrap();
    rate
}

fn itself(what: &str, data: &Path, every: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(what).arg(data).arg(every.to_string()).stdout(Stdio::piped()).spawn().unwrap()
}

fn words(line: &str) -> Vec<f64> {
    line.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What this process is if it is one that is to be killed, or one that comes after it.
pub(crate) fn is_child(arguments: &[String]) -> bool {
    let [_, what, data, every] = arguments else { return false };
    let every = || every.parse().unwrap();
    match what.as_str() {
        "--load" => load(Path::new(data), every()),
        "--open" => open_again(Path::new(data), every()),
        _ => return false,
    }
    true
}

fn open(runtime: &Runtime, data: &Path, every: u64) -> Arc<Node> {
    let mut options = NodeOptions::new(data);
    options.engine.checkpoint_events = every;
    // By events alone.
    options.engine.checkpoint_every = Duration::from_secs(86_400);
    runtime.block_on(Node::open(options, Arc::new(SystemClock))).unwrap()
}

/// Takes events until it is killed; tells for how long and how many are durable.
fn load(data: &Path, every: u64) {
    let (runtime, mut input) = (Runtime::new().unwrap(), Input::new(TENANTS, Spread::Uniform, Case::Ids));
    let node = open(&runtime, data, every);
    for meter in input::meters(Case::Ids) {
        let define = Order::Meters(MetersCommand::Define(meter));
        runtime.block_on(node.command(PLATFORM, define, "bench")).unwrap();
    }
    runtime.block_on(node.tenants.create_many(input.names(), "bench")).unwrap();
    let (durable, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let told = Arc::clone(&durable);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TELLS_EVERY);
            let mut out = std::io::stdout().lock();
            // The reader is gone once this process is as good as killed.
            let _ = writeln!(out, "{} {}", began.elapsed().as_secs_f64(), told.load(Ordering::Relaxed));
        }
    });
    loop {
        let durable = Arc::clone(&durable);
        let done = move |answer: Result<engine::admission::Receipt, _>| {
            answer.unwrap();
            durable.fetch_add(ROWS as u64, Ordering::Relaxed);
        };
        node.engine.submit_when_free(input.submission(ROWS), done).unwrap();
    }
}

/// Opens the node that was killed; tells how long that took and how many events its checkpoint did not know.
fn open_again(data: &Path, every: u64) {
    let known = checkpointed(data);
    let (runtime, began) = (Runtime::new().unwrap(), Instant::now());
    let node = open(&runtime, data, every);
    println!("{} {}", began.elapsed().as_secs_f64(), node.engine.log().end() - known);
    std::process::exit(0);
}

/// Where the log stood at the newest checkpoint. Read from the file, since asking the node would begin the recovery.
fn checkpointed(data: &Path) -> u64 {
    let files = std::fs::read_dir(data.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let newest = files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).max().unwrap();
    let text = std::fs::read_to_string(newest).unwrap();
    let (_, rest) = text.split_once("\"log_offset\":").unwrap();
    rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
}
