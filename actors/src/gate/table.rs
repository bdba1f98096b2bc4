//! The table that actors keep current and shards read: status and limits of every tenant, and the ledgers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engine::calendar::Interval;
use hashbrown::{HashTable, hash_table};
use xxhash_rust::xxh3::xxh3_64;

use super::ledger::{LeaseView, Ledger};
use crate::facets::lifecycle::Status;
use crate::facets::quota::Limits;

/// Parts of the table, so that tenants that change do not make readers of others wait, and a part stays near while a batch's
/// names are looked up in it.
const PARTS: usize = 64;

/// Status, limits and ledgers of all tenants. Shared by actors and shards.
#[derive(Debug)]
pub struct GateTable {
    parts: Vec<RwLock<Part>>,
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
#[derive(Debug)]
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
pub(super) struct Ledgers(Mutex<HashMap<(String, Interval), SharedLedger>>);

/// A ledger that the table and the shards that draw on it hold.
#[derive(Debug, Clone)]
pub(super) struct SharedLedger(Arc<Mutex<Ledger>>);

static VERSIONS: AtomicU64 = AtomicU64::new(1);

impl Default for GateTable {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| RwLock::default()).collect(), tenants: AtomicU32::new(0) }
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
        let mut part = self.parts[part_of(hash)].write().unwrap_or_else(PoisonError::into_inner);
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
        let mut part = self.parts[part_of(hash)].write().unwrap_or_else(PoisonError::into_inner);
        if let Some(named) = part.find_mut(hash, |named| named.is(hash, tenant)) {
            named.entry.quarantined = on;
        }
    }

    /// What is granted of each allowance that was touched since the limits last changed: meter, period, ledger.
    pub fn leases(&self, tenant: &str) -> Vec<(String, Interval, LeaseView)> {
        let mut granted = None;
        self.look(&[0], |_| tenant, |_, entry| granted = entry.and_then(|entry| entry.granted.clone()));
        let Some(granted) = granted else { return Vec::new() };
        let ledgers = granted.ledgers.0.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.iter().map(|((meter, period), ledger)| (meter.clone(), *period, ledger.lock().view())).collect()
    }

    /// Gives the entry of each of `keys`, if the tenant that it names is known, to `read`. Part by part: a lock is taken for
    /// many names, and what they are compared with is near.
    pub(super) fn look<'a>(
        &self,
        keys: &[u32],
        name: impl Fn(u32) -> &'a str,
        mut read: impl FnMut(u32, Option<&Entry>),
    ) {
        let mut hashed: Vec<(u64, u32)> = keys.iter().map(|&key| (hash(name(key)), key)).collect();
        hashed.sort_unstable_by_key(|&(hash, _)| part_of(hash));
        for same_part in hashed.chunk_by(|(one, _), (other, _)| part_of(*one) == part_of(*other)) {
            let part = self.parts[part_of(same_part[0].0)].read().unwrap_or_else(PoisonError::into_inner);
            for &(hash, key) in same_part {
                read(key, part.find(hash, |named| named.is(hash, name(key))).map(|named| &named.entry));
            }
        }
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
        let mut ledgers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || SharedLedger(Arc::new(Mutex::new(Ledger::new(limit))));
        ledgers.entry((meter.to_owned(), period)).or_insert_with(new).clone()
    }

    /// A shard lets `ledger` go. It ends with the last shard that held it: what was used is in the log.
    pub(super) fn release(&self, meter: &str, period: Interval, ledger: SharedLedger) {
        let mut ledgers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody else takes it up: this one's and the table's are the last two.
        if Arc::strong_count(&ledger.0) <= 2 {
            ledgers.remove(&(meter.to_owned(), period));
        }
    }
}

impl SharedLedger {
    pub(super) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
