//! Import: batches from a file or generator, through the same admission as every door, with a report at the end.
//!
//! One thread decodes while the engine admits; what is in flight is bounded by the engine's own permits (I8). Tenants that
//! the node does not know are created on the way, in one commit per batch. Not here: file formats (`datasets`), progress
//! bars (`cli`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use datasets::{DatasetBatch, DatasetError, RejectedRow};
use engine::admission::{Reason, Receipt, Rejection, RejectionCount, Tally};
use engine::service::Submission;
use engine::shard::SubmitError;

use crate::node::Node;

/// Decoded batches that may wait for the engine.
const READ_AHEAD_MAX: usize = 4;

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
    /// The decoding thread died.
    #[error("the decoding thread died")]
    Decoder,
}

/// Imports everything that `chunks` gives; `progress` hears the running tally about ten times a second.
pub fn run(
    node: &Node,
    chunks: impl Iterator<Item = Result<DatasetBatch, DatasetError>> + Send,
    progress: &(dyn Fn(&Tally) + Sync),
) -> Result<ImportReport, ImportError> {
    let started = Instant::now();
    let outcome = Arc::new(Mutex::new(Progress::default()));
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
        for chunk in decoded {
            let DatasetBatch { batch, rejected } = chunk?;
            let refused = decoded_rejections(&rejected);
            tenants_created += node.create_missing(&batch)?;
            let shared = Arc::clone(&outcome);
            lock(&shared).refuse(&rejected);
            node.engine.submit_when_free(Submission { batch, rejected: refused, sequence: None }, move |answer| {
                lock(&shared).take(answer);
            })?;
            if shown.elapsed() > Duration::from_millis(100) {
                shown = Instant::now();
                progress(&lock(&outcome).report.tally);
            }
            if let Some(error) = lock(&outcome).error.take() {
                return Err(error.into());
            }
        }
        decoder.join().map_err(|_| ImportError::Decoder)
    })?;
    node.engine.settle();
    let mut outcome = std::mem::take(&mut *lock(&outcome));
    if let Some(error) = outcome.error.take() {
        return Err(error.into());
    }
    progress(&outcome.report.tally);
    Ok(ImportReport { tenants_created, took: started.elapsed(), ..outcome.report })
}

#[derive(Default)]
struct Progress {
    report: ImportReport,
    error: Option<SubmitError>,
}

fn lock(progress: &Mutex<Progress>) -> std::sync::MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    fn take(&mut self, answer: Result<Receipt, SubmitError>) {
        match answer {
            Ok(receipt) => {
                self.report.tally += receipt.tally();
                for (_, rejection) in &receipt.rejections {
                    self.count(rejection);
                }
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    fn refuse(&mut self, rejected: &[RejectedRow]) {
        self.report.tally.rejected += rejected.len() as u64;
        for RejectedRow { line, rejection, .. } in rejected {
            let entry = self.report.rejections.entry((rejection.reason, rejection.field.to_string()));
            let (count, _) = entry.or_insert_with(|| (0, format!("line {line}: {}", rejection.detail)));
            *count += 1;
        }
    }

    fn count(&mut self, rejection: &Rejection) {
        let entry = self.report.rejections.entry((rejection.reason, rejection.field.to_string()));
        let (count, _) = entry.or_insert_with(|| (0, rejection.detail.to_string()));
        *count += 1;
    }
}

/// Rows that are no events, counted by tenant (the empty name if that is not known), reason and field.
fn decoded_rejections(rejected: &[RejectedRow]) -> Vec<RejectionCount> {
    let mut counts: Vec<RejectionCount> = Vec::new();
    for RejectedRow { line, tenant, id, rejection } in rejected {
        let of_its_kind = |count: &&mut RejectionCount| {
            count.tenant == *tenant && count.reason == rejection.reason && *count.field == *rejection.field
        };
        let sample_detail = format!("line {line}: {}", rejection.detail);
        match counts.iter_mut().find(of_its_kind) {
            Some(count) => {
                count.count += 1;
                (count.sample_id, count.sample_detail) = (id.clone(), sample_detail);
            }
            None => counts.push(RejectionCount {
                tenant: tenant.clone(),
                reason: rejection.reason,
                field: rejection.field.to_string(),
                count: 1,
                sample_id: id.clone(),
                sample_detail,
            }),
        }
    }
    counts
}
