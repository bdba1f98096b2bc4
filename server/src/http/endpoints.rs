//! `/v1/tenants/{tenant}/endpoints`: where a tenant's messages go, how far they have come, and what they are signed with.
//!
//! Endpoints are declarations of the kind `endpoint` (`declared`).

use std::sync::Arc;

use actors::Command;
use actors::endpoint::Secret;
use actors::facets::endpoints::EndpointsCommand;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Door;
use super::caller::{MayAdminister, MayQuery};
use super::command::Done;
use super::json::{Body, Names};
use super::problem::{Kind, Problem, ProblemBody};
use super::query;

/// How long an old secret goes on unless it is said.
const OVERLAP_S_DEFAULT: u32 = 86_400;
/// How long it may.
const OVERLAP_S_MAX: u32 = 604_800;

/// What messages to an endpoint are signed with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretTold {
    /// The newest secret, as Standard Webhooks writes it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// How to rotate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRotation {
    /// How long the old secret signs beside the new one, seconds; a day if absent, at most a week.
    overlap_s: Option<u32>,
}

/// The endpoints of a tenant, and how far each has come.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/endpoints", tag = "tenants", security(("key" = ["query"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "rows of the view `endpoints`", body = Vec<serde_json::Value>),
        (status = 404, description = "not yours", body = ProblemBody)))]
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Names(tenant): Names<String>,
) -> Result<Response, Problem> {
    query::of_tenant(&door, &identity, &tenant, "endpoints").await
}

/// What messages to an endpoint are signed with.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/secret", tag = "tenants",
    security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("endpoint" = String, Path, description = "the endpoint")),
    responses((status = 200, description = "for who verifies messages", body = SecretTold),
        (status = 404, description = "no such tenant or endpoint", body = ProblemBody)))]
pub(super) async fn secret(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names((tenant, endpoint)): Names<(String, String)>,
) -> Result<Json<SecretTold>, Problem> {
    identity.require_tenant(&tenant)?;
    told(&door, &tenant, &endpoint)
}

/// Gives an endpoint another secret; the old one signs for a while too.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/rotate", tag = "tenants",
    request_body = SecretRotation, security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("endpoint" = String, Path, description = "the endpoint")),
    responses((status = 200, description = "the new secret", body = SecretTold),
        (status = 404, description = "no such tenant or endpoint", body = ProblemBody),
        (status = 422, description = "a field is not acceptable", body = ProblemBody),
        (status = 429, description = "too many keys and secrets made in a minute", body = ProblemBody)))]
pub(super) async fn rotate(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names((tenant, endpoint)): Names<(String, String)>,
    Body(SecretRotation { overlap_s }): Body<SecretRotation>,
) -> Result<Json<SecretTold>, Problem> {
    identity.require_tenant(&tenant)?;
    let overlap_s = overlap_s.unwrap_or(OVERLAP_S_DEFAULT);
    if overlap_s > OVERLAP_S_MAX {
        return Err(Problem::invalid_field("overlap_s", format!("at most {OVERLAP_S_MAX} seconds")));
    }
    door.keys.take(&tenant)?;
    let secret =
        Secret::generate().map_err(|error| Kind::Internal.with(format!("the machine has no randomness: {error}")))?;
    let command = EndpointsCommand::Rotate { name: endpoint.clone(), secret, overlap_s };
    door.command(&tenant, Command::Endpoints(command), &identity).await?;
    told(&door, &tenant, &endpoint)
}

/// Has messages sent to an endpoint again, from where it stopped.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/enable", tag = "tenants",
    security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("endpoint" = String, Path, description = "the endpoint")),
    responses((status = 200, description = "it is enabled", body = Done),
        (status = 404, description = "no such tenant or endpoint", body = ProblemBody)))]
pub(super) async fn enable(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names((tenant, endpoint)): Names<(String, String)>,
) -> Result<Json<Done>, Problem> {
    identity.require_tenant(&tenant)?;
    let command = Command::Endpoints(EndpointsCommand::Enable { name: endpoint.clone() });
    let done = door.change(&tenant, command, &identity, "enabled").await?.tenant(tenant);
    Ok(Json(Done { endpoint: Some(endpoint), ..done }))
}

/// Has nothing sent to an endpoint until it is enabled. What happens meanwhile is sent then.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/endpoints/{endpoint}/disable", tag = "tenants",
    security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("endpoint" = String, Path, description = "the endpoint")),
    responses((status = 200, description = "it is disabled", body = Done),
        (status = 404, description = "no such tenant or endpoint", body = ProblemBody)))]
pub(super) async fn disable(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names((tenant, endpoint)): Names<(String, String)>,
) -> Result<Json<Done>, Problem> {
    identity.require_tenant(&tenant)?;
    let command = Command::Endpoints(EndpointsCommand::Disable { name: endpoint.clone() });
    let done = door.change(&tenant, command, &identity, "disabled").await?.tenant(tenant);
    Ok(Json(Done { endpoint: Some(endpoint), ..done }))
}

fn told(door: &Door, tenant: &str, endpoint: &str) -> Result<Json<SecretTold>, Problem> {
    let state = door.node()?.tenants.directory().get(tenant);
    let kept = state.as_ref().and_then(|state| state.endpoints().endpoints.get(endpoint));
    let newest = kept.and_then(|kept| kept.secrets.first());
    let signing = newest.ok_or_else(|| Kind::NotFound.with(format!("there is no endpoint {endpoint:?}")))?;
    Ok(Json(SecretTold { secret: signing.secret.reveal() }))
}
