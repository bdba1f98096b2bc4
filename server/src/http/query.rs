//! `POST /v1/sql`: one statement, its rows streamed back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use datafusion::dataframe::DataFrame;
use pipelines::catalog::Visibility;
use pipelines::export;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::node::Node;
use crate::statements;

use super::Door;
use super::caller::MayQuery;
use super::json::Body;
use super::problem::{Kind, Problem, ProblemBody};
use super::rows::{self, Format};

/// A statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Statement {
    /// One SELECT, EXPLAIN or SHOW over the views that the key may see; or, with the platform's scope `admin`, CREATE or
    /// DROP MATERIALIZED VIEW.
    #[schema(example = "SELECT tenant, meter, sum(value) FROM usage_total GROUP BY 1, 2")]
    sql: String,
    /// How the rows are written.
    #[serde(default)]
    format: Format,
}

/// Runs one SQL statement.
#[utoipa::path(post, path = "/v1/sql", tag = "query", request_body = Statement, security(("key" = ["query"])),
    responses((status = 200, description = "the rows, in the format asked for; if the connection breaks off, they are incomplete"),
        (status = 400, description = "SQL that can't be planned or run", body = ProblemBody),
        (status = 429, description = "too many statements of this tenant are running", body = ProblemBody),
        (status = 504, description = "the statement ran longer than it may", body = ProblemBody)))]
pub(super) async fn run(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Body(Statement { sql, format }): Body<Statement>,
) -> Result<Response, Problem> {
    let node = Arc::clone(door.node()?);
    answer(&door, &identity.visibility(), format, async |_, _| Ok(statements::query(&node, &identity, &sql).await?))
        .await
}

/// Plans with `plan` and answers with its rows, within the limits of the query side.
pub(super) async fn answer(
    door: &Door,
    visibility: &Visibility,
    format: Format,
    plan: impl AsyncFnOnce(&Node, &Visibility) -> Result<DataFrame, Problem>,
) -> Result<Response, Problem> {
    let permit = door.statements.take(visibility).map_err(|busy| {
        door.metrics.count_statement("http", "refused");
        Problem::from(busy)
    })?;
    door.metrics.count_statement("http", "started");
    let node = door.node()?;
    let deadline = tokio::time::Instant::now() + door.statements.timeout;
    let planned = async { Ok::<_, Problem>(plan(node, visibility).await?.execute_stream().await?) };
    let batches = tokio::time::timeout_at(deadline, planned)
        .await
        .map_err(|_| Kind::QueryTimeout.with("planning took longer than a query may; ask for less"))??;
    rows::answer(rows::chunks(batches, format, deadline), format, permit).await
}

/// The same for one row, which becomes an object; `missing` is the detail of the answer if there is none.
pub(super) async fn one(
    door: &Door,
    visibility: &Visibility,
    missing: &str,
    plan: impl AsyncFnOnce(&Node, &Visibility) -> Result<DataFrame, Problem>,
) -> Result<Json<serde_json::Value>, Problem> {
    let _permit = door.statements.take(visibility)?;
    let batches = plan(door.node()?, visibility).await?.execute_stream().await?;
    let mut line = Vec::new();
    export::write(batches, export::Format::Ndjson, &mut line).await?;
    if line.is_empty() {
        return Err(Kind::NotFound.with(missing));
    }
    serde_json::from_slice(&line).map(Json).map_err(|error| Kind::Internal.with(error.to_string()))
}
