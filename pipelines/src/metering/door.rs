//! Metering at the door: which events are refused because they can't be counted exactly, or would keep too much for ever: a
//! dimension's value that is too long, a series too many.
//!
//! Nothing that passes here makes folding fail, and memory per tenant stays bounded (I8). Not here: folding (`operator`),
//! who counts series (`cardinality`).

use std::collections::HashMap;

use arrow::array::Array;
use datafusion::error::DataFusionError;
use engine::admission::{Reason, Rejection};
use engine::event::batch::EventBatch;
use engine::shard::Arrival;

use super::cardinality::{Cardinality, Load, SeriesSet};
use super::compile::CompiledMeter;
use super::live::{Table, counted};
use super::operator::MeteringOperator;
use super::series;
use super::snapshot::MeterPanes;
use super::trial;
use super::value::{NotNumber, Rows};
use super::wanted::Wanted;

impl MeteringOperator {
    /// Begins another hour if `now_us` is in one; `next` is the offset of what comes next.
    pub(super) fn begin_hour(&mut self, now_us: i64, next: i64) {
        if self.hour.tick(now_us, next) {
            self.live.iter_mut().for_each(Table::begin_hour);
            self.knows_hour = true;
        }
    }

    /// Refuses the events that would be a series too many of their tenant.
    pub(super) fn refuse_new_series(&mut self, arrival: &Arrival<'_>, reject: &mut dyn FnMut(usize, Rejection)) {
        self.know_hour();
        let rows = arrival.batch.len() as u64;
        let have_room = |table: &Table| {
            let all = || Load::of_events(rows, table.longest(arrival.batch));
            table.cardinality().is_none_or(|cardinality| cardinality.has_room(all()))
        };
        if self.live.iter().all(have_room) {
            return;
        }
        let shares = self.shares(arrival);
        for at in 0..self.live.len() {
            let each = self.live[at].longest(arrival.batch);
            self.learn(at, &shares, each, arrival);
            let Some(cardinality) = self.live[at].counting(arrival.batch) else { continue };
            let full = shares.iter().filter(|share| !share.fits(cardinality, each));
            let full: HashMap<usize, Option<u32>> =
                full.flat_map(|share| share.keys.iter().map(|&key| (key, share.code))).collect();
            if !full.is_empty() {
                self.live[at].refuse_new(arrival, &full, reject);
            }
        }
    }

    /// Counts what passed.
    pub(super) fn count_series(&mut self, batch: &EventBatch) {
        if self.live.iter().all(|table| table.cardinality().is_none()) {
            return;
        }
        self.know_hour();
        let counts = self.tenants.meet(&batch.tenants(), 0..batch.len());
        for table in &mut self.live {
            if table.counting(batch).is_some() {
                table.count_series(batch, &counts);
            }
        }
    }

    /// The open rows of each tenant.
    fn shares(&self, arrival: &Arrival<'_>) -> Vec<Share> {
        let tenants = arrival.batch.tenants();
        let mut rows = vec![0; tenants.values.len()];
        (0..arrival.open.len())
            .filter(|&row| arrival.open[row])
            .filter_map(|row| tenants.key(row))
            .for_each(|key| rows[key] += 1);
        let mut shares: Vec<Share> = Vec::new();
        let mut by_code: HashMap<u32, usize> = HashMap::new();
        for (key, &rows) in rows.iter().enumerate().filter(|(_, rows)| **rows > 0) {
            let code = self.tenants.find(tenants.values.value(key));
            // A dictionary may hold a name twice.
            let at = code.map_or(shares.len(), |code| *by_code.entry(code).or_insert(shares.len()));
            if at == shares.len() {
                shares.push(Share { code, keys: Vec::new(), rows: 0 });
            }
            shares[at].keys.push(key);
            shares[at].rows += rows;
        }
        shares
    }

    /// Looks up which series the tenants brought that may have too many; an event's values have `each` bytes at most.
    fn learn(&mut self, at: usize, shares: &[Share], each: u64, arrival: &Arrival<'_>) {
        let Some(cardinality) = self.live[at].counting(arrival.batch) else { return };
        let is_asked = |share: &&Share| !share.fits(cardinality, each) && share.known(cardinality).is_none();
        let asked: Vec<(u32, Load)> =
            shares.iter().filter(is_asked).filter_map(|share| Some((share.code?, share.load(each)))).collect();
        if asked.is_empty() {
            return;
        }
        self.drain();
        let mut found: HashMap<u32, (SeriesSet, usize)> = HashMap::new();
        for &(code, _) in &asked {
            let (tenant, since) = (self.tenants.name(code), self.hour.since);
            let (series, looked_at) = found.entry(code).or_default();
            for panes in self.live[at].keys().filter_map(|key| self.meters.get(key)) {
                match series::held(panes, tenant, since, &*self.storage, series) {
                    Ok(rows) => *looked_at += rows,
                    // Its series are taken for new ones, of which there may be too many.
                    Err(error) => tracing::warn!(tenant, %error, "panes can't be read to see which series they hold"),
                }
            }
        }
        for batch in arrival.in_flight {
            let tenants = batch.tenants();
            let codes: Vec<Option<u32>> = tenants.values.iter().map(|name| self.tenants.find(name?)).collect();
            let is_asked = |key: usize| codes[key].is_some_and(|code| found.contains_key(&code));
            let mut hits = Vec::new();
            series::brought(self.live[at].meter(), batch, is_asked, |_, key, series| hits.push((key, series)));
            for (key, series) in hits {
                if let Some((known, _)) = codes[key].and_then(|code| found.get_mut(&code)) {
                    known.insert(series);
                }
            }
        }
        for (code, more) in asked {
            if let Some((series, looked_at)) = found.remove(&code) {
                self.live[at].learn(code, series, looked_at, more);
            }
        }
    }

    /// Counts what panes hold of this hour, for tables that are new.
    fn know_hour(&mut self) {
        if std::mem::replace(&mut self.knows_hour, true) {
            return;
        }
        self.drain();
        let since = self.hour.since;
        let Self { live, meters, tenants, storage, .. } = self;
        for table in live.iter_mut().filter(|table| table.cardinality().is_some()) {
            let keys: Vec<String> = table.keys().map(str::to_owned).collect();
            for delta in keys.iter().filter_map(|key| meters.get(key)).flat_map(MeterPanes::all) {
                if delta.last_revision() < since {
                    continue;
                }
                match delta.panes(&Wanted::ALL, &**storage) {
                    Ok(panes) => table.count_held(&panes, since, tenants),
                    Err(error) => tracing::warn!(%error, "panes can't be read to count their series of this hour"),
                }
            }
        }
    }
}

/// One tenant's part of a batch.
struct Share {
    /// `None` for a tenant that was never met.
    code: Option<u32>,
    /// Of its name in the batch's dictionary.
    keys: Vec<usize>,
    rows: u64,
}

impl Share {
    fn load(&self, each: u64) -> Load {
        Load::of_events(self.rows, each)
    }

    fn fits(&self, cardinality: &Cardinality, each: u64) -> bool {
        match self.code {
            Some(code) => cardinality.fits(code, self.load(each)),
            None => self.load(each).is_within(cardinality.limit()),
        }
    }

    fn known<'a>(&self, cardinality: &'a Cardinality) -> Option<&'a SeriesSet> {
        cardinality.known(self.code?)
    }
}

/// Refuses rows that `meter` could not count exactly.
pub(super) fn refuse_inexact(meter: &CompiledMeter, rows: &mut Rows<'_>, reject: &mut dyn FnMut(usize, Rejection)) {
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
