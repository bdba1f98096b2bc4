//! Cursors: `DECLARE`, `FETCH`, `CLOSE`. Rows are computed as they are fetched and encoded as the fetch asks for.
//!
//! The library's cursors know neither parameters nor binary rows and describe no columns. A cursor lives until it is closed
//! or, without `WITH HOLD`, its transaction ends. There may be [`CURSORS_MAX`] in a session, and so many of a
//! tenant ([`super::kept`]); together they have a share of the memory of all statements, and one that nobody fetches from is
//! closed after a while (I8, I13). They only go forward.
//!
//! A text of several statements is carried out before the first row of it is sent. So a `FETCH` takes the cursor's rows only
//! when its own are asked for, and has no lock on them (I15): whoever comes upon a cursor that is still being read is told so.
//!
//! Not here: portals with a fetch size, which pgwire has.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::DFSchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::sql::sqlparser::ast::{CloseCursor, Declare, DeclareType, FetchDirection, Query, Value};
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{QueryResponse, Response, Tag};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::types::format::FormatOptions;
use engine::lock::Lock;
use futures::{StreamExt, stream};

use super::kept::{Kept, Place};
use super::results::{Columns, Planned};
use super::sqlstate;

/// Cursors that a session may have at once.
const CURSORS_MAX: usize = 16;

/// The cursors of a session.
pub(super) struct Cursors {
    open: Lock<HashMap<String, Open>>,
    idle: Arc<Idle>,
}

/// The cursors of all sessions, of which those go that nobody fetches from.
pub(super) struct Idle {
    longest: Duration,
    cursors: Lock<Vec<Weak<Cursor>>>,
}

struct Open {
    schema: DFSchemaRef,
    hold: bool,
    cursor: Arc<Cursor>,
}

/// What a cursor has still to give.
struct Cursor(Lock<State>);

enum State {
    /// Since when nobody has fetched.
    Waiting(Instant, Box<Rows>),
    /// Somebody fetches.
    Read,
    /// Nobody has for too long.
    Closed,
}

struct Rows {
    batches: SendableRecordBatchStream,
    _place: Place,
    /// Of a batch that was fetched in part.
    rest: Option<RecordBatch>,
    /// Rows that come next and belong to a `FETCH` whose client did not take them.
    skip: usize,
}

impl Idle {
    pub(super) fn new(longest: Duration) -> Arc<Self> {
        Arc::new(Self { longest, cursors: Lock::default() })
    }

    /// Between two calls of [`Idle::close`].
    pub(super) fn look_every(&self) -> Duration {
        (self.longest / 4).clamp(Duration::from_millis(10), Duration::from_secs(10))
    }

    fn watch(&self, cursor: &Arc<Cursor>) {
        let mut cursors = self.cursors.lock();
        cursors.retain(|cursor| cursor.strong_count() > 0);
        cursors.push(Arc::downgrade(cursor));
    }

    /// Closes those that nobody has fetched from for too long.
    pub(super) fn close(&self) {
        let all: Vec<_> = self.cursors.lock().iter().filter_map(Weak::upgrade).collect();
        for cursor in all {
            let mut state = cursor.0.lock();
            let is_idle = matches!(&*state, State::Waiting(since, _) if since.elapsed() >= self.longest);
            let closed = is_idle.then(|| std::mem::replace(&mut *state, State::Closed));
            drop(state);
            // What it runs ends here, without the lock.
            drop(closed);
        }
    }
}

impl Cursors {
    pub(super) fn new(idle: Arc<Idle>) -> Self {
        Self { open: Lock::default(), idle }
    }

    /// Begins the cursor that `declare` names, over `planned`.
    pub(super) fn declare(&self, declare: &Declare, planned: Planned, kept: &Kept) -> PgWireResult<Response> {
        let name = declare.names.first().ok_or_else(|| sqlstate::error("42601", "a cursor needs a name"))?;
        if declare.scroll == Some(true) {
            return Err(sqlstate::error("0A000", "cursors only go forward: leave out SCROLL"));
        }
        let schema = Arc::clone(planned.columns());
        self.check_room(&name.value)?;
        let place = kept.cursor()?;
        let batches = planned.rows().map_err(sqlstate::from)?;
        let rows = Rows { batches, _place: place, rest: None, skip: 0 };
        let cursor = Arc::new(Cursor(Lock::new(State::Waiting(Instant::now(), Box::new(rows)))));
        self.idle.watch(&cursor);
        // A connection's statements come one after the other: there is still room.
        self.open.lock().insert(name.value.clone(), Open { schema, hold: declare.hold == Some(true), cursor });
        Ok(Response::Execution(Tag::new("DECLARE CURSOR")))
    }

    fn check_room(&self, name: &str) -> PgWireResult<()> {
        let open = self.open.lock();
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
        let open = self.open.lock();
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
                let closed = self.open.lock().remove(&name.value);
                closed.ok_or_else(|| unknown(&name.value))?;
            }
        }
        Ok(Response::Execution(Tag::new("CLOSE CURSOR")))
    }

    /// Ends all.
    pub(super) fn close_all(&self) {
        let closed = std::mem::take(&mut *self.open.lock());
        // What they run ends here, without the lock.
        drop(closed);
    }

    /// Ends those that do not outlive their transaction.
    pub(super) fn end_transaction(&self) {
        let ended: Vec<_> = self.open.lock().extract_if(|_, open| !open.hold).collect();
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
    rows: Option<Box<Rows>>,
    left: Option<usize>,
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if let Some(mut rows) = self.rows.take() {
            rows.skip = rows.skip.saturating_add(self.left.unwrap_or(usize::MAX));
            *self.cursor.0.lock() = State::Waiting(Instant::now(), rows);
        }
    }
}

impl Fetch {
    fn rows(&mut self) -> PgWireResult<&mut Rows> {
        if self.rows.is_none() {
            let mut state = self.cursor.0.lock();
            match std::mem::replace(&mut *state, State::Read) {
                State::Waiting(_, rows) => self.rows = Some(rows),
                State::Read => {}
                State::Closed => {
                    *state = State::Closed;
                    let told = "was closed, since nobody fetched from it for too long (postgres.cursor_idle_ms_max)";
                    return Err(sqlstate::error("34000", format!("cursor {:?} {told}", self.name)));
                }
            }
        }
        let told = || format!("cursor {:?} is being read by an earlier FETCH; take all of its rows first", self.name);
        self.rows.as_deref_mut().ok_or_else(|| sqlstate::error("55006", told()))
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
