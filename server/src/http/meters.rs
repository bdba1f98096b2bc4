//! `/v1/meters`: what is metered. Defining a meter computes its history too.

use std::sync::Arc;

use actors::facets::meters::MetersCommand;
use actors::{Command, PLATFORM};
use axum::Json;
use axum::extract::State;
use engine::meter::Meter;
use serde_json::{Map, Value};

use super::Door;
use super::caller::{MayGovern, MayQuery};
use super::command::Done;
use super::json::{Body, Names, definition};
use super::openapi::MeterSchema;
use super::problem::{Kind, Problem, ProblemBody};

/// All meters.
#[utoipa::path(get, path = "/v1/meters", tag = "meters", security(("key" = ["query"])),
    responses((status = 200, description = "the definitions", body = Vec<MeterSchema>)))]
pub(super) async fn list(State(door): State<Arc<Door>>, _: MayQuery) -> Result<Json<Vec<Meter>>, Problem> {
    Ok(Json(door.node()?.tenants.meters()))
}

/// One meter.
#[utoipa::path(get, path = "/v1/meters/{meter}", tag = "meters", security(("key" = ["query"])),
    params(("meter" = String, Path, description = "its name")),
    responses((status = 200, description = "the definition", body = MeterSchema),
        (status = 404, description = "no such meter", body = ProblemBody)))]
pub(super) async fn show(
    State(door): State<Arc<Door>>,
    _: MayQuery,
    Names(name): Names<String>,
) -> Result<Json<Meter>, Problem> {
    let found = door.node()?.tenants.meters().into_iter().find(|meter| meter.name == name);
    found.map(Json).ok_or_else(|| Kind::NotFound.with(format!("no meter is called {name:?}")))
}

/// Defines a meter, or changes it. Its history is computed from the log and the lake before the answer; if that fails, or
/// takes longer than a request may, the definition holds and the history follows. A meter that limits name stays a count or
/// a sum.
#[utoipa::path(put, path = "/v1/meters/{meter}", tag = "meters", request_body = MeterSchema,
    security(("key" = ["admin"])), params(("meter" = String, Path, description = "its name")),
    responses((status = 200, description = "it is defined; `pending` says what is still to come", body = Done),
        (status = 409, description = "limits name it, and it would be one that can't be limited", body = ProblemBody),
        (status = 422, description = "a field is not acceptable", body = ProblemBody)))]
pub(super) async fn define(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(name): Names<String>,
    Body(mut fields): Body<Map<String, Value>>,
) -> Result<Json<Done>, Problem> {
    let named = fields.entry("name").or_insert_with(|| Value::from(name.as_str()));
    if named.as_str() != Some(name.as_str()) {
        return Err(Problem::invalid_field("name", format!("must be {name:?} as in the path, or left out")));
    }
    let meter: Meter = definition(fields)?;
    let node = Arc::clone(door.node()?);
    let outcome = if node.tenants.meters().iter().any(|known| known.name == name) { "changed" } else { "created" };
    let command = Command::Meters(MetersCommand::Define(meter));
    let done = door.change(PLATFORM, command, &identity, outcome).await?;
    // What is not yet computed can't be counted.
    let counted = if done.pending.is_none() { node.counted(&name).await } else { None };
    Ok(Json(Done {
        events: counted.as_ref().map(|counted| counted.matched),
        value_missing: counted.map(|counted| counted.value_missing).filter(|missing| *missing > 0),
        ..done.meter(name)
    }))
}

/// Removes a meter and its views. The events stay: defining it again computes the same history.
#[utoipa::path(delete, path = "/v1/meters/{meter}", tag = "meters", security(("key" = ["admin"])),
    params(("meter" = String, Path, description = "its name")),
    responses((status = 200, description = "it is removed", body = Done),
        (status = 404, description = "no such meter", body = ProblemBody),
        (status = 409, description = "limits name it", body = ProblemBody)))]
pub(super) async fn remove(
    State(door): State<Arc<Door>>,
    MayGovern(identity): MayGovern,
    Names(name): Names<String>,
) -> Result<Json<Done>, Problem> {
    let command = Command::Meters(MetersCommand::Remove { name: name.clone() });
    Ok(Json(door.change(PLATFORM, command, &identity, "removed").await?.meter(name)))
}
