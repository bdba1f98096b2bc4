//! The supervisor: activates tenants on first use, passivates idle ones, restarts failed ones within a budget, and beyond
//! it quarantines them, so that one tenant can't take the node with it (I11).
//!
//! ractor only notifies of deaths; restarts, budgets and passivation are ours. Nothing here waits for a disk: its mailbox is
//! everybody's way to an actor that is not active (I8). Not here: what a tenant does, and what the journal knows of one whose
//! actor failed (`settle`).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use crate::active::Active;
use crate::handle::TenantHandle;
use crate::settle::Settler;
use crate::shell::Shell;
use crate::tenants::{CommandError, TenantsOptions};

/// The supervisor of all tenants' actors.
pub(crate) struct Supervisor {
    pub(crate) shell: Shell,
    pub(crate) options: TenantsOptions,
    pub(crate) active: Arc<Active>,
    pub(crate) settler: Arc<Settler>,
    /// Tenants whose chain in the journal is broken; no release lets them in, only a journal that is whole.
    pub(crate) broken: Arc<BTreeSet<String>>,
}

/// What the supervisor is told.
pub(crate) enum SupervisorMessage {
    /// The tenant's actor, activated if it is not.
    Activate { tenant: String, reply: RpcReplyPort<Result<TenantHandle, CommandError>> },
    /// Lets a quarantined tenant in again; whether it was quarantined.
    Release { tenant: String, reply: RpcReplyPort<bool> },
    /// Time passes.
    Tick,
    /// Let every actor finish what it has, then stop.
    Drain(RpcReplyPort<()>),
}

/// Whose actors there are, and who has failed when.
#[derive(Default)]
pub(crate) struct Children {
    names: HashMap<ActorId, String>,
    failures: HashMap<String, VecDeque<i64>>,
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
            SupervisorMessage::Activate { tenant, reply } => {
                let _ = reply.send(self.activate(&myself, tenant, children).await);
            }
            SupervisorMessage::Release { tenant, reply } => {
                children.failures.remove(&tenant);
                let is_broken = self.broken.contains(&tenant);
                let was = !is_broken && self.active.release(&tenant);
                self.shell.publisher.gate.quarantine(&tenant, is_broken);
                let _ = reply.send(was);
            }
            SupervisorMessage::Tick => self.passivate(),
            SupervisorMessage::Drain(reply) => {
                for handle in self.active.close() {
                    // An actor that is gone already has nothing left to finish.
                    let _ = handle.actor().drain_and_wait(Some(self.options.timeout)).await;
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
            SupervisionEvent::ActorTerminated(child, _, _) => drop(self.forget(child.get_id(), children)),
            _ => {}
        }
        Ok(())
    }
}

impl Supervisor {
    async fn activate(
        &self,
        myself: &ActorRef<SupervisorMessage>,
        tenant: String,
        children: &mut Children,
    ) -> Result<TenantHandle, CommandError> {
        let now_us = self.shell.clock.now_us();
        if let Some(handle) = self.active.find(&tenant, now_us)? {
            return Ok(handle);
        }
        // Whoever asks has settled it; since then another one came, was given an actor and saw it fail.
        if self.shell.publisher.unsettled_from(&tenant).is_some() {
            return Err(CommandError::Failed);
        }
        let known = self.shell.publisher.directory.record(&tenant);
        let record = known.ok_or_else(|| CommandError::Unknown(tenant.clone()))?;
        let arguments = (tenant.clone(), record);
        let spawned = Actor::spawn_linked(None, self.shell.clone(), arguments, myself.get_cell()).await;
        let (actor, _) = spawned.map_err(|_| CommandError::Failed)?;
        let handle = TenantHandle::new(actor, self.options.commands_waiting_max, self.options.timeout);
        children.names.insert(handle.actor().get_id(), tenant.clone());
        self.active.insert(tenant, handle.clone(), now_us);
        Ok(handle)
    }

    fn failed(&self, child: &ActorCell, error: &str, children: &mut Children) {
        let Some(tenant) = self.forget(child.get_id(), children) else { return };
        let now_us = self.shell.clock.now_us();
        let failures = children.failures.entry(tenant.clone()).or_default();
        failures.push_back(now_us);
        while failures.front().is_some_and(|at_us| now_us - at_us > self.options.restart_window_us) {
            failures.pop_front();
        }
        if failures.len() > self.options.restarts_max {
            tracing::error!(tenant, error, "the tenant failed too often and is quarantined; the node goes on");
            self.shell.publisher.gate.quarantine(&tenant, true);
            self.active.quarantine(tenant.clone());
        } else {
            tracing::warn!(tenant, error, "the tenant's actor failed; it is started again on next use");
        }
        // Now, while little of the journal has to be read for it.
        let settler = Arc::clone(&self.settler);
        tokio::spawn(async move {
            if let Err(error) = settler.settle(&tenant).await {
                tracing::warn!(tenant, %error, "what the journal has of a failed tenant can't be read yet");
            }
        });
    }

    fn forget(&self, actor: ActorId, children: &mut Children) -> Option<String> {
        let tenant = children.names.remove(&actor)?;
        self.active.remove(&tenant, actor);
        Some(tenant)
    }

    fn passivate(&self) {
        for handle in self.active.idle(self.shell.clock.now_us() - self.options.idle_us) {
            // Draining lets it finish; it is forgotten when it has terminated.
            let _ = handle.actor().drain();
        }
    }
}
