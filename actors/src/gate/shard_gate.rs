//! One shard's gate in one epoch: status by dictionary value, limits only for tenants that have any.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use engine::admission::{Reason, Rejection};
use engine::calendar::Interval;
use engine::clock::Clock;
use engine::event::batch::EventBatch;
use engine::shard::{Gate, Measure};

use super::lease::{Owner, Refusal, Row, ShardLimit};
use super::table::{Entry, GateTable, Granted};
use crate::facets::lifecycle::Status;

/// The place of a tenant that has none.
const NOWHERE: u32 = u32::MAX;
/// Rows whose leases' memory is waited for at once.
const AT_ONCE: usize = 64;

/// The gate of one shard in one epoch; its leases die with it.
pub struct ShardGate {
    table: Arc<GateTable>,
    shard: u16,
    clock: Arc<dyn Clock>,
    /// Where tenants with limits that came by are in `limited`, by their number in the table; others are [`NOWHERE`].
    places: Vec<u32>,
    limited: Vec<Limited>,
    /// Meters that limits name.
    meters: Vec<String>,
    /// What the rows of the batch at hand weigh, by meter, of those that a row was asked for.
    units: Vec<Option<Units>>,
    /// What one row takes of its tenant's limits: limit, nano-units, lease.
    passed: Vec<(usize, i128, Option<usize>)>,
}

/// The limits of a tenant, as this shard knows them.
struct Limited {
    /// That of `granted`, here too so that looking whether it is still the newest takes no further look into memory.
    version: u64,
    granted: Arc<Granted>,
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
    Asked,
    Free,
    /// Place of its limits.
    Limited(u32),
    /// Which of the batch's rejections.
    Closed(u32),
}

/// Nano-units of each row; `None` if there is no such additive meter.
type Units = Option<Vec<i128>>;

impl ShardGate {
    /// The gate of `shard` for a new epoch.
    pub fn new(table: Arc<GateTable>, shard: u16, clock: Arc<dyn Clock>) -> Self {
        let (places, limited, meters) = (Vec::new(), Vec::new(), Vec::new());
        Self { table, shard, clock, places, limited, meters, units: Vec::new(), passed: Vec::new() }
    }

    /// What the table says of each tenant that open rows have: duplicates, of a whole batch sent again say, ask nothing.
    fn look_up(&mut self, batch: &EventBatch, open: &[bool], rejections: &mut Vec<Rejection>) -> Vec<Seen> {
        let tenants = batch.tenants();
        let (mut seen, mut keys) = (vec![Seen::NotYet; tenants.values.iter().len()], Vec::new());
        for key in (0..open.len()).filter(|at| open[*at]).filter_map(|at| tenants.key(at)) {
            if let Seen::NotYet = seen[key] {
                seen[key] = Seen::Asked;
                keys.push(key as u32);
            }
        }
        let name = |key: u32| tenants.values.value(key as usize);
        let table = Arc::clone(&self.table);
        table.look(&keys, name, |key, entry| {
            seen[key as usize] = match entry {
                Some(Entry { status: Status::Active, quarantined: false, number, granted }) => {
                    granted.as_ref().map_or(Seen::Free, |granted| Seen::Limited(self.place(*number, granted)))
                }
                _ => {
                    rejections.push(closed(name(key), entry));
                    Seen::Closed(rejections.len() as u32 - 1)
                }
            };
        });
        seen
    }

    /// Where the limits of the tenant of that number are.
    fn place(&mut self, number: u32, granted: &Arc<Granted>) -> u32 {
        let number = number as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, NOWHERE);
        }
        let known = self.places[number];
        if known != NOWHERE && self.limited[known as usize].version == granted.version {
            return known;
        }
        let mut limits = Vec::with_capacity(granted.limits.len());
        for (meter, limit) in &granted.limits {
            limits.push(ShardLimit::new(self.meter(meter), limit));
        }
        let limited = Limited { version: granted.version, granted: Arc::clone(granted), limits };
        if known == NOWHERE {
            self.places[number] = self.limited.len() as u32;
            self.limited.push(limited);
        } else {
            self.limited[known as usize] = limited;
        }
        self.places[number]
    }

    fn meter(&mut self, name: &str) -> usize {
        self.meters.iter().position(|meter| meter == name).unwrap_or_else(|| {
            self.meters.push(name.to_owned());
            self.meters.len() - 1
        })
    }

    /// Asks for the memory of the limits at `places`, whose misses overlap.
    fn bring_near(&self, places: impl Iterator<Item = usize>) {
        let limits = places.flat_map(|place| &self.limited[place].limits);
        black_box(limits.fold(0, |touched, limit| touched | limit.touch()));
    }

    /// The limit that something was taken of, unless there are newer limits.
    fn limit_of(&mut self, taken: &Taken) -> Option<&mut ShardLimit> {
        let limited = &mut self.limited[taken.place];
        if limited.version == taken.version { limited.limits.get_mut(taken.limit) } else { None }
    }

    /// Takes what `row` needs of all limits of the tenant at `place`, or nothing.
    fn pass(
        &mut self,
        place: usize,
        (batch, tenant, at): (&EventBatch, &str, usize),
        row: Row,
        measure: &mut dyn Measure,
        spend: &mut Spend,
    ) -> Result<(), (usize, Refusal)> {
        let Self { limited, meters, units, passed, shard, .. } = self;
        let Limited { version, granted, limits } = &mut limited[place];
        passed.clear();
        for (number, limit) in limits.iter_mut().enumerate() {
            let meter = &meters[limit.meter];
            let units = units[limit.meter].get_or_insert_with(|| measure.units(meter, batch));
            let units = units.as_ref().map_or(0, |units| units[at]);
            if units == 0 {
                continue;
            }
            let owner = Owner { tenant, meter, shard: *shard, ledgers: &granted.ledgers };
            let lease = limit.check(Row { units, ..row }, owner, measure).map_err(|refusal| (number, refusal))?;
            passed.push((number, units, lease));
        }
        for &(limit, units, lease) in passed.iter() {
            if let Some(period) = limits[limit].take(units, lease, row.now_us) {
                spend.0.push(Taken { place, limit, version: *version, period, units: 0 });
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
        let mut rejections = Vec::new();
        let seen = self.look_up(batch, open, &mut rejections);
        self.units.clear();
        self.units.resize(self.meters.len(), None);
        let tenants = batch.tenants();
        let (now_us, times) = (self.clock.now_us(), batch.times().values());
        let mut said: HashMap<(usize, usize, Refusal), Rejection> = HashMap::new();
        let mut spend = Spend::default();
        let mut first = 0;
        for open in open.chunks_mut(AT_ONCE) {
            let limited = |(at, open): (usize, &bool)| match seen[tenants.key(at).filter(|_| *open)?] {
                Seen::Limited(place) => Some(place as usize),
                _ => None,
            };
            self.bring_near((first..).zip(open.iter()).filter_map(limited));
            for (at, open) in (first..).zip(open.iter_mut()).filter(|(_, open)| **open) {
                let Some(key) = tenants.key(at) else {
                    *open = false;
                    continue;
                };
                let rejection = match seen[key] {
                    Seen::NotYet | Seen::Asked | Seen::Free => continue,
                    Seen::Closed(which) => rejections[which as usize].clone(),
                    Seen::Limited(place) => {
                        let place = place as usize;
                        let row = Row { units: 0, time_us: times[at], now_us };
                        let event = (batch, tenants.values.value(key), at);
                        let Err((limit, refusal)) = self.pass(place, event, row, measure, &mut spend) else { continue };
                        let explain = || {
                            let limit = &self.limited[place].limits[limit];
                            explain(&self.meters[limit.meter], limit, refusal)
                        };
                        said.entry((place, limit, refusal)).or_insert_with(explain).clone()
                    }
                };
                *open = false;
                reject(at, rejection);
            }
            first += AT_ONCE;
        }
        let shard = self.shard;
        for taken in spend.0.chunks_mut(AT_ONCE) {
            self.bring_near(taken.iter().map(|taken| taken.place));
            for taken in taken {
                taken.units = self.limit_of(taken).map_or(0, |limit| limit.close(shard, taken.period));
            }
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

fn closed(tenant: &str, entry: Option<&Entry>) -> Rejection {
    let (reason, detail) = match entry {
        None => (Reason::TenantUnknown, format!("there is no tenant {tenant:?}; create it first")),
        Some(Entry { quarantined: true, .. }) => {
            (Reason::TenantQuarantined, "kept out after repeated failures; an operator can release it".to_owned())
        }
        Some(Entry { status, .. }) => {
            (Reason::TenantSuspended, format!("the tenant is {}, not active", status.as_str()))
        }
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
