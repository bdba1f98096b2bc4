//! Log append: batches become Arrow streams, streams become durable records.
//!
//! Limits: a copy of the bytes; the same bytes written to a file and synced as often. Not here: who waits for the
//! answer.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, mpsc};

use engine::event::ipc;
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Header, Log, Record};
use engine::storage::SharedStorage;
use engine::storage::local::LocalStorage;

use crate::bench::{Bench, Figure, Work};
use crate::decode::copy;
use crate::input::{self, NOW_US, ROWS};

/// Segments, and the plain file beside them, end here.
const SEGMENT_BYTES: u64 = 64 << 20;

pub(crate) fn bench(bench: &mut Bench) {
    let batches = input::batches(1_000, bench.scaled(16));
    let records: Vec<Record> = batches
        .iter()
        .map(|batch| {
            let header = Header { shard: 0, epoch: 1, rows: ROWS as u32, watermark_us: NOW_US, admitted_at_us: NOW_US };
            Record { header, payload: ipc::encode(batch).unwrap(), notes: Vec::new() }
        })
        .collect();

    let encode = |()| ipc::encode(&batches[0]).unwrap();
    let figure = Figure::events("log", "encode", ROWS, 1);
    bench.beside(figure, Work { setup: || (), routine: encode }, "copy", copy(&records[0].payload));

    let data = tempfile::tempdir().unwrap();
    let storage: SharedStorage = Arc::new(LocalStorage::open(data.path()).unwrap());
    let options = SegmentOptions { segment_bytes: SEGMENT_BYTES, ..SegmentOptions::default() };
    let log = SegmentLog::open(storage, "log", options).unwrap();
    for (name, per_sync) in [("append, sync each record", 1), ("append, sync 16 records", records.len())] {
        let setup = || {
            // Trimming goes by whole segments, so the folder stays small.
            log.trim(log.end()).unwrap();
            records.clone()
        };
        let append = |records: Vec<Record>| {
            let mut records = records.into_iter();
            loop {
                let group: Vec<Record> = records.by_ref().take(per_sync).collect();
                if group.is_empty() {
                    break;
                }
                append(&log, group);
            }
        };
        let write = |mut file: File| {
            for group in records.chunks(per_sync) {
                group.iter().for_each(|record| file.write_all(&record.payload).unwrap());
                file.sync_data().unwrap();
            }
        };
        let figure = Figure::events("log", name, records.len() * ROWS, records.len());
        let limit = Work { setup: || plain(data.path()), routine: write };
        bench.beside(figure, Work { setup, routine: append }, "write, sync as often", limit);
    }
}

/// Appends records so that one sync makes them all durable: a barrier keeps the log's thread until all of them wait.
fn append(log: &SegmentLog, records: Vec<Record>) {
    let (release, released) = mpsc::channel::<()>();
    let (decided, decisions) = mpsc::channel();
    let count = records.len();
    if count > 1 {
        log.barrier(Box::new(move |_| {
            // Ends when the other side lets go.
            let _ = released.recv();
        }));
    }
    for record in records {
        let decided = decided.clone();
        log.append(record, Box::new(move |outcome| decided.send(outcome).unwrap()));
    }
    drop(release);
    assert!(decisions.iter().take(count).all(|outcome| outcome.is_ok()));
}

/// A file that grows as a segment does, and is followed by an empty one as a segment is.
fn plain(folder: &Path) -> File {
    let path = folder.join("plain");
    let file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
    if file.metadata().unwrap().len() < SEGMENT_BYTES {
        return file;
    }
    std::fs::remove_file(&path).unwrap();
    File::create_new(&path).unwrap()
}
