//! Admission, seen from outside: a batch is split by shard, judged by its worker, encoded for the log and answered,
//! with nothing behind it: the log keeps in memory, the gate is open, the operator computes nothing. Dedup is part of
//! it and stands alone in the next stage.
//!
//! Limit: hash each event's id and put it into a table.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::admission::{Rejection, RejectionCount};
use engine::calendar::Interval;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::fact::Billed;
use engine::log::memory::MemoryLog;
use engine::shard::{Arrival, Operator, Position, RestoreError, Seal, SealedFiles};
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, Storage, StorageError};
use hashbrown::HashTable;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::bench::{Bench, Figure, Work};
use crate::engine_on::Engine;
use crate::input::{self, ROWS, SEED};

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let batches = input::batches(tenants, bench.scaled(16));
        let open = || {
            let storage: SharedStorage = Arc::new(MemoryStorage::new());
            Engine::open(&storage, Arc::new(MemoryLog::new().unwrap()), Vec::new(), |_| Nothing)
        };
        let admit = |engine: Engine<Nothing>| {
            engine.take(&batches);
            engine
        };
        let hash = |()| {
            let mut known: HashTable<u128> = HashTable::new();
            for id in batches.iter().flat_map(|batch| batch.ids().iter().flatten()) {
                let key = xxh3_128_with_seed(id.as_bytes(), SEED);
                known.entry(key as u64, |other| *other == key, |other| *other as u64).insert(key);
            }
            known
        };
        let name = format!("memory log, {tenants} tenants");
        let figure = Figure::events("admission", name, batches.len() * ROWS, batches.len());
        let limit = Work { setup: || (), routine: hash };
        bench.beside(figure, Work { setup: open, routine: admit }, "hash ids, insert", limit);
    }
}

/// Computes nothing.
struct Nothing;

impl Operator for Nothing {
    type Snapshot = ();

    fn vet(&mut self, _: &Arrival<'_>, _: &mut dyn FnMut(usize, Rejection)) {}

    fn expect(&mut self, _: &EventBatch) {}

    fn units(&self, _: &str, _: &EventBatch) -> Option<Vec<i128>> {
        None
    }

    fn used(&mut self, _: &str, _: &str, _: Interval) -> Option<i128> {
        Some(0)
    }

    fn apply(&mut self, _: &EventBatch, _: Position) {}

    fn reject(&mut self, _: &[RejectionCount], _: Position) {}

    fn publish(&mut self, _: i64) -> Arc<()> {
        Arc::new(())
    }

    fn seal(&mut self) -> Box<dyn Seal> {
        Box::new(Self)
    }

    fn restore(&mut self, _: &Value, _: &dyn Storage) -> Result<(), RestoreError> {
        Ok(())
    }

    fn follows(&self, _: &[Definition]) -> bool {
        true
    }

    fn configure(&mut self, _: &[Definition], _: Option<Position>) -> Result<Vec<String>, RestoreError> {
        Ok(Vec::new())
    }

    fn bill(&mut self, _: &Billed, _: Position) -> Result<(), RestoreError> {
        Ok(())
    }

    fn forget(&mut self, _: &BTreeSet<String>, _: Position) -> Result<(), RestoreError> {
        Ok(())
    }

    fn backfill(&mut self, _: &[String], _: &EventBatch, _: Position) {}
}

impl Seal for Nothing {
    fn write(self: Box<Self>, _: &dyn Storage, _: &str, _: &mut SealedFiles) -> Result<Value, StorageError> {
        Ok(Value::Null)
    }
}
