//! The move to the lake goes on beside everything else: nobody waits for it, a checkpoint has only so much of it moved, and it
//! ends without anything new coming.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::checkpoint::CheckpointError;
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::lake::{Lake, LakeError};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Log, Offset};
use engine::service::{EngineError, EngineOptions, Ground, Handle};
use engine::shard::Position;
use engine::snapshot::ArchiveFile;
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, Storage};

use crate::counting::{Counting, Limited, OneFile};

const CHECKPOINT_EVENTS: u64 = 10;

/// Says when it is asked to move something, and does it when it is let.
struct Held {
    asked: Sender<()>,
    let_go: Mutex<Receiver<()>>,
}

impl Lake for Held {
    fn archive(
        &self,
        log: &dyn Log,
        from: Offset,
        until: Offset,
        erased: &BTreeSet<String>,
        storage: &dyn Storage,
        prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError> {
        // A test that is over listens no more and lets go.
        let _ = self.asked.send(());
        let _ = self.let_go.lock().unwrap_or_else(PoisonError::into_inner).recv();
        OneFile { rows_max: u64::MAX }.archive(log, from, until, erased, storage, prefix)
    }

    fn erase(
        &self,
        _files: &[ArchiveFile],
        _erased: &BTreeSet<String>,
        _storage: &dyn Storage,
        _prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError> {
        unreachable!("nobody is erased")
    }

    fn read(
        &self,
        _files: &[ArchiveFile],
        _shard: u16,
        _storage: &dyn Storage,
        _each: &mut dyn FnMut(EventBatch, Position),
    ) -> Result<(), LakeError> {
        Ok(())
    }
}

fn open(storage: &SharedStorage, lake: Arc<dyn Lake>, every: Duration) -> Handle<Counting> {
    let options = EngineOptions {
        publish_every: every,
        checkpoint_every: every,
        checkpoint_events: CHECKPOINT_EVENTS,
        archive_above_bytes: 1,
        ..EngineOptions::default()
    };
    let log = SegmentLog::open(Arc::clone(storage), "log/events", SegmentOptions::default()).unwrap();
    let ground = Ground {
        storage: Arc::clone(storage),
        log: Arc::new(log),
        manifests: Arc::new(Manifests::new(Arc::clone(storage), "checkpoints")),
        lake,
        clock: Arc::new(ManualClock::new(1_000_000)),
        shards: 1,
        seed: 7,
    };
    engine::service::open(options, ground, Vec::new(), |_| Counting::default(), |_, _| Limited::new(i128::MAX)).unwrap()
}

fn send(engine: &Handle<Counting>, ids: std::ops::Range<u32>) {
    let mut builder = EventBatchBuilder::new();
    for id in ids {
        let id = &id.to_string();
        builder.commit(Attributes { tenant: "a", id, source: "test", event_type: "event", subject: None, time_us: 0 });
    }
    engine.submit_and_wait(builder.finish()).unwrap();
}

fn moved(engine: &Handle<Counting>) -> Offset {
    engine.cut().unwrap().archive.until
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn nobody_waits_for_the_move() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let ((asked, is_asked), (go, let_go)) = (channel(), channel());
    let engine = open(&storage, Arc::new(Held { asked, let_go: Mutex::new(let_go) }), NEVER);
    send(&engine, 0..4);
    engine.checkpoint().unwrap();
    is_asked.recv().unwrap();

    // All this while it moves.
    for first in (4..40).step_by(4) {
        send(&engine, first..first + 4);
        engine.checkpoint().unwrap();
    }
    let cut = engine.cut().unwrap();
    assert_eq!((cut.offset, cut.archive.until), (40, 0));
    go.send(()).unwrap();
    eventually("a checkpoint takes it up", || {
        engine.checkpoint().unwrap();
        moved(&engine) >= 4
    });

    // A stop waits for the piece that is being moved, and for no more.
    is_asked.recv().unwrap();
    drop(go);
    engine.drain().unwrap();
}

#[test]
fn a_checkpoint_has_no_more_moved_than_some_times_what_is_due_between_two() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let engine = open(&storage, Arc::new(OneFile { rows_max: u64::MAX }), NEVER);
    for first in (0..200).step_by(4) {
        send(&engine, first..first + 4);
    }
    let mut seen = vec![0];
    eventually("all is moved", || {
        engine.checkpoint().unwrap();
        seen.push(moved(&engine));
        seen.last() == Some(&200)
    });
    assert!(seen.is_sorted_by(|before, after| before <= after && after - before <= 4 * CHECKPOINT_EVENTS), "{seen:?}");
}

#[test]
fn a_log_that_is_too_large_moves_though_nothing_comes_any_more() {
    let faulty = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let storage = Arc::clone(&faulty) as SharedStorage;
    let engine = open(&storage, Arc::new(OneFile { rows_max: u64::MAX }), Duration::from_millis(5));
    let (operation, name_contains, fault) = (Operation::CreateNew, "lake/events".to_owned(), Fault::Io);
    faulty.inject(Rule { operation, name_contains, skip: 1, times: 2, fault });
    for first in (0..100).step_by(4) {
        send(&engine, first..first + 4);
    }
    eventually("all is moved", || moved(&engine) == 100);
    eventually("nothing is wrong", || engine.failure().is_none());
    assert_eq!(engine.checkpoint_failures(), 2, "each failure is counted once, and tried again");
    engine.drain().unwrap();
}

#[test]
fn what_a_manifest_names_that_is_there_though_it_failed_is_not_taken_back() {
    let faulty = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let storage = Arc::clone(&faulty) as SharedStorage;
    let engine = open(&storage, Arc::new(OneFile { rows_max: u64::MAX }), NEVER);
    send(&engine, 0..4);
    engine.checkpoint().unwrap();
    let in_lake = || faulty.list("lake/events").unwrap();
    eventually("it is moved", || !in_lake().is_empty());
    let named = in_lake();

    let (operation, name_contains, fault) = (Operation::CreateNew, "manifest".to_owned(), Fault::Unsure);
    faulty.inject(Rule { operation, name_contains, skip: 0, times: 1, fault });
    engine.checkpoint().expect_err("nobody knows whether it is there");
    let error = engine.erase(BTreeSet::from(["b".to_owned()])).expect_err("somebody has written a checkpoint");
    assert!(matches!(error, EngineError::Checkpoint(CheckpointError::Fenced { .. })), "{error}");
    assert_eq!(in_lake(), named);
    drop(engine);

    let engine = open(&storage, Arc::new(OneFile { rows_max: u64::MAX }), NEVER);
    let files: Vec<String> = engine.cut().unwrap().archive.files.iter().map(|file| file.name.clone()).collect();
    assert_eq!((files, moved(&engine)), (named, 4), "it was there");
    engine.drain().unwrap();
}
