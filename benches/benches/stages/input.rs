//! What the stages are fed: generated invocations, by seed. Not here: what is done with them.

use std::path::Path;

use datasets::generator::{Generator, GeneratorOptions};
use engine::event::batch::EventBatch;

/// First instant of the stream, in µs since the epoch.
pub(crate) const START_US: i64 = 1_700_000_000_000_000;
/// The clock of a stage that asks for one: behind all of its events.
pub(crate) const NOW_US: i64 = START_US + 3_600_000_000;
/// Secret of the fingerprints.
pub(crate) const SEED: u64 = 7;
/// Of every batch.
pub(crate) const ROWS: usize = datasets::ROWS_PER_BATCH;

/// A stream of different events; those who want duplicates send a batch twice.
pub(crate) fn generator(tenants: u32) -> Generator {
    let options = GeneratorOptions { tenants, duplicates_ppm: 0, ..GeneratorOptions::default() };
    Generator::new(options, START_US).unwrap()
}

/// The stream's next batch, of exactly [`ROWS`].
pub(crate) fn next(generator: &mut Generator) -> EventBatch {
    generator.next(i64::MAX).unwrap().unwrap().slice(0, ROWS)
}

/// The first batches of a stream.
pub(crate) fn batches(tenants: u32, count: usize) -> Vec<EventBatch> {
    let mut generator = generator(tenants);
    (0..count).map(|_| next(&mut generator)).collect()
}

/// Copies a folder and all below it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
