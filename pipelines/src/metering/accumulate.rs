//! The states of many groups of one meter, live or while merging.
//!
//! Beside the calls' states each group has its marks: the revision (largest offset that contributed), the shard's
//! watermark at that offset, and the first and last event time. Not here: what a group is.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::concat;
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::begun::Begun;
use super::call::Evaluated;
use super::compile::CompiledMeter;
use super::delta;

/// What is kept of a group beside its states.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Largest offset that contributed; -1 for none.
    pub(super) revision: Vec<i64>,
    /// The shard's watermark when that offset was admitted.
    pub(super) watermark: Vec<i64>,
    /// Earliest event time.
    pub(super) first: Vec<i64>,
    /// Latest event time.
    pub(super) last: Vec<i64>,
}

impl Marks {
    fn grow(&mut self, total: usize) {
        self.revision.resize(total, -1);
        self.watermark.resize(total, i64::MIN);
        self.first.resize(total, i64::MAX);
        self.last.resize(total, i64::MIN);
    }

    fn add(&mut self, group: usize, revision: i64, watermark: i64, first: i64, last: i64) {
        if revision > self.revision[group] {
            self.revision[group] = revision;
            self.watermark[group] = watermark;
        }
        self.first[group] = self.first[group].min(first);
        self.last[group] = self.last[group].max(last);
    }
}

/// The states of many groups of one meter.
pub(super) struct Accumulators {
    calls: Vec<Box<dyn GroupsAccumulator>>,
    states: Vec<usize>,
    marks: Marks,
    /// Of sessions only.
    begun: Option<Begun>,
}

/// Where the rows of a batch stand.
#[derive(Debug, Clone)]
pub(super) struct Stand {
    /// Group of each row.
    pub(super) groups: Vec<usize>,
    /// Offset of each row.
    pub(super) offsets: Vec<i64>,
    /// Event time of each row, microseconds.
    pub(super) times: Vec<i64>,
    /// The shard's watermark.
    pub(super) watermark_us: i64,
    /// How many groups there are.
    pub(super) total: usize,
    /// Whether rows were left out, so that groups may have none.
    pub(super) partial: bool,
}

impl Stand {
    /// Only the rows whose flag is set.
    pub(super) fn filter(&self, flags: &BooleanArray) -> Self {
        Self {
            groups: kept(&self.groups, flags),
            offsets: kept(&self.offsets, flags),
            times: kept(&self.times, flags),
            partial: true,
            ..*self
        }
    }
}

impl Accumulators {
    /// No groups yet.
    pub(super) fn new(meter: &CompiledMeter) -> Result<Self> {
        Ok(Self {
            calls: meter.calls.iter().map(|call| call.accumulator()).collect::<Result<_>>()?,
            states: meter.calls.iter().map(|call| call.states).collect(),
            marks: Marks::default(),
            begun: meter.is_session().then(Begun::default),
        })
    }

    /// Folds rows in.
    pub(super) fn update(&mut self, evaluated: &[Evaluated], stand: &Stand) -> Result<()> {
        self.marks.grow(stand.total);
        for (row, &group) in stand.groups.iter().enumerate() {
            let time = stand.times[row];
            self.marks.add(group, stand.offsets[row], stand.watermark_us, time, time);
        }
        if let Some(begun) = &mut self.begun {
            begun.grow(stand.total);
            for (row, &group) in stand.groups.iter().enumerate() {
                begun.add(group, stand.times[row], stand.offsets[row]);
            }
        }
        // Without a filter some accumulators take every group for one that got a value.
        let all = stand.partial.then(|| BooleanArray::from(vec![true; stand.groups.len()]));
        for (call, input) in self.calls.iter_mut().zip(evaluated) {
            let condition = input.filter.as_ref().or(all.as_ref());
            call.update_batch(&input.arguments, &stand.groups, condition, stand.total)?;
        }
        Ok(())
    }

    /// Folds rows of deltas in, each into its group; every one of the `total` groups has a row.
    pub(super) fn merge(&mut self, parts: &[RecordBatch], groups: &[usize], total: usize) -> Result<()> {
        let Some(first) = parts.first() else { return Ok(()) };
        let layout = delta::Layout::of(
            first.schema_ref(),
            self.states.iter().sum::<usize>() + usize::from(self.begun.is_some()),
        );
        self.marks.grow(total);
        let mut from = 0;
        let groups_of = |part: &RecordBatch| {
            from += part.num_rows();
            &groups[from - part.num_rows()..from]
        };
        let by_part: Vec<(&RecordBatch, &[usize])> = parts.iter().zip(parts.iter().map(groups_of)).collect();
        for (part, groups) in &by_part {
            let [revision, watermark, first, last] = layout.marks(part);
            for (row, &group) in groups.iter().enumerate() {
                self.marks.add(group, revision[row], watermark[row], first[row], last[row]);
            }
        }
        if let Some(begun) = &mut self.begun {
            begun.grow(total);
            by_part.iter().for_each(|(part, groups)| begun.merge(part, groups));
        }
        let mut column = layout.states;
        for (call, &states) in self.calls.iter_mut().zip(&self.states) {
            let columns = column..column + states;
            column += states;
            // Of a batch without nulls some accumulators conclude that all groups have a value, not only those in it.
            if columns.clone().any(|at| parts.iter().any(|part| part.column(at).null_count() > 0)) {
                let of_all = |at: usize| parts.iter().map(|part| part.column(at).as_ref()).collect::<Vec<_>>();
                let values = columns.map(|at| Ok(concat(&of_all(at))?)).collect::<Result<Vec<_>>>()?;
                call.merge_batch(&values, groups, total)?;
                continue;
            }
            for (part, groups) in &by_part {
                call.merge_batch(&part.columns()[columns.clone()], groups, total)?;
            }
        }
        Ok(())
    }

    /// The marks and all state columns, for all groups; resets to no groups.
    pub(super) fn drain(&mut self) -> Result<(Marks, Vec<ArrayRef>)> {
        let marks = std::mem::take(&mut self.marks);
        let mut columns = Vec::new();
        for call in &mut self.calls {
            columns.extend(call.state(EmitTo::All)?);
        }
        columns.extend(self.begun.as_mut().map(Begun::column));
        // An accumulator that no row of the last groups reached does not know them.
        let total = marks.revision.len();
        for column in columns.iter_mut().filter(|column| column.len() < total) {
            let missing = new_null_array(column.data_type(), total - column.len());
            *column = concat(&[column.as_ref(), missing.as_ref()])?;
        }
        Ok((marks, columns))
    }

    /// The marks and the value of each call, for all groups; resets to no groups.
    pub(super) fn evaluate(&mut self) -> Result<(Marks, Vec<ArrayRef>)> {
        let values = self.calls.iter_mut().map(|call| call.evaluate(EmitTo::All)).collect::<Result<_>>()?;
        self.begun = self.begun.take().map(|_| Begun::default());
        Ok((std::mem::take(&mut self.marks), values))
    }
}

impl Marks {
    /// The mark columns of a delta for groups in the order of `rows`.
    pub(super) fn columns(&self, rows: &UInt32Array) -> [ArrayRef; 4] {
        [&self.revision, &self.watermark, &self.first, &self.last].map(|marks| {
            let column = rows.values().iter().map(|&row| marks[row as usize]);
            Arc::new(Int64Array::from_iter_values(column)) as ArrayRef
        })
    }

    /// Those of the groups whose flag is set.
    pub(super) fn retain(self, flags: &BooleanArray) -> Self {
        let [revision, watermark, first, last] =
            [self.revision, self.watermark, self.first, self.last].map(|marks| kept(&marks, flags));
        Self { revision, watermark, first, last }
    }

    /// The same for all groups as they are.
    pub(super) fn into_columns(self) -> [ArrayRef; 4] {
        [self.revision, self.watermark, self.first, self.last]
            .map(|marks| Arc::new(Int64Array::from(marks)) as ArrayRef)
    }
}

/// Those whose flag is set.
pub(super) fn kept<T: Copy>(values: &[T], flags: &BooleanArray) -> Vec<T> {
    values.iter().zip(flags.values()).filter(|(_, flag)| *flag).map(|(value, _)| *value).collect()
}
