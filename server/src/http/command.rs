//! Commands to tenants, and the answer to all of them.

use std::sync::Arc;

use actors::{Change, Command};
use engine::meter::MeterError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Identity;
use crate::node::AdminError;

use super::Door;
use super::problem::{Kind, Problem};

/// What a command did, and to what.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Done {
    /// The tenant concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    /// The meter concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) meter: Option<String>,
    /// The plan concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<String>,
    /// The rule whose alert is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    /// The endpoint concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<String>,
    /// Id of the key concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// Whether anything is different now; asking for what is already so changes nothing.
    pub(super) changed: bool,
    /// What happened, in a word or two: `created`, `changed`, `removed`, `suspended`, …; `unchanged` if nothing did.
    #[schema(example = "created")]
    pub(super) outcome: &'static str,
    /// Of a meter that is defined: events that it counts so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<u64>,
    /// Of those, without the value that it counts: if they are many, the path may be wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_missing: Option<u64>,
    /// What goes on after the answer; absent if nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<String>,
}

impl Done {
    /// `outcome`, if anything is different now.
    pub(super) fn of(changed: bool, outcome: &'static str) -> Self {
        Self { changed, outcome: if changed { outcome } else { "unchanged" }, ..Self::default() }
    }

    /// The same, naming the tenant.
    pub(super) fn tenant(self, tenant: String) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    /// The same, naming the meter.
    pub(super) fn meter(self, meter: String) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// The same, naming the plan.
    pub(super) fn plan(self, plan: String) -> Self {
        Self { plan: Some(plan), ..self }
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

    /// Makes a tenant known and active, on `plan` if one is given, in the name of `identity`.
    pub(super) async fn create(&self, tenant: &str, plan: Option<&str>, identity: &Identity) -> Result<Done, Problem> {
        let node = Arc::clone(self.node()?);
        let (tenant, principal, plan) = (tenant.to_owned(), identity.principal().to_owned(), plan.map(str::to_owned));
        let created = to_its_end(async move { node.create(&tenant, plan.as_deref(), &principal).await }).await?;
        told(created.map(|()| true).map_err(AdminProblem::from), "created")
    }

    /// The same, answered with `outcome` if it changed anything.
    pub(super) async fn change(
        &self,
        tenant: &str,
        command: Command,
        identity: &Identity,
        outcome: &'static str,
    ) -> Result<Done, Problem> {
        let changes = self.command(tenant, command, identity).await;
        told(changes.map(|changes| !changes.is_empty()), outcome)
    }
}

/// The answer to a command that changed something, or nothing, or whose effects are still to come.
fn told(changed: Result<bool, AdminProblem>, outcome: &'static str) -> Result<Done, Problem> {
    match changed {
        Ok(changed) => Ok(Done::of(changed, outcome)),
        Err(AdminProblem::Pending(reason)) => Ok(Done { pending: Some(reason), ..Done::of(true, outcome) }),
        Err(AdminProblem::Refused(problem)) => Err(problem),
    }
}

/// Runs `work` to its end whether or not the client waits for it: a change that is journaled must come into force.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
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
            AdminError::Backfill(_) | AdminError::Billing(_) | AdminError::Erasure(_) => {
                Self::Pending(error.to_string())
            }
            AdminError::Meter(errors) => Self::Refused(invalid(errors)),
            AdminError::View(_) => Self::Refused(Kind::Query.with(error.to_string())),
            AdminError::Command(error) => Self::Refused(error.into()),
        }
    }
}

fn invalid(errors: Vec<MeterError>) -> Problem {
    let mut errors = errors.into_iter();
    let first = errors.next().map_or_else(
        || Kind::Invalid.with("the meter can't be computed"),
        |error| Problem::invalid_field(error.field, error.reason),
    );
    errors.fold(first, |problem, error| problem.field(error.field, "invalid", error.reason))
}

impl From<AdminProblem> for Problem {
    fn from(problem: AdminProblem) -> Self {
        match problem {
            AdminProblem::Refused(problem) => problem,
            AdminProblem::Pending(reason) => Kind::Unavailable.with(reason),
        }
    }
}
