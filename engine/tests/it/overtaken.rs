//! A checkpoint that is overtaken: it holds the mark of an event whose append fails while it is being written. It must not
//! count, or a restart would take the event's retry for a duplicate (I1).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::admission::Outcome;
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Barrier, Completion, Log, LogError, Offset, Record, Records, SharedLog};
use engine::service::{EngineError, EngineOptions, Ground, Handle};
use engine::shard::SubmitError;
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, StorageError};

use crate::counting::{Counting, Limited, OneFile};

/// A log that keeps an append to itself until the second barrier after it, and fails it there.
struct Slow {
    log: SegmentLog,
    is_slow: AtomicBool,
    kept: Mutex<Option<Completion>>,
    keeps: Sender<()>,
    barriers: AtomicUsize,
}

impl Log for Slow {
    fn append(&self, record: Record, done: Completion) {
        if !self.is_slow.load(Ordering::Relaxed) {
            return self.log.append(record, done);
        }
        *self.kept.lock().unwrap() = Some(done);
        self.keeps.send(()).unwrap();
    }

    fn barrier(&self, reached: Barrier) {
        let mut kept = self.kept.lock().unwrap();
        if kept.is_some() && self.barriers.fetch_add(1, Ordering::Relaxed) == 1 {
            let failed = StorageError::Full { name: "log".into() };
            kept.take().unwrap()(Err(LogError::Storage(failed)));
        }
        self.log.barrier(reached);
    }

    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn read(&self, from: Offset) -> Result<Records<'_>, LogError> {
        self.log.read(from)
    }

    fn trim(&self, before: Offset) -> Result<(), LogError> {
        self.log.trim(before)
    }

    fn roll(&self) {
        self.log.roll();
    }

    fn bytes(&self) -> u64 {
        self.log.bytes()
    }
}

fn open(storage: &SharedStorage) -> (Handle<Counting>, Arc<Slow>, Receiver<()>) {
    let options = EngineOptions {
        publish_every: Duration::from_secs(3600),
        checkpoint_every: Duration::from_secs(3600),
        ..EngineOptions::default()
    };
    let (keeps, kept) = channel();
    let log = Arc::new(Slow {
        log: SegmentLog::open(Arc::clone(storage), "log/events", SegmentOptions::default()).unwrap(),
        is_slow: AtomicBool::new(false),
        kept: Mutex::default(),
        keeps,
        barriers: AtomicUsize::new(0),
    });
    let ground = Ground {
        storage: Arc::clone(storage),
        log: Arc::clone(&log) as SharedLog,
        manifests: Arc::new(Manifests::new(Arc::clone(storage), "checkpoints")),
        lake: Arc::new(OneFile { rows_max: u64::MAX }),
        clock: Arc::new(ManualClock::new(1_000_000)),
        shards: 1,
        seed: 7,
    };
    let engine =
        engine::service::open(options, ground, Vec::new(), |_| Counting::default(), |_, _| Limited::new(i128::MAX));
    (engine.unwrap(), log, kept)
}

fn event(id: &str) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    let (tenant, source, event_type) = ("a", "test", "event");
    builder.commit(Attributes { tenant, id, source, event_type, subject: None, time_us: 0 });
    builder.finish()
}

#[test]
fn an_event_whose_append_fails_beside_a_checkpoint_is_not_taken_for_a_duplicate() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let (engine, log, kept) = open(&storage);
    engine.submit_and_wait(event("before")).unwrap();
    log.is_slow.store(true, Ordering::Relaxed);
    let (answer, answered) = channel();
    engine.submit_when_free(event("caught").into(), move |result| answer.send(result).unwrap()).unwrap();
    kept.recv().unwrap();

    let overtaken = engine.checkpoint();
    assert!(matches!(overtaken, Err(EngineError::Overtaken)), "{overtaken:?}");
    assert!(matches!(answered.recv().unwrap(), Err(SubmitError::Log(_))));
    drop((engine, log));

    let (engine, ..) = open(&storage);
    for (id, expect) in [("before", Outcome::Duplicate), ("caught", Outcome::Admitted)] {
        assert_eq!(engine.submit_and_wait(event(id)).unwrap().outcomes, [expect], "{id}");
    }
    engine.drain().unwrap();
}
