//! Events that were refused for the moment only, by a rate limit or a busy actor, sent again until they are taken.
//!
//! What is left goes in pieces as large as was last taken, in order, so that few are refused twice. The importer into a data
//! folder and the one into a running node both use it, so both wait alike. Not here: sending, sleeping.

use std::time::Duration;

use arrow::array::UInt32Array;
use arrow::error::ArrowError;
use engine::admission::{Reason, Rejection, Tally};
use engine::event::batch::EventBatch;

use super::ImportReport;
use super::patience::Patience;

/// What became of events that were sent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// How many of each outcome.
    pub(crate) tally: Tally,
    /// Row and reason of each refused one, by row.
    pub(crate) refused: Vec<(u32, Rejection)>,
}

/// How the rest is sent.
pub(crate) trait Sender {
    /// Why sending ended.
    type Error: From<ArrowError>;

    /// Sends events and waits for what became of them.
    fn send(&mut self, batch: &EventBatch) -> Result<Answered, Self::Error>;

    /// Waits before the next piece because of `reason`; `false` if the import is to end.
    fn pause(&mut self, pause: Duration, reason: &Rejection) -> bool;
}

/// Whether the same event may be taken in a moment.
pub(crate) fn is_passing(rejection: &Rejection) -> bool {
    matches!(rejection.reason, Reason::RateLimited | Reason::Busy)
}

/// Counts what was `answered` for `batch` and sends again what was refused for the moment, until `wait_max` has passed without
/// any of it being taken; what is refused then is counted as such.
///
/// # Errors
/// If a piece can't be sent; what was not answered by then is not counted.
pub(crate) fn settle<S: Sender>(
    batch: &EventBatch,
    answered: Answered,
    wait_max: Duration,
    report: &mut ImportReport,
    sender: &mut S,
) -> Result<(), S::Error> {
    let (mut waiting, mut reason) = count(report, answered, |row| row);
    // As many as were taken at once are likely to be taken next.
    let mut piece = batch.len() - waiting.len();
    let mut patience = Patience::new(wait_max);
    while let Some(last) = reason.take() {
        let goes_on = patience.pause(None).is_some_and(|pause| sender.pause(pause, &last));
        if !goes_on {
            report.refuse(waiting.len() as u64, &last);
            break;
        }
        piece = piece.clamp(1, waiting.len());
        let rows = waiting.drain(..piece).collect::<Vec<_>>();
        let answered = sender.send(&batch.take(&UInt32Array::from(rows.clone()))?)?;
        let (refused, why) = count(report, answered, |row| rows[row as usize]);
        let taken = piece - refused.len();
        if taken > 0 {
            patience = Patience::new(wait_max);
        }
        piece = if refused.is_empty() { piece * 2 } else { taken };
        waiting.splice(..0, refused);
        reason = why.or((!waiting.is_empty()).then_some(last));
    }
    Ok(())
}

/// Counts `answered`; gives the rows, by `row_of`, that were refused for the moment, and why the first one was.
fn count(report: &mut ImportReport, answered: Answered, row_of: impl Fn(u32) -> u32) -> (Vec<u32>, Option<Rejection>) {
    let (passing, lasting): (Vec<_>, Vec<_>) =
        answered.refused.into_iter().partition(|(_, rejection)| is_passing(rejection));
    report.tally += Tally { rejected: answered.tally.rejected - passing.len() as u64, ..answered.tally };
    for (_, rejection) in &lasting {
        report.name(rejection, 1);
    }
    let reason = passing.first().map(|(_, rejection)| rejection.clone());
    (passing.into_iter().map(|(row, _)| row_of(row)).collect(), reason)
}

#[cfg(test)]
mod tests {
    use engine::event::builder::{Attributes, EventBatchBuilder};

    use super::*;

    /// A node whose rate limit lets `per_pause` events in after each pause, and `at_once` before the first.
    struct Limited {
        free: usize,
        per_pause: usize,
        pauses: usize,
        sent: usize,
        taken: Vec<String>,
        pauses_max: usize,
    }

    impl Limited {
        fn new(at_once: usize, per_pause: usize) -> Self {
            Self { free: at_once, per_pause, pauses: 0, sent: 0, taken: Vec::new(), pauses_max: usize::MAX }
        }
    }

    impl Sender for Limited {
        type Error = ArrowError;

        fn send(&mut self, batch: &EventBatch) -> Result<Answered, ArrowError> {
            self.sent += batch.len();
            let mut answered = Answered::default();
            for row in 0..batch.len() {
                if self.free == 0 {
                    answered.tally.rejected += 1;
                    answered.refused.push((row as u32, Rejection::new(Reason::RateLimited, "calls", "slower")));
                    continue;
                }
                self.free -= 1;
                answered.tally.admitted += 1;
                self.taken.push(batch.ids().value(row).to_owned());
            }
            Ok(answered)
        }

        fn pause(&mut self, _pause: Duration, _reason: &Rejection) -> bool {
            self.free = self.per_pause;
            self.pauses += 1;
            self.pauses <= self.pauses_max
        }
    }

    fn events(count: usize) -> EventBatch {
        let mut builder = EventBatchBuilder::new();
        for at in 0..count {
            let id = format!("{at:04}");
            let attributes =
                Attributes { tenant: "a", id: &id, source: "/s", event_type: "t", subject: None, time_us: 0 };
            builder.commit(attributes);
        }
        builder.finish()
    }

    fn run(node: &mut Limited, count: usize, wait_max: Duration) -> ImportReport {
        let batch = events(count);
        let mut report = ImportReport::default();
        let answered = node.send(&batch).unwrap();
        settle(&batch, answered, wait_max, &mut report, node).unwrap();
        report
    }

    #[test]
    fn what_a_rate_limit_refuses_is_sent_again_in_order_until_all_is_taken() {
        let mut node = Limited::new(100, 10);
        let report = run(&mut node, 1000, Duration::from_secs(600));
        assert_eq!((report.tally.admitted, report.tally.rejected), (1000, 0));
        assert!(report.rejections.is_empty());
        assert!(node.taken.is_sorted(), "what came first in the file is taken first");
        assert!(node.pauses <= 95, "{} pauses for 90 pieces of ten", node.pauses);
        assert!(node.sent < 3000, "{} events were sent for 1000", node.sent);
    }

    #[test]
    fn pieces_grow_as_fast_as_they_are_taken() {
        let mut node = Limited::new(1, usize::MAX);
        let report = run(&mut node, 1000, Duration::from_secs(600));
        assert_eq!((report.tally.admitted, node.pauses), (1000, 10));
    }

    #[test]
    fn patience_ends_with_a_rejection() {
        let mut node = Limited::new(3, 0);
        let report = run(&mut node, 10, Duration::from_secs(5));
        assert_eq!((report.tally.admitted, report.tally.rejected), (3, 7));
        let ((reason, field), (count, _)) = report.rejections.first_key_value().unwrap();
        assert_eq!((*reason, field.as_str(), *count), (Reason::RateLimited, "calls", 7));
    }

    #[test]
    fn an_import_that_is_to_end_does_not_wait() {
        let mut node = Limited { pauses_max: 0, ..Limited::new(3, 10) };
        let report = run(&mut node, 10, Duration::from_secs(600));
        assert_eq!((report.tally.admitted, report.tally.rejected, node.pauses), (3, 7, 1));
    }
}
