//! Lake: a piece of the log moves there: read, sorted by tenant and time, written as Parquet, durably.
//!
//! Limit: the same files, written and synced with their folder. Not here: who waits for it (nobody), erasing.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;

use engine::event::ipc;
use engine::lake::Lake;
use engine::log::memory::MemoryLog;
use engine::log::{Header, Log, Record};
use engine::storage::Storage;
use engine::storage::local::LocalStorage;
use pipelines::lake::ParquetLake;

use crate::bench::{Bench, Figure, Work};
use crate::input::{self, NOW_US, ROWS};

/// Batches of a piece.
const BATCHES: usize = 64;

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let count = bench.scaled(BATCHES);
        let log = MemoryLog::new().unwrap();
        for batch in input::batches(tenants, count) {
            let header = Header { shard: 0, epoch: 1, rows: ROWS as u32, watermark_us: NOW_US, admitted_at_us: NOW_US };
            let record = Record { header, payload: ipc::encode(&batch).unwrap(), notes: Vec::new() };
            log.append(record, Box::new(|appended| assert!(appended.is_ok())));
        }
        let (reached, is_reached) = std::sync::mpsc::channel();
        log.barrier(Box::new(move |end| reached.send(end).unwrap()));
        let end = is_reached.recv().unwrap();

        let data = tempfile::tempdir().unwrap();
        let storage = LocalStorage::open(data.path()).unwrap();
        let moves = Cell::new(0);
        let archive = |()| {
            moves.set(moves.get() + 1);
            let prefix = format!("lake/events/{}-", moves.get());
            ParquetLake.archive(&log, 0, end, &BTreeSet::new(), &storage, &prefix).unwrap()
        };
        let sizes: Vec<usize> = archive(()).iter().map(|file| storage.size(&file.name).unwrap() as usize).collect();
        let files: Vec<Vec<u8>> = sizes.iter().map(|size| vec![0x5a; *size]).collect();
        let plain = tempfile::tempdir().unwrap();
        let mut written = 0;
        let write = |()| {
            for bytes in &files {
                written += 1;
                let mut file = File::create_new(plain.path().join(written.to_string())).unwrap();
                file.write_all(bytes).unwrap();
                file.sync_all().unwrap();
                File::open(plain.path()).unwrap().sync_all().unwrap();
            }
        };
        let bytes: usize = sizes.iter().sum();
        println!(
            "{:.1} bytes an event in the log, {:.1} in the lake",
            log.bytes() as f64 / end as f64,
            bytes as f64 / end as f64
        );
        let figure = Figure::events("lake", format!("move, {tenants} tenants"), count * ROWS, count);
        let work = Work { setup: || (), routine: archive };
        bench.beside(figure, work, "same files, synced", Work { setup: || (), routine: write });
    }
}
