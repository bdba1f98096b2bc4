//! The table that actors keep current and shards read: status and limits of every tenant, and the ledgers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use engine::calendar::Interval;
use engine::lock::{Held, Lock};
use hashbrown::{HashTable, hash_table};
use xxhash_rust::xxh3::xxh3_64;

use super::ledger::{LeaseView, Ledger};
use crate::facets::lifecycle::Status;
use crate::limit::Limits;

/// Parts of the table, so that tenants that change do not make readers of others wait, and a part stays near while a batch's
/// names are looked up in it.
const PARTS: usize = 64;

/// Status, limits and ledgers of all tenants. Shared by actors and shards.
#[derive(Debug)]
pub struct GateTable {
    parts: Vec<Lock<Part>>,
    /// Tenants so far.
    tenants: AtomicU32,
}

type Part = HashTable<Named>;

/// A tenant's entry under its name. The hash is computed once, for the part and the place in it.
#[derive(Debug)]
struct Named {
    hash: u64,
    name: Box<str>,
    entry: Entry,
}

/// What the gate knows of one tenant.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// How many tenants there were before: where shards keep what they know of it.
    pub(super) number: u32,
    pub(super) status: Status,
    pub(super) quarantined: bool,
    /// `None` without limits, so that most tenants cost no further look into memory.
    pub(super) granted: Option<Arc<Granted>>,
}

/// Limits, and what was granted under them: other limits come with ledgers of their own, so a shard that still holds older ones
/// does not draw on what the newer ones grant.
#[derive(Debug)]
pub(super) struct Granted {
    /// Of the limits, so that shards notice.
    pub(super) version: u64,
    pub(super) limits: Limits,
    pub(super) ledgers: Ledgers,
}

/// Ledgers by meter and period.
#[derive(Debug, Default)]
pub(super) struct Ledgers(Lock<HashMap<(String, Interval), SharedLedger>>);

/// A ledger that the table and the shards that draw on it hold.
#[derive(Debug, Clone)]
pub(super) struct SharedLedger(Arc<Lock<Ledger>>);

static VERSIONS: AtomicU64 = AtomicU64::new(1);

impl Default for GateTable {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| Lock::default()).collect(), tenants: AtomicU32::new(0) }
    }
}

impl GateTable {
    /// Limits that are set from now on have at least this version.
    pub(super) fn version() -> u64 {
        VERSIONS.load(Ordering::Relaxed)
    }

    /// A tenant's actor says what holds from now on.
    pub fn set(&self, tenant: &str, status: Status, limits: Limits) {
        let hash = hash(tenant);
        let mut part = self.parts[part_of(hash)].lock();
        match part.entry(hash, |named| named.is(hash, tenant), |named| named.hash) {
            hash_table::Entry::Occupied(mut known) => {
                let Entry { status: known, granted, .. } = &mut known.get_mut().entry;
                *known = status;
                if granted.as_ref().map_or(!limits.is_empty(), |granted| granted.limits != limits) {
                    *granted = Granted::under(limits);
                }
            }
            hash_table::Entry::Vacant(new) => {
                let number = self.tenants.fetch_add(1, Ordering::Relaxed);
                let entry = Entry { number, status, quarantined: false, granted: Granted::under(limits) };
                new.insert(Named { hash, name: tenant.into(), entry });
            }
        }
    }

    /// A tenant is kept out after repeated failures of its actor, or let in again (I11).
    pub fn quarantine(&self, tenant: &str, on: bool) {
        let hash = hash(tenant);
        let mut part = self.parts[part_of(hash)].lock();
        if let Some(named) = part.find_mut(hash, |named| named.is(hash, tenant)) {
            named.entry.quarantined = on;
        }
    }

    /// What is granted of each allowance that was touched since the limits last changed: meter, period, ledger.
    pub fn leases(&self, tenant: &str) -> Vec<(String, Interval, LeaseView)> {
        let found = self.look([(0, tenant)]).pop().and_then(|(_, entry)| entry);
        let Some(granted) = found.and_then(|entry| entry.granted) else { return Vec::new() };
        let ledgers = granted.ledgers.0.lock().clone();
        ledgers.into_iter().map(|((meter, period), ledger)| (meter, period, ledger.lock().view())).collect()
    }

    /// The entry of each of `names`, which have a key each, if that tenant is known. Part by part: a lock is taken for many
    /// names, and what they are compared with is near.
    pub(super) fn look<'a>(&self, names: impl IntoIterator<Item = (u32, &'a str)>) -> Vec<(u32, Option<Entry>)> {
        let mut hashed: Vec<(u64, u32, &str)> = names.into_iter().map(|(key, name)| (hash(name), key, name)).collect();
        hashed.sort_unstable_by_key(|&(hash, ..)| part_of(hash));
        let mut found = Vec::with_capacity(hashed.len());
        for same_part in hashed.chunk_by(|(one, ..), (other, ..)| part_of(*one) == part_of(*other)) {
            let part = self.parts[part_of(same_part[0].0)].lock();
            for &(hash, key, name) in same_part {
                let entry = part.find(hash, |named| named.is(hash, name)).map(|named| named.entry.clone());
                found.push((key, entry));
            }
        }
        found
    }
}

/// What names are found by.
fn hash(tenant: &str) -> u64 {
    xxh3_64(tenant.as_bytes())
}

fn part_of(hash: u64) -> usize {
    // Not the bits that place a key within its part.
    (hash >> 40) as usize % PARTS
}

impl Named {
    fn is(&self, hash: u64, tenant: &str) -> bool {
        self.hash == hash && *self.name == *tenant
    }
}

impl Granted {
    /// `None` if there are no limits.
    fn under(limits: Limits) -> Option<Arc<Self>> {
        let version = || VERSIONS.fetch_add(1, Ordering::Relaxed);
        (!limits.is_empty()).then(|| Arc::new(Self { version: version(), limits, ledgers: Ledgers::default() }))
    }
}

impl Ledgers {
    /// The ledger of a meter and period, which begins with `limit` nano-units.
    pub(super) fn of(&self, meter: &str, period: Interval, limit: i128) -> SharedLedger {
        let new = || SharedLedger(Arc::new(Lock::new(Ledger::new(limit))));
        let mut ledgers = self.0.lock();
        ledgers.entry((meter.to_owned(), period)).or_insert_with(new).clone()
    }

    /// A shard lets `ledger` go. It ends with the last shard that held it: what was used is in the log.
    pub(super) fn release(&self, meter: &str, period: Interval, ledger: SharedLedger) {
        let mut ledgers = self.0.lock();
        // Under the lock nobody else takes it up: this one's and the table's are the last two.
        if Arc::strong_count(&ledger.0) <= 2 {
            ledgers.remove(&(meter.to_owned(), period));
        }
    }
}

impl SharedLedger {
    #[track_caller]
    pub(super) fn lock(&self) -> Held<'_, Ledger> {
        self.0.lock()
    }
}
