//! Reading: the deltas of all shards merged into windows and billing periods.
//!
//! A tenant may live in several sub-shards, so panes are merged across shards before anything is computed. Not here:
//! SQL, visibility (whoever calls restricts the tenants).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
    new_null_array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use engine::calendar::{Calendar, Interval, Periods};
use engine::event::batch::Texts;
use engine::event::schema::{time_type, units_type};
use engine::meter::{Meter, Window};
use engine::snapshot::ShardView;
use engine::watermark::BEGINNING_US;

use crate::memory::{Held, Memory};

use super::MeteringSnapshot;
use super::accumulate::kept;
use super::begun::{Step, Steps};
use super::compile::CompiledMeter;
use super::delta::{Layout, rows_of, same_series};
use super::merge::{Fold, Folded, merge};
use super::since::Since;
use super::snapshot::MeterPanes;
use super::wanted::Wanted;
use super::window::{Windows, overlap, sessions};

/// Which windows are wanted; the default is all.
#[derive(Debug, Clone, Default)]
pub struct WindowFilter {
    /// Only of these tenants.
    pub tenants: Option<Vec<String>>,
    /// Only those that overlap this interval.
    pub time: Option<Interval>,
    /// What the rows are taken from while they are built.
    pub memory: Memory,
}

/// Why windows can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeteringError {
    /// No such meter.
    #[error("no meter named {0:?}; list them with SELECT name FROM meters")]
    UnknownMeter(String),
    /// Panes, or what says how to merge them, can't be read.
    #[error("{definition} can't be read: {reason}")]
    Unreadable {
        /// Of which meter or view.
        definition: String,
        /// What can't be read and why.
        reason: String,
    },
    /// Shards do not yet agree on the definition; a moment later they do.
    #[error("{0}: its definition is just being changed; ask again")]
    Changing(String),
    /// They need more memory than whoever asks may hold.
    #[error("{definition}: {reason}")]
    Memory {
        /// Of which meter or view.
        definition: String,
        /// Who may hold how much.
        reason: String,
    },
    /// A computation failed.
    #[error("{definition}: {reason}")]
    Compute {
        /// Of which meter or view.
        definition: String,
        /// What failed.
        reason: String,
    },
}

impl MeteringError {
    /// Why no shard holds `key`: it can't be computed, or there is no such thing.
    pub(super) fn missing(shards: &[ShardView<MeteringSnapshot>], key: &str) -> Self {
        let reason = shards.iter().find_map(|shard| shard.state.refused.get(key));
        let unreadable = |reason: &String| Self::Unreadable { definition: key.to_owned(), reason: reason.clone() };
        reason.map_or_else(|| Self::UnknownMeter(key.to_owned()), unreadable)
    }
}

fn schema_of(between: impl Iterator<Item = Field>, start: &str, end: &str) -> SchemaRef {
    let mut fields = vec![Field::new("tenant", DataType::Utf8, false)];
    fields.extend(between);
    fields.push(Field::new(start, time_type(), false));
    fields.push(Field::new(end, time_type(), false));
    fields.push(Field::new("value", units_type(), true));
    fields.push(Field::new("revision", DataType::Int64, false));
    fields.push(Field::new("final", DataType::Boolean, false));
    fields.push(Field::new("correction", DataType::Boolean, false));
    Arc::new(Schema::new(fields))
}

/// Columns of [`windows`]: `tenant` Utf8, one nullable Utf8 per dimension, `window_start` and `window_end`
/// Timestamp(µs, UTC), `value` Decimal128(38, 9) nullable, `revision` Int64, `final` and `correction` Boolean.
pub fn window_schema(meter: &Meter) -> SchemaRef {
    let dimensions = meter.dimensions.iter().map(|d| Field::new(&d.name, DataType::Utf8, true));
    schema_of(dimensions, "window_start", "window_end")
}

/// Columns of [`totals`]: as [`window_schema`] without dimensions and with `period_start` and `period_end`.
pub fn totals_schema() -> SchemaRef {
    schema_of(std::iter::empty(), "period_start", "period_end")
}

/// The windows of `meter`, sorted by tenant, dimensions and start.
///
/// `revision` is the largest offset that contributed, the one at which the meter was defined included. A window is `final` once its end and the allowed lateness are behind
/// every shard's watermark; its latest revision is a `correction` if it was final before that revision.
///
/// # Errors
/// If there is no such meter or a computation fails.
pub fn windows(
    shards: &[ShardView<MeteringSnapshot>],
    meter: &str,
    filter: &WindowFilter,
) -> Result<RecordBatch, MeteringError> {
    let definition = shards.iter().find_map(|shard| shard.state.meters.get(meter)?.meter.definition.meter());
    let definition = definition.ok_or_else(|| MeteringError::missing(shards, meter))?;
    let source = Source::new(shards, meter, filter, reach_us(definition))?;
    source.windows(definition, filter.time).map_err(|error| source.failed(&error))
}

/// The billing periods of `meter`, all dimensions merged, sorted by tenant and start; `calendar_of` says which periods a
/// tenant would be billed by. Other columns as in [`windows`].
///
/// # Errors
/// If there is no such meter or a computation fails.
pub fn totals(
    shards: &[ShardView<MeteringSnapshot>],
    meter: &str,
    calendar_of: &dyn Fn(&str) -> Calendar,
    filter: &WindowFilter,
) -> Result<RecordBatch, MeteringError> {
    let source = Source::new(shards, meter, filter, Some(PERIOD_US_MAX))?;
    source.totals(calendar_of, &|_| Since::EVER, filter.time).map_err(|error| source.failed(&error))
}

/// Rows of panes that are folded before they are counted.
const FOLDED_ROWS: usize = 65_536;
/// What a cell of an answer takes, about.
const CELL_BYTES: usize = 16;

/// No calendar period is longer: a year and a day, for time zones that jumped over the date line.
pub(super) const PERIOD_US_MAX: i64 = 367 * 86_400 * 1_000_000;

/// How far a window's edges may be from its panes; `None` if no limit is known.
pub(super) fn reach_us(meter: &Meter) -> Option<i64> {
    match meter.window {
        Window::Tumbling { size_s } | Window::Sliding { size_s, .. } => Some(i64::from(size_s) * 1_000_000),
        Window::Calendar(_) => Some(PERIOD_US_MAX),
        Window::Session { .. } => None,
    }
}

/// The pane rows that a query reads.
pub(super) struct Source {
    pub(super) meter: Arc<CompiledMeter>,
    since: Since,
    pub(super) parts: Vec<(RecordBatch, Range<usize>)>,
    /// Panes that start before the first or after the second are in no window that is asked for.
    starts: (i64, i64),
    pub(super) watermark_us: i64,
    pub(super) memory: Memory,
    /// What was read from the lake for it.
    _read: Held,
}

impl Source {
    /// The panes of the meter or view whose key is `name`; `reach_us` is how far they may be from the time asked for.
    pub(super) fn new(
        shards: &[ShardView<MeteringSnapshot>],
        name: &str,
        filter: &WindowFilter,
        reach_us: Option<i64>,
    ) -> Result<Self, MeteringError> {
        let held: Vec<_> =
            shards.iter().filter_map(|shard| Some((&*shard.state, shard.state.meters.get(name)?))).collect();
        if held.is_empty() {
            return Err(MeteringError::missing(shards, name));
        }
        Self::of(shards, &held, filter, reach_us)
    }

    /// The panes that are `held`, all of the same meter or ledger.
    pub(super) fn of(
        shards: &[ShardView<MeteringSnapshot>],
        held: &[(&MeteringSnapshot, &MeterPanes)],
        filter: &WindowFilter,
        reach_us: Option<i64>,
    ) -> Result<Self, MeteringError> {
        let Some((_, first)) = held.first() else {
            return Err(MeteringError::UnknownMeter("of no shard".to_owned()));
        };
        let definition = || first.meter.definition.to_string();
        let unreadable = |reason: String| MeteringError::Unreadable { definition: definition(), reason };
        let agree = held.iter().all(|(_, panes)| panes.meter.identity == first.meter.identity);
        if !agree || held.len() < shards.len() {
            return Err(MeteringError::Changing(definition()));
        }
        let mut tenants = filter.tenants.clone();
        if let Some(tenants) = &mut tenants {
            tenants.sort_unstable();
            tenants.dedup();
        }
        // Panes outside of every window that overlaps the time asked for need not be read.
        let starts = filter.time.zip(reach_us).map_or((i64::MIN, i64::MAX), |(time, reach_us)| {
            (time.start_us.saturating_sub(reach_us), time.end_us.saturating_add(reach_us))
        });
        let wanted = Wanted { tenants: tenants.as_deref(), starts };
        let mut parts = Vec::new();
        let starved = |error: DataFusionError| MeteringError::Memory { definition: definition(), reason: told(&error) };
        let mut read = filter.memory.hold(0).map_err(starved)?;
        for (snapshot, panes) in held.iter().copied() {
            for delta in panes.all().filter(|delta| delta.touches(&wanted)) {
                let rows = match (delta.resident(), &snapshot.storage) {
                    (Some(panes), _) => RecordBatch::clone(&panes),
                    (None, Some(storage)) => {
                        let rows = delta.panes(&wanted, &**storage).map_err(|error| unreadable(error.to_string()))?;
                        read.grow(rows.get_array_memory_size()).map_err(starved)?;
                        rows
                    }
                    (None, None) => return Err(unreadable("cold panes without a storage".to_owned())),
                };
                match &tenants {
                    None => parts.push((rows.clone(), 0..rows.num_rows())),
                    Some(tenants) => {
                        let ranges = tenants.iter().map(|tenant| rows_of(&rows, tenant));
                        parts.extend(ranges.filter(|range| !range.is_empty()).map(|range| (rows.clone(), range)));
                    }
                }
            }
        }
        // A shard that never saw an event holds nothing open.
        let seen = shards.iter().map(|shard| shard.watermark_us).filter(|us| *us != BEGINNING_US);
        let watermark_us = seen.min().unwrap_or(BEGINNING_US);
        let (meter, memory) = (first.meter.clone(), filter.memory.clone());
        Ok(Self { meter, since: first.since, parts, starts, watermark_us, memory, _read: read })
    }

    /// A computation on the panes failed.
    pub(super) fn failed(&self, error: &DataFusionError) -> MeteringError {
        if let DataFusionError::External(inner) = error
            && let Some(own) = inner.downcast_ref::<MeteringError>()
        {
            return own.clone();
        }
        if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) {
            return MeteringError::Memory { definition: self.meter.definition.to_string(), reason: told(error) };
        }
        MeteringError::Compute { definition: self.meter.definition.to_string(), reason: error.strip_backtrace() }
    }

    /// The windows that there are; see the function of that name.
    pub(super) fn windows(&self, meter: &Meter, time: Option<Interval>) -> Result<RecordBatch> {
        let dimensions = meter.dimensions.len();
        let mut fold = Fold::new(&self.meter, (0..=dimensions).collect(), &self.memory);
        let Some(mut windows) = Windows::of(meter) else {
            let Window::Session { gap_s } = meter.window else {
                return datafusion::common::internal_err!("only sessions have no fixed edges");
            };
            let gap_us = i64::from(gap_s) * 1_000_000;
            let (panes, sessions) = self.sessions(dimensions, gap_us)?;
            fold.add(&panes, 0..panes.num_rows(), &mut |pane, starts| starts.push(sessions[pane.row]))?;
            return self.answer(fold, window_schema(meter), time, &|_| Since::EVER, |folded| {
                let intervals = folded.marks.first.iter().zip(&folded.marks.last);
                let until = |last: i64| last.saturating_add(gap_us);
                intervals.map(|(&start_us, &last)| Interval { start_us, end_us: until(last) }).collect()
            });
        };
        // Not too many of the rows that they become before these are counted.
        let at_once = (FOLDED_ROWS / windows.of_a_pane()).max(1);
        for (panes, range) in &self.parts {
            for from in range.clone().step_by(at_once) {
                fold.add(panes, from..range.end.min(from + at_once), &mut |pane, starts| {
                    if (self.starts.0..=self.starts.1).contains(&pane.start_us) {
                        windows.starts(pane.start_us, time, starts);
                    }
                })?;
            }
        }
        self.answer(fold, window_schema(meter), time, &|_| Since::EVER, |folded| {
            folded.starts.iter().map(|&start_us| windows.interval(start_us)).collect()
        })
    }

    /// Panes of sessions, merged, and the session of each.
    fn sessions(&self, dimensions: usize, gap_us: i64) -> Result<(RecordBatch, Vec<i64>)> {
        let parts = self.parts.iter().map(|(panes, range)| (panes, range.clone()));
        let panes = merge(&self.meter, parts, |_| true, &self.memory)?;
        let [_, _, first, last] = Layout::of(panes.schema_ref(), self.meter.states()).marks(&panes);
        let sessions = sessions(first, last, gap_us, |a, b| same_series(&panes, dimensions, a, b));
        Ok((panes, sessions))
    }

    /// Sessions that there were, and that an event which came later made part of another one: as windows without a value,
    /// of the revision of the one that they went into. A few may be among them that never were.
    pub(super) fn swallowed(&self, meter: &Meter, time: Option<Interval>) -> Result<RecordBatch> {
        let Window::Session { gap_s } = meter.window else { return Ok(RecordBatch::new_empty(window_schema(meter))) };
        let (gap_us, dimensions) = (i64::from(gap_s) * 1_000_000, meter.dimensions.len());
        let (panes, sessions) = self.sessions(dimensions, gap_us)?;
        let is_same = |a: usize, b: usize| sessions[a] == sessions[b] && same_series(&panes, dimensions, a, b);
        let [revisions, watermarks, _, last] = Layout::of(panes.schema_ref(), self.meter.states()).marks(&panes);
        let begun = panes.column(panes.num_columns() - 1).as_binary::<i32>();
        let (mut rows, mut starts, mut ends, mut sinces) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut from = 0;
        while from < panes.num_rows() {
            let count = (from..panes.num_rows()).take_while(|&row| is_same(from, row)).count();
            let session = from..from + count;
            let end_us = last[session.end - 1].saturating_add(gap_us);
            let since = session.clone().fold(self.since, |since, row| {
                since.or_later(Since { revision: revisions[row], watermark_us: watermarks[row] })
            });
            let mut before: Vec<Step> = Vec::new();
            for row in session.clone() {
                let steps = Steps::decode(begun.value(row));
                for step in steps.firsts.iter().filter(|step| step.time_us != sessions[row]) {
                    before.retain(|reached| reached.time_us > step.time_us.saturating_sub(gap_us));
                    // It never began one: the pane before had gone so far when it came.
                    let is_inner = before.iter().any(|reached| reached.offset < step.offset);
                    let window = Interval { start_us: step.time_us, end_us };
                    if !is_inner && time.is_none_or(|time| overlap(window, time)) {
                        rows.push(row as u32);
                        starts.push(step.time_us);
                        ends.push(end_us);
                        sinces.push(since);
                    }
                }
                before.extend(steps.last);
            }
            from = session.end;
        }
        let rows = UInt32Array::from(rows);
        let mut columns: Vec<ArrayRef> = Vec::new();
        for column in 0..=dimensions {
            columns.push(Arc::new(texts_of(&take(panes.column(column), &rows, None)?)?));
        }
        let lateness_us = i64::from(meter.allowed_lateness_s) * 1_000_000;
        let closed = |watermarks: &mut dyn Iterator<Item = i64>| -> ArrayRef {
            let closed = ends.iter().zip(watermarks).map(|(end, us)| Some(end.saturating_add(lateness_us) <= us));
            Arc::new(closed.collect::<BooleanArray>())
        };
        let (is_final, correction) = (
            closed(&mut std::iter::repeat(self.watermark_us)),
            closed(&mut sinces.iter().map(|since| since.watermark_us)),
        );
        for instants in [starts, ends.clone()] {
            columns.push(Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC")));
        }
        columns.push(new_null_array(&units_type(), rows.len()));
        columns.push(Arc::new(Int64Array::from_iter_values(sinces.iter().map(|since| since.revision))));
        columns.extend([is_final, correction]);
        Ok(RecordBatch::try_new(window_schema(meter), columns)?)
    }

    /// Billing periods; `since` is from where on a tenant's are what `calendar_of` says.
    pub(super) fn totals(
        &self,
        calendar_of: &dyn Fn(&str) -> Calendar,
        since: &dyn Fn(&str) -> Since,
        time: Option<Interval>,
    ) -> Result<RecordBatch> {
        let mut billing = Billing::new(calendar_of);
        let mut fold = Fold::new(&self.meter, vec![0], &self.memory);
        for (panes, range) in &self.parts {
            fold.add(panes, range.clone(), &mut |pane, starts| {
                let period = billing.period(pane.tenant, pane.start_us);
                if time.is_none_or(|time| overlap(period, time)) {
                    starts.push(period.start_us);
                }
            })?;
        }
        if let Some(reason) = billing.unreadable.take() {
            let definition = self.meter.definition.to_string();
            return Err(DataFusionError::External(Box::new(MeteringError::Unreadable { definition, reason })));
        }
        self.answer(fold, totals_schema(), None, since, |folded| {
            let tenants = Texts::new(folded.texts[0].as_dictionary());
            let starts = folded.starts.iter().enumerate();
            starts.map(|(group, &start)| billing.period(tenants.get(group).unwrap_or_default(), start)).collect()
        })
    }

    /// Groups as rows of `schema`, whose first columns are the texts; only those whose interval overlaps `time`, if given.
    /// A tenant's are what they are `since` then at the earliest.
    fn answer(
        &self,
        fold: Fold<'_>,
        schema: SchemaRef,
        time: Option<Interval>,
        since: &dyn Fn(&str) -> Since,
        intervals: impl FnOnce(&Folded) -> Vec<Interval>,
    ) -> Result<RecordBatch> {
        if fold.is_empty() {
            return Ok(RecordBatch::new_empty(schema));
        }
        let mut folded = fold.values()?;
        let _answer = self.memory.hold(folded.starts.len() * schema.fields().len() * CELL_BYTES)?;
        let mut intervals = intervals(&folded);
        if let Some(time) = time {
            let wanted = intervals.iter().map(|&interval| overlap(interval, time)).collect::<Vec<_>>();
            let wanted = BooleanArray::from(wanted);
            if wanted.true_count() < intervals.len() {
                intervals = kept(&intervals, &wanted);
                folded = folded.retain(&wanted)?;
            }
        }
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
        for texts in &folded.texts {
            columns.push(Arc::new(texts_of(texts)?));
        }
        let instants = |of: fn(&Interval) -> i64| -> ArrayRef {
            let array = TimestampMicrosecondArray::from_iter_values(intervals.iter().map(of));
            Arc::new(array.with_timezone("UTC"))
        };
        columns.push(instants(|interval| interval.start_us));
        columns.push(instants(|interval| interval.end_us));
        columns.push(self.meter.finish(&folded.columns, &intervals)?);
        let lateness_s = self.meter.definition.meter().map_or(0, |meter| meter.allowed_lateness_s);
        let lateness_us = i64::from(lateness_s) * 1_000_000;
        let closed = |interval: &Interval, watermark: i64| interval.end_us.saturating_add(lateness_us) <= watermark;
        let is_final: BooleanArray =
            intervals.iter().map(|interval| Some(closed(interval, self.watermark_us))).collect();
        let tenants = Texts::new(folded.texts[0].as_dictionary());
        let of_events = folded.marks.revision.iter().zip(&folded.marks.watermark);
        let latest = of_events.enumerate().map(|(group, (&revision, &watermark_us))| {
            let since = since(tenants.get(group).unwrap_or_default()).or_later(self.since);
            Since { revision, watermark_us }.or_later(since)
        });
        let latest: Vec<Since> = latest.collect();
        let at_revision = intervals.iter().zip(&latest);
        let correction: BooleanArray =
            at_revision.map(|(interval, since)| Some(closed(interval, since.watermark_us))).collect();
        columns.push(Arc::new(Int64Array::from_iter_values(latest.iter().map(|since| since.revision))));
        columns.push(Arc::new(is_final));
        columns.push(Arc::new(correction));
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

/// Which period a tenant is billed for.
pub(super) struct Billing<'a> {
    calendar_of: &'a dyn Fn(&str) -> Calendar,
    periods: HashMap<String, Option<Periods>>,
    /// Whose was looked for last, and what it was: panes come tenant by tenant.
    last: Option<(String, Interval)>,
    /// Why a tenant's periods can't be told: its totals would be cut anywhere.
    unreadable: Option<String>,
}

impl<'a> Billing<'a> {
    /// By these calendars.
    pub(super) fn new(calendar_of: &'a dyn Fn(&str) -> Calendar) -> Self {
        Self { calendar_of, periods: HashMap::new(), last: None, unreadable: None }
    }

    /// The tenant's period that holds `at_us`.
    pub(super) fn period(&mut self, tenant: &str, at_us: i64) -> Interval {
        if let Some((_, period)) = self.last.as_ref().filter(|(last, period)| last == tenant && period.contains(at_us))
        {
            return *period;
        }
        if !self.periods.contains_key(tenant) {
            let periods = (self.calendar_of)(tenant).periods();
            let periods = periods.map_err(|error| self.unreadable = Some(format!("periods of {tenant}: {error}")));
            self.periods.insert(tenant.to_owned(), periods.ok());
        }
        let periods = self.periods.get_mut(tenant).and_then(Option::as_mut);
        // An instant at the calendar's very end lies in no period.
        let found = periods.and_then(|periods| periods.containing(at_us).ok());
        let Some(period) = found else { return Interval { start_us: at_us, end_us: at_us } };
        self.last = Some((tenant.to_owned(), period));
        period
    }
}

/// What there was too little of.
fn told(error: &DataFusionError) -> String {
    error.find_root().message().into_owned()
}

/// A dictionary column as plain texts.
pub(super) fn texts_of(dictionary: &ArrayRef) -> Result<StringArray> {
    Ok(cast(dictionary, &DataType::Utf8)?.as_string::<i32>().clone())
}
