//! Segments that were cut, flipped, or written to a disk that fails.

use std::sync::{Arc, mpsc};

use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Log, LogError, Offset, Record};
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;
use engine::storage::{Storage, StorageError};

use crate::harness::{append, barrier, hold, read, record};

const SEGMENT_HEADER: u64 = 24;
const FRAME_HEADER: u64 = 64;

fn open(storage: &Arc<impl Storage>) -> Result<SegmentLog, LogError> {
    SegmentLog::open(Arc::clone(storage) as _, "events", SegmentOptions::default())
}

/// A disk as a kill -9 leaves it: the bytes of `records` one-row records in one segment, without a seal.
fn killed(records: u8) -> Arc<MemoryStorage> {
    let storage = Arc::new(MemoryStorage::new());
    let log = open(&storage).unwrap();
    for mark in 0..records {
        append(&log, record(1, 20, mark)).unwrap();
    }
    storage.crash();
    drop(log);
    storage
}

/// As a folder of a version that knew no marks.
fn forget_marks(storage: &dyn Storage) {
    storage.list("marks").unwrap().iter().for_each(|mark| storage.remove(mark).unwrap());
}

fn only_segment(storage: &dyn Storage) -> String {
    let names = storage.list("events").unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    names.into_iter().next().unwrap()
}

/// Where each frame starts, and the end.
fn boundaries(records: u8) -> Vec<u64> {
    let mut at = SEGMENT_HEADER;
    let mut boundaries = vec![at];
    for mark in 0..records {
        at += FRAME_HEADER + 20 + record(1, 20, mark).notes.len() as u64;
        boundaries.push(at);
    }
    boundaries
}

fn marks(log: &dyn Log) -> Vec<(Offset, Record)> {
    read(log, 0).unwrap()
}

#[test]
fn a_tail_cut_anywhere_is_cut_back_to_whole_records() {
    let boundaries = boundaries(5);
    for length in 0..*boundaries.last().unwrap() {
        let storage = killed(5);
        forget_marks(&*storage);
        storage.truncate(&only_segment(&*storage), length).unwrap();
        let log = open(&storage).unwrap();
        let whole = boundaries.iter().filter(|boundary| **boundary <= length).count().saturating_sub(1);
        let expected: Vec<_> = (0..whole as u8).map(|mark| (u64::from(mark), record(1, 20, mark))).collect();
        assert_eq!(marks(&log), expected, "cut to {length} bytes");
        let kept = boundaries.iter().copied().filter(|boundary| *boundary <= length).max().unwrap_or(0);
        assert_eq!(log.recovered_bytes(), length - kept, "cut to {length} bytes");
        assert_eq!(append(&log, record(1, 20, 77)), Ok(whole as u64));
        drop(log);
        let log = open(&storage).unwrap();
        assert_eq!((log.end(), log.recovered_bytes()), (whole as u64 + 1, 0));
    }
}

#[test]
fn a_log_that_ends_before_its_mark_is_refused_and_left_alone() {
    let boundaries = boundaries(5);
    // The fifth record is less than a quarter of the segment, so the newest mark stands behind the fourth.
    let marked = boundaries[4];
    for length in 0..*boundaries.last().unwrap() {
        let storage = killed(5);
        let name = only_segment(&*storage);
        storage.truncate(&name, length).unwrap();
        let opened = open(&storage).map(|log| log.end());
        if length >= marked {
            assert_eq!(opened, Ok(4), "cut to {length} bytes");
            continue;
        }
        let Err(LogError::Missing { reached: 4, segment, end, mark }) = opened else {
            panic!("cut to {length} bytes: {opened:?}")
        };
        assert_eq!((segment.as_str(), storage.size(&name)), (name.as_str(), Ok(length)), "cut to {length} bytes");
        // The way out that the error names.
        storage.remove(&mark).unwrap();
        assert_eq!(open(&storage).map(|log| log.end()), Ok(end), "cut to {length} bytes");
    }
}

#[test]
fn a_segment_that_is_gone_is_missed_whichever_it_is() {
    let storage = Arc::new(MemoryStorage::new());
    let log = open(&storage).unwrap();
    for mark in 0..3 {
        append(&log, record(1, 20, mark)).unwrap();
        log.roll();
    }
    drop(log);
    let segments = storage.list("events").unwrap();
    assert_eq!(segments.len(), 3);
    for (at, segment) in segments.iter().enumerate() {
        let bytes = storage.read(segment).unwrap();
        storage.remove(segment).unwrap();
        // What is missing before the end is found by who reads it: the start may be trimmed, and checkpoints say from where
        // the log is needed.
        let refused = open(&storage).and_then(|log| read(&log, 0).map(drop));
        match at {
            0 => assert_eq!(refused, Err(LogError::Trimmed { asked: 0, start: 1 })),
            1 => assert!(matches!(refused, Err(LogError::Corrupt { .. })), "{refused:?}"),
            _ => assert!(matches!(refused, Err(LogError::Missing { reached: 3, end: 2, .. })), "{refused:?}"),
        }
        storage.create_new(segment, &bytes).unwrap();
    }
    for segment in &segments {
        storage.remove(segment).unwrap();
    }
    assert!(matches!(open(&storage).map(drop), Err(LogError::Missing { reached: 3, end: 0, .. })), "all are gone");
}

#[test]
fn marks_are_few_however_many_records_there_are() {
    let storage = Arc::new(MemoryStorage::new());
    let faulty = Arc::new(FaultyStorage::new(Arc::clone(&storage) as _));
    let log = open(&faulty).unwrap();
    for mark in 0..200 {
        append(&log, record(1, 20, mark)).unwrap();
    }
    let made = faulty.seen()[&Operation::CreateNew];
    assert!((10..30).contains(&made), "one each time the segment has grown by a quarter");
    assert_eq!(storage.list("marks").unwrap().len(), 1, "older ones are removed");
}

#[test]
fn a_flipped_bit_with_later_writes_behind_it_is_never_passed_over() {
    let boundaries = boundaries(4);
    for bit in 0..boundaries[3] * 8 {
        let storage = killed(4);
        let name = only_segment(&*storage);
        storage.flip_bit(&name, bit / 8, (bit % 8) as u8).unwrap();
        let damaged_at = boundaries.iter().copied().filter(|boundary| *boundary <= bit / 8).max().unwrap_or(0);
        match open(&storage).map(drop) {
            Err(LogError::Corrupt { segment, position, .. }) => assert_eq!((segment, position), (name, damaged_at)),
            other => panic!("bit {bit} flipped, opened as {other:?}"),
        }
    }
}

#[test]
fn after_a_clean_close_even_the_last_record_is_vouched_for() {
    let storage = Arc::new(MemoryStorage::new());
    let log = open(&storage).unwrap();
    for mark in 0..3 {
        append(&log, record(1, 20, mark)).unwrap();
    }
    drop(log);
    let last = boundaries(3)[2];
    storage.flip_bit(&only_segment(&*storage), last + 70, 3).unwrap();
    assert!(matches!(open(&storage).map(drop), Err(LogError::Corrupt { position, .. }) if position == last));
}

#[test]
fn a_group_that_was_torn_out_of_order_is_cut_off_whole_records() {
    let storage = Arc::new(MemoryStorage::new());
    let log = open(&storage).unwrap();
    append(&log, record(1, 20, 0)).unwrap();
    let release = hold(&log);
    for mark in 1..4 {
        log.append(record(1, 20, mark), Box::new(|_| {}));
    }
    drop(release);
    barrier(&log);
    storage.crash();
    drop(log);
    // The power failed before the group was synced, so before its mark, and the disk had its end but not all of its beginning.
    forget_marks(&*storage);
    storage.flip_bit(&only_segment(&*storage), boundaries(4)[2] + 80, 0).unwrap();
    let log = open(&storage).unwrap();
    assert_eq!(marks(&log).len(), 2);
    assert!(log.recovered_bytes() > 0);
}

#[test]
fn payloads_that_look_like_frames_are_not_taken_for_them() {
    let storage = killed(3);
    let name = only_segment(&*storage);
    let mut hostile = record(1, 0, 1);
    hostile.payload = storage.read(&name).unwrap();
    let log = open(&storage).unwrap();
    append(&log, hostile).unwrap();
    storage.crash();
    drop(log);
    let torn = storage.size(&name).unwrap() - 1;
    storage.truncate(&name, torn).unwrap();
    forget_marks(&*storage);
    assert_eq!(open(&storage).unwrap().end(), 3);
}

#[test]
fn damage_in_an_older_segment_is_found_by_its_reader() {
    let storage = Arc::new(MemoryStorage::new());
    let options = SegmentOptions { segment_bytes: 200, in_flight_bytes_max: 1 << 20 };
    let open = || SegmentLog::open(storage.clone() as _, "events", options);
    let log = open().unwrap();
    for mark in 0..12 {
        append(&log, record(1, 20, mark)).unwrap();
    }
    drop(log);
    let names = storage.list("events").unwrap();
    assert!(names.len() > 3, "{names:?}");
    storage.flip_bit(&names[1], 100, 0).unwrap();
    let log = open().unwrap();
    assert_eq!((log.start(), log.end()), (0, 12));
    assert!(matches!(read(&log, 0), Err(LogError::Corrupt { segment, .. }) if segment == names[1]));
    assert_eq!(read(&log, 8).unwrap().len(), 4);
    drop(log);

    let shorter = storage.size(&names[2]).unwrap() / 2;
    storage.truncate(&names[2], shorter).unwrap();
    let log = open().unwrap();
    assert!(matches!(read(&log, 5), Err(LogError::Corrupt { segment, .. }) if segment == names[2]));
    drop(log);

    storage.remove(&names[1]).unwrap();
    let log = open().unwrap();
    assert!(matches!(read(&log, 0), Err(LogError::Corrupt { segment, .. }) if segment == names[0]));
}

#[test]
fn a_segment_of_another_version_is_refused_and_kept() {
    let storage = Arc::new(MemoryStorage::new());
    let mut header = b"evntlog\n\x02\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
    let name = "events/00000000000000000000-000000.segment";
    storage.create_new(name, &header).unwrap();
    assert!(matches!(open(&storage).map(drop), Err(LogError::Corrupt { reason, .. }) if reason.contains("version 2")));
    assert_eq!(storage.read(name).unwrap(), header);
}

#[test]
fn one_bad_read_is_no_damage() {
    let memory = killed(10);
    let storage = Arc::new(FaultyStorage::new(memory));
    storage.inject(Rule {
        operation: Operation::Read,
        name_contains: String::new(),
        skip: 0,
        times: 1,
        fault: Fault::BitFlip,
    });
    let log = open(&storage).unwrap();
    assert_eq!((log.end(), log.recovered_bytes(), storage.struck()), (10, 0, 1));
}

/// Every way in which a write fails: the record and what waits behind it fail, nothing of them stays, work resumes.
#[test]
fn a_failed_write_fails_what_waits_and_leaves_no_trace() {
    let strikes = [(Fault::Full, 0), (Fault::Short, 0), (Fault::Io, 0), (Fault::Short, 1), (Fault::Full, 2)];
    for (fault, skip) in strikes {
        let memory = Arc::new(MemoryStorage::new());
        let storage = Arc::new(FaultyStorage::new(memory.clone()));
        let log = open(&storage).unwrap();
        append(&log, record(1, 20, 0)).unwrap();
        let before = log.bytes();

        storage.inject(Rule { operation: Operation::Append, name_contains: String::new(), skip, times: 1, fault });
        let release = hold(&log);
        let (decided, decisions) = mpsc::channel();
        for mark in 1..5 {
            let decided = decided.clone();
            // Large enough for several writes a group.
            log.append(record(1, 100_000, mark), Box::new(move |outcome| decided.send(outcome).unwrap()));
        }
        drop(release);
        assert_eq!(barrier(&log), 1);
        let decisions: Vec<_> = decisions.try_iter().collect();
        assert_eq!(decisions.len(), 4);
        assert!(decisions.iter().all(|outcome| matches!(outcome, Err(LogError::Storage(_)))), "{decisions:?}");
        assert_eq!((log.end(), log.bytes(), memory.size(&only_segment(&*memory)).unwrap()), (1, before, before));

        assert_eq!(append(&log, record(1, 20, 9)), Ok(1), "{fault:?} after {skip}");
        memory.crash();
        drop(log);
        let log = open(&memory).unwrap();
        assert_eq!(marks(&log), [(0, record(1, 20, 0)), (1, record(1, 20, 9))]);
    }
}

#[test]
fn a_full_disk_is_answered_until_there_is_space() {
    let storage = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let options = SegmentOptions { segment_bytes: 300, in_flight_bytes_max: 1 << 20 };
    let log = SegmentLog::open(storage.clone(), "events", options).unwrap();
    let mut end = 0;
    for round in 0..20u8 {
        assert_eq!(append(&log, record(1, 50, round)), Ok(end));
        end += 1;
        for operation in [Operation::Append, Operation::OpenAppend, Operation::Truncate] {
            storage.inject(Rule {
                operation,
                name_contains: String::new(),
                skip: 0,
                times: u64::MAX,
                fault: if operation == Operation::Append { Fault::Short } else { Fault::Full },
            });
        }
        for mark in 0..3 {
            let outcome = append(&log, record(1, 50, mark));
            assert!(matches!(outcome, Err(LogError::Storage(StorageError::Full { .. }))), "{outcome:?}");
        }
        assert_eq!(log.end(), end);
        storage.heal();
    }
    let offsets: Vec<_> = read(&log, 0).unwrap().into_iter().map(|(first, record)| (first, record.header)).collect();
    assert_eq!(offsets, (0..20u8).map(|mark| (u64::from(mark), record(1, 50, mark).header)).collect::<Vec<_>>());
}

#[test]
fn a_failed_sync_poisons_until_the_log_is_opened_anew() {
    for fault in [Fault::Io, Fault::Lost, Fault::Full] {
        let memory = Arc::new(MemoryStorage::new());
        let storage = Arc::new(FaultyStorage::new(memory.clone()));
        let log = open(&storage).unwrap();
        append(&log, record(1, 20, 0)).unwrap();
        storage.inject(Rule { operation: Operation::Sync, name_contains: String::new(), skip: 0, times: 1, fault });
        for mark in 1..4 {
            let outcome = append(&log, record(1, 20, mark));
            assert!(matches!(outcome, Err(LogError::Poisoned(_))), "{outcome:?}");
        }
        assert_eq!((log.end(), barrier(&log)), (1, 1));
        assert_eq!(marks(&log), [(0, record(1, 20, 0))], "what is durable can still be read");
        memory.crash();
        drop(log);
        let log = open(&storage).unwrap();
        assert_eq!(marks(&log), [(0, record(1, 20, 0))]);
        assert_eq!(append(&log, record(1, 20, 4)), Ok(1));
    }
}

#[test]
fn what_waits_together_is_synced_once() {
    let storage = Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new())));
    let log = open(&storage).unwrap();
    let release = hold(&log);
    let (decided, decisions) = mpsc::channel();
    for mark in 0..100 {
        let decided = decided.clone();
        log.append(record(1, 20, mark), Box::new(move |outcome| decided.send(outcome).unwrap()));
    }
    // A second sync would fail and poison the log.
    let name_contains = String::new();
    storage.inject(Rule { operation: Operation::Sync, name_contains, skip: 1, times: u64::MAX, fault: Fault::Io });
    drop(release);
    barrier(&log);
    assert_eq!(decisions.try_iter().collect::<Vec<_>>(), (0..100).map(Ok).collect::<Vec<_>>());
}

#[test]
fn bytes_that_were_written_but_not_synced_before_a_kill_are_synced_before_they_are_read() {
    let memory = Arc::new(MemoryStorage::new());
    let storage = Arc::new(FaultyStorage::new(memory.clone()));
    let log = open(&storage).unwrap();
    let name_contains = String::new();
    storage.inject(Rule { operation: Operation::Sync, name_contains, skip: 0, times: 1, fault: Fault::Io });
    assert!(append(&log, record(1, 20, 0)).is_err());
    drop(log);
    // Killed, not crashed: the kernel still has the bytes.
    let log = open(&storage).unwrap();
    assert_eq!(log.end(), 1);
    memory.crash();
    drop(log);
    assert_eq!(open(&memory).unwrap().end(), 1);
}

#[test]
fn trimming_that_fails_leaves_no_gap() {
    let memory = Arc::new(MemoryStorage::new());
    let storage = Arc::new(FaultyStorage::new(memory.clone()));
    let options = SegmentOptions { segment_bytes: 100, in_flight_bytes_max: 1 << 20 };
    let log = SegmentLog::open(storage.clone(), "events", options).unwrap();
    for mark in 0..10 {
        append(&log, record(1, 50, mark)).unwrap();
    }
    let name_contains = String::new();
    storage.inject(Rule { operation: Operation::Remove, name_contains, skip: 2, times: 1, fault: Fault::Io });
    assert!(matches!(log.trim(9), Err(LogError::Storage(_))));
    assert_eq!((log.start(), read(&log, 2).unwrap().len()), (2, 8));
    log.trim(9).unwrap();
    assert_eq!(log.start(), 8);
    drop(log);
    let log = SegmentLog::open(memory, "events", options).unwrap();
    assert_eq!((log.start(), log.end()), (8, 10));
}

#[test]
fn a_reader_overtaken_by_trimming_is_told_so() {
    let storage = Arc::new(MemoryStorage::new());
    let options = SegmentOptions { segment_bytes: 100, in_flight_bytes_max: 1 << 20 };
    let log = SegmentLog::open(storage, "events", options).unwrap();
    for mark in 0..10 {
        append(&log, record(1, 50, mark)).unwrap();
    }
    let mut records = log.read(0).unwrap();
    assert_eq!(records.next(), Some(Ok((0, record(1, 50, 0)))));
    log.trim(9).unwrap();
    let rest: Vec<_> = records.collect();
    assert_eq!(rest, [Err(LogError::Trimmed { asked: 0, start: 8 })]);
}
