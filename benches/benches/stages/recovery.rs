//! Recovery: from the files that a kill leaves to an engine that takes events: the log's tail is read, checked,
//! decoded, remembered for dedup and folded into the panes again; then the new epoch's first checkpoint is written.
//!
//! Limit: read the same files. Not here: tenants.

use std::path::Path;
use std::sync::Arc;

use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::storage::SharedStorage;
use engine::storage::local::LocalStorage;
use pipelines::metering::{MeteringOperator, MeteringOptions};
use tempfile::TempDir;

use crate::bench::{Bench, Figure, Work};
use crate::engine_on::Engine;
use crate::input::{self, ROWS};

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let batches = input::batches(tenants, bench.scaled(32));
        let (data, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let engine = open(data.path());
        engine.take(&batches);
        // Copied while the engine runs: without the checkpoint that draining it writes, as a kill would leave it.
        input::copy_folder(data.path(), killed.path());
        drop(engine);

        let setup = || {
            let copy = tempfile::tempdir().unwrap();
            input::copy_folder(killed.path(), copy.path());
            copy
        };
        let recover = |copy: TempDir| (open(copy.path()), copy);
        let read = |copy: TempDir| (read(copy.path()), copy);
        let name = format!("log tail, {tenants} tenants");
        let figure = Figure::events("recovery", name, batches.len() * ROWS, batches.len());
        bench.beside(figure, Work { setup, routine: recover }, "read the files", Work { setup, routine: read });
    }
}

fn open(folder: &Path) -> Engine<MeteringOperator> {
    let storage: SharedStorage = Arc::new(LocalStorage::open(folder).unwrap());
    let log = SegmentLog::open(Arc::clone(&storage), "log/events", SegmentOptions::default()).unwrap();
    let operator = |_| MeteringOperator::new(MeteringOptions::default(), Arc::clone(&storage));
    Engine::open(&storage, Arc::new(log), datasets::invocation_meters(), operator)
}

/// Reads everything below a folder.
fn read(folder: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(read(&entry.path()));
        } else {
            files.push(std::fs::read(entry.path()).unwrap());
        }
    }
    files
}
