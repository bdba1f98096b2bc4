//! `/healthz`: should the process live; `/readyz`: should it get requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Door;
use super::problem::{Kind, Problem, ProblemBody};

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Well {
    /// `ok`
    status: &'static str,
}

const OK: Json<Well> = Json(Well { status: "ok" });

/// Whether the process works at all; if not, restart it.
#[utoipa::path(get, path = "/healthz", tag = "service",
    responses((status = 200, description = "it does", body = Well),
        (status = 503, description = "a thread of the engine died; restart", body = ProblemBody)))]
pub(super) async fn live(State(door): State<Arc<Door>>) -> Result<Json<Well>, Problem> {
    match door.node.get() {
        Some(node) if !node.engine.is_alive() && !door.draining.load(Ordering::Acquire) => {
            let reason = node.engine.failure().unwrap_or_else(|| "a thread ended".into());
            Err(Kind::Unavailable.with(format!("the engine has stopped: {reason}; restart the node, nothing is lost")))
        }
        _ => Ok(OK),
    }
}

/// Whether the node takes events and queries now.
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, description = "it does", body = Well),
        (status = 503, description = "recovering, draining, stopped, out of disk space, or a door does not answer", body = ProblemBody)))]
pub(super) async fn ready(State(door): State<Arc<Door>>) -> Result<Json<Well>, Problem> {
    let node = door.node()?;
    if door.draining.load(Ordering::Acquire) {
        return Err(Kind::Unavailable.with("the node is draining"));
    }
    let _alive = live(State(Arc::clone(&door))).await?;
    match door.storage_trouble().or_else(|| node.engine.failure()) {
        Some(reason) => Err(Kind::Storage.with(reason)),
        None => door.silences.told().map_or(Ok(OK), |reason| Err(Kind::Unavailable.with(reason))),
    }
}
