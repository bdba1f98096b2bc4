//! The way to one tenant's actor: a permit before every send, a timeout on every answer (I8).
//!
//! ractor's mailboxes have no limit, so the permits are the limit. Not here: which tenants are active.

use std::sync::Arc;
use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{ActorRef, MessagingErr, RpcReplyPort};
use tokio::sync::{Semaphore, oneshot};

use crate::shell::TenantMessage;
use crate::snapshots::TenantRecord;
use crate::tenant::{Change, Command};
use crate::tenants::CommandError;

/// A cheap reference to an active tenant.
#[derive(Clone)]
pub(crate) struct TenantHandle {
    actor: ActorRef<TenantMessage>,
    permits: Arc<Semaphore>,
    timeout: Duration,
}

/// What an actor has lent, and the way by which it gets it back.
pub(crate) struct Lent {
    pub(crate) record: TenantRecord,
    pub(crate) back: oneshot::Sender<TenantRecord>,
}

impl TenantHandle {
    pub(crate) fn new(actor: ActorRef<TenantMessage>, permits: usize, timeout: Duration) -> Self {
        Self { actor, permits: Arc::new(Semaphore::new(permits)), timeout }
    }

    pub(crate) fn actor(&self) -> &ActorRef<TenantMessage> {
        &self.actor
    }

    /// Sends a command and waits for its answer; `None` if the actor has stopped and another must be activated.
    pub(crate) async fn command(&self, command: Command, principal: &str) -> Option<Result<Vec<Change>, CommandError>> {
        self.ask(|reply| TenantMessage::Command { command: Box::new(command), principal: principal.to_owned(), reply })
            .await
            .map(Result::flatten)
    }

    /// Has the actor lend its record and keep still until it is given back; `None` as above.
    pub(crate) async fn lend(&self) -> Option<Result<Lent, CommandError>> {
        let (back, returned) = oneshot::channel();
        let record = self.ask(|reply| TenantMessage::Lend { reply, back: returned }).await?;
        Some(record.map(|record| Lent { record, back }))
    }

    async fn ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<T>) -> TenantMessage,
    ) -> Option<Result<T, CommandError>> {
        let Ok(_permit) = self.permits.try_acquire() else { return Some(Err(CommandError::Busy)) };
        match self.actor.call(message, Some(self.timeout)).await {
            Ok(CallResult::Success(answer)) => Some(Ok(answer)),
            Ok(CallResult::Timeout) => Some(Err(CommandError::Timeout)),
            Ok(CallResult::SenderError) => Some(Err(CommandError::Failed)),
            Err(MessagingErr::SendErr(_) | MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => None,
        }
    }
}
