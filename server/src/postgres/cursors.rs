//! Cursors: `DECLARE`, `FETCH`, `CLOSE`. Rows are computed as they are fetched and encoded as the fetch asks for.
//!
//! The library's cursors know neither parameters nor binary rows and describe no columns. A cursor lives until it is closed
//! or, without `WITH HOLD`, its transaction ends. There may be [`CURSORS_MAX`] in a session (I8); they only go forward. Not
//! here: portals with a fetch size, which pgwire has.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::DFSchemaRef;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::sql::sqlparser::ast::{CloseCursor, Declare, DeclareType, FetchDirection, Query, Value};
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{QueryResponse, Response, Tag};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::{StreamExt, stream};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::results::{self, Columns};
use super::sqlstate;

/// Cursors that a session may have at once.
const CURSORS_MAX: usize = 16;

/// The cursors of a session.
#[derive(Default)]
pub(super) struct Cursors(Mutex<HashMap<String, Open>>);

struct Open {
    schema: DFSchemaRef,
    hold: bool,
    cursor: Arc<Mutex<Cursor>>,
}

struct Cursor {
    batches: SendableRecordBatchStream,
    /// Of a batch that was fetched in part.
    rest: Option<RecordBatch>,
}

impl Cursors {
    /// Begins the cursor that `declare` names, over `frame`.
    pub(super) async fn declare(&self, declare: &Declare, frame: DataFrame) -> PgWireResult<Response> {
        let name = declare.names.first().ok_or_else(|| sqlstate::error("42601", "a cursor needs a name"))?;
        if declare.scroll == Some(true) {
            return Err(sqlstate::error("0A000", "cursors only go forward: leave out SCROLL"));
        }
        let schema = results::schema(frame.logical_plan()).map_err(sqlstate::from)?;
        let mut open = self.0.lock().await;
        if open.contains_key(&name.value) {
            return Err(sqlstate::error("42P03", format!("cursor {:?} already exists", name.value)));
        }
        if open.len() >= CURSORS_MAX {
            return Err(sqlstate::error(
                "53400",
                format!("{CURSORS_MAX} cursors are open, which is the limit; close one"),
            ));
        }
        let batches = frame.execute_stream().await.map_err(sqlstate::from)?;
        let cursor = Arc::new(Mutex::new(Cursor { batches, rest: None }));
        open.insert(name.value.clone(), Open { schema, hold: declare.hold == Some(true), cursor });
        Ok(Response::Execution(Tag::new("DECLARE CURSOR")))
    }

    /// A plan that has the columns of a cursor and stands for fetching from it.
    pub(super) async fn plan(&self, name: &str) -> PgWireResult<LogicalPlan> {
        let schema = Arc::clone(&self.0.lock().await.get(name).ok_or_else(|| unknown(name))?.schema);
        Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }))
    }

    /// The next rows of a cursor.
    pub(super) async fn fetch(
        &self,
        name: &str,
        direction: &FetchDirection,
        format: &Format,
        options: FormatOptions,
    ) -> PgWireResult<Response> {
        let left = rows_wanted(direction)?;
        let (schema, cursor) = {
            let open = self.0.lock().await;
            let open = open.get(name).ok_or_else(|| unknown(name))?;
            (Arc::clone(&open.schema), Arc::clone(&open.cursor))
        };
        let columns = Columns::new(schema.as_arrow(), format, Some(Arc::new(options)))?;
        let described = Arc::clone(columns.described());
        let state = (cursor.lock_owned().await, left);
        let rows = stream::try_unfold(state, next).flat_map(move |batch| {
            stream::iter(match batch {
                Ok(batch) => columns.rows(batch).collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            })
        });
        let mut response = QueryResponse::new(described, rows);
        response.set_command_tag("FETCH");
        Ok(Response::Query(response))
    }

    /// Ends one or all.
    pub(super) async fn close(&self, cursor: &CloseCursor) -> PgWireResult<Response> {
        match cursor {
            CloseCursor::All => self.close_all().await,
            CloseCursor::Specific { name } => {
                self.0.lock().await.remove(&name.value).ok_or_else(|| unknown(&name.value))?;
            }
        }
        Ok(Response::Execution(Tag::new("CLOSE CURSOR")))
    }

    /// Ends all.
    pub(super) async fn close_all(&self) {
        self.0.lock().await.clear();
    }

    /// Ends those that do not outlive their transaction.
    pub(super) async fn end_transaction(&self) {
        self.0.lock().await.retain(|_, open| open.hold);
    }
}

/// What is declared, and the query of it.
pub(super) fn declared(declare: &[Declare]) -> PgWireResult<(&Declare, &Query)> {
    match declare {
        [one] if one.declare_type == Some(DeclareType::Cursor) => match &one.for_query {
            Some(query) => Ok((one, query)),
            None => Err(sqlstate::error("42601", "DECLARE … CURSOR needs FOR and a query")),
        },
        _ => Err(sqlstate::error("42601", "only DECLARE name CURSOR FOR query is known")),
    }
}

type Fetching = (OwnedMutexGuard<Cursor>, Option<usize>);

/// The next batch, no longer than what is left.
async fn next((mut cursor, left): Fetching) -> PgWireResult<Option<(RecordBatch, Fetching)>> {
    if left == Some(0) {
        return Ok(None);
    }
    let batch = match cursor.rest.take() {
        Some(rest) => rest,
        None => match cursor.batches.next().await {
            Some(batch) => batch.map_err(sqlstate::from)?,
            None => return Ok(None),
        },
    };
    let taken = left.map_or(batch.num_rows(), |left| left.min(batch.num_rows()));
    if taken < batch.num_rows() {
        cursor.rest = Some(batch.slice(taken, batch.num_rows() - taken));
    }
    Ok(Some((batch.slice(0, taken), (cursor, left.map(|left| left - taken)))))
}

/// How many rows a direction stands for; `None`: all.
fn rows_wanted(direction: &FetchDirection) -> PgWireResult<Option<usize>> {
    match direction {
        FetchDirection::Next | FetchDirection::Forward { limit: None } => Ok(Some(1)),
        FetchDirection::All | FetchDirection::ForwardAll => Ok(None),
        FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => match &limit.value {
            Value::Number(count, _) => count
                .parse()
                .map(Some)
                .map_err(|_| sqlstate::error("22023", format!("{count} is not a number of rows"))),
            _ => Err(sqlstate::error("42601", "FETCH takes a number of rows")),
        },
        _ => Err(sqlstate::error("55000", "cursors only go forward")),
    }
}

fn unknown(name: &str) -> PgWireError {
    sqlstate::error("34000", format!("cursor {name:?} does not exist"))
}
