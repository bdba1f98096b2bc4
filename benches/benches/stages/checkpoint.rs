//! Checkpoint: what was admitted since the last one becomes durable state: dedup runs, panes, manifest, of all shards.
//!
//! Limit: as many files of the same sizes, written and synced with their folder. Not here: moving events to the lake.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use engine::log::memory::MemoryLog;
use engine::storage::SharedStorage;
use engine::storage::local::LocalStorage;
use pipelines::metering::{MeteringOperator, MeteringOptions};

use crate::bench::{Bench, Figure, Work};
use crate::engine_on::Engine;
use crate::input::{self, ROWS};

/// Batches between two checkpoints.
const BATCHES: usize = 16;
/// Checkpoints before the first that is measured, so that there is something to merge with.
const EARLIER: usize = 3;

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let data = tempfile::tempdir().unwrap();
        let storage: SharedStorage = Arc::new(LocalStorage::open(data.path()).unwrap());
        let operator = |_| MeteringOperator::new(MeteringOptions::default(), Arc::clone(&storage));
        let log = Arc::new(MemoryLog::new().unwrap());
        let engine = Engine::open(&storage, log, datasets::invocation_meters(), operator);
        let stream = RefCell::new(input::generator(tenants));
        let count = bench.scaled(BATCHES);
        let take = || {
            let batches: Vec<_> = (0..count).map(|_| input::next(&mut stream.borrow_mut())).collect();
            engine.take(&batches);
        };
        let names = || BTreeSet::from_iter(storage.list("checkpoints").unwrap());
        let mut fresh = Vec::new();
        for _ in 0..EARLIER {
            let before = names();
            take();
            engine.0.checkpoint().unwrap();
            fresh = names().difference(&before).map(|name| vec![0x5a; storage.size(name).unwrap() as usize]).collect();
        }

        let checkpoint = |()| engine.0.checkpoint().unwrap();
        let plain = tempfile::tempdir().unwrap();
        let write = write_synced(plain.path(), &fresh);
        let name = format!("4 shards, {tenants} tenants");
        let figure = Figure::events("checkpoint", name, count * ROWS, count);
        let limit = Work { setup: || (), routine: write };
        bench.beside(figure, Work { setup: take, routine: checkpoint }, "same files, synced", limit);
    }
}

/// Writes `files` to `folder` under new names at each call, and syncs each and the folder.
pub(crate) fn write_synced(folder: &Path, files: &[Vec<u8>]) -> impl FnMut(()) {
    let mut written = 0;
    move |()| {
        for bytes in files {
            written += 1;
            let mut file = File::create_new(folder.join(written.to_string())).unwrap();
            file.write_all(bytes).unwrap();
            file.sync_all().unwrap();
            File::open(folder).unwrap().sync_all().unwrap();
        }
    }
}
