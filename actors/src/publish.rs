//! What others may know of a tenant, told after it is durable: the directory (views, keys) and the gate (events).
//!
//! Not here: deciding anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::log::Offset;
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::directory::Directory;
use crate::facets::plans::Plan;
use crate::facets::quota::Limits;
use crate::gate::GateTable;
use crate::journal::{Journal, Sealed};
use crate::snapshots::TenantRecord;
use crate::tenant::{Change, PLATFORM, TenantState};

/// Tells directory and gate, and remembers whose snapshot is out of date.
pub(crate) struct Publisher {
    pub(crate) directory: Arc<Directory>,
    pub(crate) gate: Arc<GateTable>,
    changed: Mutex<BTreeSet<String>>,
    /// Held shared from before an entry is appended until it is published, and alone by who needs to know that everything
    /// that is durable is published too.
    in_flight: RwLock<()>,
    /// Tenants with an entry in flight, or whose actor died over one: from this offset on their journal may know more than the
    /// directory.
    unsettled: Mutex<BTreeMap<String, Offset>>,
}

impl Publisher {
    pub(crate) fn new(directory: Arc<Directory>, gate: Arc<GateTable>) -> Self {
        Self { directory, gate, changed: Mutex::default(), in_flight: RwLock::default(), unsettled: Mutex::default() }
    }

    /// Before entries are appended to `journal`; what it gives is kept until they are published.
    pub(crate) async fn begin(&self, entries: &[Sealed], journal: &Journal) -> RwLockReadGuard<'_, ()> {
        let in_flight = self.in_flight.read().await;
        let from = journal.end();
        lock(&self.unsettled).extend(entries.iter().map(|sealed| (sealed.entry().tenant.clone(), from)));
        in_flight
    }

    /// Where the journal begins that may know more of a tenant than the directory; `None` if it does not.
    pub(crate) fn unsettled_from(&self, tenant: &str) -> Option<Offset> {
        lock(&self.unsettled).get(tenant).copied()
    }

    /// The entry of a tenant did not get into the journal.
    pub(crate) fn nothing_happened(&self, tenant: &str) {
        lock(&self.unsettled).remove(tenant);
    }

    /// A tenant's state after `changes`.
    pub(crate) fn publish(&self, tenant: &str, record: &TenantRecord, changes: &[Change]) {
        self.directory.publish(tenant, record.clone());
        lock(&self.unsettled).remove(tenant);
        lock(&self.changed).insert(tenant.to_owned());
        let plans_changed = changes.iter().any(|change| matches!(change, Change::Plans(_)));
        if tenant == PLATFORM && plans_changed {
            self.publish_all_to_gate();
        } else {
            self.publish_to_gate(tenant, &record.state);
        }
    }

    /// Limits may come from plans, so a changed plan concerns every tenant on it.
    pub(crate) fn publish_all_to_gate(&self) {
        self.directory.for_each(|tenant, state| self.publish_to_gate(tenant, state));
    }

    fn publish_to_gate(&self, tenant: &str, state: &TenantState) {
        self.gate.set(tenant, state.lifecycle.status, self.limits(state));
    }

    /// A tenant's own limits before its plan's.
    pub(crate) fn limits(&self, state: &TenantState) -> Limits {
        let mut limits = self.plan(&state.plan).limits;
        limits.extend(state.quota.limits.clone());
        limits
    }

    pub(crate) fn plan(&self, name: &str) -> Plan {
        self.directory.get(PLATFORM).map(|platform| platform.plans.get(name)).unwrap_or_default()
    }

    /// Tenants that changed since the last call, and the end of `journal` if the directory has everything before it. Waits
    /// for what is in flight, blocking the thread.
    pub(crate) fn take_changed(&self, journal: &Journal) -> (BTreeSet<String>, Option<Offset>) {
        let _alone = self.in_flight.blocking_write();
        let settled = lock(&self.unsettled).is_empty();
        (std::mem::take(&mut *lock(&self.changed)), settled.then(|| journal.end()))
    }

    /// Gives back what could not be saved.
    pub(crate) fn put_back(&self, changed: BTreeSet<String>) {
        lock(&self.changed).extend(changed);
    }
}

fn lock<T>(names: &Mutex<T>) -> MutexGuard<'_, T> {
    // A set or map is whole after a panic elsewhere: nothing can fail between two of its writes.
    names.lock().unwrap_or_else(PoisonError::into_inner)
}
