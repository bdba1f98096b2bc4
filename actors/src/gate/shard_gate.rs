//! One shard's gate in one epoch: status by dictionary value, limits only for tenants that have any.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::admission::{Reason, Rejection};
use engine::calendar::Interval;
use engine::clock::Clock;
use engine::event::batch::EventBatch;
use engine::shard::{Gate, Measure};

use super::lease::{Refusal, Row, ShardLimit};
use super::table::{Entry, GateTable};
use crate::facets::lifecycle::Status;

/// The gate of one shard in one epoch; its leases die with it.
pub struct ShardGate {
    table: Arc<GateTable>,
    shard: u16,
    clock: Arc<dyn Clock>,
    limited: HashMap<String, Limited>,
}

/// A tenant with limits, as this shard knows it.
struct Limited {
    version: u64,
    limits: Vec<ShardLimit>,
}

/// What one `admit` took from leases: tenant, index of the limit, version of the limits, period, nano-units.
#[derive(Debug, Default)]
pub struct Spend(Vec<(String, usize, u64, Interval, i128)>);

impl ShardGate {
    /// The gate of `shard` for a new epoch.
    pub fn new(table: Arc<GateTable>, shard: u16, clock: Arc<dyn Clock>) -> Self {
        Self { table, shard, clock, limited: HashMap::new() }
    }

    /// Walks the rows of one limited tenant in order.
    fn walk(
        &mut self,
        walk: &mut Walk<'_>,
        (tenant, entry, rows): (&str, &Entry, &[usize]),
        measure: &mut dyn Measure,
        reject: &mut dyn FnMut(usize, Rejection),
        spend: &mut Spend,
    ) {
        let known = self.limited.get(tenant).is_some_and(|limited| limited.version == entry.version);
        if !known {
            let limits = entry.limits.iter().map(|(meter, limit)| ShardLimit::new(meter, limit)).collect();
            self.limited.insert(tenant.to_owned(), Limited { version: entry.version, limits });
        }
        let Some(limited) = self.limited.get_mut(tenant) else { return };
        for limit in &limited.limits {
            walk.units.entry(limit.meter.clone()).or_insert_with(|| measure.units(&limit.meter, walk.batch));
        }
        let mut taken: HashMap<(usize, Interval), i128> = HashMap::new();
        let mut passed: Vec<(usize, i128, Option<Interval>)> = Vec::with_capacity(limited.limits.len());
        let mut said: HashMap<(usize, Refusal), Rejection> = HashMap::new();
        for &row in rows {
            passed.clear();
            let mut refused = None;
            for (at, limit) in limited.limits.iter_mut().enumerate() {
                let units = walk.units.get(&limit.meter).and_then(Option::as_ref).map_or(0, |units| units[row]);
                if units == 0 {
                    continue;
                }
                let asked = Row { tenant, units, time_us: walk.batch.times().value(row), now_us: walk.now_us };
                match limit.check(asked, (self.shard, &entry.ledgers), measure) {
                    Ok(period) => passed.push((at, units, period)),
                    Err(refusal) => {
                        refused = Some((at, refusal));
                        break;
                    }
                }
            }
            if let Some((at, refusal)) = refused {
                walk.open[row] = false;
                let rejection = said.entry((at, refusal)).or_insert_with(|| explain(&limited.limits[at], refusal));
                reject(row, rejection.clone());
                continue;
            }
            for (at, units, period) in passed.drain(..) {
                limited.limits[at].take(units, period, walk.now_us);
                if let Some(period) = period {
                    *taken.entry((at, period)).or_default() += units;
                }
            }
        }
        for ((at, period), units) in taken {
            limited.limits[at].report(self.shard, period, &entry.ledgers);
            spend.0.push((tenant.to_owned(), at, entry.version, period, units));
        }
    }
}

/// What all tenants of a batch share.
struct Walk<'a> {
    batch: &'a EventBatch,
    open: &'a mut [bool],
    now_us: i64,
    units: HashMap<String, Option<Vec<i128>>>,
}

impl Gate for ShardGate {
    type Spend = Spend;

    fn admit(
        &mut self,
        batch: &EventBatch,
        open: &mut [bool],
        measure: &mut dyn Measure,
        reject: &mut dyn FnMut(usize, Rejection),
    ) -> Spend {
        let tenants = batch.tenants();
        let look = |tenant: Option<&str>| {
            let Some(entry) = tenant.and_then(|tenant| self.table.entry(tenant)) else {
                return Seen::Closed(closed(tenant.unwrap_or_default(), None, false));
            };
            let quarantined = entry.quarantined.load(Ordering::Relaxed);
            if entry.status != Status::Active || quarantined {
                return Seen::Closed(closed(tenant.unwrap_or_default(), Some(entry.status), quarantined));
            }
            if entry.limits.is_empty() { Seen::Free } else { Seen::Limited(entry, Vec::new()) }
        };
        let mut seen: Vec<Seen> = tenants.values.iter().map(look).collect();
        let mut limited = false;
        for (row, open) in open.iter_mut().enumerate().filter(|(_, open)| **open) {
            match tenants.key(row).map(|key| &mut seen[key]) {
                Some(Seen::Free) => {}
                Some(Seen::Limited(_, rows)) => {
                    rows.push(row);
                    limited = true;
                }
                Some(Seen::Closed(rejection)) => {
                    *open = false;
                    reject(row, rejection.clone());
                }
                None => *open = false,
            }
        }
        let mut spend = Spend::default();
        if limited {
            let mut walk = Walk { batch, open, now_us: self.clock.now_us(), units: HashMap::new() };
            for (key, seen) in seen.iter().enumerate() {
                if let Seen::Limited(entry, rows) = seen
                    && !rows.is_empty()
                {
                    let tenant = tenants.values.value(key);
                    self.walk(&mut walk, (tenant, entry, rows), measure, reject, &mut spend);
                }
            }
        }
        spend
    }

    /// What was spent is in the log now, where the next epoch will find it.
    fn settle(&mut self, _spend: Spend) {}

    fn refund(&mut self, spend: Spend) {
        for (tenant, at, version, period, units) in spend.0 {
            let Some(limited) = self.limited.get_mut(&tenant).filter(|limited| limited.version == version) else {
                continue;
            };
            limited.limits[at].give_back(units, period);
            if let Some(entry) = self.table.entry(&tenant) {
                limited.limits[at].report(self.shard, period, &entry.ledgers);
            }
        }
    }
}

/// What the table says of one tenant of the batch.
enum Seen {
    Free,
    Limited(Arc<Entry>, Vec<usize>),
    Closed(Rejection),
}

fn closed(tenant: &str, status: Option<Status>, quarantined: bool) -> Rejection {
    let (reason, detail) = match status {
        None => (Reason::TenantUnknown, format!("there is no tenant {tenant:?}; create it first")),
        Some(_) if quarantined => {
            (Reason::TenantQuarantined, "kept out after repeated failures; an operator can release it".to_owned())
        }
        Some(status) => (Reason::TenantSuspended, format!("the tenant is {}, not active", status.as_str())),
    };
    Rejection::new(reason, "tenant", detail)
}

fn explain(limit: &ShardLimit, refusal: Refusal) -> Rejection {
    match (refusal, &limit.limit.allowance, &limit.limit.rate) {
        (Refusal::Allowance(period), Some(allowance), _) => {
            let ends = jiff::Timestamp::from_microsecond(period.end_us).map(|end| end.to_string()).unwrap_or_default();
            let detail = format!("the allowance of {} units is used up until {ends}", allowance.units);
            Rejection::new(Reason::QuotaExceeded, limit.meter.as_str(), detail)
        }
        (_, _, Some(rate)) => {
            let detail = format!("more than {} units a second; send slower and retry", rate.units_per_s);
            Rejection::new(Reason::RateLimited, limit.meter.as_str(), detail)
        }
        _ => Rejection::new(Reason::QuotaExceeded, limit.meter.as_str(), "the limit is used up"),
    }
}
