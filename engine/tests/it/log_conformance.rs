//! The contract of `engine::log`, checked on each implementation.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::log::memory::MemoryLog;
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Log, LogError, Offset, RECORD_BYTES_MAX, Record};
use engine::storage::faulty::{FaultyStorage, Operation};
use engine::storage::local::LocalStorage;
use engine::storage::memory::MemoryStorage;

use crate::harness::{append, barrier, hold, read, record};

/// Segments so small that a few records fill one.
const SMALL: SegmentOptions = SegmentOptions { segment_bytes: 1000, in_flight_bytes_max: 1 << 20 };

fn on_each(check: impl Fn(&dyn Log)) {
    let folder = tempfile::tempdir().unwrap();
    let local = Arc::new(LocalStorage::open(folder.path()).unwrap());
    check(&SegmentLog::open(local, "events", SMALL).unwrap());
    check(&SegmentLog::open(Arc::new(MemoryStorage::new()), "events", SMALL).unwrap());
    check(&SegmentLog::open(Arc::new(MemoryStorage::new()), "events", SegmentOptions::default()).unwrap());
    check(&MemoryLog::new().unwrap());
}

/// Records of which some have no rows, appended one by one, with their offsets.
fn filled(log: &dyn Log, records: u8) -> Vec<(Offset, Record)> {
    let mut expected = Vec::new();
    let mut end = 0;
    for mark in 0..records {
        let record = record(u32::from(mark) % 4, 150, mark);
        assert_eq!(append(log, record.clone()), Ok(end));
        expected.push((end, record.clone()));
        end += u64::from(record.header.rows);
    }
    assert_eq!(log.end(), end);
    expected
}

/// What a reader from `from` must get.
fn wanted(all: &[(Offset, Record)], from: Offset) -> Vec<(Offset, Record)> {
    let reaches = |(first, record): &&(Offset, Record)| match record.header.rows {
        0 => *first >= from,
        rows => first + u64::from(rows) > from,
    };
    all.iter().filter(reaches).cloned().collect()
}

#[test]
fn an_empty_log_has_nothing_to_read() {
    on_each(|log| {
        assert_eq!((log.start(), log.end(), barrier(log)), (0, 0, 0));
        assert_eq!(read(log, 0), Ok(vec![]));
        assert_eq!(read(log, 99), Ok(vec![]));
        assert_eq!(log.trim(99), Ok(()));
        assert_eq!(log.bytes(), 0);
    });
}

#[test]
fn every_reader_gets_what_reaches_beyond_its_offset() {
    on_each(|log| {
        let all = filled(log, 60);
        for from in 0..=log.end() + 1 {
            assert_eq!(read(log, from), Ok(wanted(&all, from)), "from {from}");
        }
        assert!(log.bytes() >= 60 * 150);
    });
}

#[test]
fn records_of_every_size_come_back() {
    on_each(|log| {
        let sizes = [0, 1, 63, 64, (64 << 10) - 1, 64 << 10, 256 << 10, (1 << 20) - 64, 1 << 20, 3 << 20, 5];
        let all: Vec<_> =
            sizes.iter().enumerate().map(|(at, size)| (at as u64, record(1, *size, at as u8 + 1))).collect();
        for (first, record) in &all {
            assert_eq!(append(log, record.clone()), Ok(*first));
        }
        assert!(read(log, 0).unwrap() == all, "some record changed");
    });
}

#[test]
fn completions_and_barriers_are_called_in_order() {
    on_each(|log| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let release = hold(log);
        for at in 0..50u32 {
            let (on_append, on_barrier) = (Arc::clone(&seen), Arc::clone(&seen));
            log.append(
                record(2, 10, at as u8),
                Box::new(move |outcome| {
                    on_append.lock().unwrap().push(("record", outcome.unwrap()));
                }),
            );
            if at % 7 == 0 {
                log.barrier(Box::new(move |end| on_barrier.lock().unwrap().push(("barrier", end))));
            }
        }
        drop(release);
        assert_eq!(barrier(log), 100);
        let mut expected = Vec::new();
        for at in 0..50u64 {
            expected.push(("record", at * 2));
            if at % 7 == 0 {
                expected.push(("barrier", at * 2 + 2));
            }
        }
        assert_eq!(*seen.lock().unwrap(), expected);
    });
}

#[test]
fn a_completion_sees_its_record_in_the_log() {
    on_each(|log| {
        std::thread::scope(|scope| {
            for mark in 0..4 {
                scope.spawn(move || {
                    for _ in 0..25 {
                        let first = append(log, record(1, 20, mark)).unwrap();
                        assert!(log.end() > first);
                        let (at, found) = read(log, first).unwrap().into_iter().next().unwrap();
                        assert_eq!((at, found), (first, record(1, 20, mark)));
                    }
                });
            }
        });
        let offsets: Vec<_> = read(log, 0).unwrap().into_iter().map(|(first, _)| first).collect();
        assert_eq!(offsets, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_reader_stops_at_the_end_of_its_call() {
    on_each(|log| {
        filled(log, 10);
        let records = log.read(0).unwrap();
        append(log, record(1, 10, 99)).unwrap();
        assert_eq!(records.count(), 10);
    });
}

#[test]
fn trimming_forgets_whole_records_and_never_too_many() {
    on_each(|log| {
        let all = filled(log, 60);
        for before in 0..=log.end() {
            log.trim(before).unwrap();
            let start = log.start();
            assert!(start <= before, "start {start} after trimming before {before}");
            assert_eq!(read(log, before), Ok(wanted(&all, before)), "from {before}");
            if start > 0 {
                assert_eq!(read(log, start - 1), Err(LogError::Trimmed { asked: start - 1, start }));
            }
        }
        let end = log.end();
        assert_eq!(append(log, record(1, 10, 1)), Ok(end));
    });
}

#[test]
fn nothing_from_before_a_roll_is_kept_for_what_follows() {
    on_each(|log| {
        filled(log, 10);
        log.roll();
        let first = append(log, record(1, 10, 1)).unwrap();
        log.trim(log.end()).unwrap();
        assert!(log.start() >= first, "starts at {} before {first}", log.start());
        // Asked for with nothing to begin, it waits for the next record.
        log.roll();
        log.roll();
        let second = append(log, record(1, 10, 2)).unwrap();
        log.trim(log.end()).unwrap();
        assert!(log.start() >= second, "starts at {} before {second}", log.start());
    });
}

#[test]
fn a_record_that_is_too_large_is_refused_alone() {
    on_each(|log| {
        let mut huge = record(1, 0, 0);
        huge.notes = vec![0; RECORD_BYTES_MAX + 1];
        let refused = LogError::TooLarge { bytes: huge.notes.len(), bytes_max: RECORD_BYTES_MAX };
        assert_eq!(append(log, huge), Err(refused));
        assert_eq!(append(log, record(1, 5, 0)), Ok(0));
    });
}

#[test]
fn a_panicking_completion_takes_nobody_along() {
    on_each(|log| {
        log.append(record(1, 5, 0), Box::new(|_| panic!("the caller's own bug")));
        assert_eq!(append(log, record(1, 5, 1)), Ok(1));
    });
}

#[test]
fn what_waits_is_bounded() {
    let options = SegmentOptions { segment_bytes: 1 << 20, in_flight_bytes_max: 10_000 };
    let log = SegmentLog::open(Arc::new(MemoryStorage::new()), "events", options).unwrap();
    let release = hold(&log);
    let (taken, takes) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                log.append(record(1, 2000, 0), Box::new(|outcome| assert!(outcome.is_ok())));
                taken.send(()).unwrap();
            }
        });
        let mut waiting = 0;
        while takes.recv_timeout(Duration::from_millis(200)).is_ok() {
            waiting += 1;
        }
        assert_eq!(waiting, 4, "records of 2 kB that waited within 10 kB");
        drop(release);
        assert_eq!(takes.iter().take(16).count(), 16);
    });
    assert_eq!(barrier(&log), 20);
}

#[test]
fn one_record_larger_than_the_bound_still_passes() {
    let options = SegmentOptions { segment_bytes: 1 << 20, in_flight_bytes_max: 100 };
    let log = SegmentLog::open(Arc::new(MemoryStorage::new()), "events", options).unwrap();
    assert_eq!(append(&log, record(1, 5000, 0)), Ok(0));
}

#[test]
fn closing_decides_what_waits_and_refuses_what_comes() {
    let check = |log: &dyn Log, close: &dyn Fn()| {
        let release = hold(log);
        let (decided, decisions) = mpsc::channel();
        for mark in 0..10 {
            let decided = decided.clone();
            log.append(record(1, 5, mark), Box::new(move |outcome| decided.send(outcome).unwrap()));
        }
        drop(release);
        close();
        assert_eq!(decisions.try_iter().collect::<Vec<_>>(), (0..10).map(Ok).collect::<Vec<_>>());
        assert_eq!(append(log, record(1, 5, 0)), Err(LogError::Closed));
        assert_eq!(barrier(log), 10);
        assert_eq!(read(log, 0).unwrap().len(), 10);
    };
    let segment = SegmentLog::open(Arc::new(MemoryStorage::new()), "events", SMALL).unwrap();
    check(&segment, &|| segment.close());
    let memory = MemoryLog::new().unwrap();
    check(&memory, &|| memory.close());
}

#[test]
fn a_reader_from_the_middle_of_a_large_segment_gets_the_same_and_reads_little() {
    const PAYLOAD_BYTES: usize = 1500;
    let options = SegmentOptions { segment_bytes: 700 << 10, ..SMALL };
    let storage = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let mut log = SegmentLog::open(storage.clone(), "events", options).unwrap();
    let mut all = Vec::new();
    for mark in 0..1200u32 {
        let record = record(mark % 4, PAYLOAD_BYTES, mark as u8);
        all.push((append(&log, record.clone()).unwrap(), record));
    }
    let end = log.end();
    // The second time the older segments have not been walked yet, the third time they have.
    for life in 0..3 {
        let reads = || storage.seen().get(&Operation::Read).copied().unwrap_or_default();
        for from in (0..=end).step_by(97).chain([end - 1, end, end + 1]) {
            let before = reads();
            let first = log.read(from).unwrap().next().transpose().unwrap();
            let few = reads() - before;
            assert_eq!(first.as_ref(), wanted(&all, from).first(), "life {life}, from {from}");
            assert!(life == 1 || few <= 4, "life {life}, from {from}: {few} reads");
        }
        if life == 0 {
            drop(log);
            log = SegmentLog::open(storage.clone(), "events", options).unwrap();
        }
        assert!(read(&log, end / 3) == Ok(wanted(&all, end / 3)), "life {life}");
    }
}
