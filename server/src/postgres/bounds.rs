//! The bounds of one statement: a permit, a deadline and a way to cancel it, from planning to the last row (I8).
//!
//! Not here: the limits' values (`config`) and the counting (`query`).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::results::{QueryResponse, Response};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use futures::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::query::Permit;

use super::cancel::Running;
use super::session::{Asker, Session};
use super::sqlstate;

/// Where `SET statement_timeout` leaves its value.
const STATEMENT_TIMEOUT_MS: &str = "statement_timeout_ms";

/// Held by a statement and by every stream of rows that it answers with.
pub(super) struct Bounds {
    _permit: Permit,
    _running: Running,
    deadline: Instant,
    timeout: Duration,
    cancelled: CancellationToken,
}

impl Bounds {
    /// Begins a statement of `asker`; a client may shorten its time by `SET statement_timeout`, not lengthen it.
    pub(super) fn begin<C: ClientInfo>(session: &Session, asker: &Asker, client: &C) -> PgWireResult<Arc<Self>> {
        let door = &session.door;
        let permit = door.permits.take(&asker.visibility).map_err(|busy| sqlstate::from_busy(&busy))?;
        let asked = client.metadata().get(STATEMENT_TIMEOUT_MS).and_then(|text| text.parse().ok());
        let timeout = asked.map_or(door.permits.timeout, |ms| door.permits.timeout.min(Duration::from_millis(ms)));
        let deadline = Instant::now() + timeout;
        let running = door.registry.begin();
        Ok(Arc::new(Self { _permit: permit, _running: running, deadline, timeout, cancelled: session.begin() }))
    }

    /// What `work` gives, unless the statement is cancelled or its time is up.
    pub(super) async fn within<T>(&self, work: impl Future<Output = T>) -> PgWireResult<T> {
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(PgWireError::QueryCanceled),
            done = work => Ok(done),
            () = tokio::time::sleep_until(self.deadline) => Err(sqlstate::error(
                "57014",
                format!("statement cancelled after {} ms (query.timeout_ms or statement_timeout)", self.timeout.as_millis()),
            )),
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
        let rows = std::mem::replace(&mut response.data_rows, Box::pin(stream::empty()));
        let begun = Some((rows, Arc::clone(self)));
        response.data_rows = Box::pin(stream::unfold(begun, |going_on| async move {
            let (mut rows, bounds) = going_on?;
            match bounds.within(rows.next()).await {
                Ok(Some(Ok(row))) => Some((Ok(row), Some((rows, bounds)))),
                Ok(Some(Err(error))) | Err(error) => Some((Err(error), None)),
                Ok(None) => None,
            }
        }));
        response
    }
}
