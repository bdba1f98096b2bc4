//! Pane update: admitted batches are folded into the panes of five meters over one shard.
//!
//! Limit: walk the same groups (tenant, dimensions, minute) through one hash table with one count and one sum, keys
//! hashed beforehand. Not here: publishing them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int32Type;
use engine::event::batch::{EventBatch, Texts};
use engine::shard::{Operator, Position};
use engine::storage::memory::MemoryStorage;
use hashbrown::HashTable;
use pipelines::metering::{MeteringOperator, MeteringOptions};
use xxhash_rust::xxh3::xxh3_64;

use crate::bench::{Bench, Figure, Work};
use crate::input::{self, NOW_US, ROWS, START_US};

/// Length of the panes that the meters' windows are cut into.
const PANE_US: i64 = 60_000_000;

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let batches = input::batches(tenants, bench.scaled(16));
        let keys: Vec<(u64, i64)> = batches.iter().flat_map(groups).collect();
        let apply = |mut operator: MeteringOperator| {
            fold(&mut operator, 0, &batches);
            operator
        };
        let walk = |()| {
            let mut panes: HashTable<(u64, u64, i128)> = HashTable::new();
            for (key, value) in &keys {
                let mut pane =
                    panes.entry(*key, |(other, ..)| other == key, |(other, ..)| *other).or_insert((*key, 0, 0));
                let (_, count, sum) = pane.get_mut();
                *count += 1;
                *sum += i128::from(*value);
            }
            panes
        };
        let figure =
            Figure::events("panes", format!("5 meters, {tenants} tenants"), batches.len() * ROWS, batches.len());
        let limit = Work { setup: || (), routine: walk };
        bench.beside(figure, Work { setup: operator, routine: apply }, "hash table, one sum", limit);
    }
}

/// One shard's, with the meters of the data set.
pub(crate) fn operator() -> MeteringOperator {
    let mut operator = MeteringOperator::new(MeteringOptions::default(), Arc::new(MemoryStorage::new()));
    let meters: Vec<_> = datasets::invocation_meters().into_iter().map(Into::into).collect();
    operator.configure(&meters, None).expect("there is nothing to be read yet");
    operator
}

/// Folds the batches in, which stand in the log from `offset` on.
pub(crate) fn fold(operator: &mut MeteringOperator, offset: u64, batches: &[EventBatch]) {
    for (at, batch) in (0..).zip(batches) {
        let offset = offset + at * ROWS as u64;
        operator.apply(batch, Position { offset, watermark_us: START_US, admitted_at_us: NOW_US });
    }
}

/// Each event's group, hashed, and something to sum.
pub(crate) fn groups(batch: &EventBatch) -> Vec<(u64, i64)> {
    let texts = |column: &ArrayRef| -> Vec<u64> {
        let texts = Texts::new(column.as_dictionary::<Int32Type>());
        (0..column.len()).map(|row| xxh3_64(texts.get(row).unwrap_or_default().as_bytes())).collect()
    };
    let columns = [batch.record_batch().column(0), batch.data("/function").unwrap(), batch.data("/trigger").unwrap()];
    let columns = columns.map(texts);
    let hash = |(row, &time_us): (usize, &i64)| {
        let pane = time_us / PANE_US;
        let key: Vec<u8> =
            columns.iter().flat_map(|column| column[row].to_le_bytes()).chain(pane.to_le_bytes()).collect();
        (xxh3_64(&key), time_us)
    };
    batch.times().values().iter().enumerate().map(hash).collect()
}
