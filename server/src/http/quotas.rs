//! `/v1/tenants/{tenant}/quotas`: a tenant's own limits, and what is left of all that hold for it.

use std::sync::Arc;

use actors::Command;
use actors::facets::quota::QuotaCommand;
use actors::limit::Limit;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::Door;
use super::caller::{MayGovern, MayQuery};
use super::command::Done;
use super::json::{Body, Names};
use super::openapi::LimitSchema;
use super::problem::{Problem, ProblemBody};
use super::query;

/// The limits that hold for a tenant, its plan's too, with what is used and left.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/quotas", tag = "tenants", security(("key" = ["query"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "rows of the view `quotas`", body = Vec<serde_json::Value>),
        (status = 404, description = "not yours", body = ProblemBody)))]
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Names(tenant): Names<String>,
) -> Result<Response, Problem> {
    query::of_tenant(&door, &identity, &tenant, "quotas").await
}

/// Sets a tenant's own limit of a meter, which stands before its plan's.
///
/// Only count and sum meters can be limited. What is limited is what the meter bills: values below zero give back, and after
/// the meter is defined otherwise its new history counts. A hard limit lets nothing in that would lift the use above it.
#[utoipa::path(put, path = "/v1/tenants/{tenant}/quotas/{meter}", tag = "tenants", request_body = LimitSchema,
    security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("meter" = String, Path, description = "the meter")),
    responses((status = 200, description = "it holds from the next event on", body = Done),
        (status = 404, description = "no such tenant or meter", body = ProblemBody),
        (status = 422, description = "a field is not acceptable", body = ProblemBody)))]
pub(super) async fn set(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names((tenant, meter)): Names<(String, String)>,
    Body(limit): Body<Limit>,
) -> Result<Json<Done>, Problem> {
    let is_known = door.node()?.tenants.state(&tenant).is_some_and(|state| state.quota().limits.contains_key(&meter));
    let outcome = if is_known { "limit changed" } else { "limit set" };
    let command = Command::Quota(QuotaCommand::Set { meter: meter.clone(), limit });
    Ok(Json(door.change(&tenant, command, &identity, outcome).await?.tenant(tenant).meter(meter)))
}

/// Removes a tenant's own limit; its plan's holds again.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/quotas/{meter}", tag = "tenants", security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("meter" = String, Path, description = "the meter")),
    responses((status = 200, description = "it is removed", body = Done),
        (status = 404, description = "no such tenant, or no limit of its own", body = ProblemBody)))]
pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names((tenant, meter)): Names<(String, String)>,
) -> Result<Json<Done>, Problem> {
    let command = Command::Quota(QuotaCommand::Remove { meter: meter.clone() });
    Ok(Json(door.change(&tenant, command, &identity, "limit removed").await?.tenant(tenant).meter(meter)))
}
