//! `GET /v1/usage` for people and dashboards, `GET /v1/usage/export` for billing jobs.
//!
//! Both are the SQL views with filters as parameters. Not here: the views.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, Expr, col, lit};
use jiff::Timestamp;
use pipelines::catalog::Visibility;
use pipelines::metering;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::node::Node;

use super::Door;
use super::accept::Preferred;
use super::caller::MayQuery;
use super::json::Parameters;
use super::problem::{Kind, Problem, ProblemBody};
use super::query;
use super::rows::Format;

/// Header with the cursor of the next export.
const NEXT: &str = "tenantry-next";
/// Rows of `/v1/usage` if no limit is given.
const LIMIT_DEFAULT: usize = 1000;
/// Most rows of `/v1/usage`; exports and SQL have no such limit.
const LIMIT_MAX: usize = 100_000;

/// Which windows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only this meter.
    meter: Option<String>,
    /// Only this tenant; a tenant's key sees its own in any case.
    tenant: Option<String>,
    /// Only windows that begin at this instant or later, RFC 3339.
    from: Option<String>,
    /// Only windows that begin before this instant, RFC 3339.
    to: Option<String>,
    /// Most rows, newest windows first; 1000 if absent.
    limit: Option<usize>,
    /// `json`, `ndjson`, `csv`, `parquet`, `arrow` or `table`; absent: what the header `Accept` prefers, else `json`.
    #[serde(default)]
    format: Option<Format>,
}

/// Windows of all meters, newest first.
#[utoipa::path(get, path = "/v1/usage", tag = "query", params(Filter), security(("key" = ["query"])),
    responses((status = 200, description = "rows of the view `usage` that are not removed"),
        (status = 400, description = "a parameter that can't be read", body = ProblemBody)))]
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Preferred(preferred): Preferred,
    Parameters(filter): Parameters<Filter>,
) -> Result<Response, Problem> {
    let format = filter.format.or(preferred).unwrap_or_default();
    let limit = filter.limit.unwrap_or(LIMIT_DEFAULT);
    if limit > LIMIT_MAX {
        return Err(Problem::invalid_field("limit", format!("at most {LIMIT_MAX}; use /v1/usage/export for more")));
    }
    let (from, to) = (instant("from", filter.from.as_deref())?, instant("to", filter.to.as_deref())?);
    let conditions = [
        filter.meter.as_deref().map(|meter| col("meter").eq(lit(meter))),
        filter.tenant.as_deref().map(|tenant| col("tenant").eq(lit(tenant))),
        from.map(|from| col("window_start").gt_eq(from)),
        to.map(|to| col("window_start").lt(to)),
        Some(col("removed").is_false()),
    ];
    query::answer(&door, &identity, "GET /v1/usage", format, async |node, visibility| {
        let frame = select(node, visibility, "usage", conditions).await?;
        let newest_first = vec![col("window_start").sort(false, false), col("tenant").sort(true, false)];
        Ok(frame.sort(newest_first)?.limit(0, Some(limit))?)
    })
    .await
}

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The `Tenantry-Next` of the export before; absent: everything.
    after: Option<i64>,
    /// Only this meter.
    meter: Option<String>,
    /// Only this tenant; a tenant's key sees its own in any case.
    tenant: Option<String>,
    /// `json`, `ndjson`, `csv`, `parquet`, `arrow` or `table`; absent: what the header `Accept` prefers, else `json`.
    #[serde(default)]
    format: Option<Format>,
}

/// Totals per billing period that changed since the last export.
///
/// A billing job stores each row over the one with the same `tenant`, `meter` and `period_start`, takes that one away if the
/// row is `removed`, and after a complete export keeps the header `Tenantry-Next` for its next one. So it gets the latest
/// value of everything that changed, once, whenever it asks, and whatever changed it: events, late ones too, meters defined,
/// corrected or removed, other billing periods, erased tenants. An export that broke off is asked for again with the same
/// cursor.
#[utoipa::path(get, path = "/v1/usage/export", tag = "query", params(Cursor), security(("key" = ["query"])),
    responses((status = 200, description = "rows of the view `usage_total`",
            headers(("Tenantry-Next" = i64, description = "cursor of the next export"))),
        (status = 400, description = "a parameter that can't be read", body = ProblemBody)))]
pub(super) async fn export(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Preferred(preferred): Preferred,
    Parameters(cursor): Parameters<Cursor>,
) -> Result<Response, Problem> {
    let format = cursor.format.or(preferred).unwrap_or_default();
    // Taken before the query's own cut, which is the same or later: what changes in between belongs to the next export. A
    // tenant's cursor is moved by its own changes only.
    let last = metering::reach(&door.node()?.engine.snapshot(), identity.visibility().tenants().as_ref());
    let conditions = [
        cursor.meter.as_deref().map(|meter| col("meter").eq(lit(meter))),
        cursor.tenant.as_deref().map(|tenant| col("tenant").eq(lit(tenant))),
        cursor.after.map(|after| col("revision").gt(lit(after))),
        Some(col("revision").lt_eq(lit(last))),
    ];
    let mut response = query::answer(&door, &identity, "GET /v1/usage/export", format, async |node, visibility| {
        select(node, visibility, "usage_total", conditions).await
    })
    .await?;
    // Never back behind where the caller is: -1 if there is nothing yet.
    response.headers_mut().insert(NEXT, HeaderValue::from(last.max(cursor.after.unwrap_or(last))));
    Ok(response)
}

async fn select<const N: usize>(
    node: &Node,
    visibility: &Visibility,
    view: &str,
    conditions: [Option<Expr>; N],
) -> Result<DataFrame, Problem> {
    let frame = node.catalog.session(visibility)?.table(view).await?;
    match conditions.into_iter().flatten().reduce(Expr::and) {
        Some(condition) => Ok(frame.filter(condition)?),
        None => Ok(frame),
    }
}

fn instant(field: &str, text: Option<&str>) -> Result<Option<Expr>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let instant: Timestamp = text.parse().map_err(|_| {
        let detail = format!("{text:?} is not an instant such as 2026-11-01T00:00:00Z");
        Kind::Malformed.with(format!("{field}: {detail}")).field(field, "invalid", detail)
    })?;
    let micros = ScalarValue::TimestampMicrosecond(Some(instant.as_microsecond()), Some("UTC".into()));
    Ok(Some(Expr::Literal(micros, None)))
}
