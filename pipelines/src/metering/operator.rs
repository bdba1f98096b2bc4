//! The operator that a shard's worker owns: folds, publishes, seals, restores, backfills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use datafusion::error::DataFusionError;
use engine::admission::{Reason, Rejection, RejectionCount};
use engine::calendar::Interval;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::meter::Aggregation;
use engine::shard::operator::{RestoreError, Seal};
use engine::shard::{Operator, Position};
use engine::storage::{SharedStorage, Storage};
use engine::units::ONE;

use super::compile::{CompiledMeter, additive};
use super::delta::{Layout, rows_of};
use super::forget;
use super::live::{Counts, Table, counted, tables};
use super::merge;
use super::rejection::Rejections;
use super::seal::{self, Sealing};
use super::snapshot::{MeterPanes, MeteringSnapshot};
use super::tenants::{TenantCodes, Tenants};
use super::trial;
use super::value::{NotNumber, Rows};
use super::wanted::Wanted;

/// States that were made by a meter's accumulators can be merged by them.
pub(super) const OWN_STATES: &str = "states come from the same meter's accumulators";

/// About so many rows are merged at a publish.
const MERGED_ROWS: usize = 1 << 16;

/// How much a shard keeps at hand.
#[derive(Debug, Clone)]
pub struct MeteringOptions {
    /// Panes that start this far behind the watermark are kept in the lake only, microseconds; they are read when asked
    /// for.
    pub hot_us: i64,
    /// Fewest rows that are worth a file of the lake, per meter.
    pub cold_rows_min: usize,
    /// Different values of a meter's dimensions, together, that a tenant may bring in an hour.
    pub series_max: usize,
}

impl Default for MeteringOptions {
    fn default() -> Self {
        Self { hot_us: 35 * 24 * 3_600_000_000, cold_rows_min: 65_536, series_max: 100_000 }
    }
}

/// Folds a shard's events into panes, meter by meter.
///
/// [`Operator::restore`] comes before [`Operator::configure`]: the restored meters are what new definitions are compared
/// with.
pub struct MeteringOperator {
    options: MeteringOptions,
    storage: SharedStorage,
    /// The watermark of the last record applied.
    watermark_us: i64,
    /// By [`Definition::key`].
    meters: BTreeMap<String, MeterPanes>,
    /// Definitions that can't be compiled: reading them is an error, not an empty answer (I14).
    refused: Arc<BTreeMap<String, String>>,
    tenants: Tenants,
    /// Which meter's deltas are merged first at the next publish.
    turn: usize,
    live: Vec<Table>,
    /// Whether something was folded into `live` since it was drained.
    is_dirty: bool,
    /// Whether `live` holds history of some meters only: then it must not be mixed with new events.
    is_backfill: bool,
    rejections: Arc<Rejections>,
}

impl MeteringOperator {
    /// An operator without meters; `storage` is where cold panes are read from.
    pub fn new(options: MeteringOptions, storage: SharedStorage) -> Self {
        Self {
            options,
            storage,
            watermark_us: i64::MIN,
            meters: BTreeMap::new(),
            refused: Arc::default(),
            tenants: Tenants::default(),
            turn: 0,
            live: Vec::new(),
            is_dirty: false,
            is_backfill: false,
            rejections: Arc::default(),
        }
    }

    fn fold(&mut self, batch: &EventBatch, position: Position, only: Option<&[String]>) {
        if self.is_backfill != only.is_some() {
            self.drain();
            self.is_backfill = only.is_some();
        }
        let mut tenants = TenantCodes::new(&mut self.tenants);
        let mut by_type: Vec<(Option<String>, Option<Rows<'_>>)> = Vec::new();
        for table in &mut self.live {
            let at = by_type.iter().position(|(event_type, _)| *event_type == table.event_type).unwrap_or_else(|| {
                by_type.push((table.event_type.clone(), Rows::of(batch, table.event_type.as_deref())));
                by_type.len() - 1
            });
            if let Some(rows) = &mut by_type[at].1 {
                table.fold(rows, &mut tenants, position, only);
                self.is_dirty = true;
            }
        }
    }

    /// Turns what is live into deltas.
    fn drain(&mut self) {
        if !self.is_dirty {
            return;
        }
        self.is_dirty = false;
        let new = !self.is_backfill;
        for drained in self.live.iter_mut().flat_map(|table| table.drain(&mut self.tenants, new).expect(OWN_STATES)) {
            if let Some(panes) = self.meters.get_mut(&drained.meter.key) {
                panes.counts += drained.counts;
                merge::push(&panes.meter, &mut panes.deltas, drained.panes);
            }
        }
        self.merge_some();
    }

    /// Merges deltas, but only so much at a time: meters that are fed alike have their large merges due at once, and
    /// nothing is published meanwhile.
    fn merge_some(&mut self) {
        let (mut left, first) = (MERGED_ROWS, self.turn);
        for is_before in [false, true] {
            for (at, panes) in self.meters.values_mut().enumerate().filter(|(at, _)| (*at < first) == is_before) {
                let (merged, all) = merge::merge_due(&panes.meter, &mut panes.deltas, left).expect(OWN_STATES);
                left = left.saturating_sub(merged);
                if !all || left == 0 {
                    self.turn = if all { at + 1 } else { at };
                    return;
                }
            }
        }
    }

    fn snapshot(&self) -> Arc<MeteringSnapshot> {
        Arc::new(MeteringSnapshot {
            meters: self.meters.clone(),
            refused: Arc::clone(&self.refused),
            rejections: self.rejections.clone(),
            storage: Some(self.storage.clone()),
        })
    }

    /// Moves what is old enough into cold deltas; the seal that follows makes them durable.
    fn cool(&mut self) {
        let cutoff_us = self.watermark_us.saturating_sub(self.options.hot_us);
        for MeterPanes { meter, deltas, cold, .. } in self.meters.values_mut() {
            cold.extend(merge::split(meter, deltas, cutoff_us, self.options.cold_rows_min).expect(OWN_STATES));
        }
    }
}

impl Operator for MeteringOperator {
    type Snapshot = MeteringSnapshot;

    fn vet(&self, batch: &EventBatch, reject: &mut dyn FnMut(usize, Rejection)) {
        for MeterPanes { meter, .. } in self.meters.values() {
            if let Some(mut rows) = Rows::of(batch, meter.event_type.as_deref()) {
                vet(meter, &mut rows, reject);
            }
        }
        for table in &self.live {
            table.vet(batch, &self.tenants, reject);
        }
    }

    fn units(&self, meter: &str, batch: &EventBatch) -> Option<Vec<i128>> {
        let meter = &self.meters.get(meter)?.meter;
        let aggregation = &meter.definition.meter()?.aggregation;
        if !aggregation.is_additive() {
            return None;
        }
        let mut units = vec![0; batch.len()];
        let Some(mut rows) = Rows::of(batch, meter.event_type.as_deref()) else { return Some(units) };
        let numbers = meter.value.as_ref().map(|pointer| rows.numbers(pointer));
        let numbers = numbers.as_ref().map(|numbers| numbers.as_primitive::<Decimal128Type>());
        let is_count = *aggregation == Aggregation::Count;
        for row in 0..rows.len() {
            units[rows.position(row)] = match numbers {
                Some(numbers) if !numbers.is_valid(row) => 0,
                Some(numbers) if !is_count => numbers.value(row),
                _ => ONE,
            };
        }
        Some(units)
    }

    fn used(&mut self, tenant: &str, meter: &str, period: Interval) -> i128 {
        self.drain();
        let Some(held) = self.meters.get(meter) else { return 0 };
        if !held.meter.definition.meter().is_some_and(|meter| meter.aggregation.is_additive()) {
            return 0;
        }
        let tenants = [tenant.to_owned()];
        let wanted = Wanted { tenants: Some(&tenants), starts: (period.start_us, period.end_us) };
        let mut used: i128 = 0;
        for delta in held.all().filter(|delta| delta.touches(&wanted)) {
            match delta.panes(&wanted, &*self.storage) {
                Ok(panes) => used += used_of(&panes, tenant, period),
                Err(error) => {
                    // What can't be read might be all there is: a hard quota must not be overshot (I7).
                    tracing::error!(tenant, meter, %error, "usage can't be read, no quota is granted");
                    return i128::MAX / 2;
                }
            }
        }
        used
    }

    fn apply(&mut self, batch: &EventBatch, position: Position) {
        self.watermark_us = self.watermark_us.max(position.watermark_us);
        self.fold(batch, position, None);
    }

    fn reject(&mut self, counts: &[RejectionCount], position: Position) {
        if counts.is_empty() {
            return;
        }
        let rejections = Arc::make_mut(&mut self.rejections);
        for count in counts {
            rejections.add(count, position.admitted_at_us);
        }
    }

    fn publish(&mut self, _watermark_us: i64) -> Arc<MeteringSnapshot> {
        self.drain();
        self.snapshot()
    }

    fn seal(&mut self) -> Box<dyn Seal> {
        self.drain();
        self.cool();
        Box::new(Sealing(self.snapshot()))
    }

    fn restore(&mut self, description: &serde_json::Value, storage: &dyn Storage) -> Result<(), RestoreError> {
        let MeteringSnapshot { meters, rejections, .. } = seal::restore(description, storage)?;
        self.live = tables(meters.values().map(|panes| &panes.meter), self.options.series_max);
        self.meters = meters;
        self.rejections = rejections;
        self.is_dirty = false;
        Ok(())
    }

    fn configure(&mut self, definitions: &[Definition]) -> Vec<String> {
        self.drain();
        let mut before = std::mem::take(&mut self.meters);
        let (mut changed, mut refused) = (Vec::new(), BTreeMap::new());
        for definition in definitions {
            let compiled = match CompiledMeter::new(definition) {
                Ok(compiled) => Arc::new(compiled),
                Err(error) => {
                    // Doors check before they journal, so this is a definition of another version.
                    tracing::error!(%definition, %error, "it can't be compiled and is not counted");
                    refused.insert(definition.key().into_owned(), error.to_string());
                    continue;
                }
            };
            let key = compiled.key.clone();
            let panes = match before.remove(&key) {
                Some(panes) if panes.meter.identity == compiled.identity => MeterPanes { meter: compiled, ..panes },
                _ => {
                    changed.push(key.clone());
                    MeterPanes { meter: compiled, deltas: Vec::new(), cold: Vec::new(), counts: Counts::default() }
                }
            };
            self.meters.insert(key, panes);
        }
        self.refused = Arc::new(refused);
        self.live = tables(self.meters.values().map(|panes| &panes.meter), self.options.series_max);
        changed
    }

    fn forget(&mut self, tenants: &BTreeSet<String>) -> Result<(), RestoreError> {
        self.drain();
        let mut without = self.meters.clone();
        for panes in without.values_mut() {
            forget::forget(panes, tenants, &*self.storage)?;
        }
        self.meters = without;
        Arc::make_mut(&mut self.rejections).forget(tenants);
        Ok(())
    }

    fn backfill(&mut self, keys: &[String], batch: &EventBatch, position: Position) {
        self.fold(batch, position, Some(keys));
    }
}

/// Nano-units of one tenant in a period. Within a series panes are sorted, so a period is one run per series.
fn used_of(panes: &RecordBatch, tenant: &str, period: Interval) -> i128 {
    let range = rows_of(panes, tenant);
    let layout = Layout::of(panes.schema_ref(), 1);
    let starts = &layout.starts(panes)[range.clone()];
    let states = panes.column(layout.states).slice(range.start, range.len());
    let (mut used, mut at) = (0, 0);
    while at < starts.len() {
        let run = starts[at..].iter().take_while(|&&start| period.contains(start)).count();
        used += additive(&states.slice(at, run));
        at += run.max(1);
    }
    used
}

/// Refuses rows that `meter` could not count exactly.
fn vet(meter: &CompiledMeter, rows: &mut Rows<'_>, reject: &mut dyn FnMut(usize, Rejection)) {
    let definition = &meter.definition;
    if let Some(pointer) = meter.value.as_ref().filter(|_| !meter.takes_text()) {
        rows.not_numbers(pointer, &mut |row, wrong| {
            let (reason, found) = match wrong {
                NotNumber::Type(found) => (Reason::ValueInvalid, format!("is {found}")),
                NotNumber::Units(found) => (Reason::ValueOverflow, format!("can't be counted exactly: {found}")),
            };
            let detail = format!("data member {pointer} {found}; {definition} needs a number of at most 9 decimals");
            reject(row, Rejection::new(reason, pointer.as_str(), detail));
        });
    }
    if !meter.is_fallible() {
        return;
    }
    let mut refuse = |at: usize, error: &DataFusionError| {
        let detail = format!("{definition} can't be computed on this event: {}", error.strip_backtrace());
        reject(at, Rejection::new(Reason::ValueInvalid, definition.name(), detail));
    };
    let mut passing = meter.passing(rows).map(|(passing, failing)| {
        failing.iter().for_each(|(row, error)| refuse(rows.position(*row), error));
        passing
    });
    let rows = passing.as_mut().unwrap_or(rows);
    let (inputs, value) = meter.inputs(rows);
    let counted = counted(&inputs, value.as_ref());
    if trial::attempt(meter, counted.as_ref().map_or(&inputs, |(inputs, _)| inputs)).is_ok() {
        return;
    }
    for (row, error) in trial::failing(meter, &inputs) {
        // A row without the value is not counted, so nothing of it needs to be computed.
        if value.as_ref().is_none_or(|value| value.is_valid(row)) {
            refuse(rows.position(row), &error);
        }
    }
}
