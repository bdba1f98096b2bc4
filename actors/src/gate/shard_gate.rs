//! One shard's gate in one epoch: status by dictionary value, limits only for tenants that have any.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::admission::{Reason, Rejection};
use engine::calendar::Interval;
use engine::clock::Clock;
use engine::event::batch::EventBatch;
use engine::shard::{Gate, Measure};
use hashbrown::HashTable;

use super::lease::{Owner, Refusal, Row, ShardLimit};
use super::table::{Entry, GateTable};
use crate::facets::lifecycle::Status;

/// The gate of one shard in one epoch; its leases die with it.
pub struct ShardGate {
    table: Arc<GateTable>,
    shard: u16,
    clock: Arc<dyn Clock>,
    /// Where tenants with limits that came by are in `limited`, with the hash of their name.
    places: HashTable<(u64, u32)>,
    limited: Vec<Limited>,
    /// Meters that limits name.
    meters: Vec<String>,
    /// What one row takes of its tenant's limits: limit, nano-units, lease.
    passed: Vec<(usize, i128, Option<usize>)>,
}

/// A tenant with limits, as this shard knows it.
struct Limited {
    tenant: Box<str>,
    entry: Arc<Entry>,
    limits: Vec<ShardLimit>,
}

/// What one `admit` took from leases.
#[derive(Debug, Default)]
pub struct Spend(Vec<Taken>);

#[derive(Debug)]
struct Taken {
    place: usize,
    limit: usize,
    /// Of the limits.
    version: u64,
    period: Interval,
    /// Nano-units.
    units: i128,
}

/// What the table says of one tenant of the batch. Small: there is one for each name in a batch's dictionary.
#[derive(Clone, Copy)]
enum Seen {
    NotYet,
    Free,
    /// Place of its limits.
    Limited(u32),
    /// Which of the batch's rejections.
    Closed(u32),
}

/// Nano-units of each row, by meter; `None` inside if there is no such additive meter.
type Units = Vec<Option<Option<Vec<i128>>>>;

impl ShardGate {
    /// The gate of `shard` for a new epoch.
    pub fn new(table: Arc<GateTable>, shard: u16, clock: Arc<dyn Clock>) -> Self {
        let (places, limited, meters, passed) = (HashTable::new(), Vec::new(), Vec::new(), Vec::new());
        Self { table, shard, clock, places, limited, meters, passed }
    }

    fn look(&mut self, tenant: &str, rejections: &mut Vec<Rejection>) -> Seen {
        let hash = GateTable::hash(tenant);
        let seen = self.table.look(hash, tenant, |entry| {
            let quarantined = entry.quarantined.load(Ordering::Relaxed);
            if entry.status != Status::Active || quarantined {
                return Err(closed(tenant, Some(entry.status), quarantined));
            }
            Ok((!entry.limits.is_empty()).then(|| Arc::clone(entry)))
        });
        let entry = match seen.unwrap_or_else(|| Err(closed(tenant, None, false))) {
            Err(rejection) => {
                rejections.push(rejection);
                return Seen::Closed(rejections.len() as u32 - 1);
            }
            Ok(None) => return Seen::Free,
            Ok(Some(entry)) => entry,
        };
        let is = |&(of, place): &(u64, u32)| of == hash && *self.limited[place as usize].tenant == *tenant;
        let known = self.places.find(hash, is).map(|&(_, place)| place);
        if let Some(place) = known.filter(|&place| self.limited[place as usize].entry.version == entry.version) {
            return Seen::Limited(place);
        }
        let mut limits = Vec::with_capacity(entry.limits.len());
        for (meter, limit) in entry.limits.iter() {
            limits.push(ShardLimit::new(self.meter(meter), limit));
        }
        let limited = Limited { tenant: tenant.into(), entry, limits };
        let Some(place) = known else {
            let place = self.limited.len() as u32;
            self.limited.push(limited);
            self.places.insert_unique(hash, (hash, place), |&(hash, _)| hash);
            return Seen::Limited(place);
        };
        self.limited[place as usize] = limited;
        Seen::Limited(place)
    }

    fn meter(&mut self, name: &str) -> usize {
        self.meters.iter().position(|meter| meter == name).unwrap_or_else(|| {
            self.meters.push(name.to_owned());
            self.meters.len() - 1
        })
    }

    /// Makes sure that `units` has every meter that limits of the tenant at `place` name.
    fn weigh(&self, place: usize, batch: &EventBatch, measure: &mut dyn Measure, units: &mut Units) {
        units.resize(self.meters.len(), None);
        for ShardLimit { meter, .. } in &self.limited[place].limits {
            units[*meter].get_or_insert_with(|| measure.units(&self.meters[*meter], batch));
        }
    }

    /// The limit that something was taken of, unless there are newer limits.
    fn limit_of(&mut self, taken: &Taken) -> Option<&mut ShardLimit> {
        let limited = &mut self.limited[taken.place];
        if limited.entry.version == taken.version { limited.limits.get_mut(taken.limit) } else { None }
    }

    /// Takes what `row` needs of all limits of the tenant at `place`, or nothing.
    fn pass(
        &mut self,
        (place, tenant, at): (usize, &str, usize),
        units: &Units,
        row: Row,
        measure: &mut dyn Measure,
        spend: &mut Spend,
    ) -> Result<(), (usize, Refusal)> {
        let Self { limited, meters, passed, shard, .. } = self;
        let Limited { entry, limits, .. } = &mut limited[place];
        passed.clear();
        for (number, limit) in limits.iter_mut().enumerate() {
            let units = units[limit.meter].as_ref().and_then(Option::as_ref).map_or(0, |units| units[at]);
            if units == 0 {
                continue;
            }
            let owner = Owner { tenant, meter: &meters[limit.meter], shard: *shard, ledgers: &entry.ledgers };
            let lease = limit.check(Row { units, ..row }, owner, measure).map_err(|refusal| (number, refusal))?;
            passed.push((number, units, lease));
        }
        for &(limit, units, lease) in passed.iter() {
            if let Some(period) = limits[limit].take(units, lease, row.now_us) {
                spend.0.push(Taken { place, limit, version: entry.version, period, units: 0 });
            }
        }
        Ok(())
    }
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
        // Only names that open rows have are looked up: duplicates, of a whole batch sent again say, need none.
        let (mut seen, mut rejections) = (vec![Seen::NotYet; tenants.values.iter().len()], Vec::new());
        let mut units = Units::new();
        let (now_us, times) = (self.clock.now_us(), batch.times().values());
        let mut said: HashMap<(usize, usize, Refusal), Rejection> = HashMap::new();
        let mut spend = Spend::default();
        for (at, open) in open.iter_mut().enumerate().filter(|(_, open)| **open) {
            let Some(key) = tenants.key(at) else {
                *open = false;
                continue;
            };
            let tenant = tenants.values.value(key);
            if let Seen::NotYet = seen[key] {
                seen[key] = self.look(tenant, &mut rejections);
                if let Seen::Limited(place) = seen[key] {
                    self.weigh(place as usize, batch, measure, &mut units);
                }
            }
            match seen[key] {
                Seen::NotYet | Seen::Free => {}
                Seen::Closed(which) => {
                    *open = false;
                    reject(at, rejections[which as usize].clone());
                }
                Seen::Limited(place) => {
                    let place = place as usize;
                    let row = Row { units: 0, time_us: times[at], now_us };
                    let whose = (place, tenant, at);
                    if let Err((limit, refusal)) = self.pass(whose, &units, row, measure, &mut spend) {
                        *open = false;
                        let rejection = said.entry((place, limit, refusal)).or_insert_with(|| {
                            let limit = &self.limited[place].limits[limit];
                            explain(&self.meters[limit.meter], limit, refusal)
                        });
                        reject(at, rejection.clone());
                    }
                }
            }
        }
        let shard = self.shard;
        for taken in &mut spend.0 {
            taken.units = self.limit_of(taken).map_or(0, |limit| limit.close(shard, taken.period));
        }
        spend
    }

    /// What was spent is in the log now, where the next epoch will find it.
    fn settle(&mut self, _spend: Spend) {}

    fn refund(&mut self, spend: Spend) {
        let shard = self.shard;
        for taken in spend.0 {
            // Newer limits counted it as on its way: until the next epoch they grant so much less, never more.
            if let Some(limit) = self.limit_of(&taken) {
                limit.give_back(shard, taken.period, taken.units);
            }
        }
    }
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

fn explain(meter: &str, limit: &ShardLimit, refusal: Refusal) -> Rejection {
    match (refusal, &limit.limit.allowance, &limit.limit.rate) {
        (Refusal::Allowance(period), Some(allowance), _) => {
            let ends = jiff::Timestamp::from_microsecond(period.end_us).map(|end| end.to_string()).unwrap_or_default();
            let detail = format!("the allowance of {} units is used up until {ends}", allowance.units);
            Rejection::new(Reason::QuotaExceeded, meter, detail)
        }
        (_, _, Some(rate)) => {
            let detail = format!("more than {} units a second; send slower and retry", rate.units_per_s);
            Rejection::new(Reason::RateLimited, meter, detail)
        }
        _ => Rejection::new(Reason::QuotaExceeded, meter, "the limit is used up"),
    }
}
