//! The crate's readers and generators, over real files and damaged ones.

#![allow(clippy::unwrap_used)]

mod azure;
mod cloudevents;
mod csv;
mod generator;
mod parquet;
mod parquet_types;
mod trace;

use engine::event::batch::EventBatch;
use engine::units::Units;

/// An import in 2030 that gives batches of `rows_per_batch`.
fn options(rows_per_batch: usize) -> datasets::ImportOptions {
    datasets::ImportOptions { rows_per_batch, ..datasets::ImportOptions::new(1_900_000_000_000_000) }
}

/// Reads batches row by row as plain values, for comparison with independently computed ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    time_us: i64,
    tenant: String,
    source: String,
    id: String,
}

fn events(batch: &EventBatch) -> impl Iterator<Item = Event> + '_ {
    let (tenants, sources, ids, times) = (batch.tenants(), batch.sources(), batch.ids(), batch.times());
    (0..batch.len()).map(move |row| Event {
        time_us: times.value(row),
        tenant: tenants.get(row).unwrap().to_owned(),
        source: sources.get(row).unwrap().to_owned(),
        id: ids.value(row).to_owned(),
    })
}

/// The quantities of a data column.
fn units(batch: &EventBatch, pointer: &str) -> Vec<Option<Units>> {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Decimal128Type;
    let column = batch.data(pointer).unwrap().as_primitive::<Decimal128Type>();
    (0..column.len()).map(|row| column.is_valid(row).then(|| Units(column.value(row)))).collect()
}

/// The texts of a data column.
fn texts(batch: &EventBatch, pointer: &str) -> Vec<Option<String>> {
    use arrow::array::AsArray;
    use engine::event::batch::Texts;
    let column = Texts::new(batch.data(pointer).unwrap().as_dictionary());
    (0..batch.len()).map(|row| column.get(row).map(str::to_owned)).collect()
}
