//! Import: batches from a file or generator, through the same admission as every door, with a report at the end.
//!
//! One thread decodes while the engine admits; what is in flight is bounded by the engine's own permits (I8). Tenants that
//! the node does not know are created on the way, in one commit per batch. What a rate limit refuses is sent again ([`again`]).
//! Not here: file formats (`datasets`), progress bars and running nodes (`cli`).

pub(crate) mod again;
pub(crate) mod patience;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arrow::error::ArrowError;
use crossbeam_channel::bounded;
use datasets::{DatasetBatch, DatasetError, RejectedRow};
use engine::admission::{Reason, Receipt, Rejection, RejectionCount, Tally};
use engine::event::batch::EventBatch;
use engine::kinds::Kinds;
use engine::lock::{Held, Lock};
use engine::service::Submission;
use engine::shard::SubmitError;

use again::{Answered, Refused};

use crate::node::Node;

/// Decoded batches that may wait for the engine.
const READ_AHEAD_MAX: usize = 4;

/// Reasons and fields that a report tells apart; what comes after is counted by reason.
const KINDS_MAX: usize = 1000;

/// What an import did.
#[derive(Debug, Default, Clone)]
pub struct ImportReport {
    /// Outcomes of all events, those refused while decoding included.
    pub tally: Tally,
    /// Tenants that were created.
    pub tenants_created: usize,
    /// Refused events by reason and field: how many, and one of them.
    pub rejections: BTreeMap<(Reason, String), (u64, String)>,
    /// From first batch to last answer.
    pub took: Duration,
}

impl ImportReport {
    /// Counts rows that are no events.
    pub(crate) fn refuse_rows(&mut self, rows: &[RejectedRow]) {
        self.tally.rejected += rows.len() as u64;
        for RejectedRow { line, rejection, .. } in rows {
            self.name(&on_line(*line, rejection), 1);
        }
    }

    /// Counts `count` events that were refused for the same reason.
    pub(crate) fn refuse(&mut self, count: u64, rejection: &Rejection) {
        self.tally.rejected += count;
        self.name(rejection, count);
    }

    /// Notes why `count` events were refused that are counted already.
    fn name(&mut self, rejection: &Rejection, count: u64) {
        let mut kind = (rejection.reason, rejection.field.to_string());
        // A field may be a name that the file made up.
        if self.rejections.len() >= KINDS_MAX && !self.rejections.contains_key(&kind) {
            kind.1.clear();
        }
        self.rejections.entry(kind).or_insert_with(|| (0, rejection.detail.to_string())).0 += count;
    }
}

/// How an import goes on and who hears of it.
pub struct Terms<'a> {
    /// Longest wait for events that are refused for the moment, by a rate limit for instance, while none of them is taken.
    pub wait_max: Duration,
    /// Whether to end before the source does.
    pub stopped: &'a AtomicBool,
    /// Hears the running tally about ten times a second.
    pub progress: &'a (dyn Fn(&Tally) + Sync),
    /// Hears why the import waits.
    pub waits: &'a (dyn Fn(&Rejection) + Sync),
}

impl Default for Terms<'_> {
    fn default() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Self { wait_max: Duration::from_secs(600), stopped: &NEVER, progress: &|_| (), waits: &|_| () }
    }
}

impl Terms<'_> {
    /// Sleeps for `pause`, or until the import is to end; whether it goes on.
    pub(crate) fn sleep(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !self.stopped.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        false
    }
}

/// Why an import stopped. Everything answered before stays; importing again is safe (I2).
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source can't be read.
    #[error(transparent)]
    Source(#[from] DatasetError),
    /// The engine does not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A tenant could not be created.
    #[error("tenant {tenant}: {reason}")]
    Tenant {
        /// Which one.
        tenant: String,
        /// Why.
        reason: String,
    },
    /// Rows can't be taken out of a batch.
    #[error(transparent)]
    Rows(#[from] ArrowError),
    /// The decoding thread died.
    #[error("the decoding thread died")]
    Decoder,
}

/// Imports everything that `chunks` gives.
///
/// # Errors
/// [`ImportError`] says why it stopped.
pub fn run(
    node: &Node,
    chunks: impl Iterator<Item = Result<DatasetBatch, DatasetError>> + Send,
    terms: &Terms<'_>,
) -> Result<ImportReport, ImportError> {
    let started = Instant::now();
    let under_way = Arc::new(Lock::new(UnderWay::default()));
    let mut tenants_created = 0;
    let (queue, decoded) = bounded(READ_AHEAD_MAX);
    std::thread::scope(|scope| {
        let decoder = scope.spawn(move || {
            for chunk in chunks {
                if queue.send(chunk).is_err() {
                    return;
                }
            }
        });
        let mut shown = started;
        for (number, chunk) in decoded.into_iter().enumerate() {
            let DatasetBatch { batch, rejected } = chunk?;
            let refused = decoded_rejections(&rejected);
            tenants_created += node.create_missing(&batch)?;
            let shared = Arc::clone(&under_way);
            lock(&shared).report.refuse_rows(&rejected);
            let sent = batch.clone();
            node.engine.submit_when_free(Submission { batch, rejected: refused, sequence: None }, move |answer| {
                lock(&shared).take(number, sent, answer);
            })?;
            send_again(node, &under_way, terms)?;
            if shown.elapsed() > Duration::from_millis(100) {
                shown = Instant::now();
                // Shards answer while it is shown.
                let tally = lock(&under_way).report.tally;
                (terms.progress)(&tally);
            }
            let error = lock(&under_way).error.take();
            if let Some(error) = error {
                return Err(error.into());
            }
            if terms.stopped.load(Ordering::Relaxed) {
                break;
            }
        }
        decoder.join().map_err(|_| ImportError::Decoder)
    })?;
    node.engine.settle();
    send_again(node, &under_way, terms)?;
    let mut under_way = std::mem::take(&mut *lock(&under_way));
    if let Some(error) = under_way.error.take() {
        return Err(error.into());
    }
    (terms.progress)(&under_way.report.tally);
    Ok(ImportReport { tenants_created, took: started.elapsed(), ..under_way.report })
}

/// What is answered so far, and what of it has to be sent again.
#[derive(Default)]
struct UnderWay {
    report: ImportReport,
    /// Number of the batch, and what was answered of it.
    again: Vec<(usize, EventBatch, Answered)>,
    error: Option<SubmitError>,
}

#[track_caller]
fn lock(under_way: &Lock<UnderWay>) -> Held<'_, UnderWay> {
    under_way.lock()
}

impl UnderWay {
    fn take(&mut self, number: usize, batch: EventBatch, answer: Result<Receipt, SubmitError>) {
        match answer.map(Answered::from) {
            Ok(answered) if answered.refused.iter().any(Refused::is_passing) => {
                self.again.push((number, batch, answered));
            }
            Ok(answered) => {
                self.report.tally += answered.tally;
                for refused in &answered.refused {
                    self.report.name(&refused.rejection, 1);
                }
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }
}

impl From<Receipt> for Answered {
    fn from(receipt: Receipt) -> Self {
        let tally = receipt.tally();
        let refused = |(row, rejection): (u32, Rejection)| {
            let retry_after = rejection.retry_after_ms.map(Duration::from_millis);
            Refused { row, rejection, retry_after }
        };
        Self { tally, refused: receipt.rejections.into_iter().map(refused).collect() }
    }
}

/// Sends again what was refused for the moment, if anything was; nothing new is sent meanwhile, so that order is kept.
fn send_again(node: &Node, under_way: &Lock<UnderWay>, terms: &Terms<'_>) -> Result<(), ImportError> {
    if lock(under_way).again.is_empty() {
        return Ok(());
    }
    node.engine.settle();
    let mut again = std::mem::take(&mut lock(under_way).again);
    again.sort_by_key(|(number, ..)| *number);
    for (_, batch, answered) in again {
        let mut report = std::mem::take(&mut lock(under_way).report);
        let mut sender = Here { node, terms };
        let settled = again::settle(&batch, answered, terms.wait_max, &mut report, &mut sender);
        (terms.progress)(&report.tally);
        lock(under_way).report = report;
        settled?;
    }
    Ok(())
}

/// Sends to a node of this process.
struct Here<'a> {
    node: &'a Node,
    terms: &'a Terms<'a>,
}

impl again::Sender for Here<'_> {
    type Error = ImportError;

    fn send(&mut self, batch: &EventBatch) -> Result<Answered, ImportError> {
        Ok(self.node.engine.submit_and_wait(batch.clone())?.into())
    }

    fn pause(&mut self, pause: Duration, reason: &Rejection) -> bool {
        (self.terms.waits)(reason);
        self.terms.sleep(pause)
    }
}

/// Rows that are no events, counted by tenant (the empty name if that is not known), reason and field.
pub(crate) fn decoded_rejections(rejected: &[RejectedRow]) -> Vec<RejectionCount> {
    let mut kinds = Kinds::default();
    for RejectedRow { line, tenant, id, rejection } in rejected {
        kinds.add(tenant, &on_line(*line, rejection), id);
    }
    kinds.into_counts()
}

/// The same, with the line of the file in its detail.
fn on_line(line: u64, rejection: &Rejection) -> Rejection {
    Rejection::new(rejection.reason, Arc::clone(&rejection.field), format!("line {line}: {}", rejection.detail))
}
