//! Torture: a real node under the load of several clients, killed at random moments, its cache damaged while it is down, and
//! after each restart compared with a naive oracle (I1, I2, I5, I7, I9).
//!
//! `TENANTRY_TORTURE_CYCLES` sets how many cycles (default 20), `TENANTRY_SEED` the schedule: the choices of each client and
//! of the operator, when the node is killed and what is damaged are drawn from it. How threads interleave, and so which
//! request a kill meets, is the machine's.
//!
//! A cycle: start; in half of them send again what had no answer and compare everything; load; kill. Not here: the importer
//! (`crash`), faults of the disk (`full_disk`, the engine's tests), jumps of the clock (the engine's tests: a process can't
//! be lied to about the time without a setting that nobody should have).

pub(crate) mod script;
pub(crate) mod book;
pub(crate) mod sender;
pub(crate) mod operator;
pub(crate) mod oracle;

use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::door::Door;
use crate::served::{self, Served, platform_key};
use crate::trace;
use operator::Operator;
use script::Random;
use sender::{Known, Sender};

/// Cycles that one data folder lives through.
const LIFE: u64 = 40;
/// Every so many comparisons one is event by event.
const DEEP: u64 = 10;
const SENDERS: u64 = 3;
/// One data folder, everybody who works on it, and what happened.
struct Life {
    data: tempfile::TempDir,
    key: String,
    settings: Vec<String>,
    senders: Vec<Sender>,
    operator: Operator,
    known: Mutex<Known>,
    random: Random,
    checks: u64,
}

/// Figures of the whole run.
#[derive(Default)]
struct Figures {
    kills: u64,
    kills_while_starting: u64,
    drains: u64,
    caches_damaged: u64,
    sent: u64,
    counted: u64,
    /// From the kill until it is ready again, milliseconds.
    recoveries_ms: Vec<u128>,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut recoveries_ms = self.recoveries_ms.clone();
        recoveries_ms.sort_unstable();
        let percentile = |percent: usize| recoveries_ms.get(recoveries_ms.len() * percent / 100).copied().unwrap_or(0);
        let Self { kills, kills_while_starting, drains, caches_damaged, sent, counted, .. } = self;
        write!(to, "{kills} kills under load, {kills_while_starting} while starting, {drains} drains, ")?;
        write!(to, "{caches_damaged} caches damaged; {sent} events sent, {counted} counted, each once; ")?;
        let (median, late, longest) = (percentile(50), percentile(99), recoveries_ms.last().copied().unwrap_or(0));
        write!(to, "ready after {median} ms (median), {late} ms (p99), {longest} ms (longest)")
    }
}

impl Life {
    fn begin(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let data = tempfile::tempdir().expect("a temporary folder");
        let key = platform_key(data.path());
        // Small files and an early move to the lake, so that each of them is met by kills.
        let settings = vec![
            format!("engine.checkpoint_interval_ms={}", random.pick(&["20", "150", "1000"])),
            format!("engine.segment_bytes={}", random.pick(&["30000", "200000", "100000000"])),
            format!("engine.archive_above_bytes={}", random.pick(&["100000", "600000", "100000000"])),
            "log.filter=info".to_owned(),
        ];
        let (operator, known) = (Operator::new(seed, &key), Mutex::default());
        let mut life = Self { data, key, settings, senders: Vec::new(), operator, known, random, checks: 0 };
        let node = life.start();
        life.operator.found(&Door::to(&node), &life.known);
        let body = serde_json::json!({"scopes": ["ingest"]});
        let own_key = node.json("POST", "/v1/tenants/t0/keys", &body).json()["key"].as_str().unwrap().to_owned();
        life.senders = (1..SENDERS).map(|number| Sender::new(number, seed, &life.key, None)).collect();
        life.senders.push(Sender::new(SENDERS, seed, &own_key, Some("t0")));
        drop(node);
        life
    }

    fn start(&self) -> Served {
        let settings = self.settings.iter().map(String::as_str).collect::<Vec<_>>();
        let node = Served::start(self.data.path(), &self.key, &settings);
        node.unwrap_or_else(|said| panic!("the node does not start:\n{said}"))
    }

    /// Starts a node and kills it before it may be ready.
    fn start_in_vain(&mut self) {
        let settings = self.settings.iter().map(String::as_str).collect::<Vec<_>>();
        let mut command = served::serve(self.data.path(), &settings);
        let mut child = command.stderr(Stdio::null()).spawn().expect("the binary starts");
        std::thread::sleep(Duration::from_millis(self.random.below(250)));
        child.kill().expect("SIGKILL is sent");
        child.wait().expect("the child is gone");
    }

    /// Everybody works until the node is killed, or told to drain; gives what it said.
    fn load(&mut self, node: Served, figures: &mut Figures) -> String {
        let (stop, door) = (AtomicBool::new(false), Door::to(&node));
        let (delay_ms, drains) = (20 + self.random.below(400), self.random.percent(8));
        let (stop, door, known) = (&stop, &door, &self.known);
        std::thread::scope(|scope| {
            for sender in &mut self.senders {
                scope.spawn(move || sender.run(door, known, stop));
            }
            let operator = &mut self.operator;
            scope.spawn(move || operator.run(door, known, stop));
            std::thread::sleep(Duration::from_millis(delay_ms));
            let said = if drains {
                figures.drains += 1;
                let (said, ended_well) = node.terminate();
                assert!(ended_well, "a drain under load fails:\n{said}");
                said
            } else {
                figures.kills += 1;
                node.kill()
            };
            stop.store(true, Ordering::Relaxed);
            said
        })
    }

    /// Everybody sends what had no answer, then everything must be there once.
    fn check(&mut self, node: &Served, deep: bool) {
        oracle::whole_or_nothing(node, &self.senders);
        let door = Door::to(node);
        self.senders.iter_mut().for_each(|sender| sender.settle(&door, &self.known));
        self.operator.settle(&door, &self.known);
        let books = self.senders.iter().map(|sender| &sender.book).collect::<Vec<_>>();
        oracle::check(node, &books, &self.operator, &self.known.lock().unwrap(), deep);
        self.checks += 1;
    }

    fn cycle(&mut self, killed_at: Option<Instant>, figures: &mut Figures) -> Instant {
        let node = self.start();
        if let Some(killed_at) = killed_at {
            figures.recoveries_ms.push(killed_at.elapsed().as_millis());
        }
        if self.random.percent(50) {
            self.check(&node, self.checks.is_multiple_of(DEEP));
        }
        let said = self.load(node, figures);
        let mut killed_at = Instant::now();
        if self.random.percent(25) {
            damage(&self.data.path().join("cache"), &mut self.random);
            figures.caches_damaged += 1;
        }
        if self.random.percent(20) {
            self.start_in_vain();
            figures.kills_while_starting += 1;
            killed_at = Instant::now();
        }
        complains_of_nothing(&said);
        killed_at
    }

    fn end(mut self, figures: &mut Figures) {
        let node = self.start();
        self.check(&node, true);
        complains_of_nothing(&node.kill());
        figures.sent += self.senders.iter().map(|sender| sender.book.sent).sum::<u64>();
        figures.counted += self.senders.iter().map(|sender| sender.book.taken.len() as u64).sum::<u64>();
    }
}

/// Deletes the cache or overwrites some of its files with noise.
fn damage(cache: &Path, random: &mut Random) {
    if random.percent(40) {
        std::fs::remove_dir_all(cache).expect("the cache can be deleted");
        return;
    }
    let files = std::fs::read_dir(cache).expect("a cache").map(|entry| entry.unwrap().path());
    let mut files = files.filter(|path| path.is_file()).collect::<Vec<_>>();
    files.sort();
    for file in files {
        let mut bytes = std::fs::read(&file).unwrap();
        let from = random.below(bytes.len() as u64 + 1) as usize;
        bytes[from..].fill_with(|| random.next() as u8);
        std::fs::write(&file, bytes).unwrap();
    }
}

/// Nothing of what the harness does is an error for the node; sled may panic at noise, behind its guard.
pub(crate) fn complains_of_nothing(said: &str) {
    let complaint =
        said.lines().find(|line| line.contains(" ERROR ") || (line.contains("panicked") && !line.contains("sled")));
    assert_eq!(complaint, None, "the node said:\n{said}");
}

#[test]
fn whatever_is_killed_every_event_counts_once() {
    let cycles = trace::number("TENANTRY_TORTURE_CYCLES").unwrap_or(20);
    let seed = trace::number("TENANTRY_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("TENANTRY_TORTURE_CYCLES={cycles} TENANTRY_SEED={seed}");
    let (mut figures, began) = (Figures::default(), Instant::now());
    let mut done = 0;
    while done < cycles {
        let mut life = Life::begin(seed.wrapping_add(done));
        let mut killed_at = None;
        let in_life = LIFE.min(cycles - done);
        for _ in 0..in_life {
            killed_at = Some(life.cycle(killed_at, &mut figures));
        }
        done += in_life;
        life.end(&mut figures);
        println!("{done} cycles after {:.0} s, seed {seed}: {figures}", began.elapsed().as_secs_f64());
    }
}
