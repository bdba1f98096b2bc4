//! Checkpoints and the move to the lake on a full disk: trying again does not make it fuller, is counted and told, and ends
//! well once there is space.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::admission::Outcome;
use engine::checkpoint::manifest::Manifests;
use engine::clock::{Clock, ManualClock};
use engine::dedup::DedupOptions;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::service::{EngineOptions, Ground, Handle};
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, Storage};

use crate::counting::{Counting, Limited, OneFile};

fn open(faulty: &Arc<FaultyStorage>) -> Handle<Counting> {
    open_with_room(faulty, u64::MAX)
}

fn open_with_room(faulty: &Arc<FaultyStorage>, rows_max: u64) -> Handle<Counting> {
    open_at(faulty, rows_max, &Arc::new(ManualClock::new(1_000_000)))
}

fn open_at(faulty: &Arc<FaultyStorage>, rows_max: u64, clock: &Arc<ManualClock>) -> Handle<Counting> {
    let storage = Arc::clone(faulty) as SharedStorage;
    let options = EngineOptions {
        publish_every: Duration::from_secs(3600),
        checkpoint_every: Duration::from_secs(3600),
        archive_above_bytes: 1,
        ..EngineOptions::default()
    };
    let log = SegmentLog::open(Arc::clone(&storage), "log/events", SegmentOptions::default()).unwrap();
    let ground = Ground {
        storage: Arc::clone(&storage),
        log: Arc::new(log),
        manifests: Arc::new(Manifests::new(storage, "checkpoints")),
        lake: Arc::new(OneFile { rows_max }),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        shards: 2,
        seed: 7,
    };
    engine::service::open(options, ground, Vec::new(), |_| Counting::default(), |_, _| Limited::new(i128::MAX)).unwrap()
}

fn batch(ids: std::ops::Range<u32>) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for id in ids {
        let id = &id.to_string();
        builder.commit(Attributes { tenant: "a", id, source: "test", event_type: "event", subject: None, time_us: 0 });
    }
    builder.finish()
}

fn full_for(faulty: &FaultyStorage, name_contains: &str) {
    for operation in [Operation::CreateNew, Operation::Append] {
        let (name_contains, fault) = (name_contains.to_owned(), Fault::Full);
        faulty.inject(Rule { operation, name_contains, skip: 0, times: u64::MAX, fault });
    }
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

fn is_in_lake(faulty: &FaultyStorage) -> bool {
    !faulty.list("lake/events").unwrap().is_empty()
}

/// Three attempts fail; what they were for, which is what the files that must not be left are named after.
fn fails_and_leaves_nothing(handle: &Handle<Counting>, faulty: &FaultyStorage, folder: &str, named: &str) {
    let count = || faulty.list(folder).unwrap().iter().filter(|name| name.contains(named)).count();
    let (before, failures) = (count(), handle.checkpoint_failures());
    for _ in 0..3 {
        let error = handle.checkpoint().expect_err("the disk is full").to_string();
        assert!(error.contains("free some space"), "{error}");
        assert_eq!(count(), before, "{:?}", faulty.list(folder));
    }
    assert_eq!(handle.checkpoint_failures(), failures + 3);
    assert!(handle.failure().is_some_and(|reason| reason.contains("free some space")), "it is told");
    assert!(handle.is_alive());
}

/// Space is back: a checkpoint is made, and a restart knows every event.
fn recovers(handle: &Handle<Counting>, faulty: &Arc<FaultyStorage>, ids: u32) {
    faulty.heal();
    handle.checkpoint().expect("there is space");
    eventually("nothing is wrong any more", || handle.failure().is_none());
    handle.drain().unwrap();
    let again = open(faulty).submit_and_wait(batch(0..ids)).unwrap();
    assert!(again.outcomes.iter().all(|outcome| *outcome == Outcome::Duplicate));
}

#[test]
fn events_archived_for_a_manifest_that_does_not_fit_are_removed_again() {
    let faulty = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let handle = open(&faulty);
    handle.submit_and_wait(batch(0..10)).unwrap();
    handle.checkpoint().unwrap();
    eventually("what the checkpoint has is moved", || is_in_lake(&faulty));
    full_for(&faulty, "manifest");
    handle.checkpoint().expect_err("the disk is full");
    assert!(!is_in_lake(&faulty), "it may take the room that the manifest needs");
    fails_and_leaves_nothing(&handle, &faulty, "lake/events", "all");
    recovers(&handle, &faulty, 10);
    assert!(is_in_lake(&faulty), "it is moved again");
}

#[test]
fn ids_written_before_the_disk_was_full_are_removed_again() {
    let faulty = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let clock = Arc::new(ManualClock::new(1_000_000));
    let handle = open_at(&faulty, u64::MAX, &clock);
    handle.submit_and_wait(batch(0..1000)).unwrap();
    full_for(&faulty, "dedup-0");
    handle.checkpoint().expect_err("the disk is full");
    faulty.heal();
    // Too far apart to be one run: the next attempt writes two files, and the second one does not fit. Of that one the name
    // is there already when its content is refused.
    clock.advance(DedupOptions::default().horizon_us / 2);
    handle.submit_and_wait(batch(1000..1010)).unwrap();
    full_for(&faulty, "dedup-1");
    fails_and_leaves_nothing(&handle, &faulty, "checkpoints", "dedup");
    recovers(&handle, &faulty, 1010);
}

#[test]
fn what_has_no_room_in_the_lake_at_once_moves_there_bit_by_bit() {
    const ROOM: u64 = 8;
    let faulty = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let handle = open_with_room(&faulty, ROOM);
    for first in (0..40).step_by(4) {
        handle.submit_and_wait(batch(first..first + 4)).unwrap();
    }
    // Each step that fits is followed by one that is too large again.
    eventually("all is moved", || {
        handle.checkpoint().unwrap();
        handle.cut().unwrap().archive.until == 40
    });
    let archive = Arc::clone(&handle.cut().unwrap().archive);
    let mut at = 0;
    for file in &archive.files {
        assert_eq!(file.offset_min, at, "{:?}", archive.files);
        assert!(file.rows <= ROOM && file.rows.is_multiple_of(4), "whole records: {:?}", archive.files);
        at = file.offset_max + 1;
    }
    assert_eq!(at, 40);
    recovers(&handle, &faulty, 40);
}

#[test]
fn a_start_moves_nothing_to_the_lake() {
    let faulty = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let handle = open(&faulty);
    handle.submit_and_wait(batch(0..10)).unwrap();
    drop(handle);
    full_for(&faulty, "lake/");
    let handle = open(&faulty);
    assert_eq!(handle.failure(), None);
    handle.checkpoint().expect("there is room for that");
    let is_told =
        || handle.failure().is_some_and(|reason| reason.contains("lake") && reason.contains("free some space"));
    eventually("it is told", is_told);
    assert_eq!(handle.checkpoint_failures(), 1);
    recovers(&handle, &faulty, 10);
    assert!(is_in_lake(&faulty));
}
