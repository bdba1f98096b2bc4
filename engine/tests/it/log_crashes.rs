//! Random histories of the segment log against a model: appends, full disks, crashes, clean closes, trims.

use std::sync::{Arc, mpsc};

use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Log, LogError, Offset, Record};
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;
use proptest::prelude::*;

use crate::harness::{barrier, read, record};

#[derive(Debug, Clone)]
enum Step {
    /// Without waiting for the decision.
    Append { rows: u32, payload_bytes: usize, mark: u8 },
    /// Waits for all decisions.
    Wait,
    /// The next write but `skip` fails half way.
    Full { skip: u64 },
    /// Power loss after which the disk has this many of 255 parts of each file's unsynced bytes.
    Crash { kept_parts: u8 },
    /// A clean close.
    Reopen,
    /// Before this many of 255 parts of the log.
    Trim { parts: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let payload_bytes = prop_oneof![9 => 0..200usize, 1 => 60_000..300_000usize];
    prop_oneof![
        12 => (0..4u32, payload_bytes, any::<u8>())
            .prop_map(|(rows, payload_bytes, mark)| Step::Append { rows, payload_bytes, mark }),
        2 => Just(Step::Wait),
        1 => (0..3u64).prop_map(|skip| Step::Full { skip }),
        2 => any::<u8>().prop_map(|kept_parts| Step::Crash { kept_parts }),
        1 => Just(Step::Reopen),
        1 => any::<u8>().prop_map(|parts| Step::Trim { parts }),
    ]
}

struct World {
    memory: MemoryStorage,
    faulty: Arc<FaultyStorage>,
    options: SegmentOptions,
    log: Option<SegmentLog>,
    /// What must be in the log, trimmed or not.
    durable: Vec<(Offset, Record)>,
    /// How many of them were trimmed away.
    forgotten: usize,
    /// Appended since, and how it was decided.
    pending: Vec<Record>,
    decided: mpsc::Sender<Result<Offset, LogError>>,
    decisions: mpsc::Receiver<Result<Offset, LogError>>,
}

impl World {
    fn new(options: SegmentOptions) -> Self {
        let memory = MemoryStorage::new();
        let faulty = Arc::new(FaultyStorage::new(Arc::new(memory.clone())));
        let (decided, decisions) = mpsc::channel();
        let mut world = Self {
            memory,
            faulty,
            options,
            log: None,
            durable: vec![],
            forgotten: 0,
            pending: vec![],
            decided,
            decisions,
        };
        world.open();
        world
    }

    fn open(&mut self) {
        self.log = Some(SegmentLog::open(self.faulty.clone(), "events", self.options).unwrap());
    }

    fn log(&self) -> &SegmentLog {
        self.log.as_ref().unwrap()
    }

    fn end(&self) -> Offset {
        self.durable.last().map_or(0, |(first, record)| first + u64::from(record.header.rows))
    }

    /// Takes all decisions into the model; gives what was not acknowledged.
    fn settle(&mut self) -> Vec<Record> {
        let mut refused = Vec::new();
        for record in std::mem::take(&mut self.pending) {
            match self.decisions.try_recv().expect("a record was never decided") {
                Ok(first) => {
                    assert_eq!(first, self.end(), "offsets have no gaps");
                    self.durable.push((first, record));
                }
                Err(_) => refused.push(record),
            }
        }
        assert!(self.decisions.try_recv().is_err(), "a record was decided twice");
        refused
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Append { rows, payload_bytes, mark } => {
                let (record, decided) = (record(rows, payload_bytes, mark), self.decided.clone());
                self.pending.push(record.clone());
                self.log().append(record, Box::new(move |outcome| drop(decided.send(outcome))));
            }
            Step::Wait => {
                let end = barrier(self.log());
                self.settle();
                assert_eq!(end, self.end());
            }
            Step::Full { skip } => {
                let name_contains = String::new();
                let rule = Rule { operation: Operation::Append, name_contains, skip, times: 1, fault: Fault::Short };
                self.faulty.inject(rule);
            }
            Step::Crash { kept_parts } => {
                // What failed before the crash for want of space must not come back; after it nobody knows.
                barrier(self.log());
                self.settle();
                self.faulty.heal();
                self.run(Step::Append { rows: 1, payload_bytes: 300, mark: kept_parts });
                self.run(Step::Append { rows: 2, payload_bytes: 30, mark: kept_parts / 2 });
                self.memory.crash_torn(|_, unsynced| unsynced * usize::from(kept_parts) / 255);
                self.log = None;
                let unknown = self.settle();
                self.open();
                self.adopt(unknown);
            }
            Step::Reopen => {
                self.faulty.heal();
                self.log = None;
                self.settle();
                self.open();
                assert_eq!(self.log().recovered_bytes(), 0);
            }
            Step::Trim { parts } => {
                barrier(self.log());
                self.settle();
                let before = (self.end() * u64::from(parts) / 255).max(self.log().start());
                self.log().trim(before).unwrap();
                assert!(self.log().start() <= before);
                let held = read(self.log(), self.log().start()).unwrap().len();
                let forgotten = self.durable.len() - held;
                assert!(forgotten >= self.forgotten);
                let gone = &self.durable[self.forgotten..forgotten];
                assert!(gone.iter().all(|(first, record)| first + u64::from(record.header.rows) <= before));
                assert!(gone.iter().all(|(first, _)| *first < before), "a record of no rows at the offset was wanted");
                self.forgotten = forgotten;
            }
        }
    }

    /// Of what was in flight at a crash, a prefix may have survived.
    fn adopt(&mut self, unknown: Vec<Record>) {
        let held = read(self.log(), self.log().start()).unwrap();
        let acknowledged = self.expected().len();
        for ((first, found), record) in held[acknowledged.min(held.len())..].iter().zip(unknown) {
            assert_eq!(*found, record, "records in flight survive in order or not at all");
            self.durable.push((*first, record));
        }
        assert_eq!(held, self.expected());
    }

    fn expected(&self) -> &[(Offset, Record)] {
        &self.durable[self.forgotten..]
    }

    fn check(&mut self) {
        barrier(self.log());
        self.settle();
        let held = read(self.log(), self.log().start()).unwrap();
        assert!(held == self.expected(), "{} records held, {} expected", held.len(), self.expected().len());
        assert_eq!(self.log().end(), self.end());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn acknowledged_records_survive_every_history(
        steps in prop::collection::vec(step(), 1..60),
        segment_bytes in prop_oneof![Just(1u64), Just(600), Just(1 << 20)],
    ) {
        let mut world = World::new(SegmentOptions { segment_bytes, in_flight_bytes_max: 1 << 20 });
        for step in steps {
            world.run(step);
        }
        world.check();
        world.run(Step::Crash { kept_parts: 128 });
        world.check();
    }
}
