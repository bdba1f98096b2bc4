//! The table that actors keep current and shards read: status and limits of every tenant, and the ledgers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use engine::calendar::Interval;
use xxhash_rust::xxh3::{Xxh3Builder, xxh3_64};

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

type Part = HashMap<String, Arc<Entry>, Xxh3Builder>;

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
    fn part(&self, tenant: &str) -> &RwLock<Part> {
        // Not the bits that place a key within its part.
        &self.parts[(xxh3_64(tenant.as_bytes()) >> 40) as usize % PARTS]
    }

    /// A tenant's actor says what holds from now on.
    pub fn set(&self, tenant: &str, status: Status, limits: Limits) {
        let mut part = self.part(tenant).write().unwrap_or_else(PoisonError::into_inner);
        let known = part.get(tenant);
        let same_limits = known.is_some_and(|entry| *entry.limits == limits);
        let entry = Entry {
            status,
            version: match known {
                Some(entry) if same_limits => entry.version,
                _ => VERSIONS.fetch_add(1, Ordering::Relaxed),
            },
            quarantined: AtomicBool::new(known.is_some_and(|entry| entry.quarantined.load(Ordering::Relaxed))),
            ledgers: known.filter(|_| same_limits).map(|entry| Arc::clone(&entry.ledgers)).unwrap_or_default(),
            limits: Arc::new(limits),
        };
        part.insert(tenant.to_owned(), Arc::new(entry));
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
        self.part(tenant).read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
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
