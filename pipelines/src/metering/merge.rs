//! Merging: rows of deltas folded into fewer groups, by the same accumulators that made them.
//!
//! One operation serves all: deltas into a larger delta (groups stay what they are), panes into windows, panes into
//! billing periods. Rows are gathered first and put in order together: deltas are sorted and so are their dictionaries,
//! so this is merging and not sorting, and nothing is hashed. The order of folding does not matter (I4), since states
//! merge associatively and commutatively.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{filter, take_record_batch};
use arrow::datatypes::Int32Type;
use datafusion::common::Result;
use engine::event::batch::Texts;

use crate::memory::{Held, Memory};

use super::accumulate::{Accumulators, Marks, kept};
use super::compile::CompiledMeter;
use super::delta::{Delta, Layout};
use super::order::Order;
use super::unified::Unified;
use super::wanted::Wanted;

/// So many deltas of one tier are merged into one of a higher tier; tiers grow by the same factor. A snapshot then holds
/// O(log n) deltas and each row is merged O(log n) times.
const FANOUT: usize = 4;
/// What a group takes in a column while its state is computed, about.
const STATE_BYTES: usize = 32;

/// A pane row on its way into groups.
pub(super) struct Pane<'a> {
    /// Index within its delta.
    pub(super) row: usize,
    /// Whose.
    pub(super) tenant: &'a str,
    /// Its start, microseconds.
    pub(super) start_us: i64,
}

/// Rows that are to be folded into groups.
pub(super) struct Fold<'m> {
    meter: &'m CompiledMeter,
    /// What groups are told apart by: text columns of a delta, 0 being the tenant.
    texts: Vec<usize>,
    parts: Vec<RecordBatch>,
    /// Start of the group of each row of the parts.
    starts: Vec<i64>,
    held: Held,
}

/// Groups, sorted by texts and start, with their states or values.
pub(super) struct Folded {
    /// The text columns, dictionaries of exactly what is in use, sorted.
    pub(super) texts: Vec<ArrayRef>,
    pub(super) starts: Vec<i64>,
    pub(super) marks: Marks,
    pub(super) columns: Vec<ArrayRef>,
    held: Held,
}

impl<'m> Fold<'m> {
    /// Into groups of equal `texts`: text columns of a delta, the tenant and then each dimension. What is built on the way is
    /// taken from `memory`.
    pub(super) fn new(meter: &'m CompiledMeter, texts: Vec<usize>, memory: &Memory) -> Self {
        let held = memory.hold(0).unwrap_or_default();
        Self { meter, texts, parts: Vec::new(), starts: Vec::new(), held }
    }

    /// Folds rows in; `place` gives the starts of the groups that a pane belongs to, none to leave it out.
    pub(super) fn add(
        &mut self,
        panes: &RecordBatch,
        range: Range<usize>,
        place: &mut dyn FnMut(&Pane<'_>, &mut Vec<i64>),
    ) -> Result<()> {
        let starts = Layout::of(panes.schema_ref(), self.meter.states()).starts(panes);
        let tenants = Texts::new(panes.column(0).as_dictionary::<Int32Type>());
        let mut rows: Vec<u32> = Vec::with_capacity(range.len());
        for row in range.clone() {
            let (tenant, before) = (tenants.get(row).unwrap_or_default(), self.starts.len());
            place(&Pane { row, tenant, start_us: starts[row] }, &mut self.starts);
            rows.extend(std::iter::repeat_n(row as u32, self.starts.len() - before));
        }
        let is_whole = rows.len() == range.len() && rows.iter().zip(range.clone()).all(|(&row, at)| row as usize == at);
        let row_bytes = if is_whole { 0 } else { panes.get_array_memory_size().div_ceil(panes.num_rows().max(1)) };
        self.held.grow(rows.len() * (row_bytes + size_of::<i64>()))?;
        self.parts.push(match is_whole {
            true => panes.slice(range.start, range.len()),
            false => take_record_batch(panes, &UInt32Array::from(rows))?,
        });
        Ok(())
    }

    /// Whether nothing was folded in.
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The groups with their states.
    pub(super) fn states(self) -> Result<Folded> {
        self.fold(Accumulators::drain)
    }

    /// The groups with the value of each call.
    pub(super) fn values(self) -> Result<Folded> {
        self.fold(Accumulators::evaluate)
    }

    fn fold(mut self, take: impl FnOnce(&mut Accumulators) -> Result<(Marks, Vec<ArrayRef>)>) -> Result<Folded> {
        // Codes of each row, its place and its group.
        self.held.grow(self.starts.len() * (self.texts.len() * size_of::<u32>() + 2 * size_of::<usize>()))?;
        let column = |at: usize| Unified::of(self.parts.iter().map(move |part| part.column(at).as_dictionary()));
        let mut texts: Vec<Unified> = self.texts.iter().map(|&at| column(at)).collect();
        let codes: Vec<Vec<u32>> = texts.iter_mut().map(|texts| std::mem::take(&mut texts.codes)).collect();
        let Order { firsts, groups } = Order::of(&codes, &self.starts);
        let columns = self.parts.first().map_or(0, RecordBatch::num_columns);
        self.held.grow(firsts.len() * columns * STATE_BYTES)?;
        let mut accumulators = Accumulators::new(self.meter)?;
        accumulators.merge(&self.parts, &groups, firsts.len())?;
        let (marks, columns) = take(&mut accumulators)?;
        let codes_of = |codes: &Vec<u32>| firsts.iter().map(|&row| codes[row as usize]).collect::<Vec<_>>();
        Ok(Folded {
            texts: texts.iter().zip(&codes).map(|(texts, codes)| texts.column(&codes_of(codes))).collect(),
            starts: firsts.iter().map(|&row| self.starts[row as usize]).collect(),
            marks,
            columns,
            held: self.held,
        })
    }
}

impl Folded {
    /// Only the groups whose flag is set.
    pub(super) fn retain(self, flags: &BooleanArray) -> Result<Self> {
        let filter =
            |columns: &[ArrayRef]| columns.iter().map(|column| filter(column, flags)).collect::<Result<_, _>>();
        Ok(Self {
            texts: filter(&self.texts)?,
            starts: kept(&self.starts, flags),
            marks: self.marks.retain(flags),
            columns: filter(&self.columns)?,
            held: self.held,
        })
    }
}

/// The same panes in one sorted batch, those whose start is `kept` only.
pub(super) fn merge<'a>(
    meter: &CompiledMeter,
    parts: impl Iterator<Item = (&'a RecordBatch, Range<usize>)>,
    kept: impl Fn(i64) -> bool,
    memory: &Memory,
) -> Result<RecordBatch> {
    let mut fold = Fold::new(meter, (0..=meter.dimensions.len()).collect(), memory);
    for (panes, range) in parts {
        fold.add(panes, range, &mut |pane, slots| {
            if kept(pane.start_us) {
                slots.push(pane.start_us);
            }
        })?;
    }
    // Without groups some accumulators do not even give empty columns.
    if fold.is_empty() {
        return Ok(RecordBatch::new_empty(meter.pane_schema.clone()));
    }
    let Folded { mut texts, starts, marks, columns, held: _held } = fold.states()?;
    texts.push(Arc::new(Int64Array::from(starts)));
    texts.extend(marks.into_columns());
    texts.extend(columns);
    Ok(RecordBatch::try_new(meter.pane_schema.clone(), texts)?)
}

/// Adds a delta.
pub(super) fn push(meter: &CompiledMeter, deltas: &mut Vec<Arc<Delta>>, panes: RecordBatch) {
    if panes.num_rows() > 0 {
        deltas.push(Delta::new(panes, meter.states(), false));
    }
}

/// The last deltas that are to be merged into one: where they begin and how many rows they have.
fn due(deltas: &[Arc<Delta>]) -> Option<(usize, usize)> {
    let tier = |delta: &&Arc<Delta>| delta.len().checked_ilog(FANOUT).unwrap_or_default();
    let last = tier(&deltas.last()?);
    let same = deltas.iter().rev().take_while(|delta| tier(delta) <= last).count();
    let from = deltas.len() - same;
    (same >= FANOUT).then(|| (from, deltas[from..].iter().map(|delta| delta.len()).sum()))
}

/// Merges what is due, until about `rows` rows are merged; how many that were, and whether nothing is due any more.
pub(super) fn merge_due(meter: &CompiledMeter, deltas: &mut Vec<Arc<Delta>>, rows: usize) -> Result<(usize, bool)> {
    let mut merged = 0;
    while let Some((from, due)) = due(deltas) {
        if merged >= rows {
            return Ok((merged, false));
        }
        let panes = merge_resident(meter, &deltas[from..], |_| true)?;
        deltas.truncate(from);
        push(meter, deltas, panes);
        merged += due;
    }
    Ok((merged, true))
}

/// Splits what starts before `cutoff_us` off into a cold delta, if that is at least `rows_min` rows.
pub(super) fn split(
    meter: &CompiledMeter,
    deltas: &mut Vec<Arc<Delta>>,
    cutoff_us: i64,
    rows_min: usize,
) -> Result<Option<Arc<Delta>>> {
    let is_cold = |start: i64| start < cutoff_us;
    let wanted = Wanted { starts: (i64::MIN, cutoff_us), ..Wanted::ALL };
    let mut cold_rows = 0;
    for panes in deltas.iter().filter(|delta| delta.touches(&wanted)).filter_map(|delta| delta.resident()) {
        let starts = Layout::of(panes.schema_ref(), meter.states()).starts(&panes);
        cold_rows += starts.iter().filter(|&&start| is_cold(start)).count();
    }
    if cold_rows < rows_min.max(1) {
        return Ok(None);
    }
    let cold = merge_resident(meter, deltas, is_cold)?;
    let hot = merge_resident(meter, deltas, |start| !is_cold(start))?;
    deltas.clear();
    push(meter, deltas, hot);
    Ok(Some(Delta::new(cold, meter.states(), true)))
}

fn merge_resident(meter: &CompiledMeter, deltas: &[Arc<Delta>], kept: impl Fn(i64) -> bool) -> Result<RecordBatch> {
    let panes: Vec<_> = deltas.iter().filter_map(|delta| delta.resident()).collect();
    merge(meter, panes.iter().map(|panes| (panes.as_ref(), 0..panes.num_rows())), kept, &Memory::default())
}
