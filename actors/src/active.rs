//! Who is active and who is kept out, for everybody to look up: a command to an active tenant asks nobody else on its way.
//!
//! The supervisor writes here what it decides. A lookup takes a lock around one map and nothing else, and nobody else's code
//! runs under it (I15). Not here: activating, counting failures (`supervisor`).

use std::collections::{BTreeSet, HashMap};

use engine::lock::{Held, Lock};
use ractor::ActorId;

use crate::handle::TenantHandle;
use crate::tenants::CommandError;

/// The active tenants and those in quarantine.
#[derive(Default)]
pub(crate) struct Active(Lock<State>);

#[derive(Default)]
struct State {
    tenants: HashMap<String, Child>,
    quarantined: BTreeSet<String>,
    /// The node drains: nobody is found any more.
    is_closed: bool,
}

struct Child {
    handle: TenantHandle,
    used_at_us: i64,
}

impl Active {
    /// Nobody is active, and `quarantined` are kept out.
    pub(crate) fn new(quarantined: BTreeSet<String>) -> Self {
        Self(Lock::new(State { quarantined, ..State::default() }))
    }

    /// The way to a tenant's actor, if it has one; it counts as used at `now_us`.
    ///
    /// # Errors
    /// If nobody is to find it.
    pub(crate) fn find(&self, tenant: &str, now_us: i64) -> Result<Option<TenantHandle>, CommandError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(CommandError::Closed);
        }
        if state.quarantined.contains(tenant) {
            return Err(CommandError::Quarantined);
        }
        Ok(state.tenants.get_mut(tenant).map(|child| {
            child.used_at_us = now_us;
            child.handle.clone()
        }))
    }

    /// Whether a tenant has an actor.
    pub(crate) fn has(&self, tenant: &str) -> bool {
        self.lock().tenants.contains_key(tenant)
    }

    pub(crate) fn insert(&self, tenant: String, handle: TenantHandle, now_us: i64) {
        self.lock().tenants.insert(tenant, Child { handle, used_at_us: now_us });
    }

    /// Forgets the actor `gone` of a tenant, and no other that may have taken its place.
    pub(crate) fn remove(&self, tenant: &str, gone: ActorId) {
        let mut state = self.lock();
        if state.tenants.get(tenant).is_some_and(|child| child.handle.actor().get_id() == gone) {
            state.tenants.remove(tenant);
        }
    }

    /// Keeps a tenant out.
    pub(crate) fn quarantine(&self, tenant: String) {
        self.lock().quarantined.insert(tenant);
    }

    /// Lets it in again; whether it was kept out.
    pub(crate) fn release(&self, tenant: &str) -> bool {
        self.lock().quarantined.remove(tenant)
    }

    /// The ways to those that were not used since `since_us`.
    pub(crate) fn idle(&self, since_us: i64) -> Vec<TenantHandle> {
        let state = self.lock();
        let idle = state.tenants.values().filter(|child| child.used_at_us < since_us);
        idle.map(|child| child.handle.clone()).collect()
    }

    /// Lets nobody be found any more; the ways to all that are active.
    pub(crate) fn close(&self) -> Vec<TenantHandle> {
        let mut state = self.lock();
        state.is_closed = true;
        std::mem::take(&mut state.tenants).into_values().map(|child| child.handle).collect()
    }

    /// How many are active, and who is kept out.
    pub(crate) fn report(&self) -> (usize, Vec<String>) {
        let state = self.lock();
        (state.tenants.len(), state.quarantined.iter().cloned().collect())
    }

    #[track_caller]
    fn lock(&self) -> Held<'_, State> {
        self.0.lock()
    }
}
