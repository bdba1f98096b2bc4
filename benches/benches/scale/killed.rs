//! What a kill costs: a node of its own process takes events at full load, is killed at some moment between two
//! checkpoints, and is opened again; for several times between checkpoints, the default among them, and for ten million
//! events of which no checkpoint knows. The same events are made while they are taken, which costs a core.
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

/// The moment of the kill.
enum Until {
    /// Seconds under load.
    Seconds(f64),
    Events(u64),
}

/// Kills nodes and prints what each cadence means.
pub(crate) fn run(short: bool) {
    println!("\nafter a kill: {TENANTS} tenants, ids, evenly spread; medians of {KILLS} kills, and the slowest start");
    println!("checkpoint every      events/s   events behind    ready after       slowest");
    let default = EngineOptions::default().checkpoint_every;
    let kills = if short { 1 } else { KILLS };
    for every in [default / 10, default / 2, default, default * 3] {
        // Evenly over the second stretch between checkpoints.
        let moment = |kill| every.as_secs_f64() * (1.0 + kill as f64 / kills as f64);
        let moments = (0..kills).map(|kill| Until::Seconds(if short { 0.3 } else { moment(kill) }));
        row(&format!("{:.0} s", every.as_secs_f64()), every, moments.collect());
    }
    let moments = (0..kills).map(|_| Until::Events(if short { 200_000 } else { BEHIND }));
    row("never", Duration::from_secs(86_400), moments.collect());
}

fn row(name: &str, every: Duration, moments: Vec<Until>) {
    let (mut rates, mut behinds, mut readies) = (Vec::new(), Vec::new(), Vec::new());
    for until in moments {
        let data = tempfile::tempdir().unwrap();
        rates.push(kill(data.path(), every, &until));
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

/// Puts a node under load and kills it; the events a second until then.
fn kill(data: &Path, every: Duration, until: &Until) -> f64 {
    let mut loaded = itself("--load", data, every);
    let mut rate = 0.0;
    for line in BufReader::new(loaded.stdout.take().unwrap()).lines() {
        let told = words(&line.unwrap());
        let (seconds, events) = (told[0], told[1]);
        rate = events / seconds;
        let is_time = match *until {
            Until::Seconds(most) => seconds >= most,
            Until::Events(most) => events >= most as f64,
        };
        if is_time {
            break;
        }
    }
    loaded.kill().unwrap();
    loaded.wait().unwrap();
    rate
}

fn itself(what: &str, data: &Path, every: Duration) -> Child {
    let every_ms = every.as_millis().to_string();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(what).arg(data).arg(every_ms).stdout(Stdio::piped()).spawn().unwrap()
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
    let [_, what, data, every_ms] = arguments else { return false };
    let every = || Duration::from_millis(every_ms.parse().unwrap());
    match what.as_str() {
        "--load" => load(Path::new(data), every()),
        "--open" => open_again(Path::new(data), every()),
        _ => return false,
    }
    true
}

fn open(runtime: &Runtime, data: &Path, every: Duration) -> Arc<Node> {
    let mut options = NodeOptions::new(data);
    options.engine.checkpoint_every = every;
    runtime.block_on(Node::open(options, Arc::new(SystemClock))).unwrap()
}

/// Takes events until it is killed; tells for how long and how many are durable.
fn load(data: &Path, every: Duration) {
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
fn open_again(data: &Path, every: Duration) {
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
