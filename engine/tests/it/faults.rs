//! Every fault of the disk at every operation of a small life of an engine: typed errors or recovery while it lasts, and
//! after it exactly what was acknowledged, once (I1, I2, I10).
//!
//! Each fault alone, each that can last until somebody mends it, and pairs of faults by `TENANTRY_SEED`. Not here: the meters' files and the
//! lake's (the tests of `pipelines`), the tenants' journal (those of `actors`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::admission::Outcome;
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::dedup::DedupOptions;
use engine::dedup::sequence::Sequence;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::service::{EngineError, EngineOptions, Ground, Handle, Submission};
use engine::shard::SubmitError;
use engine::storage::SharedStorage;
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule, matrix};
use engine::storage::memory::MemoryStorage;

use crate::counting::{Counting, Limited, OneFile};

const PAIRS: u64 = 150;
const TENANTS: [&str; 3] = ["a", "b", "c"];
/// Events of each tenant in a batch.
const EVENTS: usize = 8;

fn open(faulty: &Arc<FaultyStorage>) -> Result<Handle<Counting>, EngineError> {
    let storage = Arc::clone(faulty) as SharedStorage;
    let options = EngineOptions {
        publish_every: Duration::from_secs(3600),
        checkpoint_every: Duration::from_secs(3600),
        archive_above_bytes: 4000,
        // Small, so that marks are read from files.
        dedup: DedupOptions { hot_max: 16, resident_bytes_max: 0, ..DedupOptions::default() },
        ..EngineOptions::default()
    };
    let log = SegmentLog::open(
        Arc::clone(&storage),
        "log/events",
        SegmentOptions { segment_bytes: 3000, ..SegmentOptions::default() },
    )?;
    let ground = Ground {
        storage: Arc::clone(&storage),
        log: Arc::new(log),
        manifests: Arc::new(Manifests::new(storage, "checkpoints")),
        lake: Arc::new(OneFile { rows_max: u64::MAX }),
        clock: Arc::new(ManualClock::new(1_000_000)),
        shards: 2,
        seed: 7,
    };
    engine::service::open(options, ground, Vec::new(), |_| Counting::default(), |_, _| Limited::new(i128::MAX))
}

/// Batch `number`; the odd ones are known by their number, the even ones by their events' ids.
fn submission(number: usize) -> Submission {
    let sequence = |number: usize| Sequence {
        owner: "platform".into(),
        producer: "loader".into(),
        epoch: 1,
        number: number as u64 / 2,
    };
    Submission { sequence: (number % 2 == 1).then(|| sequence(number)), ..batch(number).into() }
}

/// [`EVENTS`] of each tenant, from a source of its own.
fn batch(number: usize) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for at in 0..EVENTS * TENANTS.len() {
        let (tenant, id, source) = (TENANTS[at % TENANTS.len()], at.to_string(), format!("source-{number}"));
        let time_us = 1_000_000 - (at * number) as i64;
        builder.commit(Attributes { tenant, id: &id, source: &source, event_type: "event", subject: None, time_us });
    }
    builder.finish()
}

struct Life {
    rules: Vec<Rule>,
    memory: MemoryStorage,
    faulty: Arc<FaultyStorage>,
    engine: Option<Handle<Counting>>,
    /// Batches without an answer so far.
    open: BTreeSet<usize>,
    /// Acknowledged.
    taken: BTreeSet<usize>,
    next: usize,
}

impl Life {
    fn new(rules: Vec<Rule>) -> Self {
        let memory = MemoryStorage::new();
        let faulty = Arc::new(FaultyStorage::new(Arc::new(memory.clone())));
        rules.iter().for_each(|rule| faulty.inject(rule.clone()));
        Self { rules, memory, faulty, engine: None, open: BTreeSet::new(), taken: BTreeSet::new(), next: 0 }
    }

    /// Starts; after a failed start once more, as somebody would, and if that fails too, when the disk is mended.
    fn start(&mut self) {
        let is_over = self.rules.len() < 2 && self.rules.iter().all(|rule| rule.times == 1);
        let attempts = if is_over { 2 } else { 3 };
        for attempt in 1..=attempts {
            match open(&self.faulty) {
                Ok(engine) => {
                    self.engine = Some(engine);
                    return self.send_again();
                }
                Err(error) => self.is_typed(&error.to_string()),
            }
            self.lose_power();
            if attempt == 2 && !is_over {
                self.faulty.heal();
            }
        }
        panic!("{:?}: it does not start any more", self.rules);
    }

    fn engine(&self) -> &Handle<Counting> {
        self.engine.as_ref().expect("it was started")
    }

    fn send(&mut self) {
        self.open.insert(self.next);
        self.next += 1;
        self.send_again();
    }

    fn send_again(&mut self) {
        for number in self.open.clone() {
            match self.engine().submit_and_wait(submission(number)) {
                Ok(receipt) => {
                    self.whole_or_nothing(&receipt.outcomes);
                    self.open.remove(&number);
                    self.taken.insert(number);
                }
                Err(error) => self.is_typed(&error.to_string()),
            }
        }
    }

    /// Every tenant's events are in one record.
    fn whole_or_nothing(&self, outcomes: &[Outcome]) {
        for tenant in 0..TENANTS.len() {
            let mut of_tenant = outcomes.iter().skip(tenant).step_by(TENANTS.len());
            let duplicates = of_tenant.by_ref().filter(|outcome| **outcome == Outcome::Duplicate).count();
            assert!(duplicates == 0 || duplicates == EVENTS, "{:?}: {outcomes:?}", self.rules);
        }
    }

    fn checkpoint(&self) {
        if let Err(error) = self.engine().checkpoint() {
            self.is_typed(&error.to_string());
        }
    }

    fn is_typed(&self, error: &str) {
        let is_struck = self.faulty.struck() > 0;
        assert!(is_struck && !error.contains("panicked") && !error.contains("thread"), "{:?}: {error}", self.rules);
    }

    /// As `kill -9` and a power cut: nothing happens any more, and of what was not synced a part is gone.
    fn lose_power(&mut self) {
        self.faulty.halt();
        if let Some(engine) = self.engine.take() {
            // Its threads must be gone before somebody else takes up the files.
            let _ = engine.drain();
        }
        let kept = self.rules.first().map_or(0, |rule| rule.skip as usize % 3);
        self.memory.crash_torn(|_, unsynced| unsynced * kept / 2);
        self.faulty.resume();
    }

    fn stop(&mut self) {
        if let Err(error) = self.engine.take().expect("it was started").drain() {
            self.is_typed(&error.to_string());
        }
        // What failed to end well has ended all the same.
        self.lose_power();
    }

    fn live(&mut self) {
        self.start();
        self.send();
        self.send();
        self.checkpoint();
        self.send();
        self.lose_power();

        self.start();
        self.send();
        self.checkpoint();
        self.send();
        self.checkpoint();
        self.send();
        self.stop();

        self.start();
        self.send();
        self.checkpoint();
        self.send();
        self.lose_power();
    }

    /// The disk is well again: everything acknowledged is there, everything else can be sent again, and all counts once.
    fn all_is_there(mut self) {
        self.faulty.heal();
        self.lose_power();
        let engine = open(&self.faulty).unwrap_or_else(|error| panic!("{:?}: it can't be opened: {error}", self.rules));
        let again = |number: usize| -> Result<Vec<Outcome>, SubmitError> {
            Ok(engine.submit_and_wait(submission(number))?.outcomes)
        };
        for number in 0..self.next {
            let outcomes = again(number).unwrap_or_else(|error| panic!("{:?}: {error}", self.rules));
            self.whole_or_nothing(&outcomes);
            let is_lost = self.taken.contains(&number) && outcomes.iter().any(|outcome| *outcome != Outcome::Duplicate);
            assert!(!is_lost, "{:?}: batch {number} was acknowledged and is lost", self.rules);
        }
        let shards = &engine.cut().expect("a cut").shards;
        let counts = shards.iter().flat_map(|shard| shard.state.0.clone()).collect::<Vec<_>>();
        assert_eq!(counts.len(), TENANTS.len());
        for (tenant, count) in counts {
            assert_eq!(count, (self.next * EVENTS) as u64, "{:?}: {tenant}", self.rules);
        }
        engine.drain().expect("it ends well");
    }
}

/// A life with these faults; how many struck.
fn survive(rules: Vec<Rule>) -> u64 {
    let mut life = Life::new(rules);
    life.live();
    let struck = life.faulty.struck();
    life.all_is_there();
    struck
}

/// Every fault there can be, from the life without any.
fn all_rules() -> Vec<Rule> {
    let mut clean = Life::new(Vec::new());
    clean.live();
    assert!(clean.open.is_empty());
    let mut seen = clean.faulty.seen();
    clean.all_is_there();
    // Only what has gone wrong is cut off.
    seen.insert(Operation::Truncate, 3);
    println!("operations: {seen:?}");
    matrix::rules(&seen)
}

#[test]
fn whatever_fails_whenever_everything_acknowledged_is_there_once() {
    let rules = all_rules();
    let struck: u64 = rules.iter().map(|rule| survive(vec![rule.clone()])).sum();
    println!("{} faults, {struck} struck", rules.len());
    assert!(struck > rules.len() as u64 / 2);
}

#[test]
fn whatever_goes_on_failing_everything_acknowledged_is_there_once() {
    let lasting = all_rules().into_iter().filter(|rule| matches!(rule.fault, Fault::Full | Fault::Io));
    let struck: u64 = lasting.map(|rule| survive(vec![Rule { times: u64::MAX, ..rule }])).sum();
    assert!(struck > 0);
}

#[test]
fn whatever_two_things_fail_everything_acknowledged_is_there_once() {
    let (rules, seed) = (all_rules(), crate::harness::seed());
    println!("TENANTRY_SEED={seed}");
    let one = |at: u64| rules[(matrix::mix(seed ^ matrix::mix(at)) % rules.len() as u64) as usize].clone();
    let struck: u64 = (0..PAIRS).map(|at| survive(vec![one(2 * at), one(2 * at + 1)])).sum();
    assert!(struck > PAIRS, "few of them met two");
}
