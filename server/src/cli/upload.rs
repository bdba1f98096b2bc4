//! Importing into a running node: batches as CloudEvents, a line each, over its HTTP API.
//!
//! Where the node is busy or out of space it says when to come back, and is asked again until patience ends. Sending again
//! is safe, since what was durable already counts as duplicate (I2). A batch is a body, so that events are late for a node as
//! they are for a folder. Not here: reading files ([`super::import`]), rate limits (`import::again`).

use std::time::{Duration, Instant};

use anyhow::Context;
use engine::admission::{Reason, Rejection, RejectionCount, Tally};
use engine::event::batch::EventBatch;
use engine::event::cloudevents::lines;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::rejections::{KINDS_MAX, TEXT_BYTES_MAX};
use crate::import::again::{self, Answered, Refused, Sender};
use crate::import::patience::Patience;
use crate::import::{ImportReport, Terms, decoded_rejections};

use super::api::{Request, path};
use super::import::Batches;
use super::problem::Problem;
use super::progress::{counted, note};
use super::remote::Remote;

/// Sends everything that `batches` gives.
///
/// # Errors
/// If the source can't be read, the node can't be reached or refuses, or patience with it ends.
pub(super) fn run(remote: &Remote, batches: Batches, terms: &Terms<'_>) -> anyhow::Result<ImportReport> {
    let started = Instant::now();
    let mut report = ImportReport::default();
    let mut node = There { remote, terms, told: String::new(), tenants_created: 0 };
    for batch in batches {
        let batch = batch?;
        let tally = report.tally;
        report.refuse_rows(&batch.rejected);
        let sent = node.bring(&batch.batch, decoded_rejections(&batch.rejected), &mut report);
        sent.with_context(|| interrupted(&tally))?;
        (terms.progress)(&report.tally);
        if terms.stopped.load(std::sync::atomic::Ordering::Relaxed) {
            break;
        }
    }
    Ok(ImportReport {
        tenants_created: node.tenants_created,
        took: started.elapsed().max(Duration::from_millis(1)),
        ..report
    })
}

/// What to do after an import that ended early.
fn interrupted(tally: &Tally) -> String {
    let answered = tally.admitted + tally.duplicate + tally.rejected;
    format!(
        "ended after {}; run the same import again to go on: ids dedup within events.dedup_horizon_s, so nothing counts twice",
        counted(answered, "event")
    )
}

/// Sends to a running node.
struct There<'a> {
    remote: &'a Remote,
    terms: &'a Terms<'a>,
    /// Why it waited last; each reason is told once.
    told: String,
    tenants_created: usize,
}

/// What is read of an answer to events.
#[derive(Deserialize)]
struct Answer {
    admitted: u64,
    late: u64,
    duplicate: u64,
    rejected: u64,
    errors: Vec<EventError>,
    #[serde(default)]
    tenants_created: usize,
}

#[derive(Deserialize)]
struct EventError {
    index: u32,
    reason: Value,
    #[serde(default)]
    field: String,
    detail: String,
    retry_after_ms: Option<u64>,
}

impl There<'_> {
    /// Sends the rows of one batch of the source, those that are events and those that are not.
    fn bring(
        &mut self,
        batch: &EventBatch,
        mut refused: Vec<RejectionCount>,
        report: &mut ImportReport,
    ) -> anyhow::Result<()> {
        for count in &mut refused {
            for text in [&mut count.tenant, &mut count.field, &mut count.sample_id, &mut count.sample_detail] {
                text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
            }
        }
        for refused in refused.chunks(KINDS_MAX) {
            self.post(&Request::post(path(&["rejections"]), json!({ "rejections": refused })))?;
        }
        if batch.is_empty() {
            return Ok(());
        }
        let answered = self.send(batch)?;
        again::settle(batch, answered, self.terms.wait_max, report, self)
    }

    /// Sends `request` until it is answered.
    fn post(&mut self, request: &Request) -> anyhow::Result<Vec<u8>> {
        let mut patience = Patience::new(self.terms.wait_max);
        loop {
            let mut answer = Vec::new();
            let asked = self.remote.ask(request, &mut |bytes| {
                answer.extend_from_slice(bytes);
                Ok(())
            });
            let busy = match asked.map_err(|error| error.downcast::<Problem>()) {
                Ok(()) => return Ok(answer),
                Err(Ok(busy)) if matches!(busy.status, 429 | 503) => busy,
                Err(Ok(refused)) => return Err(refused.into()),
                Err(Err(error)) => return Err(error),
            };
            let reason = busy.to_string();
            let Some(pause) = patience.pause(busy.retry_after) else {
                let late = "the node did not take the events in time; --wait-max-s sets how long to wait";
                return Err(anyhow::Error::from(busy).context(late));
            };
            if self.told != reason {
                note(&format!("{reason}; sending it again in {:.1} s", pause.as_secs_f64()));
                self.told = reason;
            }
            if !self.terms.sleep(pause) {
                return Err(anyhow::Error::from(busy).context("interrupted while the node was busy"));
            }
        }
    }
}

impl Sender for There<'_> {
    type Error = anyhow::Error;

    fn send(&mut self, batch: &EventBatch) -> anyhow::Result<Answered> {
        let path = format!("{}?create_tenants=true&errors_max={}", path(&["events"]), batch.len());
        let sent = self.post(&Request::events(path, lines(batch).into_bytes()));
        let too_large = |error: &anyhow::Error| error.downcast_ref::<Problem>().is_some_and(|told| told.status == 413);
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) if !too_large(&error) => return Err(error),
            Err(error) if batch.len() == 1 => {
                let refused = Rejection::new(Reason::TooLarge, "", error.to_string());
                let tally = Tally { rejected: 1, ..Tally::default() };
                return Ok(Answered {
                    tally,
                    refused: vec![Refused { row: 0, rejection: refused, retry_after: None }],
                });
            }
            // The node takes smaller bodies than most; halves may fit.
            Err(_) => {
                let half = batch.len() / 2;
                let mut whole = self.send(&batch.slice(0, half))?;
                let rest = self.send(&batch.slice(half, batch.len() - half))?;
                whole.tally += rest.tally;
                let moved = |refused: Refused| Refused { row: refused.row + half as u32, ..refused };
                whole.refused.extend(rest.refused.into_iter().map(moved));
                return Ok(whole);
            }
        };
        let answer: Answer = serde_json::from_slice(&answer).context("the answer is not what a node answers")?;
        self.tenants_created += answer.tenants_created;
        let tally = Tally {
            admitted: answer.admitted,
            late: answer.late,
            duplicate: answer.duplicate,
            rejected: answer.rejected,
        };
        let refused = answer.errors.into_iter().map(|error| {
            // A node of another version may know more reasons.
            let reason = serde_json::from_value(error.reason).unwrap_or(Reason::Malformed);
            Refused {
                row: error.index,
                rejection: Rejection::new(reason, error.field, error.detail),
                retry_after: error.retry_after_ms.map(Duration::from_millis),
            }
        });
        Ok(Answered { tally, refused: refused.collect() })
    }

    fn pause(&mut self, pause: Duration, reason: &Rejection) -> bool {
        (self.terms.waits)(reason);
        self.terms.sleep(pause)
    }
}
