//! One shard's gate in one epoch: status by dictionary value, limits only for tenants that have any.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use engine::admission::{Reason, Rejection};
use engine::calendar::Interval;
use engine::clock::Clock;
use engine::event::batch::EventBatch;
use engine::shard::{Gate, Measure};
use engine::units::Units;

use super::lease::{Owner, Refusal, Row, ShardLimit};
use super::table::{Entry, GateTable, Granted};
use crate::facets::lifecycle::Status;
use crate::limit::Rate;

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
    weights: Vec<Option<Weights>>,
    /// What one row takes of its tenant's limits: limit, nano-units, lease.
    passed: Vec<(usize, i128, Option<usize>)>,
    /// Leases that the batch at hand drew on.
    taken: Vec<Taken>,
    /// Counts the batches.
    batch: u64,
    /// When this epoch began, and the version of limits from which on they were set in it.
    since: (i64, u64),
}

/// The limits of a tenant, as this shard knows them.
struct Limited {
    /// That of `granted`, here too so that looking whether it is still the newest takes no further look into memory.
    version: u64,
    granted: Arc<Granted>,
    limits: Vec<ShardLimit>,
}

/// A lease that something was taken of.
struct Taken {
    place: usize,
    limit: usize,
    period: Interval,
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
type Weights = Option<Vec<i128>>;

impl ShardGate {
    /// The gate of `shard` for a new epoch.
    pub fn new(table: Arc<GateTable>, shard: u16, clock: Arc<dyn Clock>) -> Self {
        let since = (clock.now_us(), GateTable::version());
        Self {
            table,
            shard,
            clock,
            places: Vec::new(),
            limited: Vec::new(),
            meters: Vec::new(),
            weights: Vec::new(),
            passed: Vec::new(),
            taken: Vec::new(),
            batch: 0,
            since,
        }
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
        for (key, entry) in table.look(keys.into_iter().map(|key| (key, name(key)))) {
            seen[key as usize] = match &entry {
                Some(Entry { status: Status::Active, quarantined: false, number, granted }) => {
                    granted.as_ref().map_or(Seen::Free, |granted| Seen::Limited(self.place(*number, granted)))
                }
                entry => {
                    rejections.push(closed(name(key), entry.as_ref()));
                    Seen::Closed(rejections.len() as u32 - 1)
                }
            };
        }
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
        let (began_us, version) = self.since;
        for (meter, limit) in &granted.limits {
            let meter = self.meter(meter);
            let known = self.limited.get(known as usize);
            let before = known.and_then(|known| known.limits.iter().find(|before| before.meter == meter));
            limits.push(ShardLimit::new(meter, limit, before, granted.version < version, began_us));
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

    /// Takes what `row` needs of all limits of the tenant at `place`, or nothing.
    fn pass(
        &mut self,
        place: usize,
        (batch, tenant, at): (&EventBatch, &str, usize),
        row: Row,
        measure: &mut dyn Measure,
    ) -> Result<(), Refused> {
        let Self { limited, meters, weights, passed, taken, shard, .. } = self;
        let Limited { granted, limits, .. } = &mut limited[place];
        passed.clear();
        for (number, limit) in limits.iter_mut().enumerate() {
            let meter = &meters[limit.meter];
            let weights = weights[limit.meter].get_or_insert_with(|| measure.units(meter, batch));
            let units = weights.as_ref().map_or(0, |weights| weights[at]);
            if units == 0 {
                continue;
            }
            let owner = Owner { tenant, meter, shard: *shard, ledgers: &granted.ledgers };
            let lease = limit.check(Row { units, ..row }, owner, measure);
            let refused = |refusal| Refused { limit: number, refusal, wait_ms: None };
            passed.push((number, units, lease.map_err(refused)?));
        }
        // Only what nothing else keeps out is told to wait, and as long as the slowest rate says.
        let mut slowest = None;
        for &(number, units, _) in passed.iter() {
            if let Err(wait_ms) = limits[number].check_rate(Row { units, ..row }) {
                slowest = slowest.max(Some((wait_ms, number)));
            }
        }
        if let Some((wait_ms, limit)) = slowest {
            return Err(Refused { limit, refusal: Refusal::Rate, wait_ms: Some(wait_ms) });
        }
        for &(limit, units, lease) in passed.iter() {
            taken.extend(limits[limit].take(units, lease).map(|period| Taken { place, limit, period }));
        }
        Ok(())
    }
}

/// Which limit keeps a row out.
struct Refused {
    limit: usize,
    refusal: Refusal,
    wait_ms: Option<u64>,
}

impl Gate for ShardGate {
    /// Nothing: what is not durable is asked for anew.
    type Spend = ();

    fn admit(
        &mut self,
        batch: &EventBatch,
        open: &mut [bool],
        measure: &mut dyn Measure,
        reject: &mut dyn FnMut(usize, Rejection),
    ) {
        let mut rejections = Vec::new();
        let seen = self.look_up(batch, open, &mut rejections);
        self.weights.clear();
        self.weights.resize(self.meters.len(), None);
        let tenants = batch.tenants();
        let (now_us, times) = (self.clock.now_us(), batch.times().values());
        let mut said: HashMap<(usize, usize, Refusal), Rejection> = HashMap::new();
        self.taken.clear();
        self.batch += 1;
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
                        let row = Row { units: 0, time_us: times[at], now_us, batch: self.batch };
                        let event = (batch, tenants.values.value(key), at);
                        let Err(Refused { limit, refusal, wait_ms }) = self.pass(place, event, row, measure) else {
                            continue;
                        };
                        let explain = || {
                            let limit = &self.limited[place].limits[limit];
                            explain(&self.meters[limit.meter], limit, refusal)
                        };
                        let said = said.entry((place, limit, refusal)).or_insert_with(explain).clone();
                        Rejection { retry_after_ms: wait_ms, ..said }
                    }
                };
                *open = false;
                reject(at, rejection);
            }
            first += AT_ONCE;
        }
        let taken = std::mem::take(&mut self.taken);
        for some in taken.chunks(AT_ONCE) {
            self.bring_near(some.iter().map(|taken| taken.place));
            for taken in some {
                self.limited[taken.place].limits[taken.limit].close(self.shard, taken.period);
            }
        }
        self.taken = taken;
    }

    /// What was spent is in the log now, where the next epoch will find it.
    fn settle(&mut self, (): ()) {}

    /// A lease may count what is not there, also that of a limit which came while it was on its way, and what was to be given
    /// back may never come: so all are asked for anew.
    fn refund(&mut self, (): ()) {
        self.recount();
    }

    fn knows(&self, tenant: &str) -> bool {
        self.table.look([(0, tenant)]).iter().any(|(_, entry)| entry.is_some())
    }

    fn recount(&mut self) {
        for Limited { granted, limits, .. } in &mut self.limited {
            limits.iter_mut().for_each(|limit| limit.forget_leases(&self.meters[limit.meter], &granted.ledgers));
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
    let allowance = limit.limit.allowance.as_ref().map(|allowance| allowance.units).unwrap_or_default();
    let rate = |of: fn(&Rate) -> Units| limit.limit.rate.as_ref().map(of).unwrap_or_default();
    let (reason, detail) = match refusal {
        Refusal::Allowance(period) => {
            let ends = jiff::Timestamp::from_microsecond(period.end_us).map(|end| end.to_string()).unwrap_or_default();
            (
                Reason::QuotaExceeded,
                format!("more than is left of the allowance of {allowance} units; the next period begins at {ends}"),
            )
        }
        Refusal::LargerThanAllowance => {
            let detail = format!(
                "alone more than the whole allowance of {allowance} units, so it never passes while that holds; \
                 send smaller events, or have the allowance raised"
            );
            (Reason::ExceedsLimit, detail)
        }
        Refusal::LargerThanBurst => {
            let detail = format!(
                "alone more than the {} units that may come at once, so it never passes while that holds; send smaller \
                 events, or have the burst raised",
                rate(|rate| rate.burst)
            );
            (Reason::ExceedsLimit, detail)
        }
        Refusal::Unreadable => {
            let detail = "what was used can't be told, so a hard limit lets nothing in; the node's log says why";
            (Reason::UsageUnreadable, detail.to_owned())
        }
        Refusal::Rate => {
            let pace = rate(|rate| rate.units_per_s);
            (Reason::RateLimited, format!("more than {pace} units a second; send it again when it says"))
        }
    };
    Rejection::new(reason, meter, detail)
}
