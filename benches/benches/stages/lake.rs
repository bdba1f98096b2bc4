//! Lake: a piece of the log moves there: read, sorted by tenant and time, written as Parquet, durably.
//!
//! Limit: the same files, written and synced with their folder. Not here: who waits for it (nobody), erasing.

use std::cell::Cell;
use std::collections::BTreeSet;

use engine::event::ipc;
use engine::lake::Lake;
use engine::log::memory::MemoryLog;
use engine::log::{Header, Log, Record};
use engine::storage::Storage;
use engine::storage::local::LocalStorage;
use pipelines::lake::ParquetLake;

use crate::bench::{Bench, Figure, Work};
use crate::checkpoint::write_synced;
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
        let (reached, is_reached) = std::sync::mpsc::sync_channel(1);
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
        let write = write_synced(plain.path(), &files);
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
