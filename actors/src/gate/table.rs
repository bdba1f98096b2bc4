//! The table that actors keep current and shards read: status and limits of every tenant, and the ledgers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use engine::calendar::Interval;

use super::ledger::{LeaseView, Ledger};
use crate::facets::lifecycle::Status;
use crate::facets::quota::Limits;

/// Parts of the table, so that tenants that change do not make readers of others wait.
const PARTS: usize = 64;

/// Status, limits and ledgers of all tenants. Shared by actors and shards.
#[derive(Debug)]
pub struct GateTable {
    parts: Vec<RwLock<HashMap<String, Arc<Entry>>>>,
}

/// What the gate knows of one tenant. Replaced whole when status or limits change; the ledgers stay.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: Status,
    pub(super) limits: Arc<Limits>,
    /// Changes with the limits, so that shards notice.
    pub(super) version: u64,
    pub(super) quarantined: AtomicBool,
    pub(super) ledgers: Arc<Ledgers>,
}

/// Ledgers by meter and period.
#[derive(Debug, Default)]
pub(super) struct Ledgers(Mutex<HashMap<(String, Interval), Ledger>>);

static VERSIONS: AtomicU64 = AtomicU64::new(1);

impl Default for GateTable {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| RwLock::default()).collect() }
    }
}

impl GateTable {
    fn part(&self, tenant: &str) -> &RwLock<HashMap<String, Arc<Entry>>> {
        // FNV-1a: the parts need spreading, not secrecy.
        let hash = tenant
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        &self.parts[hash as usize % PARTS]
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
            ledgers: known.map(|entry| Arc::clone(&entry.ledgers)).unwrap_or_default(),
            limits: Arc::new(limits),
        };
        if !same_limits {
            entry.ledgers.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
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
        ledgers.iter().map(|((meter, period), ledger)| (meter.clone(), *period, ledger.view())).collect()
    }

    pub(super) fn entry(&self, tenant: &str) -> Option<Arc<Entry>> {
        self.part(tenant).read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}

impl Ledgers {
    /// Works on the ledger of a meter and period, which begins with `limit` nano-units.
    pub(super) fn with<T>(&self, meter: &str, period: Interval, limit: i128, work: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledgers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(ledgers.entry((meter.to_owned(), period)).or_insert_with(|| Ledger::new(limit)))
    }
}
