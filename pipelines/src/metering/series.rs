//! The series of one tenant: those that panes hold since an offset, and those of events that are on their way to them.
//!
//! Not here: how many there may be (`cardinality`).

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use engine::event::batch::{EventBatch, Texts};
use engine::shard::RestoreError;
use engine::storage::Storage;

use super::cardinality::{Series, SeriesSet, series};
use super::compile::CompiledMeter;
use super::delta::{Layout, rows_of, same_series};
use super::key::Keys;
use super::snapshot::MeterPanes;
use super::symbol::Symbols;
use super::value::Rows;
use super::wanted::Wanted;

/// Adds the series of `tenant` that got an event at `since` or later; how many rows were looked at.
pub(super) fn held(
    panes: &MeterPanes,
    tenant: &str,
    since: i64,
    storage: &dyn Storage,
    found: &mut SeriesSet,
) -> Result<usize, RestoreError> {
    let tenants = [tenant.to_owned()];
    let wanted = Wanted { tenants: Some(&tenants), ..Wanted::ALL };
    let dimensions = panes.meter.dimensions.len();
    let mut looked_at = 0;
    for delta in panes.all().filter(|delta| delta.last_revision() >= since && delta.touches(&wanted)) {
        let rows = delta.panes(&wanted, storage)?;
        let range = rows_of(&rows, tenant);
        looked_at += range.len();
        let [revisions, ..] = Layout::of(rows.schema_ref(), panes.meter.states()).marks(&rows);
        let texts: Vec<Texts<'_>> =
            (1..=dimensions).map(|column| Texts::new(rows.column(column).as_dictionary::<Int32Type>())).collect();
        let mut last = None;
        for row in range.filter(|&row| revisions[row] >= since) {
            // Rows of a series stand together.
            if last.is_none_or(|last| !same_series(&rows, dimensions, last, row)) {
                found.insert(series(texts.iter().map(|texts| texts.get(row))));
            }
            last = Some(row);
        }
    }
    Ok(looked_at)
}

/// Gives the rows of `batch` that `meter` looks at and whose tenant is `wanted`: row, key of the tenant's name in the batch,
/// and series.
pub(super) fn brought(
    meter: &CompiledMeter,
    batch: &EventBatch,
    wanted: impl Fn(usize) -> bool,
    mut each: impl FnMut(usize, usize, Series),
) {
    let Some(mut rows) = Rows::of(batch, meter.event_type.as_deref()) else { return };
    if let Some((passing, _)) = meter.passing(&mut rows) {
        rows = passing;
    }
    let mut symbols = Symbols::default();
    let columns: Vec<Vec<u32>> = meter.dimensions.iter().map(|dimension| rows.codes(dimension, &mut symbols)).collect();
    // Texts are hashed once for all rows that have the same ones.
    let (mut keys, mut hashes) = (Keys::new(columns.len()), Vec::new());
    let mut codes = vec![0; columns.len()];
    let tenants = rows.tenants();
    for row in 0..rows.len() {
        let position = rows.position(row);
        let Some(tenant) = tenants.key(position).filter(|&tenant| wanted(tenant)) else { continue };
        for (code, column) in codes.iter_mut().zip(&columns) {
            *code = column[row];
        }
        let group = keys.group(&codes, 0);
        if group == hashes.len() {
            hashes.push(series(codes.iter().map(|&code| symbols.text(code))));
        }
        each(position, tenant, hashes[group]);
    }
}
