//! What others may know of a tenant, told after it is durable: the directory (views, keys) and the gate (events).
//!
//! Nobody waits here for anybody (I15). Not here: deciding anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::lock::Lock;
use engine::log::Offset;
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};

use crate::directory::Directory;
use crate::facet::{Effect, Turn};
use crate::facets::lifecycle::Status;
use crate::gate::GateTable;
use crate::journal::{Journal, Sealed};
use crate::limit::Limits;
use crate::snapshots::TenantRecord;
use crate::tenant::{PLATFORM, TenantState};

#[expect(clippy::disallowed_types, reason = "a turn and not data: tasks wait for it, and no thread")]
use tokio::sync::RwLock;

/// Tells directory and gate, and remembers whose snapshot is out of date.
pub(crate) struct Publisher {
    pub(crate) directory: Arc<Directory>,
    pub(crate) gate: Arc<GateTable>,
    unsaved: Lock<Unsaved>,
    /// Held shared by who relies on a meter or a plan, and alone by who changes or removes one, from the decision until it is
    /// published: else both might be right about what they see, and a limit remain on a meter that can't be limited.
    #[expect(clippy::disallowed_types, reason = "see its import")]
    limits: RwLock<()>,
}

#[derive(Default)]
struct Unsaved {
    /// Tenants whose snapshot is out of date.
    changed: BTreeSet<String>,
    /// Tenants with an entry in flight, or whose actor died over one: of them the journal may know more than the directory,
    /// from the offset on that was its end before.
    unsettled: BTreeMap<String, Offset>,
}

impl Unsaved {
    fn known_until(&self, end: Offset) -> Offset {
        self.unsettled.values().copied().fold(end, Offset::min)
    }
}

impl Publisher {
    pub(crate) fn new(directory: Arc<Directory>, gate: Arc<GateTable>) -> Self {
        Self { directory, gate, unsaved: Lock::default(), limits: Default::default() }
    }

    /// Before a command is decided; what it gives is kept until the changes are published.
    pub(crate) async fn agree(&self, turn: Turn) -> Agreed<'_> {
        match turn {
            Turn::None => Agreed::Nothing,
            Turn::Reads => Agreed::Shared(self.limits.read().await),
            Turn::Changes => Agreed::Alone(self.limits.write().await),
        }
    }

    /// Before `entries` are appended to `journal`.
    pub(crate) fn begin(&self, journal: &Journal, entries: &[Sealed]) {
        let end = journal.end();
        let mut unsaved = self.unsaved.lock();
        for sealed in entries {
            unsaved.unsettled.entry(sealed.entry().tenant.clone()).or_insert(end);
        }
    }

    /// Where the journal begins that may know more of a tenant than the directory; `None` if it does not.
    pub(crate) fn unsettled_from(&self, tenant: &str) -> Option<Offset> {
        self.unsaved.lock().unsettled.get(tenant).copied()
    }

    /// The entry of a tenant did not get into the journal.
    pub(crate) fn nothing_happened(&self, tenant: &str) {
        self.unsaved.lock().unsettled.remove(tenant);
    }

    /// Tenants' states after changes that have `effects`. The gate is told of all tenants on a thread where that may take its
    /// time.
    pub(crate) async fn publish(self: &Arc<Self>, tenants: &[(&str, &TenantRecord)], effects: &BTreeSet<Effect>) {
        self.make_known(tenants);
        if effects.contains(&Effect::RegateAll) {
            let publisher = Arc::clone(self);
            let told = tokio::task::spawn_blocking(move || publisher.tell_gate_all()).await;
            if let Err(error) = told {
                tracing::error!(%error, "the gate was not told of all tenants");
            }
        } else if effects.contains(&Effect::Regate) {
            tenants.iter().for_each(|(tenant, _)| self.tell_gate(tenant));
        }
    }

    /// A tenant's state after changes of which nobody knows the effects any more. Takes its time: not for the threads of a
    /// runtime.
    pub(crate) fn publish_here(&self, tenant: &str, record: &TenantRecord) {
        self.make_known(&[(tenant, record)]);
        match tenant {
            PLATFORM => self.tell_gate_all(),
            _ => self.tell_gate(tenant),
        }
    }

    fn make_known(&self, tenants: &[(&str, &TenantRecord)]) {
        self.directory.publish_all(tenants.iter().map(|(tenant, record)| (*tenant, TenantRecord::clone(record))));
        self.settle(tenants);
    }

    fn settle(&self, tenants: &[(&str, &TenantRecord)]) {
        let mut unsaved = self.unsaved.lock();
        for (tenant, _) in tenants {
            unsaved.unsettled.remove(*tenant);
            unsaved.changed.insert((*tenant).to_owned());
        }
    }

    /// Says which limits were set before limits had to name a meter that can be limited: they keep nothing out.
    pub(crate) fn tell_of_idle_limits(&self) {
        let platform = self.directory.get(PLATFORM).unwrap_or_default();
        let idle = |limits: &Limits| {
            limits.iter().any(|(meter, limit)| limit.validate(meter, &platform.meters().meters).is_err())
        };
        let mut owners = Vec::new();
        for (tenant, state) in self.directory.edition().iter() {
            if state.lifecycle().status != Status::Deleted && idle(&state.quota().limits) {
                owners.push(format!("tenant {tenant}"));
            }
        }
        let plans = platform.plans().plans.iter().filter(|(_, plan)| idle(&plan.limits));
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

    /// Tells the gate of every tenant.
    pub(crate) fn tell_gate_all(&self) {
        let mut edition = self.directory.edition();
        loop {
            for (tenant, state) in edition.iter() {
                self.gate.set(tenant, state.lifecycle().status, edition.limits_of(state));
            }
            let newer = self.directory.edition();
            if newer.agrees_on(&edition, PLATFORM, TenantState::plans) {
                // Their own publishers may have been faster than this walk, which then told what was true before.
                newer.news(&edition).for_each(|tenant| self.tell_gate(tenant));
                return;
            }
            edition = newer;
        }
    }

    /// Tells the gate what holds for a tenant, and again if that was no longer so: whoever tells last has told the newest.
    fn tell_gate(&self, tenant: &str) {
        let mut edition = self.directory.edition();
        loop {
            let Some(state) = edition.get(tenant) else { return };
            self.gate.set(tenant, state.lifecycle().status, edition.limits_of(state));
            let newer = self.directory.edition();
            if newer.agrees(&edition, tenant) && newer.agrees_on(&edition, PLATFORM, TenantState::plans) {
                return;
            }
            edition = newer;
        }
    }

    /// Tenants that changed since the last call, and an offset of `journal` before which the directory has everything.
    pub(crate) fn take_changed(&self, journal: &Journal) -> (BTreeSet<String>, Offset) {
        // Asked first: what is durable by now was begun, and is published or unsettled below.
        let end = journal.end();
        let mut unsaved = self.unsaved.lock();
        let settled = unsaved.known_until(end);
        (std::mem::take(&mut unsaved.changed), settled)
    }

    /// An offset of `journal` before which the directory has everything.
    pub(crate) fn known_until(&self, journal: &Journal) -> Offset {
        let end = journal.end();
        self.unsaved.lock().known_until(end)
    }

    /// Gives back what could not be saved.
    pub(crate) fn put_back(&self, changed: BTreeSet<String>) {
        self.unsaved.lock().changed.extend(changed);
    }
}

/// A turn among those who change limits and meters.
pub(crate) enum Agreed<'a> {
    Nothing,
    Shared(#[expect(dead_code, reason = "it is held")] RwLockReadGuard<'a, ()>),
    Alone(#[expect(dead_code, reason = "it is held")] RwLockWriteGuard<'a, ()>),
}
