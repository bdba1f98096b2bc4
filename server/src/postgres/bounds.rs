//! The bounds of one statement: a permit, a deadline, a way to cancel it and a record, from planning to the last row (I8).
//!
//! Not here: the limits' values (`config`), the counting and the record itself (`query`).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{QueryResponse, Response};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::data::DataRow;
use futures::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::query::{self, Busy, Exceeded, Failure, Query};

use super::cancel::Running;
use super::changes::STATEMENT_TIMEOUT_MS;
use super::session::{Asker, Session};
use super::sqlstate;

/// Held by a statement and by every stream of rows that it answers with.
pub(super) struct Bounds {
    query: Query,
    _running: Running,
    deadline: Instant,
    timeout: Duration,
    cancelled: CancellationToken,
    /// Parts that have not ended: the work itself, and each stream of rows.
    open: AtomicUsize,
}

impl Bounds {
    /// Begins the statement `text` of `asker` when its turn comes; a client may shorten its time by `SET statement_timeout`, not
    /// lengthen it.
    pub(super) async fn begin<C: ClientInfo + Sync>(
        session: &Session,
        asker: &Asker,
        client: &C,
        text: &str,
    ) -> PgWireResult<Arc<Self>> {
        let timeout = timeout(session, client);
        let begun = session.door.queries.begin(query::Door::Postgres, asker.named(), text, Some(timeout));
        Self::around_query(session, timeout, begun).await
    }

    /// The same for a statement that is only prepared.
    pub(super) async fn prepare<C: ClientInfo + Sync>(
        session: &Session,
        asker: &Asker,
        client: &C,
        text: &str,
    ) -> PgWireResult<Arc<Self>> {
        let timeout = timeout(session, client);
        let begun = session.door.queries.prepare(query::Door::Postgres, asker.named(), text, Some(timeout));
        Self::around_query(session, timeout, begun).await
    }

    async fn around_query(
        session: &Session,
        timeout: Duration,
        begun: impl Future<Output = Result<Query, Busy>>,
    ) -> PgWireResult<Arc<Self>> {
        let cancelled = session.begin();
        let query = tokio::select! {
            biased;
            () = cancelled.cancelled() => return Err(PgWireError::QueryCanceled),
            begun = begun => begun.map_err(|busy| sqlstate::from_busy(&busy))?,
        };
        let deadline = query.deadline().into();
        let (running, open) = (session.door.registry.begin(), AtomicUsize::new(1));
        Ok(Arc::new(Self { query, _running: running, deadline, timeout, cancelled, open }))
    }

    /// What `work` gives, unless the statement is cancelled or its time is up.
    pub(super) async fn within<T>(&self, work: impl Future<Output = PgWireResult<T>>) -> PgWireResult<T> {
        let done = tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(PgWireError::QueryCanceled),
            done = work => done,
            () = tokio::time::sleep_until(self.deadline) => {
                Err(sqlstate::told(Failure::from(Exceeded::Time(self.timeout.as_millis()))))
            }
        };
        done.inspect_err(|error| self.query.fail(&sqlstate::state(error)))
    }

    /// The work has ended, but for the rows that are still to be sent.
    pub(super) fn answered(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.query.finish();
        }
    }

    /// The same answer, its rows within the bounds.
    pub(super) fn around(self: &Arc<Self>, response: Response) -> Response {
        match response {
            Response::Query(rows) => Response::Query(self.around_rows(rows)),
            other => other,
        }
    }

    fn around_rows(self: &Arc<Self>, mut response: QueryResponse) -> QueryResponse {
        self.open.fetch_add(1, Ordering::AcqRel);
        let rows = std::mem::replace(&mut response.data_rows, Box::pin(stream::empty()));
        let begun = Some((self.query.keep(rows), Arc::clone(self)));
        response.data_rows = Box::pin(stream::unfold(begun, |going_on| async move {
            let (held, bounds) = going_on?;
            let Some(mut rows) = held.take() else {
                return Some((Err(sqlstate::told(Failure::from(bounds.query.out_of_time()))), None));
            };
            let next = bounds.within(async { rows.next().await.map(|row| bounds.counted(row?)).transpose() }).await;
            match next {
                Ok(Some(row)) => {
                    held.put(rows);
                    Some((Ok(row), Some((held, bounds))))
                }
                Err(error) => Some((Err(error), None)),
                Ok(None) => {
                    bounds.answered();
                    None
                }
            }
        }));
        response
    }

    fn counted(&self, row: DataRow) -> PgWireResult<DataRow> {
        let sent = self.query.sent_rows(1).and_then(|()| self.query.sent_bytes(row.data.len()));
        sent.map(|()| row).map_err(|exceeded| sqlstate::told(Failure::from(exceeded)))
    }
}

/// How long a statement of this client may take.
fn timeout<C: ClientInfo>(session: &Session, client: &C) -> Duration {
    let asked = client.metadata().get(STATEMENT_TIMEOUT_MS).and_then(|text| text.parse().ok());
    let longest = session.door.queries.timeout();
    asked.map_or(longest, |ms| longest.min(Duration::from_millis(ms)))
}
