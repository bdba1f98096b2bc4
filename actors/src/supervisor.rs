//! The supervisor: activates tenants on first use, passivates idle ones, restarts failed ones within a budget, and beyond
//! it quarantines them, so that one tenant can't take the node with it (I11).
//!
//! ractor only notifies of deaths; restarts, budgets and passivation are ours. A failed actor's state is read from the
//! journal again, since it may have failed between journaling and making known. Not here: what a tenant does.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use crate::handle::TenantHandle;
use crate::journal::JournalError;
use crate::shell::Shell;
use crate::snapshots::TenantRecord;
use crate::tenants::{CommandError, TenantsOptions};

/// The supervisor of all tenants' actors.
pub(crate) struct Supervisor {
    pub(crate) shell: Shell,
    pub(crate) options: TenantsOptions,
    /// Tenants whose chain in the journal is broken; no release lets them in, only a journal that is whole.
    pub(crate) broken: BTreeSet<String>,
}

/// What the supervisor is told.
pub(crate) enum SupervisorMessage {
    /// The tenant's actor, activated if it is not; `gone`: the one that did not answer any more.
    Resolve { tenant: String, gone: Option<ActorId>, reply: RpcReplyPort<Result<TenantHandle, CommandError>> },
    /// Lets a quarantined tenant in again; whether it was quarantined.
    Release { tenant: String, reply: RpcReplyPort<bool> },
    /// Active tenants, quarantined tenants.
    Report(RpcReplyPort<(usize, Vec<String>)>),
    /// Time passes.
    Tick,
    /// Let every actor finish what it has, then stop.
    Drain(RpcReplyPort<()>),
}

/// Who is active, and who has failed how often.
#[derive(Default)]
pub(crate) struct Children {
    active: HashMap<String, Child>,
    names: HashMap<ActorId, String>,
    failures: HashMap<String, VecDeque<i64>>,
    quarantined: BTreeSet<String>,
}

struct Child {
    handle: TenantHandle,
    used_at_us: i64,
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = Children;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<SupervisorMessage>, (): ()) -> Result<Children, ActorProcessingErr> {
        let every = Duration::from_micros(self.options.idle_us.unsigned_abs() / 2).max(Duration::from_millis(100));
        // Ends with the actor: ractor stops the interval when its target is gone.
        myself.send_interval(every, || SupervisorMessage::Tick);
        Ok(Children::default())
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        children: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            // Callers that gave up have no use for an answer, here and below.
            SupervisorMessage::Resolve { tenant, gone, reply } => {
                if let Some(gone) = gone {
                    children.forget(gone);
                }
                let _ = reply.send(self.resolve(&myself, tenant, children).await);
            }
            SupervisorMessage::Release { tenant, reply } => {
                children.failures.remove(&tenant);
                let was = children.quarantined.remove(&tenant);
                self.shell.publisher.gate.quarantine(&tenant, self.broken.contains(&tenant));
                let _ = reply.send(was);
            }
            SupervisorMessage::Report(reply) => {
                let _ =
                    reply.send((children.active.len(), children.quarantined.union(&self.broken).cloned().collect()));
            }
            SupervisorMessage::Tick => self.passivate(children),
            SupervisorMessage::Drain(reply) => {
                for (_, child) in children.active.drain() {
                    // An actor that is gone already has nothing left to finish.
                    let _ = child.handle.actor().drain_and_wait(Some(self.options.timeout)).await;
                }
                let _ = reply.send(());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        children: &mut Children,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(child, error) => self.failed(&child, &error.to_string(), children),
            SupervisionEvent::ActorTerminated(child, _, _) => drop(children.forget(child.get_id())),
            _ => {}
        }
        Ok(())
    }
}

impl Supervisor {
    async fn resolve(
        &self,
        myself: &ActorRef<SupervisorMessage>,
        tenant: String,
        children: &mut Children,
    ) -> Result<TenantHandle, CommandError> {
        if children.quarantined.contains(&tenant) || self.broken.contains(&tenant) {
            return Err(CommandError::Quarantined);
        }
        let now_us = self.shell.clock.now_us();
        if let Some(child) = children.active.get_mut(&tenant) {
            child.used_at_us = now_us;
            return Ok(child.handle.clone());
        }
        let record = self.record(&tenant, children).await?;
        let arguments = (tenant.clone(), record);
        let spawned = Actor::spawn_linked(None, self.shell.clone(), arguments, myself.get_cell()).await;
        let (actor, _) = spawned.map_err(|_| CommandError::Failed)?;
        let handle = TenantHandle::new(actor, self.options.commands_waiting_max, self.options.timeout);
        children.names.insert(handle.actor().get_id(), tenant.clone());
        children.active.insert(tenant, Child { handle: handle.clone(), used_at_us: now_us });
        Ok(handle)
    }

    /// The state to start from: what was made known, or after a failure what the journal says.
    async fn record(&self, tenant: &str, children: &Children) -> Result<TenantRecord, CommandError> {
        let known =
            self.shell.publisher.directory.record(tenant).ok_or_else(|| CommandError::Unknown(tenant.into()))?;
        if !children.failures.contains_key(tenant) {
            return Ok(known);
        }
        let (journal, name) = (Arc::clone(&self.shell.journal), tenant.to_owned());
        let replayed = tokio::task::spawn_blocking(move || replay_one(&journal, &name)).await;
        let record = replayed.map_err(|_| CommandError::Failed)??;
        self.shell.publisher.publish(tenant, &record, &[]);
        Ok(record)
    }

    fn failed(&self, child: &ActorCell, error: &str, children: &mut Children) {
        let Some(tenant) = children.forget(child.get_id()) else { return };
        let now_us = self.shell.clock.now_us();
        let failures = children.failures.entry(tenant.clone()).or_default();
        failures.push_back(now_us);
        while failures.front().is_some_and(|at_us| now_us - at_us > self.options.restart_window_us) {
            failures.pop_front();
        }
        if failures.len() > self.options.restarts_max {
            tracing::error!(tenant, error, "the tenant failed too often and is quarantined; the node goes on");
            self.shell.publisher.gate.quarantine(&tenant, true);
            children.quarantined.insert(tenant);
        } else {
            tracing::warn!(tenant, error, "the tenant's actor failed; it is started again on next use");
        }
    }

    fn passivate(&self, children: &mut Children) {
        let idle_since_us = self.shell.clock.now_us() - self.options.idle_us;
        for child in children.active.values().filter(|child| child.used_at_us < idle_since_us) {
            // Draining lets it finish; it is forgotten when it has terminated.
            let _ = child.handle.actor().drain();
        }
    }
}

impl Children {
    fn forget(&mut self, actor: ActorId) -> Option<String> {
        let tenant = self.names.remove(&actor)?;
        if self.active.get(&tenant).is_some_and(|child| child.handle.actor().get_id() == actor) {
            self.active.remove(&tenant);
        }
        Some(tenant)
    }
}

fn replay_one(journal: &crate::journal::Journal, tenant: &str) -> Result<TenantRecord, JournalError> {
    let mut record = TenantRecord::default();
    journal.replay(0, |offset, entry, hash| {
        if entry.tenant == tenant {
            record.apply(offset, &entry, hash)?;
        }
        Ok(())
    })?;
    Ok(record)
}
