//! `/v1/tenants`: who there is, and the steps of a tenant's life.
//!
//! Not here: which step follows which (the facet `lifecycle`).

use std::sync::Arc;

use actors::Command;
use actors::facets::lifecycle::LifecycleCommand;
use actors::facets::plan::SetPlan;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use datafusion::prelude::{col, lit};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::identity::Identity;

use super::Door;
use super::caller::{MayGovern, MayQuery};
use super::command::Done;
use super::json::{Body, Names, Parameters};
use super::problem::{Problem, ProblemBody};
use super::query;
use super::rows::Format;

/// All tenants that the key may see.
#[utoipa::path(get, path = "/v1/tenants", tag = "tenants", security(("key" = ["query"])),
    responses((status = 200, description = "rows of the view `tenants`", body = Vec<serde_json::Value>)))]
pub(super) async fn list(State(door): State<Arc<Door>>, MayQuery(identity): MayQuery) -> Result<Response, Problem> {
    query::answer(&door, &identity, "GET /v1/tenants", Format::Json, async |node, visibility| {
        let tenants = node.catalog.session(visibility)?.table("tenants").await?;
        Ok(tenants.sort(vec![col("tenant").sort(true, false)])?)
    })
    .await
}

/// One tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}", tag = "tenants", security(("key" = ["query"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "its row of the view `tenants`", body = serde_json::Value),
        (status = 404, description = "no such tenant, or not yours", body = ProblemBody)))]
pub(super) async fn show(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Names(tenant): Names<String>,
) -> Result<Json<Box<RawValue>>, Problem> {
    identity.require_tenant(&tenant)?;
    let missing = format!("there is no tenant {tenant:?}");
    query::one(&door, &identity, "GET /v1/tenants/{tenant}", &missing, async |node, visibility| {
        let tenants = node.catalog.session(visibility)?.table("tenants").await?;
        Ok(tenants.filter(col("tenant").eq(lit(tenant.as_str())))?)
    })
    .await
}

/// A tenant to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenant {
    /// Its name: 1 to 128 of A-Z, a-z, 0-9, `.`, `_` and `-`.
    #[schema(example = "acme")]
    tenant: String,
    /// Its plan; absent: `default`.
    plan: Option<String>,
}

/// Makes a tenant known and active.
#[utoipa::path(post, path = "/v1/tenants", tag = "tenants", request_body = NewTenant, security(("key" = ["admin"])),
    responses((status = 201, description = "it is", body = Done),
        (status = 404, description = "no such plan", body = ProblemBody),
        (status = 409, description = "the name is taken", body = ProblemBody),
        (status = 422, description = "not a name", body = ProblemBody)))]
pub(super) async fn create(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Body(new): Body<NewTenant>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let done = door.create(&new.tenant, new.plan.as_deref(), &identity).await?;
    Ok((StatusCode::CREATED, Json(Done { plan: new.plan, ..done.tenant(new.tenant) })))
}

/// Why a step is taken.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// For the audit trail.
    #[schema(example = "unpaid since October")]
    reason: String,
}

/// Lets a tenant in, first or again.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/activate", tag = "tenants", security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "it is active", body = Done),
        (status = 404, description = "no such tenant", body = ProblemBody),
        (status = 409, description = "its status does not allow it", body = ProblemBody)))]
pub(super) async fn activate(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(tenant): Names<String>,
) -> Result<Json<Done>, Problem> {
    step(&door, &identity, tenant, LifecycleCommand::Activate, "activated").await
}

/// Keeps a tenant's events out; it may still read.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/suspend", tag = "tenants", request_body = Why,
    security(("key" = ["admin"])), params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "it is suspended", body = Done),
        (status = 404, description = "no such tenant", body = ProblemBody),
        (status = 409, description = "its status does not allow it", body = ProblemBody)))]
pub(super) async fn suspend(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(tenant): Names<String>,
    Body(Why { reason }): Body<Why>,
) -> Result<Json<Done>, Problem> {
    step(&door, &identity, tenant, LifecycleCommand::Suspend { reason }, "suspended").await
}

/// Begins a tenant's leaving: its events are refused, its data can be exported, then it can be deleted.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/offboard", tag = "tenants", request_body = Why,
    security(("key" = ["admin"])), params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "it is leaving", body = Done),
        (status = 404, description = "no such tenant", body = ProblemBody),
        (status = 409, description = "its status does not allow it", body = ProblemBody)))]
pub(super) async fn offboard(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(tenant): Names<String>,
    Body(Why { reason }): Body<Why>,
) -> Result<Json<Done>, Problem> {
    step(&door, &identity, tenant, LifecycleCommand::Offboard { reason }, "offboarding").await
}

/// Lets a tenant in again that was quarantined after repeated failures of its actor.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/release", tag = "tenants", security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "it is not in quarantine", body = Done)))]
pub(super) async fn release(
    State(door): State<Arc<Door>>,
    _: MayGovern,
    Names(tenant): Names<String>,
) -> Result<Json<Done>, Problem> {
    Ok(Json(Done::of(door.node()?.tenants.release(&tenant).await?, "released").tenant(tenant)))
}

/// How to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    /// Delete although nothing was exported.
    #[serde(default)]
    without_export: bool,
}

/// Ends a tenant that was offboarded and exported, and erases its events and usage. Its name stays taken.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}", tag = "tenants", security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), Deletion),
    responses((status = 200, description = "it is deleted, and nothing of its events and usage is left unless `pending` says \
            why; then ask again", body = Done),
        (status = 404, description = "no such tenant", body = ProblemBody),
        (status = 409, description = "not offboarded, or not exported", body = ProblemBody)))]
pub(super) async fn delete(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(tenant): Names<String>,
    Parameters(Deletion { without_export }): Parameters<Deletion>,
) -> Result<Json<Done>, Problem> {
    step(&door, &identity, tenant, LifecycleCommand::Delete { without_export }, "deleted").await
}

/// Which plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignment {
    /// Its name.
    #[schema(example = "default")]
    plan: String,
}

/// Puts a tenant on a plan.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/plan", tag = "tenants", request_body = Assignment,
    security(("key" = ["admin"])), params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "it is on the plan", body = Done),
        (status = 404, description = "no such tenant or plan", body = ProblemBody)))]
pub(super) async fn assign_plan(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(tenant): Names<String>,
    Body(Assignment { plan }): Body<Assignment>,
) -> Result<Json<Done>, Problem> {
    let command = Command::Plan(SetPlan { plan: plan.clone() });
    Ok(Json(door.change(&tenant, command, &identity, "assigned").await?.tenant(tenant).plan(plan)))
}

async fn step(
    door: &Door,
    identity: &Identity,
    tenant: String,
    command: LifecycleCommand,
    outcome: &'static str,
) -> Result<Json<Done>, Problem> {
    Ok(Json(door.change(&tenant, Command::Lifecycle(command), identity, outcome).await?.tenant(tenant)))
}
