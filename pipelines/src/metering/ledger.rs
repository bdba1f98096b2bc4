//! Ledgers: facts about tenants kept as panes are, in sorted deltas that merge, go into checkpoints once, and leave memory
//! when they are many. A row is a tenant, a text and a start, with marks and without states; equal rows merge into the one of
//! the largest revision.
//!
//! There are two: the rows that have ended, and the calendars that tenants are billed by. Not here: what they mean
//! ([`ended`](super::ended), [`calendars`](super::calendars)).

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use datafusion::common::Result;
use engine::calendar::Interval;
use engine::event::schema::text_type;

use crate::memory::Memory;

use super::compile::CompiledMeter;
use super::live::Counts;
use super::merge;
use super::since::Since;
use super::snapshot::MeterPanes;

/// Rows to be written into a ledger.
#[derive(Default)]
pub(super) struct Lines {
    tenants: Vec<String>,
    texts: Vec<String>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    revisions: Vec<i64>,
    watermarks: Vec<i64>,
}

impl Lines {
    /// Adds a row.
    pub(super) fn add(&mut self, tenant: &str, text: &str, time: Interval, since: Since) {
        self.tenants.push(tenant.to_owned());
        self.texts.push(text.to_owned());
        self.starts.push(time.start_us);
        self.ends.push(time.end_us);
        self.revisions.push(since.revision);
        self.watermarks.push(since.watermark_us);
    }
}

/// An empty ledger of that name.
pub(super) fn ledger(name: &str, text: &str) -> MeterPanes {
    let meter = Arc::new(CompiledMeter::ledger(name, text));
    MeterPanes { meter, since: Since::EVER, deltas: Vec::new(), cold: Vec::new(), counts: Counts::default() }
}

/// Writes `lines` into `ledger`.
pub(super) fn write(ledger: &mut MeterPanes, lines: Lines) -> Result<()> {
    let rows = lines.starts.len();
    if rows == 0 {
        return Ok(());
    }
    let texts = |texts: Vec<String>| -> Result<ArrayRef> { Ok(cast(&StringArray::from(texts), &text_type())?) };
    let longs = |longs: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(longs)) };
    let columns = vec![
        texts(lines.tenants)?,
        texts(lines.texts)?,
        longs(lines.starts.clone()),
        longs(lines.revisions),
        longs(lines.watermarks),
        longs(lines.starts),
        longs(lines.ends),
    ];
    let MeterPanes { meter, deltas, .. } = ledger;
    let unsorted = RecordBatch::try_new(Arc::clone(&meter.pane_schema), columns)?;
    // Sorts rows and dictionaries.
    let sorted = merge::merge(meter, [(&unsorted, 0..rows)].into_iter(), |_| true, &Memory::default())?;
    merge::push(meter, deltas, sorted);
    merge::merge_due(meter, deltas, usize::MAX)?;
    Ok(())
}
