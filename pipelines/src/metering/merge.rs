//! Merging: rows of deltas folded into fewer groups, by the same accumulators that made them.
//!
//! One operation serves all: deltas into a larger delta (groups stay what they are), panes into windows, panes into
//! billing periods. The order of folding does not matter (I4), since states merge associatively and commutatively.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::Int32Type;
use datafusion::common::Result;
use engine::event::batch::Texts;

use super::accumulate::{Accumulators, Marks};
use super::compile::CompiledMeter;
use super::delta::{Delta, Layout};
use super::key::Keys;
use super::symbol::{ABSENT, Symbols};
use super::wanted::Wanted;

/// So many deltas of one tier are merged into one of a higher tier; tiers grow by the same factor. A snapshot then holds
/// O(log n) deltas and each row is merged O(log n) times.
const FANOUT: usize = 4;

/// A pane row on its way into groups.
pub(super) struct Pane<'a> {
    /// Index within its delta.
    pub(super) row: usize,
    /// Whose.
    pub(super) tenant: &'a str,
    /// Its start, microseconds.
    pub(super) start_us: i64,
}

/// Rows being folded into groups.
pub(super) struct Fold<'m> {
    meter: &'m CompiledMeter,
    /// What groups are told apart by: the text columns of a delta, 0 being the tenant.
    texts: Vec<usize>,
    symbols: Symbols,
    keys: Keys,
    accumulators: Accumulators,
}

/// Groups with their states or values.
pub(super) struct Folded {
    pub(super) symbols: Symbols,
    pub(super) keys: Keys,
    pub(super) marks: Marks,
    pub(super) columns: Vec<ArrayRef>,
}

impl<'m> Fold<'m> {
    /// Into groups of equal `texts`: text columns of a delta, the tenant and then each dimension.
    pub(super) fn new(meter: &'m CompiledMeter, texts: Vec<usize>) -> Result<Self> {
        Ok(Self {
            meter,
            symbols: Symbols::default(),
            keys: Keys::new(texts.len()),
            texts,
            accumulators: Accumulators::new(meter)?,
        })
    }

    /// Folds rows in; `place` gives the starts of the groups that a pane belongs to, none to leave it out.
    pub(super) fn add(
        &mut self,
        panes: &RecordBatch,
        range: Range<usize>,
        place: &mut dyn FnMut(&Pane<'_>, &mut Vec<i64>),
    ) -> Result<()> {
        let starts = Layout::of(panes.schema_ref(), self.meter.states()).starts(panes);
        let text = |column: usize| Texts::new(panes.column(column).as_dictionary::<Int32Type>());
        let tenants = text(0);
        let texts: Vec<Texts<'_>> = self.texts.iter().map(|&column| text(column)).collect();
        let mut known: Vec<Vec<Option<u32>>> = texts.iter().map(|texts| vec![None; texts.values.len()]).collect();
        let (mut rows, mut groups) = (Vec::new(), Vec::new());
        let (mut codes, mut slots) = (vec![ABSENT; texts.len()], Vec::new());
        for row in range {
            let tenant = tenants.get(row).unwrap_or_default();
            slots.clear();
            place(&Pane { row, tenant, start_us: starts[row] }, &mut slots);
            if slots.is_empty() {
                continue;
            }
            for (column, code) in codes.iter_mut().enumerate() {
                *code = match texts[column].key(row) {
                    Some(key) => {
                        *known[column][key].get_or_insert_with(|| self.symbols.code(texts[column].values.value(key)))
                    }
                    None => ABSENT,
                };
            }
            for &slot in &slots {
                rows.push(row as u32);
                groups.push(self.keys.group(&codes, slot));
            }
        }
        self.accumulators.merge(panes, &UInt32Array::from(rows), &groups, self.keys.len())
    }

    /// The groups with their states.
    pub(super) fn states(mut self) -> Result<Folded> {
        let (marks, columns) = self.accumulators.drain()?;
        Ok(Folded { symbols: self.symbols, keys: self.keys, marks, columns })
    }

    /// Whether nothing was folded in.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.len() == 0
    }

    /// The groups with the value of each call.
    pub(super) fn values(mut self) -> Result<Folded> {
        let (marks, columns) = self.accumulators.evaluate()?;
        Ok(Folded { symbols: self.symbols, keys: self.keys, marks, columns })
    }
}

/// The same panes in one sorted batch, those whose start is `kept` only.
pub(super) fn merge<'a>(
    meter: &CompiledMeter,
    parts: impl Iterator<Item = (&'a RecordBatch, Range<usize>)>,
    kept: impl Fn(i64) -> bool,
) -> Result<RecordBatch> {
    let mut fold = Fold::new(meter, (0..=meter.dimensions.len()).collect())?;
    for (panes, range) in parts {
        fold.add(panes, range, &mut |pane, slots| {
            if kept(pane.start_us) {
                slots.push(pane.start_us);
            }
        })?;
    }
    let folded = fold.states()?;
    let ranks = folded.symbols.ranks();
    let order = folded.keys.order(&ranks, |_| true);
    let keys = Delta::keys(&folded.keys, &folded.symbols, &ranks, &order);
    Ok(Delta::build(meter, keys, &order, &folded.marks, &folded.columns)?)
}

/// Adds a delta and merges the smallest ones.
pub(super) fn push(meter: &CompiledMeter, deltas: &mut Vec<Arc<Delta>>, panes: RecordBatch) -> Result<()> {
    if panes.num_rows() == 0 {
        return Ok(());
    }
    deltas.push(Delta::new(panes, meter.states(), false));
    loop {
        let tier = |delta: &Arc<Delta>| delta.len().checked_ilog(FANOUT).unwrap_or_default();
        let last = deltas.last().map(tier).unwrap_or_default();
        let same = deltas.iter().rev().take_while(|delta| tier(delta) <= last).count();
        if same < FANOUT {
            return Ok(());
        }
        let from = deltas.len() - same;
        let merged = merge_resident(meter, &deltas[from..], |_| true)?;
        deltas.truncate(from);
        deltas.push(Delta::new(merged, meter.states(), false));
    }
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
    push(meter, deltas, hot)?;
    Ok(Some(Delta::new(cold, meter.states(), true)))
}

fn merge_resident(meter: &CompiledMeter, deltas: &[Arc<Delta>], kept: impl Fn(i64) -> bool) -> Result<RecordBatch> {
    let panes: Vec<_> = deltas.iter().filter_map(|delta| delta.resident()).collect();
    merge(meter, panes.iter().map(|panes| (panes.as_ref(), 0..panes.num_rows())), kept)
}
