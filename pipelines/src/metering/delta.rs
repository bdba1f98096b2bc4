//! A delta: immutable pane rows of one meter, sorted by tenant, dimensions and start.
//!
//! | columns | meaning |
//! |---|---|
//! | `tenant`, one per dimension | dictionaries whose values are sorted, so that keys sort as texts do |
//! | `pane_start` | microseconds |
//! | `revision`, `watermark`, `time_first`, `time_last` | see [`Marks`](super::accumulate::Marks) |
//! | `state_…` | partial states of the meter's calls |
//!
//! Several deltas may hold the same pane: whoever reads merges. A cold delta gives its rows back to the operating system
//! once they are durable (as a Parquet file of the lake, see `cold`) and reads them again on demand. Not here: when deltas
//! are made and merged.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Int32Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use engine::event::batch::Texts;
use engine::shard::operator::RestoreError;
use engine::storage::Storage;

use super::accumulate::Marks;
use super::compile::CompiledMeter;
use super::stored::{Described, Stored};
use super::wanted::Wanted;

/// The column of pane starts.
pub(super) const START: &str = "pane_start";
/// Columns between the dimensions and the states.
const MARKS: usize = 5;

/// Immutable pane rows.
#[derive(Debug)]
pub(super) struct Delta {
    rows: usize,
    /// Earliest and latest pane start.
    starts: (i64, i64),
    /// First and last tenant.
    tenants: (String, String),
    /// The largest revision; -1 for none.
    last_revision: i64,
    /// The rows, unless they are cold and durable.
    resident: ArcSwapOption<RecordBatch>,
    /// Where a checkpoint or the lake holds them; set once they are durable.
    stored: OnceLock<Stored>,
    is_cold: bool,
}

/// Where columns of a delta are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Index of `pane_start`.
    pub(super) start: usize,
    /// Index of the first state.
    pub(super) states: usize,
}

impl Layout {
    /// The layout of a delta with `states` state columns.
    pub(super) fn of(schema: &SchemaRef, states: usize) -> Self {
        let states = schema.fields().len() - states;
        Self { start: states - MARKS, states }
    }

    /// `pane_start` by row.
    pub(super) fn starts(self, panes: &RecordBatch) -> &[i64] {
        longs(panes, self.start)
    }

    /// Revision, watermark, first and last time by row.
    pub(super) fn marks(self, panes: &RecordBatch) -> [&[i64]; 4] {
        [1, 2, 3, 4].map(|at| longs(panes, self.start + at))
    }
}

fn longs(panes: &RecordBatch, column: usize) -> &[i64] {
    panes.column(column).as_primitive::<Int64Type>().values()
}

impl Delta {
    /// A delta of rows that are sorted already; `states` of its columns are states.
    pub(super) fn new(panes: RecordBatch, states: usize, is_cold: bool) -> Arc<Self> {
        let starts = Layout::of(panes.schema_ref(), states).starts(&panes);
        let tenants = Texts::new(panes.column(0).as_dictionary::<Int32Type>());
        let tenant = |row: Option<usize>| row.and_then(|row| tenants.get(row)).unwrap_or_default().to_owned();
        let rows = panes.num_rows();
        let first = starts.iter().min().copied().unwrap_or(i64::MAX);
        let last = starts.iter().max().copied().unwrap_or(i64::MIN);
        let [revisions, ..] = Layout::of(panes.schema_ref(), states).marks(&panes);
        Arc::new(Self {
            rows,
            starts: (first, last),
            last_revision: revisions.iter().max().copied().unwrap_or(-1),
            tenants: (tenant((rows > 0).then_some(0)), tenant(rows.checked_sub(1))),
            resident: ArcSwapOption::from_pointee(panes),
            stored: OnceLock::new(),
            is_cold,
        })
    }

    /// A delta that a checkpoint describes; cold ones are read when they are asked for.
    pub(super) fn restore(
        described: Described,
        schema: &SchemaRef,
        storage: &dyn Storage,
    ) -> Result<Arc<Self>, RestoreError> {
        let Described { stored, rows, starts, tenants, last_revision, is_cold } = described;
        let load = || stored.load(Some(schema), &Wanted::ALL, storage);
        let resident = if is_cold { None } else { Some(Arc::new(load()?)) };
        Ok(Arc::new(Self {
            rows,
            starts,
            tenants,
            last_revision,
            resident: ArcSwapOption::new(resident),
            stored: OnceLock::from(stored),
            is_cold,
        }))
    }

    /// For a checkpoint's manifest; `None` until the rows are durable.
    pub(super) fn describe(&self) -> Option<Described> {
        Some(Described {
            stored: self.stored.get()?.clone(),
            rows: self.rows,
            starts: self.starts,
            tenants: self.tenants.clone(),
            last_revision: self.last_revision,
            is_cold: self.is_cold,
        })
    }

    /// The rows that are not durable yet.
    pub(super) fn unstored(&self) -> Option<Arc<RecordBatch>> {
        if self.stored.get().is_some() {
            return None;
        }
        self.resident.load_full()
    }

    /// The rows became durable; cold ones leave memory.
    pub(super) fn set_stored(&self, stored: Stored) {
        // Another seal may have been first: either place is right.
        let _ = self.stored.set(stored);
        if self.is_cold {
            self.resident.store(None);
        }
    }

    /// The rows, at least the `wanted` ones; cold ones are read from `storage`.
    pub(super) fn panes(&self, wanted: &Wanted<'_>, storage: &dyn Storage) -> Result<RecordBatch, RestoreError> {
        if let Some(panes) = self.resident.load_full() {
            return Ok(RecordBatch::clone(&panes));
        }
        match self.stored.get() {
            Some(stored) => stored.load(None, wanted, storage),
            None => Err(RestoreError { file: "panes".into(), reason: "neither in memory nor durable".into() }),
        }
    }

    /// The rows, if they are at hand; hot ones always are.
    pub(super) fn resident(&self) -> Option<Arc<RecordBatch>> {
        self.resident.load_full()
    }

    /// Whether there may be wanted rows.
    pub(super) fn touches(&self, wanted: &Wanted<'_>) -> bool {
        let (first, last) = &self.tenants;
        wanted.touches(Some((first.as_bytes(), last.as_bytes())), Some(self.starts))
    }

    /// Whether the rows are read only on demand once they are durable.
    pub(super) fn is_cold(&self) -> bool {
        self.is_cold
    }

    /// The groups in `order`, whose key columns are `keys`, as sorted rows.
    pub(super) fn build(
        meter: &CompiledMeter,
        keys: Vec<ArrayRef>,
        order: &UInt32Array,
        marks: &Marks,
        states: &[ArrayRef],
    ) -> Result<RecordBatch, ArrowError> {
        // Without groups some accumulators do not even give empty columns.
        if order.is_empty() {
            return Ok(RecordBatch::new_empty(meter.pane_schema.clone()));
        }
        let mut columns = keys;
        columns.extend(marks.columns(order));
        for state in states {
            columns.push(take(state, order, None)?);
        }
        RecordBatch::try_new(meter.pane_schema.clone(), columns)
    }

    /// The largest revision of its rows; -1 if it is not known, of a checkpoint of long ago.
    pub(super) fn last_revision(&self) -> i64 {
        self.last_revision
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.rows
    }
}

/// The rows of `tenant`: values are sorted, and so are keys.
pub(super) fn rows_of(panes: &RecordBatch, tenant: &str) -> Range<usize> {
    let texts = Texts::new(panes.column(0).as_dictionary::<Int32Type>());
    let from = partition(texts.values.len(), |at| texts.values.value(at) < tenant);
    if from == texts.values.len() || texts.values.value(from) != tenant {
        return 0..0;
    }
    let keys = texts.array.keys().values();
    let from = from as i32;
    keys.partition_point(|&key| key < from)..keys.partition_point(|&key| key <= from)
}

fn partition(length: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Whether two rows belong to the same series: tenant and dimensions are equal.
pub(super) fn same_series(panes: &RecordBatch, dimensions: usize, a: usize, b: usize) -> bool {
    (0..=dimensions).all(|column| {
        let texts = Texts::new(panes.column(column).as_dictionary::<Int32Type>());
        texts.key(a) == texts.key(b)
    })
}
