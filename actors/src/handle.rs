//! The way to one tenant's actor: a permit before every send, a timeout on every answer (I8).
//!
//! ractor's mailboxes have no limit, so the permits are the limit. Not here: which tenants are active.

use std::sync::Arc;
use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{ActorRef, MessagingErr};
use tokio::sync::Semaphore;

use crate::shell::TenantMessage;
use crate::tenant::{Change, Command};
use crate::tenants::CommandError;

/// A cheap reference to an active tenant.
#[derive(Clone)]
pub(crate) struct TenantHandle {
    actor: ActorRef<TenantMessage>,
    permits: Arc<Semaphore>,
    timeout: Duration,
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
        let Ok(_permit) = self.permits.try_acquire() else { return Some(Err(CommandError::Busy)) };
        let message = |reply| TenantMessage::Command { command, principal: principal.to_owned(), reply };
        match self.actor.call(message, Some(self.timeout)).await {
            Ok(CallResult::Success(answer)) => Some(answer),
            Ok(CallResult::Timeout) => Some(Err(CommandError::Timeout)),
            Ok(CallResult::SenderError) => Some(Err(CommandError::Failed)),
            Err(MessagingErr::SendErr(_) | MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => None,
        }
    }
}
