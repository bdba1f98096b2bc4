//! What is folded since the last publish: one table of panes for all meters that group alike.
//!
//! Meters of the same event type, dimensions and pane edges share the work of finding each row's group; each has its own
//! accumulators. Dimensions' texts are interned per table and forgotten when it is drained, so memory is bounded by what one
//! publish interval brings.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{filter_record_batch, is_not_null};
use datafusion::common::Result;
use engine::admission::{Reason, Rejection};
use engine::event::batch::{EventBatch, Texts};
use engine::shard::{Arrival, Position};

use super::accumulate::{Accumulators, Stand};
use super::call::Evaluated;
use super::cardinality::{Cardinality, Load, SeriesSet};
use super::compile::CompiledMeter;
use super::delta::{Delta, Layout};
use super::dimension::{Dimension, longest};
use super::key::Keys;
use super::pane::{Cutter, Edges};
use super::series;
use super::symbol::Symbols;
use super::tenants::{TenantCodes, Tenants};
use super::trial;
use super::value::Rows;

/// Accumulators are made for a checked meter and fed columns of its input types.
const FITS: &str = "a checked meter's accumulators take what its expressions give";

/// A table of panes and the meters that share it.
pub(super) struct Table {
    /// Which events; `None` for all.
    pub(super) event_type: Option<String>,
    dimensions: Vec<Dimension>,
    edges: Edges,
    cutter: Cutter,
    symbols: Symbols,
    keys: Keys,
    cardinality: Cardinality,
    dimension_bytes_max: usize,
    members: Vec<Member>,
}

/// What tenants may bring to a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Each in an hour.
    pub(super) hourly: Load,
    /// Bytes of one value of a dimension.
    pub(super) dimension_bytes_max: usize,
}

struct Member {
    meter: Arc<CompiledMeter>,
    accumulators: Accumulators,
    counts: Counts,
}

/// How many events a meter saw.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Counts {
    /// Of its type, and passing a view's `WHERE`.
    pub(super) matched: u64,
    /// Of those, without the value it counts.
    pub(super) value_missing: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.matched += other.matched;
        self.value_missing += other.value_missing;
    }
}

/// What a meter got from a drained table.
pub(super) struct Drained {
    /// Which meter.
    pub(super) meter: Arc<CompiledMeter>,
    /// Its new panes, sorted.
    pub(super) panes: RecordBatch,
    /// What it saw.
    pub(super) counts: Counts,
}

/// Tables for `meters`, each meter in one; tenants are held to `bounds` in each of them.
pub(super) fn tables<'a>(meters: impl Iterator<Item = &'a Arc<CompiledMeter>>, bounds: Bounds) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for meter in meters {
        let fits = |table: &&mut Table| {
            let is_filtered = meter.is_filtered() || table.members.iter().any(|member| member.meter.is_filtered());
            !is_filtered
                && table.event_type == meter.event_type
                && table.dimensions == meter.dimensions
                && table.edges == meter.edges
        };
        let member = Member {
            meter: meter.clone(),
            accumulators: Accumulators::new(meter).expect(FITS),
            counts: Counts::default(),
        };
        match tables.iter_mut().find(fits) {
            Some(table) => table.members.push(member),
            None => tables.push(Table {
                event_type: meter.event_type.clone(),
                dimensions: meter.dimensions.clone(),
                edges: meter.edges.clone(),
                cutter: meter.edges.cutter().expect("the time zone was loaded when the meter was checked"),
                symbols: Symbols::default(),
                keys: Keys::new(1 + meter.dimensions.len()),
                cardinality: Cardinality::new(bounds.hourly),
                dimension_bytes_max: bounds.dimension_bytes_max,
                members: vec![member],
            }),
        }
    }
    tables
}

impl Table {
    /// Folds the events of the table's type into its meters; only those whose keys `only` holds, if given.
    pub(super) fn fold(
        &mut self,
        rows: &mut Rows<'_>,
        tenants: &mut TenantCodes<'_>,
        position: Position,
        only: Option<&[String]>,
    ) {
        let wanted = |member: &Member| only.is_none_or(|keys| keys.contains(&member.meter.key));
        if !self.members.iter().any(wanted) {
            return;
        }
        // A filter is its table's alone. Rows on which it fails were admitted before it was there, and are left out.
        let mut passing = self.members[0].meter.passing(rows).map(|(passing, _)| passing);
        let rows = passing.as_mut().unwrap_or(rows);
        if rows.len() == 0 {
            return;
        }
        let stand = self.place(rows, tenants.of(rows), position);
        for member in self.members.iter_mut().filter(|member| wanted(member)) {
            member.fold(rows, &stand);
        }
    }

    /// Finds each row's group.
    fn place(&mut self, rows: &mut Rows<'_>, tenants: Vec<u32>, position: Position) -> Stand {
        let mut columns = vec![tenants];
        columns.extend(self.dimensions.iter().map(|dimension| rows.codes(dimension, &mut self.symbols)));
        let times = rows.times();
        let times = Rows::instants(&times);
        let mut codes = vec![0; columns.len()];
        let mut groups = Vec::with_capacity(rows.len());
        for (row, &time) in times.iter().enumerate() {
            for (code, column) in codes.iter_mut().zip(&columns) {
                *code = column[row];
            }
            groups.push(self.keys.group(&codes, self.cutter.start(time)));
        }
        let offsets = (0..rows.len()).map(|row| (position.offset as usize + rows.position(row)) as i64);
        Stand {
            groups,
            offsets: offsets.collect(),
            times: times.to_vec(),
            watermark_us: position.watermark_us,
            total: self.keys.len(),
            partial: false,
        }
    }

    /// What the table's tenants brought; `None` without dimensions, where a tenant has one series.
    pub(super) fn cardinality(&self) -> Option<&Cardinality> {
        (!self.dimensions.is_empty()).then_some(&self.cardinality)
    }

    /// The same, if the table looks at any of the batch's events.
    pub(super) fn counting(&self, batch: &EventBatch) -> Option<&Cardinality> {
        let wanted = self.event_type.as_deref();
        let looks = wanted.is_none_or(|wanted| batch.types().values.iter().any(|name| name == Some(wanted)));
        self.cardinality().filter(|_| looks)
    }

    /// Nothing was brought in the new hour.
    pub(super) fn begin_hour(&mut self) {
        self.cardinality.begin();
    }

    /// Events passed: `counts` has each tenant's key in the batch, its code, and how many are its.
    pub(super) fn count_series(&mut self, batch: &EventBatch, counts: &[(usize, u32, u32)]) {
        let each = self.longest(batch);
        for &(_, tenant, events) in counts {
            self.cardinality.add_events(tenant, Load::of_events(events.into(), each));
        }
        if !self.cardinality.knows_any() {
            return;
        }
        let codes: HashMap<usize, u32> = counts.iter().map(|&(key, code, _)| (key, code)).collect();
        let is_known = |key: usize| codes.get(&key).is_some_and(|&code| self.cardinality.known(code).is_some());
        let mut hits = Vec::new();
        series::brought(self.meter(), batch, is_known, |_, key, series| hits.push((codes[&key], series)));
        hits.into_iter().for_each(|(tenant, series)| self.cardinality.add_series(tenant, series));
    }

    /// Panes hold these rows, of which those count that got an event at `since` or later.
    pub(super) fn count_held(&mut self, panes: &RecordBatch, since: i64, tenants: &mut Tenants) {
        let [revisions, ..] = Layout::of(panes.schema_ref(), self.meter().states()).marks(panes);
        let texts = |column: usize| Texts::new(panes.column(column).as_dictionary());
        let each = (1..=self.dimensions.len()).map(|column| longest(&texts(column)) as u64).sum();
        for (_, tenant, rows) in tenants.meet(&texts(0), (0..revisions.len()).filter(|&row| revisions[row] >= since)) {
            self.cardinality.add_events(tenant, Load::of_events(rows.into(), each));
        }
    }

    /// See [`Cardinality::learn`].
    pub(super) fn learn(&mut self, tenant: u32, series: SeriesSet, looked_at: usize, more: Load) {
        self.cardinality.learn(tenant, series, looked_at, more);
    }

    /// Any of its meters: they group alike.
    pub(super) fn meter(&self) -> &Arc<CompiledMeter> {
        &self.members[0].meter
    }

    /// Keys of its meters.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.meter.key.as_str())
    }

    /// Refuses events of the tenants in `near` (code by key of the batch's names, if it was met) that would be a series too
    /// many.
    pub(super) fn refuse_new(
        &self,
        arrival: &Arrival<'_>,
        near: &HashMap<usize, Option<u32>>,
        reject: &mut dyn FnMut(usize, Rejection),
    ) {
        let mut new: HashMap<Result<u32, usize>, SeriesSet> = HashMap::new();
        series::brought(
            self.meter(),
            arrival.batch,
            |key| near.contains_key(&key),
            |row, key, series| {
                let code = near[&key];
                let known = code.and_then(|code| self.cardinality.known(code));
                if !arrival.open[row] || known.is_some_and(|known| known.contains(series)) {
                    return;
                }
                let new = new.entry(code.ok_or(key)).or_default();
                let load = known.map(SeriesSet::load).unwrap_or_default().and(new.load()).and(Load::of(series));
                if load.is_within(self.cardinality.limit()) {
                    new.insert(series);
                } else if !new.contains(series) {
                    reject(row, self.too_many(load));
                }
            },
        );
    }

    fn too_many(&self, load: Load) -> Rejection {
        let meter = &self.members[0].meter;
        let (definition, names) = (&meter.definition, meter.dimension_names().collect::<Vec<_>>().join(", "));
        let Load { series, bytes } = self.cardinality.limit();
        let detail = if load.series > series {
            format!(
                "the tenant has brought {series} different values of the dimensions {names} within this hour \
                 (events.series_max); send values that are fewer, or have {definition} defined without this dimension"
            )
        } else {
            format!(
                "with this event the values of the dimensions {names} that the tenant has brought within this hour would have \
                 more than {bytes} bytes (events.series_bytes_max); send values that are fewer or shorter, or have \
                 {definition} defined without this dimension"
            )
        };
        Rejection::new(Reason::CardinalityExceeded, definition.name(), detail)
    }

    /// Bytes that the values of all dimensions have at most in an event of `batch`.
    pub(super) fn longest(&self, batch: &EventBatch) -> u64 {
        self.dimensions.iter().map(|dimension| dimension.longest(batch).min(self.dimension_bytes_max) as u64).sum()
    }

    /// Refuses events with a value of a dimension that is longer than one may be.
    pub(super) fn refuse_long(&self, batch: &EventBatch, reject: &mut dyn FnMut(usize, Rejection)) {
        let bytes_max = self.dimension_bytes_max;
        let mut long = self.dimensions.iter().filter(|dimension| dimension.longest(batch) > bytes_max).peekable();
        if long.peek().is_none() {
            return;
        }
        let Some(mut rows) = Rows::of(batch, self.event_type.as_deref()) else { return };
        if let Some((passing, _)) = self.meter().passing(&mut rows) {
            rows = passing;
        }
        let definition = &self.meter().definition;
        for dimension in long {
            rows.longer(dimension, bytes_max, &mut |row, bytes| {
                let detail = format!(
                    "has {bytes} bytes and is a dimension of {definition}, which may have {bytes_max} \
                     (events.dimension_bytes_max); send a shorter value, or have {definition} defined without this dimension"
                );
                reject(row, Rejection::new(Reason::ValueInvalid, dimension.field(), detail));
            });
        }
    }

    /// Takes what was folded; the table is as new.
    pub(super) fn drain(&mut self, tenants: &mut Tenants) -> Result<Vec<Drained>> {
        let mut drained = Vec::new();
        if self.keys.len() == 0 {
            return Ok(drained);
        }
        let ranks = self.symbols.ranks();
        let all = {
            let of_tenants = tenants.ranks();
            self.keys.order(|column, code| if column == 0 { of_tenants[code as usize] } else { ranks[code as usize] })
        };
        let key_columns = |order: &UInt32Array| self.keys.columns(order, tenants, &self.symbols, &ranks);
        let keys = key_columns(&all);
        for member in &mut self.members {
            let (marks, states) = member.accumulators.drain()?;
            let touched = |group: &u32| marks.revision.get(*group as usize).is_some_and(|&revision| revision >= 0);
            let panes = if all.values().iter().all(touched) {
                Delta::build(&member.meter, keys.clone(), &all, &marks, &states)?
            } else {
                let order = UInt32Array::from_iter_values(all.values().iter().copied().filter(touched));
                Delta::build(&member.meter, key_columns(&order), &order, &marks, &states)?
            };
            let counts = std::mem::take(&mut member.counts);
            drained.push(Drained { meter: member.meter.clone(), panes, counts });
        }
        self.keys.clear();
        self.symbols.clear();
        Ok(drained)
    }
}

impl Member {
    fn fold(&mut self, rows: &mut Rows<'_>, stand: &Stand) {
        let (inputs, value) = self.meter.inputs(rows);
        self.counts.matched += rows.len() as u64;
        let counted = counted(&inputs, value.as_ref()).map(|(inputs, there)| (inputs, stand.filter(&there)));
        let (inputs, stand) = counted.as_ref().map_or((&inputs, stand), |(inputs, stand)| (inputs, stand));
        let folded = match trial::attempt(&self.meter, inputs) {
            Ok(evaluated) => self.update(&evaluated, stand),
            Err(_) => {
                let (evaluated, stand) = self.without_failing(inputs, stand);
                self.update(&evaluated, &stand)
            }
        };
        self.counts.value_missing += (rows.len() - folded) as u64;
    }

    fn update(&mut self, evaluated: &[Evaluated], stand: &Stand) -> usize {
        if !stand.groups.is_empty() {
            self.accumulators.update(evaluated, stand).expect(FITS);
        }
        stand.groups.len()
    }

    /// Leaves out the events that can't be computed: they were admitted before the meter was there.
    fn without_failing(&self, inputs: &RecordBatch, stand: &Stand) -> (Vec<Evaluated>, Stand) {
        let mut works = vec![true; inputs.num_rows()];
        for (row, _) in trial::failing(&self.meter, inputs) {
            works[row] = false;
        }
        let works = BooleanArray::from(works);
        let rest = filter_record_batch(inputs, &works).expect("one flag per row");
        // Apart they worked, so together they do: expressions look at one row at a time.
        (self.meter.evaluate(&rest).expect(FITS), stand.filter(&works))
    }
}

/// The rows that carry the value and which they are; `None` if all do.
pub(super) fn counted(inputs: &RecordBatch, value: Option<&ArrayRef>) -> Option<(RecordBatch, BooleanArray)> {
    let value = value.filter(|value| value.null_count() > 0)?;
    let there = is_not_null(value).expect("every array has validity");
    Some((filter_record_batch(inputs, &there).expect("one flag per row"), there))
}
