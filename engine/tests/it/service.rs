//! The engine as a whole, over a counting operator and a gate with one limit: answers, cuts, restarts, failures.

use std::sync::Arc;
use std::time::Duration;

use engine::admission::{Outcome, Reason, RejectionCount};
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::dedup::sequence::{Sequence, SequenceError};
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::service::{EngineError, EngineOptions, Ground, Handle, Submission};
use engine::shard::SubmitError;
use engine::storage::SharedStorage;
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;

use crate::counting::{Counting, Counts, Limited, NOBODY, OneFile};

fn open(storage: &SharedStorage, limit: i128) -> Handle<Counting> {
    let options = EngineOptions {
        publish_every: Duration::from_secs(3600),
        checkpoint_every: Duration::from_secs(3600),
        ..EngineOptions::default()
    };
    open_with(options, storage, limit)
}

fn open_with(options: EngineOptions, storage: &SharedStorage, limit: i128) -> Handle<Counting> {
    try_open(options, storage, limit, 3).expect("the engine opens")
}

fn try_open(
    options: EngineOptions,
    storage: &SharedStorage,
    limit: i128,
    shards: u16,
) -> Result<Handle<Counting>, EngineError> {
    let log = SegmentLog::open(Arc::clone(storage), "log/events", SegmentOptions::default()).expect("the log opens");
    let ground = Ground {
        storage: Arc::clone(storage),
        log: Arc::new(log),
        manifests: Arc::new(Manifests::new(Arc::clone(storage), "checkpoints")),
        lake: Arc::new(OneFile { rows_max: u64::MAX }),
        clock: Arc::new(ManualClock::new(1_000_000)),
        shards,
        seed: 7,
    };
    engine::service::open(options, ground, Vec::new(), |_| Counting::default(), |_, _| Limited::new(limit))
}

fn batch(events: impl IntoIterator<Item = (&'static str, u64)>) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for (tenant, id) in events {
        let id = &id.to_string();
        builder.commit(Attributes { tenant, id, source: "test", event_type: "event", subject: None, time_us: 0 });
    }
    builder.finish()
}

/// Events by tenant and rejections, of a fresh cut.
fn counts(handle: &Handle<Counting>) -> (Counts, u64) {
    let snapshot = handle.cut().expect("a cut");
    let mut all = Counts::new();
    let mut refused = 0;
    for shard in &snapshot.shards {
        all.extend(shard.state.0.clone());
        refused += shard.state.1;
    }
    (all, refused)
}

#[test]
fn answers_come_back_in_the_order_of_the_rows() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let handle = open(&storage, 2);
    let events = [("a", 1), ("b", 1), ("a", 1), ("a", 2), ("c", 1), ("a", 3), ("a", 3)];
    let receipt = handle.submit_and_wait(batch(events)).expect("an answer");
    use Outcome::{Admitted, Duplicate, Rejected};
    assert_eq!(receipt.outcomes, [Admitted, Admitted, Duplicate, Admitted, Admitted, Rejected, Rejected]);
    let reasons: Vec<_> = receipt.rejections.iter().map(|(row, rejection)| (*row, rejection.reason)).collect();
    assert_eq!(reasons, [(5, Reason::QuotaExceeded), (6, Reason::QuotaExceeded)]);
    let expect = Counts::from([("a".into(), 2), ("b".into(), 1), ("c".into(), 1)]);
    assert_eq!(counts(&handle), (expect, 2));
}

#[test]
fn a_restart_remembers_events_marks_rejections_and_what_was_used() {
    for checkpoint in [true, false] {
        let storage: SharedStorage = Arc::new(MemoryStorage::new());
        let handle = open(&storage, 3);
        handle.submit_and_wait(batch([("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3), ("b", 4)])).expect("an answer");
        if checkpoint {
            handle.checkpoint().expect("a checkpoint");
        }
        // The old engine is left as it is: what it answered must be in the storage, not in it.
        let handle = open(&storage, 3);
        let receipt = handle.submit_and_wait(batch([("a", 2), ("a", 3), ("a", 4)])).expect("an answer");
        assert_eq!(receipt.outcomes, [Outcome::Duplicate, Outcome::Admitted, Outcome::Rejected]);
        assert_eq!(counts(&handle), (Counts::from([("a".into(), 3), ("b".into(), 3)]), 2));
    }
}

/// What doors hand on may be as long and as many as it likes; who is nobody is not named.
#[test]
fn a_record_of_rejections_is_bounded_and_counts_all() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let handle = open(&storage, 2);
    let refused = |tenant: &str, field: String| RejectionCount {
        tenant: tenant.to_owned(),
        reason: Reason::InvalidAttribute,
        field,
        count: 1,
        sample_id: "i".repeat(100_000),
        sample_detail: "d".repeat(100_000),
    };
    let made_up = (0..300).map(|n| refused("a", format!("{n}{}", "f".repeat(100_000))));
    let rejected = made_up.chain([refused(NOBODY, "f".into()), refused("b", "f".into())]).collect();
    handle.submit_and_wait(Submission { batch: batch([]), rejected, sequence: None }).expect("an answer");
    assert_eq!(counts(&handle).1, 302);
    let log = handle.log();
    let notes = log.read(0).unwrap().map(|entry| entry.unwrap().1.notes);
    let notes: Vec<String> = notes.map(|notes| String::from_utf8(notes).unwrap()).collect();
    assert!(notes.iter().all(|notes| notes.len() < 100_000), "{:?}", notes.iter().map(String::len).collect::<Vec<_>>());
    let counted = notes.iter().flat_map(|notes| serde_json::from_str::<Vec<RejectionCount>>(notes).unwrap());
    let counted: Vec<RejectionCount> = counted.collect();
    let of = |tenant: &str| counted.iter().filter(|count| count.tenant == tenant).collect::<Vec<_>>();
    assert_eq!(of("a").iter().map(|count| count.count).sum::<u64>(), 300);
    assert_eq!((of("").len(), of("b").len(), of(NOBODY).len()), (1, 1, 0));
}

#[test]
fn a_shard_that_the_checkpoint_lacks_does_not_begin_empty() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let handle = open(&storage, 3);
    handle.submit_and_wait(batch([("a", 1), ("b", 1)])).expect("an answer");
    handle.checkpoint().expect("a checkpoint");
    let opened = try_open(EngineOptions::default(), &storage, 3, 4).map(drop);
    let Err(EngineError::Restore(error)) = opened else { panic!("it opened: {opened:?}") };
    assert!(error.to_string().contains("no state of shard 3"), "{error}");
}

#[test]
fn many_events_are_checkpointed_before_it_is_time() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let options = EngineOptions {
        publish_every: Duration::from_millis(1),
        checkpoint_every: Duration::from_secs(3600),
        checkpoint_events: 5,
        ..EngineOptions::default()
    };
    let handle = open_with(options, &storage, i128::MAX);
    let checkpointed = || {
        let names = storage.list("checkpoints").expect("a list");
        let newest = names.iter().rfind(|name| name.ends_with(".json")).expect("the epoch's first");
        String::from_utf8(storage.read(newest).expect("a manifest")).expect("JSON")
    };
    handle.submit_and_wait(batch((0..4).map(|id| ("a", id)))).expect("an answer");
    std::thread::sleep(Duration::from_millis(50));
    assert!(checkpointed().contains("\"log_offset\": 0,"), "four are too few");
    handle.submit_and_wait(batch([("a", 4)])).expect("an answer");
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !checkpointed().contains("\"log_offset\": 5,") {
        assert!(std::time::Instant::now() < deadline, "{}", checkpointed());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_producers_batch_counts_once_with_or_without_ids() {
    let numbered = |number: u64, events: &[(&'static str, u64)]| Submission {
        sequence: Some(Sequence { owner: "a".into(), producer: "loader".into(), epoch: 0, number }),
        ..batch(events.iter().copied()).into()
    };
    use Outcome::{Admitted, Duplicate, Rejected};
    for checkpoint in [true, false] {
        let storage: SharedStorage = Arc::new(MemoryStorage::new());
        let handle = open(&storage, 3);
        let same = [("a", 1), ("a", 1), ("b", 1)];
        assert_eq!(handle.submit_and_wait(numbered(0, &same)).expect("an answer").outcomes, [Admitted; 3]);
        assert_eq!(handle.submit_and_wait(numbered(2, &[])).expect("an answer").outcomes, []);
        if checkpoint {
            handle.checkpoint().expect("a checkpoint");
        }
        let handle = open(&storage, 3);
        for (number, events, expect) in [
            (0, &[("a", 1), ("b", 2)][..], &[Duplicate, Duplicate][..]),
            (2, &[("b", 7)], &[Duplicate]),
            (1, &[("a", 1), ("a", 1)], &[Admitted, Rejected]),
            (1, &[("a", 1), ("a", 1)], &[Duplicate, Duplicate]),
            (3, &[("b", 1)], &[Admitted]),
        ] {
            let receipt = handle.submit_and_wait(numbered(number, events)).expect("an answer");
            assert_eq!(receipt.outcomes, expect, "{number}");
        }
        let gap = handle.submit_and_wait(numbered(68, &[("a", 1)]));
        assert!(matches!(gap, Err(SubmitError::Sequence(SequenceError::Gap { expected: 4, .. }))), "{gap:?}");
        assert_eq!(counts(&handle), (Counts::from([("a".into(), 3), ("b".into(), 2)]), 1));
    }
}

#[test]
fn a_full_disk_is_an_answer_and_leaves_no_trace() {
    let faulty = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let storage: SharedStorage = Arc::clone(&faulty) as SharedStorage;
    let handle = open(&storage, 2);
    handle.submit_and_wait(batch([("a", 1)])).expect("an answer");
    faulty.inject(Rule {
        operation: Operation::Append,
        name_contains: "log/events".into(),
        skip: 0,
        times: u64::MAX,
        fault: Fault::Full,
    });
    let error = handle.submit_and_wait(batch([("a", 2)])).expect_err("the disk is full");
    assert!(matches!(error, SubmitError::Log(_)), "{error}");
    faulty.heal();
    let receipt = handle.submit_and_wait(batch([("a", 1), ("a", 2), ("a", 3)])).expect("an answer");
    assert_eq!(receipt.outcomes, [Outcome::Duplicate, Outcome::Admitted, Outcome::Rejected], "quota was given back");
    assert_eq!(counts(&handle).0, Counts::from([("a".into(), 2)]));
}

#[test]
fn many_writers_lose_and_double_nothing() {
    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let handle = open(&storage, i128::MAX);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let handle = handle.clone();
            scope.spawn(move || {
                for round in 0..50 {
                    // Neighbours overlap by half, so that half of everything is sent twice.
                    let ids = (0..100).map(|id| ("whale", (writer + round * 8) * 50 + id));
                    handle.submit_and_wait(batch(ids)).expect("an answer");
                }
            });
        }
    });
    assert_eq!(counts(&handle).0, Counts::from([("whale".into(), 8 * 50 * 50 + 50)]));
    handle.drain().expect("drains");
    assert_eq!(handle.submit_and_wait(batch([("a", 1)])), Err(SubmitError::Closed));
}
