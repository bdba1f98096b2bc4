//! A clock that jumps, forth and back by weeks, between and within the lives of an engine that is killed: what was
//! acknowledged stays counted once, as long as no jump goes beyond dedup's horizon (I2, I4).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::admission::Outcome;
use engine::checkpoint::manifest::Manifests;
use engine::clock::{Clock, ManualClock};
use engine::dedup::DedupOptions;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::service::{EngineOptions, Ground, Handle};
use engine::storage::SharedStorage;
use engine::storage::faulty::FaultyStorage;
use engine::storage::memory::MemoryStorage;
use proptest::prelude::*;

use crate::counting::{Counting, Limited, OneFile};

const DAY_US: i64 = 86_400_000_000;
/// Somewhere in 2026.
const NOW_US: i64 = 1_790_000_000_000_000;
/// Jumps stay within it, both ways: the two together are less than the horizon.
const JUMP_DAYS: i64 = 16;
const EVENTS: u64 = 10;

#[derive(Debug, Clone)]
enum Step {
    /// The next batch.
    Send,
    /// One that was sent before.
    Again(u64),
    /// The clock, from where it would be.
    Jump(i64),
    Checkpoint,
    /// A power cut and a start.
    Kill,
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Send),
        3 => any::<u64>().prop_map(Step::Again),
        3 => (-JUMP_DAYS..=JUMP_DAYS).prop_map(Step::Jump),
        2 => Just(Step::Checkpoint),
        2 => Just(Step::Kill),
        2 => Just(Step::Cut),
    ]
}

struct World {
    memory: MemoryStorage,
    faulty: Arc<FaultyStorage>,
    clock: Arc<ManualClock>,
    engine: Option<Handle<Counting>>,
    taken: u64,
    watermarks_us: Vec<i64>,
}

impl World {
    fn new() -> Self {
        let memory = MemoryStorage::new();
        let faulty = Arc::new(FaultyStorage::new(Arc::new(memory.clone())));
        let clock = Arc::new(ManualClock::new(NOW_US));
        let mut world = Self { memory, faulty, clock, engine: None, taken: 0, watermarks_us: Vec::new() };
        world.open();
        world
    }

    fn open(&mut self) {
        let storage = Arc::clone(&self.faulty) as SharedStorage;
        let options = EngineOptions {
            publish_every: Duration::from_secs(3600),
            checkpoint_every: Duration::from_secs(3600),
            archive_above_bytes: 4000,
            dedup: DedupOptions { hot_max: 16, resident_bytes_max: 0, ..DedupOptions::default() },
            ..EngineOptions::default()
        };
        let segments = SegmentOptions { segment_bytes: 3000, ..SegmentOptions::default() };
        let ground = Ground {
            storage: Arc::clone(&storage),
            log: Arc::new(SegmentLog::open(Arc::clone(&storage), "log/events", segments).unwrap()),
            manifests: Arc::new(Manifests::new(storage, "checkpoints")),
            lake: Arc::new(OneFile { rows_max: u64::MAX }),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            shards: 2,
            seed: 7,
        };
        let gate = |_, _| Limited::new(i128::MAX);
        self.engine = Some(engine::service::open(options, ground, Vec::new(), |_| Counting::default(), gate).unwrap());
    }

    fn engine(&self) -> &Handle<Counting> {
        self.engine.as_ref().unwrap()
    }

    fn send(&self, number: u64) -> BTreeSet<bool> {
        let receipt = self.engine().submit_and_wait(batch(number)).unwrap();
        receipt.outcomes.iter().map(|outcome| *outcome == Outcome::Duplicate).collect()
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Send => {
                assert_eq!(self.send(self.taken), BTreeSet::from([false]));
                self.taken += 1;
            }
            Step::Again(any) if self.taken > 0 => {
                assert_eq!(
                    self.send(any % self.taken),
                    BTreeSet::from([true]),
                    "batch {} is forgotten",
                    any % self.taken
                );
            }
            Step::Again(_) => {}
            Step::Jump(days) => self.clock.set(NOW_US + days * DAY_US),
            Step::Checkpoint => self.engine().checkpoint().unwrap(),
            Step::Kill => {
                self.faulty.halt();
                let _ = self.engine.take().unwrap().drain();
                self.memory.crash();
                self.faulty.resume();
                self.open();
            }
            Step::Cut => self.cut(),
        }
    }

    /// All is counted, once; no watermark has moved back.
    fn cut(&mut self) {
        let cut = self.engine().cut().unwrap();
        let counted: u64 = cut.shards.iter().flat_map(|shard| shard.state.0.values()).sum();
        assert_eq!(counted, self.taken * EVENTS);
        let watermarks_us: Vec<i64> = cut.shards.iter().map(|shard| shard.watermark_us).collect();
        if !self.watermarks_us.is_empty() {
            let pairs = self.watermarks_us.iter().zip(&watermarks_us);
            pairs.for_each(|(before, now)| assert!(before <= now, "a watermark went from {before} to {now}"));
        }
    }

    fn check(&mut self) {
        self.run(&Step::Kill);
        for number in 0..self.taken {
            assert_eq!(self.send(number), BTreeSet::from([true]), "batch {number} is forgotten");
        }
        self.cut();
    }
}

fn batch(number: u64) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for at in 0..EVENTS {
        let (id, time_us) = (format!("{number}-{at}"), NOW_US - at as i64 * 1_000_000);
        let tenant = if at % 2 == 0 { "a" } else { "b" };
        builder.commit(Attributes { tenant, id: &id, source: "test", event_type: "event", subject: None, time_us });
    }
    builder.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_counts_counts_once_wherever_the_clock_jumps(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.check();
    }
}
