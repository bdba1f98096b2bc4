//! The actor around a tenant's state: decide, journal, apply, make known. Thin: every rule is in a facet.
//!
//! The reply goes out after the changes are durable (I1). State is made known after it is journaled, never before, so a
//! crash at any point leaves the journal as the truth (I9). Not here: activation, restarts (`supervisor`).

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::clock::Clock;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::oneshot;

use crate::everybody::All;
use crate::facet::Context;
use crate::journal::{Journal, JournalError};
use crate::publish::Publisher;
use crate::snapshots::TenantRecord;
use crate::tenant::{Change, Command, PLATFORM};
use crate::tenants::CommandError;

/// What a tenant's actor works with; shared by all of them.
#[derive(Clone)]
pub(crate) struct Shell {
    pub(crate) journal: Arc<Journal>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a tenant's actor is told.
pub(crate) enum TenantMessage {
    /// Decide, and answer when it is durable.
    Command { command: Box<Command>, principal: String, reply: RpcReplyPort<Result<Vec<Change>, CommandError>> },
    /// Give your record away and do nothing until it comes back.
    Lend { reply: RpcReplyPort<TenantRecord>, back: Returned },
}

/// By which a record that was lent comes back, if it has changed.
pub(crate) type Returned = oneshot::Receiver<TenantRecord>;

/// One tenant's state while it is active.
pub(crate) struct Active {
    name: String,
    record: TenantRecord,
}

impl Actor for Shell {
    type Msg = TenantMessage;
    type State = Active;
    type Arguments = (String, TenantRecord);

    async fn pre_start(
        &self,
        _myself: ActorRef<TenantMessage>,
        (name, record): (String, TenantRecord),
    ) -> Result<Active, ActorProcessingErr> {
        Ok(Active { name, record })
    }

    async fn handle(
        &self,
        _myself: ActorRef<TenantMessage>,
        message: TenantMessage,
        active: &mut Active,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TenantMessage::Command { command, principal, reply } => {
                let answer = self.command(active, *command, principal).await;
                // A caller that timed out has gone; what was done stays done.
                let _ = reply.send(answer);
                Ok(())
            }
            TenantMessage::Lend { reply, back } => self.lend(active, reply, back).await,
        }
    }
}

impl Shell {
    /// Who borrows journals for the tenant meanwhile. If that ended midway, the journal may know more than this actor, which then
    /// fails, so that the next one is started with what there is.
    async fn lend(
        &self,
        active: &mut Active,
        reply: RpcReplyPort<TenantRecord>,
        back: Returned,
    ) -> Result<(), ActorProcessingErr> {
        let lent = reply.send(active.record.clone());
        match back.await {
            Ok(record) => active.record = record,
            Err(_) if lent.is_ok() && self.publisher.unsettled_from(&active.name).is_some() => {
                return Err("a change to several tenants ended midway".into());
            }
            Err(_) => {}
        }
        Ok(())
    }

    async fn command(
        &self,
        active: &mut Active,
        command: Command,
        principal: String,
    ) -> Result<Vec<Change>, CommandError> {
        let at_us = self.clock.now_us();
        let _agreed = self.publisher.agree(command.turn()).await;
        let platform = self.publisher.directory.get(PLATFORM).unwrap_or_default();
        let everybody = All { edition: self.publisher.directory.edition(), staged: &BTreeMap::new() };
        let context = Context {
            now_us: at_us,
            is_platform: active.name == PLATFORM,
            platform: &*platform,
            everybody: &everybody,
        };
        let changes = active.record.state.decide(command, context)?;
        if changes.is_empty() {
            return Ok(changes);
        }
        let sealed = active.record.seal(&active.name, at_us, &principal, changes).map_err(JournalError::from)?;
        let sealed = [sealed];
        self.publisher.begin(&self.journal, &sealed);
        let appended = self.journal.append(&sealed).await;
        let [sealed] = sealed;
        let offset = appended.inspect_err(|_| self.publisher.nothing_happened(&active.name))?;
        active.record.apply(offset, sealed.entry(), sealed.head().hash).expect("it was sealed behind this record");
        let changes = sealed.into_entry().changes;
        let effects = changes.iter().flat_map(Change::effects).copied().collect();
        self.publisher.publish(&[(active.name.as_str(), &active.record)], &effects).await;
        Ok(changes)
    }
}
