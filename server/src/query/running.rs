//! One statement from its begin to its last row: holds the turn, counts what is sent, and says how it ended.
//!
//! However it ends, even by being dropped, it ends in the history and in the metrics. One whose client does not read is ended
//! from outside ([`Statement::end_late`]): its rows go and its turn is given back. Not here: cancelling (the doors).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use engine::lock::Lock;
use futures::{StreamExt, stream};
use pipelines::catalog::Visibility;

use super::held::{Held, Holdings};
use super::history::Record;
use super::turns::Turn;
use super::{Asker, Door, Failure, Shared};

/// How long a door has to end a statement whose time is up, before it is ended from outside.
const LATE: Duration = Duration::from_millis(200);

/// A statement that runs, until it is dropped.
#[derive(Debug)]
pub struct Query(Arc<Statement>);

/// What is known of it beside who runs it.
pub(super) struct Statement {
    shared: Arc<Shared>,
    door: Door,
    record: Arc<Record>,
    began: Instant,
    /// How long it may take, milliseconds.
    timeout_ms: AtomicU64,
    turn: Lock<Option<Turn>>,
    holdings: Holdings,
    /// Whose statement is only prepared.
    prepares_for: OnceLock<Visibility>,
}

/// A limit that the answer of a statement ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Its time is up.
    #[error("the statement was ended after {0} ms")]
    Time(u128),
    /// Too many rows.
    #[error("the answer has more than {0} rows")]
    Rows(u64),
    /// Too many bytes.
    #[error("the answer has more than {0} bytes")]
    Bytes(u64),
}

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// With its last row.
    Finished,
    /// With this SQL state.
    Failed(String),
    /// Its client went away, or wanted no more rows.
    Abandoned,
}

impl Ended {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed(_) => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What is counted while it runs and fixed when it ends.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) rows: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) begun: OnceLock<()>,
    pub(super) ended: OnceLock<Ended>,
    pub(super) took_ms: OnceLock<u64>,
}

impl Query {
    pub(super) fn new(shared: Arc<Shared>, door: Door, asker: Asker<'_>, text: &str) -> Self {
        let began = Instant::now();
        let record = Arc::new(Record::new(asker, door, text, shared.clock.now_us(), began));
        shared.history.remember(asker.visibility, Arc::clone(&record));
        let timeout_ms = AtomicU64::new(u64::try_from(shared.limits.timeout.as_millis()).unwrap_or(u64::MAX));
        let (turn, holdings, prepares_for) = (Lock::default(), Holdings::default(), OnceLock::new());
        Self(Arc::new(Statement { shared, door, record, began, timeout_ms, turn, holdings, prepares_for }))
    }

    /// Its turn has come.
    pub(super) fn run(&self, turn: Turn) {
        *self.0.turn.lock() = Some(turn);
        let _ = self.0.record.progress.begun.set(());
    }

    pub(super) fn only_prepares(self, asker: &Visibility) -> Self {
        // It is said once, before anything is done.
        let _ = self.0.prepares_for.set(asker.clone());
        self
    }

    pub(super) fn statement(&self) -> &Arc<Statement> {
        &self.0
    }

    /// It may take no longer than `timeout`.
    pub(crate) fn shorten(&self, timeout: Duration) {
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.0.timeout_ms.fetch_min(ms, Ordering::Relaxed);
    }

    /// Keeps `rows` where they are let go of if nobody has asked for more when its time is up.
    pub(crate) fn keep<T: Send + 'static>(&self, rows: T) -> Held<T> {
        self.0.holdings.keep(rows)
    }

    /// Its rows were sent: counts them.
    ///
    /// # Errors
    /// If they are more than one answer may have.
    pub fn sent_rows(&self, rows: u64) -> Result<(), Exceeded> {
        let limit = self.0.shared.limits.rows_max;
        match self.0.record.progress.rows.fetch_add(rows, Ordering::Relaxed) + rows {
            sent if sent > limit => Err(Exceeded::Rows(limit)),
            _ => Ok(()),
        }
    }

    /// The same for bytes.
    ///
    /// # Errors
    /// If they are more than one answer may have.
    pub fn sent_bytes(&self, bytes: usize) -> Result<(), Exceeded> {
        let limit = self.0.shared.limits.bytes_max;
        match self.0.record.progress.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64 {
            sent if sent > limit => Err(Exceeded::Bytes(limit)),
            _ => Ok(()),
        }
    }

    /// The last row was sent.
    pub fn finish(&self) {
        self.0.end(Ended::Finished);
    }

    /// It failed with this SQL state. What happens first counts.
    pub fn fail(&self, state: &str) {
        self.0.end(Ended::Failed(state.to_owned()));
    }

    /// When its time is up.
    pub fn deadline(&self) -> Instant {
        self.0.deadline()
    }

    /// Its time is up.
    pub fn out_of_time(&self) -> Exceeded {
        Exceeded::Time(self.0.timeout_ms.load(Ordering::Relaxed).into())
    }

    /// `rows`, counted and held to the limits of rows and time; ends the statement with the last of them.
    pub fn around(self: &Arc<Self>, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let begun = Some((self.keep(rows), Arc::clone(self)));
        let bounded = stream::unfold(begun, |going_on| async move {
            let (held, query) = going_on?;
            let Some(mut rows) = held.take() else { return Some((Err(query.out_of_time().into()), None)) };
            let next = tokio::time::timeout_at(query.deadline().into(), rows.next()).await;
            let next = next.unwrap_or_else(|_| Some(Err(query.out_of_time().into())));
            let counted = next.map(|batch| {
                let batch = batch?;
                query.sent_rows(batch.num_rows() as u64)?;
                Ok(batch)
            });
            match counted {
                Some(Ok(batch)) => {
                    held.put(rows);
                    Some((Ok(batch), Some((held, query))))
                }
                Some(Err(error)) => {
                    query.fail(Failure::from(&error).state);
                    Some((Err(error), None))
                }
                None => {
                    query.finish();
                    None
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, bounded))
    }
}

impl Statement {
    fn deadline(&self) -> Instant {
        self.began + Duration::from_millis(self.timeout_ms.load(Ordering::Relaxed))
    }

    /// Ends it if its time has been up for [`LATE`]: whoever is to read its rows does not, or its door would have ended it.
    /// Somebody else may run a statement then.
    pub(super) fn end_late(&self, now: Instant) {
        if now < self.deadline() + LATE {
            return;
        }
        // What is being computed or planned is ended by who does it.
        if !self.holdings.let_go() {
            return;
        }
        self.end(Ended::Failed(Failure::from(Exceeded::Time(0)).state.to_owned()));
        let turn = self.turn.lock().take();
        // It goes back here, without the lock.
        drop(turn);
    }

    fn end(&self, ended: Ended) {
        let progress = &self.record.progress;
        // The first end is the one that is told.
        if progress.ended.set(ended).is_err() {
            return;
        }
        if let Some(asker) = self.prepares_for.get()
            && progress.ended.get() == Some(&Ended::Finished)
        {
            return self.shared.history.forget(asker, &self.record);
        }
        let took = self.began.elapsed();
        let _ = progress.took_ms.set(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        let outcome = progress.ended.get().map_or("", Ended::as_str);
        let (rows, bytes) = (progress.rows.load(Ordering::Relaxed), progress.bytes.load(Ordering::Relaxed));
        self.shared.metrics.observe_statement(self.door.as_str(), outcome, took, rows, bytes);
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a statement over {}, since {:?}", self.door, self.began)
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        self.0.end(Ended::Abandoned);
    }
}

impl From<Exceeded> for DataFusionError {
    fn from(exceeded: Exceeded) -> Self {
        Self::External(Box::new(exceeded))
    }
}
