//! Takes tenants out of panes: deltas that hold rows of theirs are built anew from the rows of the others.
//!
//! Built anew and not filtered, so that not even the names stay in dictionaries. Not here: events, checkpoints.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow::array::RecordBatch;
use engine::shard::operator::RestoreError;
use engine::storage::Storage;

use crate::memory::Memory;

use super::delta::{Delta, rows_of};
use super::merge;
use super::operator::OWN_STATES;
use super::snapshot::MeterPanes;
use super::wanted::Wanted;

/// Drops all rows of `tenants`; cold ones are read from `storage` and stay at hand until the next seal.
pub(super) fn forget(
    panes: &mut MeterPanes,
    tenants: &BTreeSet<String>,
    storage: &dyn Storage,
) -> Result<(), RestoreError> {
    let MeterPanes { meter, deltas, cold, .. } = panes;
    let names: Vec<String> = tenants.iter().cloned().collect();
    let theirs = Wanted { tenants: Some(&names), ..Wanted::ALL };
    for (list, is_cold) in [(deltas, false), (cold, true)] {
        let mut left = Vec::with_capacity(list.len());
        for delta in list.drain(..) {
            if !delta.touches(&theirs) {
                left.push(delta);
                continue;
            }
            let rows = delta.panes(&Wanted::ALL, storage)?;
            let others = others(&rows, tenants);
            if others.iter().map(Range::len).sum::<usize>() == rows.num_rows() {
                left.push(delta);
                continue;
            }
            let parts = others.into_iter().map(|range| (&rows, range));
            let rest = merge::merge(meter, parts, |_| true, &Memory::default()).expect(OWN_STATES);
            if rest.num_rows() > 0 {
                left.push(Delta::new(rest, meter.states(), is_cold));
            }
        }
        *list = left;
    }
    Ok(())
}

/// The stretches of rows between those of `tenants`, which are sorted as the rows are.
fn others(rows: &RecordBatch, tenants: &BTreeSet<String>) -> Vec<Range<usize>> {
    let mut others = Vec::new();
    let mut from = 0;
    for theirs in tenants.iter().map(|tenant| rows_of(rows, tenant)).filter(|theirs| !theirs.is_empty()) {
        others.push(from..theirs.start);
        from = theirs.end;
    }
    others.push(from..rows.num_rows());
    others.retain(|range| !range.is_empty());
    others
}
