//! `POST /v1/rejections`: what an importer could not even send as events, made durable like any other refusal (I5).
//!
//! So a file's unreadable rows are in the view `rejections` whether it is imported into a folder or into a running node. Not
//! here: events that the node refuses itself (`events`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use engine::admission::{Reason, RejectionCount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Door;
use super::caller::MayIngest;
use super::events;
use super::json::Body;
use super::problem::{Problem, ProblemBody};

/// Most kinds in one body.
pub(crate) const KINDS_MAX: usize = 1000;
/// Most rows of one kind.
const COUNT_MAX: u64 = 1_000_000;
/// Longest name, id and sentence, bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 4096;

/// Rows that are no events.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusals {
    /// By tenant, reason and field; at most 1000.
    rejections: Vec<Refusal>,
}

/// Rows of one tenant that were refused for the same reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    /// Whose events they would have been; empty if that is not known. A tenant's key answers for what it brings.
    #[serde(default)]
    tenant: String,
    /// As events are refused, for instance `invalid_attribute`.
    #[schema(value_type = String, example = "invalid_attribute")]
    reason: Reason,
    /// Attribute or column concerned.
    #[serde(default)]
    field: String,
    /// How many rows.
    count: u64,
    /// The id of one of them.
    #[serde(default)]
    sample_id: String,
    /// What was found in it, and what would be right.
    #[serde(default)]
    sample_detail: String,
}

/// What was counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Counted {
    /// Rows.
    rejected: u64,
}

/// Counts rows of an import that are no events; answers when that is durable.
#[utoipa::path(post, path = "/v1/rejections", tag = "events", request_body = Refusals, security(("key" = ["ingest"])),
    responses((status = 200, description = "they are counted in the view `rejections`", body = Counted),
        (status = 422, description = "a field is not acceptable", body = ProblemBody),
        (status = 429, description = "too many requests", body = ProblemBody),
        (status = 503, description = "busy or out of disk space; nothing was counted", body = ProblemBody)))]
pub(super) async fn count(
    State(door): State<Arc<Door>>,
    MayIngest(identity): MayIngest,
    Body(Refusals { rejections }): Body<Refusals>,
) -> Result<Json<Counted>, Problem> {
    if rejections.len() > KINDS_MAX {
        return Err(Problem::invalid_field("rejections", format!("at most {KINDS_MAX} in one body")));
    }
    let visibility = identity.visibility();
    let counts = rejections.into_iter().map(|refusal| {
        check(&refusal)?;
        Ok(RejectionCount {
            tenant: visibility.tenant().map_or(refusal.tenant, str::to_owned),
            reason: refusal.reason,
            field: refusal.field,
            count: refusal.count,
            sample_id: refusal.sample_id,
            sample_detail: refusal.sample_detail,
        })
    });
    let counts = counts.collect::<Result<Vec<_>, Problem>>()?;
    let rejected = counts.iter().map(|count| count.count).sum();
    events::refuse(&door, &visibility, counts).await?;
    Ok(Json(Counted { rejected }))
}

fn check(refusal: &Refusal) -> Result<(), Problem> {
    if !(1..=COUNT_MAX).contains(&refusal.count) {
        return Err(Problem::invalid_field("rejections.count", format!("must be 1 to {COUNT_MAX}")));
    }
    let texts = [
        ("rejections.tenant", &refusal.tenant),
        ("rejections.field", &refusal.field),
        ("rejections.sample_id", &refusal.sample_id),
        ("rejections.sample_detail", &refusal.sample_detail),
    ];
    match texts.into_iter().find(|(_, text)| text.len() > TEXT_BYTES_MAX) {
        Some((field, _)) => Err(Problem::invalid_field(field, format!("longer than {TEXT_BYTES_MAX} bytes"))),
        None => Ok(()),
    }
}
