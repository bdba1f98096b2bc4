//! What others may know of a tenant, told after it is durable: the directory (views, keys) and the gate (events).
//!
//! Not here: deciding anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::log::Offset;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::directory::Directory;
use crate::facets::lifecycle::Status;
use crate::facets::plans::Plan;
use crate::facets::quota::{Limits, QuotaCommand};
use crate::gate::GateTable;
use crate::journal::{Journal, Sealed};
use crate::snapshots::TenantRecord;
use crate::tenant::{Change, Command, PLATFORM, TenantState};

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
    /// Held shared by who sets a limit, and alone by who changes a meter, from the decision until it is published: else both
    /// might be right about what they see, and a limit remain on a meter that can't be limited.
    limits: RwLock<()>,
}

impl Publisher {
    pub(crate) fn new(directory: Arc<Directory>, gate: Arc<GateTable>) -> Self {
        Self {
            directory,
            gate,
            changed: Mutex::default(),
            in_flight: RwLock::default(),
            limits: RwLock::default(),
            unsettled: Mutex::default(),
        }
    }

    /// Before a command is decided; what it gives is kept until the changes are published.
    pub(crate) async fn agree(&self, command: &Command) -> Agreed<'_> {
        match command {
            Command::Quota(QuotaCommand::Set { .. }) => Agreed::Shared(self.limits.read().await),
            Command::Meters(_) => Agreed::Alone(self.limits.write().await),
            _ => Agreed::Nothing,
        }
    }

    /// Whose limits are on `meter`: tenants' own, and plans'.
    pub(crate) fn limited_by(&self, meter: &str) -> Vec<String> {
        let mut names = Vec::new();
        self.directory.for_each(|tenant, state| {
            if state.lifecycle.status != Status::Deleted && state.quota.limits.contains_key(meter) {
                names.push(format!("tenant {tenant}"));
            }
            let plans = state.plans.plans.iter().filter(|(_, plan)| plan.limits.contains_key(meter));
            names.extend(plans.map(|(plan, _)| format!("plan {plan}")));
        });
        names.sort_unstable();
        names
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

    /// Says which limits were set before limits had to name a meter that can be limited: they keep nothing out.
    pub(crate) fn tell_of_idle_limits(&self) {
        let platform = self.directory.get(PLATFORM).unwrap_or_default();
        let idle = |limits: &Limits| {
            limits.iter().any(|(meter, limit)| limit.validate(meter, &platform.meters.meters).is_err())
        };
        let mut owners = Vec::new();
        self.directory.for_each(|tenant, state| {
            if state.lifecycle.status != Status::Deleted && idle(&state.quota.limits) {
                owners.push(format!("tenant {tenant}"));
            }
        });
        let plans = platform.plans.plans.iter().filter(|(_, plan)| idle(&plan.limits));
        owners.extend(plans.map(|(plan, _)| format!("plan {plan}")));
        if let Some(one) = owners.iter().min() {
            let count = owners.len();
            tracing::warn!(
                count,
                for_instance = one,
                "limits on meters that can't be limited keep nothing out; set them anew"
            );
        }
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

/// A turn among those who change limits and meters.
pub(crate) enum Agreed<'a> {
    Nothing,
    Shared(#[expect(dead_code, reason = "it is held")] RwLockReadGuard<'a, ()>),
    Alone(#[expect(dead_code, reason = "it is held")] RwLockWriteGuard<'a, ()>),
}

fn lock<T>(names: &Mutex<T>) -> MutexGuard<'_, T> {
    // A set or map is whole after a panic elsewhere: nothing can fail between two of its writes.
    names.lock().unwrap_or_else(PoisonError::into_inner)
}
