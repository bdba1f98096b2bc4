//! Cursors: `DECLARE`, `FETCH`, `CLOSE`. Rows are computed as they are fetched and encoded as the fetch asks for.
//!
//! The library's cursors know neither parameters nor binary rows and describe no columns. A cursor lives until it is closed
//! or, without `WITH HOLD`, its transaction ends. There may be [`CURSORS_MAX`] in a session (I8); they only go forward.
//!
//! A text of several statements is carried out before the first row of it is sent. So a `FETCH` takes the cursor's rows only
//! when its own are asked for, and has no lock on them (I15): whoever comes upon a cursor that is still being read is told so.
//!
//! Not here: portals with a fetch size, which pgwire has.

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
use engine::lock::Lock;
use futures::{StreamExt, stream};

use super::results::{self, Columns};
use super::sqlstate;

/// Cursors that a session may have at once.
const CURSORS_MAX: usize = 16;

/// The cursors of a session.
#[derive(Default)]
pub(super) struct Cursors(Lock<HashMap<String, Open>>);

struct Open {
    schema: DFSchemaRef,
    hold: bool,
    cursor: Arc<Cursor>,
}

/// What a cursor has still to give; gone while somebody fetches.
struct Cursor(Lock<Option<Rows>>);

struct Rows {
    batches: SendableRecordBatchStream,
    /// Of a batch that was fetched in part.
    rest: Option<RecordBatch>,
    /// Rows that come next and belong to a `FETCH` whose client did not take them.
    skip: usize,
}

impl Cursors {
    /// Begins the cursor that `declare` names, over `frame`.
    pub(super) async fn declare(&self, declare: &Declare, frame: DataFrame) -> PgWireResult<Response> {
        let name = declare.names.first().ok_or_else(|| sqlstate::error("42601", "a cursor needs a name"))?;
        if declare.scroll == Some(true) {
            return Err(sqlstate::error("0A000", "cursors only go forward: leave out SCROLL"));
        }
        let schema = results::schema(frame.logical_plan()).map_err(sqlstate::from)?;
        self.check_room(&name.value)?;
        let batches = frame.execute_stream().await.map_err(sqlstate::from)?;
        let cursor = Arc::new(Cursor(Lock::new(Some(Rows { batches, rest: None, skip: 0 }))));
        // A connection's statements come one after the other: there is still room.
        self.0.lock().insert(name.value.clone(), Open { schema, hold: declare.hold == Some(true), cursor });
        Ok(Response::Execution(Tag::new("DECLARE CURSOR")))
    }

    fn check_room(&self, name: &str) -> PgWireResult<()> {
        let open = self.0.lock();
        if open.contains_key(name) {
            return Err(sqlstate::error("42P03", format!("cursor {name:?} already exists")));
        }
        if open.len() >= CURSORS_MAX {
            let told = format!("{CURSORS_MAX} cursors are open, which is the limit; close one");
            return Err(sqlstate::error("53400", told));
        }
        Ok(())
    }

    /// A plan that has the columns of a cursor and stands for fetching from it.
    pub(super) fn plan(&self, name: &str) -> PgWireResult<LogicalPlan> {
        let (schema, _) = self.find(name)?;
        Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema }))
    }

    fn find(&self, name: &str) -> PgWireResult<(DFSchemaRef, Arc<Cursor>)> {
        let open = self.0.lock();
        let open = open.get(name).ok_or_else(|| unknown(name))?;
        Ok((Arc::clone(&open.schema), Arc::clone(&open.cursor)))
    }

    /// The next rows of a cursor.
    pub(super) fn fetch(
        &self,
        name: &str,
        direction: &FetchDirection,
        format: &Format,
        options: FormatOptions,
    ) -> PgWireResult<Response> {
        let left = rows_wanted(direction)?;
        let (schema, cursor) = self.find(name)?;
        let columns = Columns::new(schema.as_arrow(), format, Some(Arc::new(options)))?;
        let described = Arc::clone(columns.described());
        let fetch = Fetch { name: name.to_owned(), cursor, rows: None, left };
        let rows = stream::try_unfold(Some(fetch), next).flat_map(move |batch| {
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
    pub(super) fn close(&self, cursor: &CloseCursor) -> PgWireResult<Response> {
        match cursor {
            CloseCursor::All => self.close_all(),
            CloseCursor::Specific { name } => {
                let closed = self.0.lock().remove(&name.value);
                closed.ok_or_else(|| unknown(&name.value))?;
            }
        }
        Ok(Response::Execution(Tag::new("CLOSE CURSOR")))
    }

    /// Ends all.
    pub(super) fn close_all(&self) {
        let closed = std::mem::take(&mut *self.0.lock());
        // What they run ends here, without the lock.
        drop(closed);
    }

    /// Ends those that do not outlive their transaction.
    pub(super) fn end_transaction(&self) {
        let ended: Vec<_> = self.0.lock().extract_if(|_, open| !open.hold).collect();
        drop(ended);
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

/// A `FETCH` whose rows are not all taken.
struct Fetch {
    name: String,
    cursor: Arc<Cursor>,
    /// The cursor's, from the first row that is asked for.
    rows: Option<Rows>,
    left: Option<usize>,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if let Some(mut rows) = self.rows.take() {
            rows.skip = rows.skip.saturating_add(self.left.unwrap_or(usize::MAX));
            *self.cursor.0.lock() = Some(rows);
        }
    }
}

impl Fetch {
    fn rows(&mut self) -> PgWireResult<&mut Rows> {
        if self.rows.is_none() {
            self.rows = self.cursor.0.lock().take();
        }
        let told = || format!("cursor {:?} is being read by an earlier FETCH; take all of its rows first", self.name);
        self.rows.as_mut().ok_or_else(|| sqlstate::error("55006", told()))
    }
}

impl Rows {
    async fn next(&mut self) -> PgWireResult<Option<RecordBatch>> {
        loop {
            let batch = match self.rest.take() {
                Some(rest) => rest,
                None => match self.batches.next().await {
                    Some(batch) => batch.map_err(sqlstate::from)?,
                    None => return Ok(None),
                },
            };
            let skipped = self.skip.min(batch.num_rows());
            self.skip -= skipped;
            if skipped < batch.num_rows() {
                return Ok(Some(batch.slice(skipped, batch.num_rows() - skipped)));
            }
        }
    }
}

/// The next batch, no longer than what is left.
async fn next(fetch: Option<Fetch>) -> PgWireResult<Option<(RecordBatch, Option<Fetch>)>> {
    let Some(mut fetch) = fetch.filter(|fetch| fetch.left != Some(0)) else { return Ok(None) };
    let left = fetch.left;
    let rows = fetch.rows()?;
    let Some(batch) = rows.next().await? else {
        fetch.left = Some(0);
        return Ok(None);
    };
    let taken = left.map_or(batch.num_rows(), |left| left.min(batch.num_rows()));
    if taken < batch.num_rows() {
        rows.rest = Some(batch.slice(taken, batch.num_rows() - taken));
    }
    fetch.left = left.map(|left| left - taken);
    // The cursor is free as soon as it has given the last row, whether or not the client asks whether there are more.
    Ok(Some((batch.slice(0, taken), Some(fetch).filter(|fetch| fetch.left != Some(0)))))
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
