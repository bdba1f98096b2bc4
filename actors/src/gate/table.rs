//! The table that actors keep current and shards read: status and limits of every tenant, and the ledgers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engine::calendar::Interval;
use hashbrown::{HashTable, hash_table};
use xxhash_rust::xxh3::xxh3_64;

use super::ledger::{LeaseView, Ledger};
use crate::facets::lifecycle::Status;
use crate::facets::quota::Limits;

/// Parts of the table, so that tenants that change do not make readers of others wait.
const PARTS: usize = 64;

/// Status, limits and ledgers of all tenants. Shared by actors and shards.
#[derive(Debug)]
pub struct GateTable {
    parts: Vec<RwLock<Part>>,
}

type Part = HashTable<Named>;

/// A tenant's entry under its name. The hash is computed once, for the part and the place in it.
#[derive(Debug)]
struct Named {
    hash: u64,
    name: Box<str>,
    entry: Arc<Entry>,
}

/// What the gate knows of one tenant. Replaced whole when status or limits change; the ledgers go with the limits.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: Status,
    pub(super) limits: Arc<Limits>,
    /// Changes with the limits, so that shards notice.
    pub(super) version: u64,
    pub(super) quarantined: AtomicBool,
    pub(super) ledgers: Arc<Ledgers>,
}

/// Ledgers by meter and period, under one version of the limits: a shard that still holds an older one does not draw on
/// what the newer one grants.
#[derive(Debug, Default)]
pub(super) struct Ledgers(Mutex<HashMap<(String, Interval), SharedLedger>>);

/// A ledger that the table and the shards that draw on it hold.
#[derive(Debug, Clone)]
pub(super) struct SharedLedger(Arc<Mutex<Ledger>>);

static VERSIONS: AtomicU64 = AtomicU64::new(1);

impl Default for GateTable {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| RwLock::default()).collect() }
    }
}

impl GateTable {
    fn part(&self, hash: u64) -> &RwLock<Part> {
        // Not the bits that place a key within its part.
        &self.parts[(hash >> 40) as usize % PARTS]
    }

    /// A tenant's actor says what holds from now on.
    pub fn set(&self, tenant: &str, status: Status, limits: Limits) {
        let hash = Self::hash(tenant);
        let mut part = self.part(hash).write().unwrap_or_else(PoisonError::into_inner);
        let place = part.entry(hash, |named| named.is(hash, tenant), |named| named.hash);
        let known = match &place {
            hash_table::Entry::Occupied(known) => Some(Arc::clone(&known.get().entry)),
            hash_table::Entry::Vacant(_) => None,
        };
        let same_limits = known.as_ref().is_some_and(|entry| *entry.limits == limits);
        let entry = Entry {
            status,
            version: match &known {
                Some(entry) if same_limits => entry.version,
                _ => VERSIONS.fetch_add(1, Ordering::Relaxed),
            },
            quarantined: AtomicBool::new(known.as_ref().is_some_and(|entry| entry.quarantined.load(Ordering::Relaxed))),
            ledgers: known.as_ref().filter(|_| same_limits).map(|entry| Arc::clone(&entry.ledgers)).unwrap_or_default(),
            limits: Arc::new(limits),
        };
        let entry = Arc::new(entry);
        match place {
            hash_table::Entry::Occupied(mut known) => known.get_mut().entry = entry,
            hash_table::Entry::Vacant(new) => {
                new.insert(Named { hash, name: tenant.into(), entry });
            }
        }
    }

    /// A tenant is kept out after repeated failures of its actor, or let in again (I11).
    pub fn quarantine(&self, tenant: &str, on: bool) {
        if let Some(entry) = self.entry(tenant) {
            entry.quarantined.store(on, Ordering::Relaxed);
        }
    }

    /// What is granted of each allowance that was touched since the limits last changed: meter, period, ledger.
    pub fn leases(&self, tenant: &str) -> Vec<(String, Interval, LeaseView)> {
        let Some(entry) = self.entry(tenant) else { return Vec::new() };
        let ledgers = entry.ledgers.0.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.iter().map(|((meter, period), ledger)| (meter.clone(), *period, ledger.lock().view())).collect()
    }

    pub(super) fn entry(&self, tenant: &str) -> Option<Arc<Entry>> {
        self.look(Self::hash(tenant), tenant, Arc::clone)
    }

    /// What names are found by.
    pub(super) fn hash(tenant: &str) -> u64 {
        xxh3_64(tenant.as_bytes())
    }

    /// What `read` makes of a tenant's entry: shards look at many that they need not hold.
    pub(super) fn look<T>(&self, hash: u64, tenant: &str, read: impl FnOnce(&Arc<Entry>) -> T) -> Option<T> {
        let part = self.part(hash).read().unwrap_or_else(PoisonError::into_inner);
        part.find(hash, |named| named.is(hash, tenant)).map(|named| read(&named.entry))
    }
}

impl Named {
    fn is(&self, hash: u64, tenant: &str) -> bool {
        self.hash == hash && *self.name == *tenant
    }
}

impl Ledgers {
    /// The ledger of a meter and period, which begins with `limit` nano-units.
    pub(super) fn of(&self, meter: &str, period: Interval, limit: i128) -> SharedLedger {
        let mut ledgers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || SharedLedger(Arc::new(Mutex::new(Ledger::new(limit))));
        ledgers.entry((meter.to_owned(), period)).or_insert_with(new).clone()
    }
}

impl SharedLedger {
    pub(super) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
