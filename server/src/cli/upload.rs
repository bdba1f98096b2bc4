//! Importing into a running node: batches as CloudEvents, a line each, over its HTTP API.
//!
//! Where the node is busy or out of space it says when to come back, and is asked again until patience ends. Sending again
//! is safe, since what was durable already counts as duplicate (I2). Not here: reading files ([`super::import`]).

use std::time::{Duration, Instant};

use anyhow::Context;
use engine::admission::{Reason, Tally};
use engine::event::batch::EventBatch;
use engine::event::json::data_json;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::import::ImportReport;

use super::import::Batches;
use super::patience::Patience;
use super::progress::{Progress, grouped, note};
use super::remote::{Remote, Sent};

/// Events in one request.
const EVENTS_PER_REQUEST: usize = 4096;

/// Sends everything that `batches` gives, waiting `wait_max` at most for any one request to be taken.
///
/// # Errors
/// If the source can't be read, the node can't be reached or refuses, or patience with it ends.
pub(super) fn run(
    remote: &Remote,
    batches: Batches,
    wait_max: Duration,
    progress: &Progress,
) -> anyhow::Result<ImportReport> {
    let started = Instant::now();
    let mut report = ImportReport::default();
    for batch in batches {
        let batch = batch?;
        for refused in &batch.rejected {
            report.tally.rejected += 1;
            count(&mut report, refused.rejection.reason, &refused.rejection.field, || {
                format!("line {}: {}", refused.line, refused.rejection.detail)
            });
        }
        for from in (0..batch.batch.len()).step_by(EVENTS_PER_REQUEST) {
            let length = EVENTS_PER_REQUEST.min(batch.batch.len() - from);
            let lines = lines(&batch.batch.slice(from, length))?;
            let answer = send(remote, &lines, Patience::new(wait_max)).with_context(|| interrupted(&report.tally))?;
            take(&mut report, &answer);
            progress.show(&report.tally);
        }
    }
    report.took = started.elapsed().max(Duration::from_millis(1));
    Ok(report)
}

/// Sends `lines` until they are answered.
fn send(remote: &Remote, lines: &[u8], mut patience: Patience) -> anyhow::Result<Value> {
    let mut told = String::new();
    loop {
        let (retry_after, reason) = match remote.events(lines)? {
            Sent::Answered(answer) => return Ok(answer),
            Sent::NotNow { retry_after, reason } => (retry_after, reason),
        };
        let Some(pause) = patience.pause(retry_after) else {
            return Err(reason.context("the node did not take the events in time; --wait-max-s sets how long to wait"));
        };
        let reason = reason.to_string();
        if told != reason {
            note(&format!("{reason}; sending it again in {:.1} s", pause.as_secs_f64()));
            told = reason;
        }
        std::thread::sleep(pause);
    }
}

/// What to do after an import that ended early.
fn interrupted(tally: &Tally) -> String {
    let answered = tally.admitted + tally.duplicate + tally.rejected;
    format!(
        "ended after {} events; run the same import again to go on: ids dedup, so nothing counts twice",
        grouped(answered)
    )
}

/// The events as CloudEvents 1.0, a line each.
fn lines(batch: &EventBatch) -> anyhow::Result<Vec<u8>> {
    use datafusion::arrow::array::Array;

    let data = data_json(batch);
    let (tenants, sources, types, subjects) = (batch.tenants(), batch.sources(), batch.types(), batch.subjects());
    let mut lines = Vec::with_capacity(batch.len() * 256);
    for row in 0..batch.len() {
        let mut event = json!({
            "specversion": "1.0",
            "id": batch.ids().value(row),
            "source": sources.get(row),
            "type": types.get(row),
            "tenant": tenants.get(row),
            "time": Timestamp::from_microsecond(batch.times().value(row))?.to_string(),
        });
        if let (Some(subject), Value::Object(members)) = (subjects.get(row), &mut event) {
            members.insert("subject".into(), subject.into());
        }
        let mut line = event.to_string();
        if data.is_valid(row) {
            // As text: a number's digits are not to pass through a float.
            line.truncate(line.len() - 1);
            line.push_str(",\"data\":");
            line.push_str(data.value(row));
            line.push('}');
        }
        lines.extend_from_slice(line.as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Adds the node's answer: `{"admitted":…,"late":…,"duplicate":…,"rejected":…,"errors":[{"index":…,"reason":…}]}`.
fn take(report: &mut ImportReport, answer: &Value) {
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
    report.tally += Tally {
        admitted: number("admitted"),
        late: number("late"),
        duplicate: number("duplicate"),
        rejected: number("rejected"),
    };
    for rejection in answer.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| rejection.get(name).and_then(Value::as_str).unwrap_or_default();
        let reason = serde_json::from_value(text("reason").into()).unwrap_or(Reason::Malformed);
        count(report, reason, text("field"), || text("detail").to_owned());
    }
}

fn count(report: &mut ImportReport, reason: Reason, field: &str, sample: impl FnOnce() -> String) {
    let entry = report.rejections.entry((reason, field.to_owned())).or_insert_with(|| (0, sample()));
    entry.0 += 1;
}
