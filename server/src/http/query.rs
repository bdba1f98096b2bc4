//! `POST /v1/sql`: one statement, its rows streamed back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{col, lit};
use pipelines::catalog::Visibility;
use pipelines::export;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::identity::Identity;
use crate::node::Node;
use crate::query::{self, Busy, Query};
use crate::statements::{self, Asked};

use super::Door;
use super::accept::Preferred;
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
    /// How the rows are written; unless it is given, what the header `Accept` prefers, else `json`.
    #[serde(default)]
    format: Option<Format>,
    /// The time zone in which instants are read, written, truncated and taken apart; UTC unless it is given.
    #[serde(default)]
    #[schema(example = "Europe/Zurich")]
    time_zone: Option<String>,
}

/// Runs one SQL statement.
#[utoipa::path(post, path = "/v1/sql", tag = "query", request_body = Statement, security(("key" = ["query"])),
    responses((status = 200, description = "the rows, in the format asked for; if the connection breaks off, they are incomplete"),
        (status = 400, description = "SQL that can't be planned or run; says where, and what was probably meant", body = ProblemBody),
        (status = 413, description = "more rows or bytes than an answer may have", body = ProblemBody),
        (status = 429, description = "too many statements of this tenant are running", body = ProblemBody),
        (status = 504, description = "the statement ran longer than it may", body = ProblemBody)))]
pub(super) async fn run(
    State(door): State<Arc<Door>>,
    MayQuery(identity): MayQuery,
    Preferred(preferred): Preferred,
    Body(Statement { sql, format, time_zone }): Body<Statement>,
) -> Result<Response, Problem> {
    let format = format.or(preferred).unwrap_or_default();
    let node = Arc::clone(door.node()?);
    let query = begin(&door, &identity, &sql).await?;
    let rows = async {
        let asked = statements::ask(&node, &identity, &sql, time_zone.as_deref(), Arc::clone(&query)).await?;
        let ready = match asked {
            Asked::Rows(ready) => ready,
            Asked::Change(change) => {
                let done = statements::change(&node, &identity, change).await?;
                statements::done(&node, &identity, done).await?
            }
        };
        Ok(ready.rows()?)
    };
    Box::pin(answer_rows(query.clone(), format, rows)).await
}

/// Begins the statement `text` of `identity` when its turn comes.
pub(super) async fn begin(door: &Door, identity: &Identity, text: &str) -> Result<Arc<Query>, Busy> {
    let visibility = identity.visibility();
    let asker = query::Asker { visibility: &visibility, principal: identity.principal() };
    door.queries.begin(query::Door::Http, asker, text, None).await.map(Arc::new)
}

/// Plans with `plan` and answers with its rows, within the limits of the query side; `text` is recorded.
pub(super) async fn answer(
    door: &Door,
    identity: &Identity,
    text: &str,
    format: Format,
    plan: impl AsyncFnOnce(&Node, &Visibility) -> Result<DataFrame, Problem>,
) -> Result<Response, Problem> {
    let query = begin(door, identity, text).await?;
    let rows = async {
        let visibility = identity.visibility();
        Ok(plan(door.node()?, &visibility).await?.execute_stream().await?)
    };
    answer_rows(query.clone(), format, rows).await
}

/// The rows of a tenant in `view`, for the route of that name below the tenant.
pub(super) async fn of_tenant(door: &Door, identity: &Identity, tenant: &str, view: &str) -> Result<Response, Problem> {
    identity.require_tenant(tenant)?;
    let text = format!("GET /v1/tenants/{{tenant}}/{view}");
    answer(door, identity, &text, Format::Json, async |node, visibility| {
        let rows = node.catalog.session(visibility)?.table(view).await?;
        Ok(rows.filter(col("tenant").eq(lit(tenant)))?)
    })
    .await
}

/// Answers with the rows that `planned` gives, within the limits of `query`.
async fn answer_rows(
    query: Arc<Query>,
    format: Format,
    planned: impl Future<Output = Result<SendableRecordBatchStream, Problem>>,
) -> Result<Response, Problem> {
    let answer = async {
        let deadline = query.deadline().into();
        let batches = tokio::time::timeout_at(deadline, planned).await.map_err(|_| query.out_of_time())??;
        rows::answer(rows::chunks(query.around(batches), format, deadline), format, Arc::clone(&query)).await
    };
    answer.await.inspect_err(|problem| query.fail(problem.sqlstate()))
}

/// The same for one row, which becomes an object with its members in the view's order; `missing` is the detail of the answer if there is none.
pub(super) async fn one(
    door: &Door,
    identity: &Identity,
    text: &str,
    missing: &str,
    plan: impl AsyncFnOnce(&Node, &Visibility) -> Result<DataFrame, Problem>,
) -> Result<Json<Box<RawValue>>, Problem> {
    let query = begin(door, identity, text).await?;
    let answer = async {
        let batches = plan(door.node()?, &identity.visibility()).await?.execute_stream().await?;
        let mut line = Vec::new();
        export::write(query.around(batches), export::Format::Ndjson, &mut line).await?;
        query.sent_bytes(line.len())?;
        if line.is_empty() {
            return Err(Kind::NotFound.with(missing));
        }
        serde_json::from_slice(&line).map(Json).map_err(|error| Kind::Internal.with(error.to_string()))
    };
    answer.await.inspect_err(|problem| query.fail(problem.sqlstate()))
}
