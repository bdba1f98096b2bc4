//! The operator that a shard's worker owns: folds, publishes, seals, restores, backfills.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use engine::admission::{Rejection, RejectionCount};
use engine::calendar::Interval;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::fact::Billed;
use engine::meter::Aggregation;
use engine::shard::operator::{RestoreError, Seal};
use engine::shard::{Arrival, Operator, Position};
use engine::storage::{SharedStorage, Storage};
use engine::units::ONE;

use super::calendars::Calendars;
use super::cardinality::{Hour, Load};
use super::compile::{CompiledMeter, additive};
use super::delta::{Layout, rows_of};
use super::door;
use super::forget;
use super::ledger::{self, Lines};
use super::live::{Bounds, Counts, Table, tables};
use super::merge;
use super::reach::Reach;
use super::rejection::Rejections;
use super::seal::{self, Sealing};
use super::since::Since;
use super::snapshot::{MeterPanes, MeteringSnapshot};
use super::tenants::{TenantCodes, Tenants};
use super::value::Rows;
use super::wanted::Wanted;
use super::{ended, ended_windows};

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
    /// Bytes that these values may have together.
    pub series_bytes_max: usize,
    /// Bytes of one value of a dimension.
    pub dimension_bytes_max: usize,
}

impl MeteringOptions {
    fn bounds(&self) -> Bounds {
        let hourly = Load { series: self.series_max as u64, bytes: self.series_bytes_max as u64 };
        Bounds { hourly, dimension_bytes_max: self.dimension_bytes_max }
    }
}

impl Default for MeteringOptions {
    fn default() -> Self {
        Self {
            hot_us: 35 * 24 * 3_600_000_000,
            cold_rows_min: 65_536,
            series_max: 100_000,
            series_bytes_max: 64 << 20,
            dimension_bytes_max: 1024,
        }
    }
}

/// Folds a shard's events into panes, meter by meter.
///
/// [`Operator::restore`] comes before [`Operator::configure`]: the restored meters are what new definitions are compared
/// with. What a fact ends in totals is written down before it is gone ([`ended`]).
pub struct MeteringOperator {
    options: MeteringOptions,
    pub(super) storage: SharedStorage,
    /// The watermark of the last record applied.
    watermark_us: i64,
    /// Behind the last event applied.
    pub(super) next_offset: i64,
    /// In which events are admitted now.
    pub(super) hour: Hour,
    /// Whether tables know what panes hold of this hour.
    pub(super) knows_hour: bool,
    /// By [`Definition::key`].
    pub(super) meters: BTreeMap<String, MeterPanes>,
    /// Definitions that can't be compiled: reading them is an error, not an empty answer (I14).
    refused: Arc<BTreeMap<String, String>>,
    ended: MeterPanes,
    ended_windows: MeterPanes,
    calendars: Arc<Calendars>,
    billed: MeterPanes,
    pub(super) tenants: Tenants,
    /// Which meter's deltas are merged first at the next publish.
    turn: usize,
    pub(super) live: Vec<Table>,
    /// Whether something was folded into `live` since it was drained.
    is_dirty: bool,
    /// Whether `live` holds history of some meters only: then it must not be mixed with new events.
    is_backfill: bool,
    rejections: Arc<Rejections>,
    reach: Arc<Reach>,
}

impl MeteringOperator {
    /// An operator without meters; `storage` is where cold panes are read from.
    pub fn new(options: MeteringOptions, storage: SharedStorage) -> Self {
        let MeteringSnapshot { meters, ended, ended_windows, calendars, billed, rejections, reach, .. } =
            MeteringSnapshot::default();
        Self {
            options,
            storage,
            watermark_us: i64::MIN,
            next_offset: 0,
            hour: Hour::NONE,
            knows_hour: false,
            meters,
            refused: Arc::default(),
            ended,
            ended_windows,
            calendars,
            billed,
            tenants: Tenants::default(),
            turn: 0,
            live: Vec::new(),
            is_dirty: false,
            is_backfill: false,
            rejections,
            reach,
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
    pub(super) fn drain(&mut self) {
        if !self.is_dirty {
            return;
        }
        self.is_dirty = false;
        for drained in self.live.iter_mut().flat_map(|table| table.drain(&mut self.tenants).expect(OWN_STATES)) {
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
            ended: self.ended.clone(),
            ended_windows: self.ended_windows.clone(),
            calendars: self.calendars.clone(),
            billed: self.billed.clone(),
            rejections: self.rejections.clone(),
            reach: Arc::clone(&self.reach),
            storage: Some(self.storage.clone()),
        })
    }

    /// Moves what is old enough into cold deltas; the seal that follows makes them durable.
    fn cool(&mut self) {
        let cutoff_us = self.watermark_us.saturating_sub(self.options.hot_us);
        for MeterPanes { meter, deltas, cold, .. } in self.meters.values_mut() {
            cold.extend(merge::split(meter, deltas, cutoff_us, self.options.cold_rows_min).expect(OWN_STATES));
        }
        // Whoever has seen these has little reason to ask again, so they may all go.
        for MeterPanes { meter, deltas, cold, .. } in [&mut self.ended, &mut self.ended_windows] {
            cold.extend(merge::split(meter, deltas, i64::MAX, self.options.cold_rows_min).expect(OWN_STATES));
        }
    }

    /// The totals that end where some of these panes do, or their tenants, or their tenants' periods.
    fn ending<'a>(
        &self,
        panes: impl Iterator<Item = &'a MeterPanes>,
        tenants: Option<&BTreeSet<String>>,
        concerned: &dyn Fn(&str) -> bool,
        since: Since,
    ) -> Result<Lines, RestoreError> {
        let mut lines = Lines::default();
        let calendar_of = |tenant: &str| self.calendars.of(tenant).calendar.clone();
        for panes in panes {
            ended::end(panes, tenants, concerned, &calendar_of, since, &*self.storage, &mut lines)?;
        }
        Ok(lines)
    }

    /// The windows that end where some of these panes do, or their tenants.
    fn ending_windows<'a>(
        &self,
        panes: impl Iterator<Item = &'a MeterPanes>,
        tenants: Option<&BTreeSet<String>>,
        since: Since,
    ) -> Result<Lines, RestoreError> {
        let (mut lines, snapshot) = (Lines::default(), self.snapshot());
        for panes in panes {
            ended_windows::end(&snapshot, panes, tenants, since, &mut lines)
                .map_err(|error| RestoreError { file: panes.meter.key.clone(), reason: error.to_string() })?;
        }
        Ok(lines)
    }
}

impl Operator for MeteringOperator {
    type Snapshot = MeteringSnapshot;

    fn vet(&mut self, arrival: &Arrival<'_>, reject: &mut dyn FnMut(usize, Rejection)) {
        let mut refused = Vec::new();
        let mut refuse = |row: usize, rejection: Rejection| {
            refused.push(row);
            reject(row, rejection);
        };
        for MeterPanes { meter, .. } in self.meters.values() {
            if let Some(mut rows) = Rows::of(arrival.batch, meter.event_type.as_deref()) {
                door::refuse_inexact(meter, &mut rows, &mut refuse);
            }
        }
        self.live.iter().for_each(|table| table.refuse_long(arrival.batch, &mut refuse));
        self.begin_hour(arrival.now_us, self.next_offset);
        if refused.is_empty() {
            return self.refuse_new_series(arrival, reject);
        }
        // What is refused already brings no series.
        let mut open = arrival.open.to_vec();
        refused.into_iter().for_each(|row| open[row] = false);
        self.refuse_new_series(&Arrival { open: &open, ..*arrival }, reject);
    }

    fn expect(&mut self, batch: &EventBatch) {
        self.count_series(batch);
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

    fn used(&mut self, tenant: &str, meter: &str, period: Interval) -> Option<i128> {
        self.drain();
        let Some(held) = self.meters.get(meter) else { return Some(0) };
        if !held.meter.definition.meter().is_some_and(|meter| meter.aggregation.is_additive()) {
            return Some(0);
        }
        let tenants = [tenant.to_owned()];
        let wanted = Wanted { tenants: Some(&tenants), starts: (period.start_us, period.end_us) };
        let mut used: i128 = 0;
        for delta in held.all().filter(|delta| delta.touches(&wanted)) {
            match delta.panes(&wanted, &*self.storage) {
                Ok(panes) => used = used.saturating_add(used_of(&panes, held.meter.states(), tenant, period)),
                Err(error) => {
                    tracing::error!(tenant, meter, %error, "what was used can't be read, and a hard limit lets nothing in");
                    return None;
                }
            }
        }
        Some(used)
    }

    fn apply(&mut self, batch: &EventBatch, position: Position) {
        self.watermark_us = self.watermark_us.max(position.watermark_us);
        self.begin_hour(position.admitted_at_us, position.offset as i64);
        self.next_offset = position.offset as i64 + batch.len() as i64;
        self.reach.events(batch, position.offset as i64);
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
        Box::new(Sealing(self.snapshot(), self.hour, self.reach.end()))
    }

    fn restore(&mut self, description: &serde_json::Value, storage: &dyn Storage) -> Result<(), RestoreError> {
        let (restored, hour) = seal::restore(description, storage)?;
        let MeteringSnapshot { meters, ended, ended_windows, calendars, billed, rejections, reach, .. } = restored;
        self.live = tables(meters.values().map(|panes| &panes.meter), self.options.bounds());
        self.meters = meters;
        (self.ended, self.ended_windows, self.calendars, self.billed) = (ended, ended_windows, calendars, billed);
        (self.rejections, self.reach) = (rejections, reach);
        self.is_dirty = false;
        (self.hour, self.knows_hour) = (hour, false);
        let revisions = self.meters.values().flat_map(MeterPanes::all).map(|delta| delta.last_revision());
        self.next_offset = revisions.max().unwrap_or(-1) + 1;
        Ok(())
    }

    fn follows(&self, definitions: &[Definition]) -> bool {
        let followed = self.meters.values().map(|panes| (&panes.meter.key, &panes.meter.definition));
        let asked = definitions.iter().map(|definition| (definition.key().into_owned(), definition));
        followed.eq(asked.collect::<BTreeMap<_, _>>().iter().map(|(key, definition)| (key, *definition)))
    }

    fn configure(
        &mut self,
        definitions: &[Definition],
        position: Option<Position>,
    ) -> Result<Vec<String>, RestoreError> {
        self.drain();
        let since = position.map_or(Since::EVER, Since::at);
        let (mut compiled, mut refused) = (BTreeMap::<String, Arc<CompiledMeter>>::new(), BTreeMap::new());
        for definition in definitions {
            match CompiledMeter::new(definition) {
                Ok(meter) => drop(compiled.insert(meter.key.clone(), Arc::new(meter))),
                // Doors check before they journal, so this is a definition of another version.
                Err(error) => {
                    tracing::error!(%definition, %error, "it can't be compiled and is not counted");
                    refused.insert(definition.key().into_owned(), error.to_string());
                }
            }
        }
        // Of one that can't be computed nothing is said: its rows can't be read, and have not ended.
        let is_kept = |before: &MeterPanes| match compiled.get(&before.meter.key) {
            Some(meter) => meter.identity == before.meter.identity,
            None => refused.contains_key(&before.meter.key),
        };
        let ending = self.meters.values().filter(|before| !is_kept(before));
        let ending = self.ending(ending, None, &|_| true, since)?;
        let is_shown = |before: &MeterPanes| match compiled.get(&before.meter.key) {
            Some(meter) => meter.shape == before.meter.shape,
            None => refused.contains_key(&before.meter.key),
        };
        let windows = self.ending_windows(self.meters.values().filter(|before| !is_shown(before)), None, since)?;
        ledger::write(&mut self.ended, ending).expect(OWN_STATES);
        ledger::write(&mut self.ended_windows, windows).expect(OWN_STATES);
        let mut before = std::mem::take(&mut self.meters);
        let mut changed = Vec::new();
        for (key, meter) in compiled {
            let panes = match before.remove(&key) {
                Some(panes) if panes.meter.identity == meter.identity => {
                    let since = if panes.meter.shape == meter.shape { panes.since } else { since };
                    MeterPanes { meter, since, ..panes }
                }
                _ => {
                    changed.push(key.clone());
                    MeterPanes { meter, since, deltas: Vec::new(), cold: Vec::new(), counts: Counts::default() }
                }
            };
            self.meters.insert(key, panes);
        }
        self.reach.fact(None, since.revision);
        self.refused = Arc::new(refused);
        self.live = tables(self.meters.values().map(|panes| &panes.meter), self.options.bounds());
        self.knows_hour = false;
        Ok(changed)
    }

    fn bill(&mut self, billed: &Billed, position: Position) -> Result<(), RestoreError> {
        self.drain();
        let since = Since::at(position);
        let change = self.calendars.change(billed, since);
        if change.is_empty() {
            return Ok(());
        }
        let concerned = |tenant: &str| change.concerns(tenant, &self.calendars);
        let tenants = (!change.is_of_default()).then_some(&change.moved);
        let ending = self.ending(self.meters.values(), tenants, &concerned, since)?;
        ledger::write(&mut self.ended, ending).expect(OWN_STATES);
        self.reach.fact(tenants, since.revision);
        let lines = Arc::make_mut(&mut self.calendars).apply(change);
        ledger::write(&mut self.billed, lines).expect(OWN_STATES);
        Ok(())
    }

    fn forget(&mut self, tenants: &BTreeSet<String>, position: Position) -> Result<(), RestoreError> {
        self.drain();
        let ending = self.ending(self.meters.values(), Some(tenants), &|_| true, Since::at(position))?;
        let windows = self.ending_windows(self.meters.values(), Some(tenants), Since::at(position))?;
        let known = ended_windows::without_dimensions(&self.ended_windows, tenants, &*self.storage)?;
        let mut windows_without = self.ended_windows.clone();
        forget::forget(&mut windows_without, tenants, &*self.storage)?;
        let mut without = self.meters.clone();
        for panes in without.values_mut() {
            forget::forget(panes, tenants, &*self.storage)?;
        }
        let mut billed = self.billed.clone();
        forget::forget(&mut billed, tenants, &*self.storage)?;
        self.meters = without;
        (self.ended_windows, self.billed) = (windows_without, billed);
        ledger::write(&mut self.ended, ending).expect(OWN_STATES);
        for lines in [known, windows] {
            ledger::write(&mut self.ended_windows, lines).expect(OWN_STATES);
        }
        self.reach.fact(Some(tenants), Since::at(position).revision);
        Arc::make_mut(&mut self.calendars).forget(tenants);
        Arc::make_mut(&mut self.rejections).forget(tenants);
        Ok(())
    }

    fn backfill(&mut self, keys: &[String], batch: &EventBatch, position: Position) {
        self.fold(batch, position, Some(keys));
    }
}

/// Nano-units of one tenant in a period. Within a series panes are sorted, so a period is one run per series.
fn used_of(panes: &RecordBatch, states: usize, tenant: &str, period: Interval) -> i128 {
    let range = rows_of(panes, tenant);
    let layout = Layout::of(panes.schema_ref(), states);
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
