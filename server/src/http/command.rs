//! Commands to tenants, and the answer to all of them.

use std::sync::Arc;

use actors::{Change, Command};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Identity;
use crate::node::AdminError;

use super::Door;
use super::problem::{Kind, Problem};

/// What a command did.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Done {
    /// Whether anything is different now; asking for what is already so changes nothing.
    changed: bool,
    /// What goes on after the answer; absent if nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<String>,
}

impl Done {
    /// Something is different now.
    pub(super) const CHANGED: Self = Self { changed: true, pending: None };

    /// Something is different now, or not.
    pub(super) fn of(changed: bool) -> Self {
        Self { changed, pending: None }
    }
}

impl Door {
    /// Carries `command` out in the name of `identity`.
    pub(super) async fn command(
        &self,
        tenant: &str,
        command: Command,
        identity: &Identity,
    ) -> Result<Vec<Change>, AdminProblem> {
        let node = Arc::clone(self.node()?);
        let (tenant, principal) = (tenant.to_owned(), identity.principal().to_owned());
        Ok(to_its_end(async move { node.command(&tenant, command, &principal).await }).await??)
    }

    /// Makes a tenant known and active in the name of `identity`.
    pub(super) async fn create(&self, tenant: &str, identity: &Identity) -> Result<(), Problem> {
        let node = Arc::clone(self.node()?);
        let (tenant, principal) = (tenant.to_owned(), identity.principal().to_owned());
        Ok(to_its_end(async move { node.tenants.create(&tenant, &principal).await }).await??)
    }

    /// The same, answered with whether it changed anything.
    pub(super) async fn change(&self, tenant: &str, command: Command, identity: &Identity) -> Result<Done, Problem> {
        match self.command(tenant, command, identity).await {
            Ok(changes) => Ok(Done::of(!changes.is_empty())),
            Err(AdminProblem::Pending(reason)) => Ok(Done { changed: true, pending: Some(reason) }),
            Err(AdminProblem::Refused(problem)) => Err(problem),
        }
    }
}

/// Runs `work` to its end whether or not the client waits for it: a change that is journaled must come into force.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Problem> {
    let task = tokio::spawn(work);
    task.await.map_err(|error| Kind::Internal.with(format!("the command's task failed: {error}")))
}

/// A command that was refused, or that is carried out but not yet complete.
pub(super) enum AdminProblem {
    /// Nothing changed.
    Refused(Problem),
    /// It is journaled and takes effect later.
    Pending(String),
}

impl From<Problem> for AdminProblem {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<AdminError> for AdminProblem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Backfill(_) | AdminError::Erasure(_) => Self::Pending(error.to_string()),
            AdminError::Meter(error) => Self::Refused(Problem::invalid_field(error.field, error.reason)),
            AdminError::View(_) => Self::Refused(Kind::Query.with(error.to_string())),
            AdminError::Command(error) => Self::Refused(error.into()),
        }
    }
}

impl From<AdminProblem> for Problem {
    fn from(problem: AdminProblem) -> Self {
        match problem {
            AdminProblem::Refused(problem) => problem,
            AdminProblem::Pending(reason) => Kind::Unavailable.with(reason),
        }
    }
}
