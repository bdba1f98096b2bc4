//! `/v1/tenants/{tenant}/alerts`: what fires for a tenant, and saying that somebody has seen it.
//!
//! Rules are declarations of the kind `alert` (`declared`).

use std::sync::Arc;

use actors::Command;
use actors::facets::alerts::{AlertsCommand, By, RuleId};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Door;
use super::caller::{MayGovern, MayQuery};
use super::command::Done;
use super::json::{Body, Names};
use super::problem::{Problem, ProblemBody};
use super::query;

/// Which alert, and what is said of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledgement {
    /// Who declared the rule.
    #[serde(default)]
    declared_by: DeclaredBy,
    /// For the audit trail.
    #[serde(default)]
    #[schema(example = "on it")]
    note: String,
}

/// Who declared a rule.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeclaredBy {
    /// The platform, for its tenants.
    #[default]
    Platform,
    /// The tenant, for itself.
    Tenant,
}

/// The alerts of a tenant that are under way.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/alerts", tag = "tenants", security(("key" = ["query"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "rows of the view `alerts`", body = Vec<serde_json::Value>),
        (status = 404, description = "not yours", body = ProblemBody)))]
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Names(tenant): Names<String>,
) -> Result<Response, Problem> {
    query::of_tenant(&door, &identity, &tenant, "alerts").await
}

/// Says that somebody has seen an alert that fires. It is to be seen again if it gets worse.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/alerts/{rule}/acknowledge", tag = "tenants",
    request_body = Acknowledgement, security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("rule" = String, Path, description = "the rule")),
    responses((status = 200, description = "it is acknowledged", body = Done),
        (status = 404, description = "no such tenant", body = ProblemBody),
        (status = 409, description = "the alert does not fire for the tenant", body = ProblemBody)))]
pub(super) async fn acknowledge(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names((tenant, rule)): Names<(String, String)>,
    Body(Acknowledgement { declared_by, note }): Body<Acknowledgement>,
) -> Result<Json<Done>, Problem> {
    let by = match declared_by {
        DeclaredBy::Platform => By::Platform,
        DeclaredBy::Tenant => By::Tenant,
    };
    let command = Command::Alerts(AlertsCommand::Acknowledge { rule: RuleId { by, name: rule.clone() }, note });
    let done = door.change(&tenant, command, &identity, "acknowledged").await?.tenant(tenant);
    Ok(Json(Done { rule: Some(rule), ..done }))
}
