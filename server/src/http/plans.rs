//! `/v1/plans`: limits and billing periods that tenants share.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::facets::plans::PlansCommand;
use actors::plan::Plan;
use actors::{Command, PLATFORM};
use axum::Json;
use axum::extract::State;

use super::Door;
use super::caller::MayGovern;
use super::command::Done;
use super::json::{Body, Names};
use super::openapi::PlanSchema;
use super::problem::{Problem, ProblemBody};

/// All plans, by name. `default` holds for tenants that are on no other, even while it is not defined.
#[utoipa::path(get, path = "/v1/plans", tag = "tenants", security(("key" = ["admin"])),
    responses((status = 200, description = "name to plan", body = BTreeMap<String, PlanSchema>)))]
pub(super) async fn list(State(door): State<Arc<Door>>, _: MayGovern) -> Result<Json<BTreeMap<String, Plan>>, Problem> {
    Ok(Json(door.node()?.tenants.platform().plans().plans.clone()))
}

/// Defines a plan, or changes it for all tenants on it. Its limits name meters that are there and are counts or sums.
#[utoipa::path(put, path = "/v1/plans/{plan}", tag = "tenants", request_body = PlanSchema,
    security(("key" = ["admin"])), params(("plan" = String, Path, description = "its name")),
    responses((status = 200, description = "it holds from the next event on", body = Done),
        (status = 422, description = "a field is not acceptable", body = ProblemBody)))]
pub(super) async fn define(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(name): Names<String>,
    Body(plan): Body<Plan>,
) -> Result<Json<Done>, Problem> {
    let is_known = door.node()?.tenants.state(PLATFORM).is_some_and(|state| state.plans().plans.contains_key(&name));
    let outcome = if is_known { "changed" } else { "created" };
    let command = Command::Plans(PlansCommand::Define { name: name.clone(), plan });
    Ok(Json(door.change(PLATFORM, command, &identity, outcome).await?.plan(name)))
}
