//! Events that were refused for the moment only, by a rate limit or a busy actor, sent again until they are taken.
//!
//! Each goes when its rejection says that it passes. Where none says, what is left goes in pieces as large as was last taken,
//! so that few are refused twice. Rows keep their order. The importer into a data folder and the one into a running node
//! both use it, so both wait alike. Not here: sending, sleeping.

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
    /// The refused ones, by row.
    pub(crate) refused: Vec<Refused>,
}

/// An event that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Its row.
    pub(crate) row: u32,
    /// Why.
    pub(crate) rejection: Rejection,
    /// After how long the same event passes, if that was told and those that were told less go before it.
    pub(crate) retry_after: Option<Duration>,
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

impl Refused {
    /// Whether the same event may be taken in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        self.retry_after.is_some() || matches!(self.rejection.reason, Reason::RateLimited | Reason::Busy)
    }
}

/// Shortest wait for a limit that says how long it takes; what becomes free meanwhile goes in one piece.
const WAVE: Duration = Duration::from_millis(10);

/// An event that waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    row: u32,
    /// When it passes, from now, if that was told.
    due: Option<Duration>,
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
    // As many as were taken at once are likely to be taken next, where nobody says.
    let mut piece = batch.len() - waiting.len();
    let mut patience = Patience::new(wait_max);
    while let Some(last) = reason.take() {
        let first = waiting.iter().filter_map(|waiting| waiting.due).min();
        let pause = match first {
            Some(due) => patience.wait(due.max(WAVE)),
            None => patience.pause(None),
        };
        let Some(pause) = pause.filter(|pause| sender.pause(*pause, &last)) else {
            report.refuse(waiting.len() as u64, &last);
            break;
        };
        let mut unsaid = piece.max(1);
        let (now, mut later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|waiting| match waiting.due {
            Some(due) => due <= pause,
            None => {
                let is_next = unsaid > 0;
                unsaid = unsaid.saturating_sub(1);
                is_next
            }
        });
        if now.is_empty() {
            // Patience has ended before the first of them is due.
            report.refuse(later.len() as u64, &last);
            break;
        }
        let rows = now.iter().map(|waiting| waiting.row).collect::<Vec<_>>();
        let answered = sender.send(&batch.take(&UInt32Array::from(rows.clone()))?)?;
        let (refused, why) = count(report, answered, |row| rows[row as usize]);
        let taken = rows.len() - refused.len();
        if taken > 0 {
            patience = Patience::new(wait_max);
        }
        piece = if refused.is_empty() { piece.max(1).saturating_mul(2) } else { taken };
        for waiting in &mut later {
            waiting.due = waiting.due.map(|due| due.saturating_sub(pause));
        }
        waiting = refused;
        waiting.append(&mut later);
        waiting.sort_by_key(|waiting| waiting.row);
        reason = why.or((!waiting.is_empty()).then_some(last));
    }
    Ok(())
}

/// Counts `answered`; gives the events, rows by `row_of`, that were refused for the moment, and why the first one was.
fn count(
    report: &mut ImportReport,
    answered: Answered,
    row_of: impl Fn(u32) -> u32,
) -> (Vec<Waiting>, Option<Rejection>) {
    let (passing, lasting): (Vec<_>, Vec<_>) = answered.refused.into_iter().partition(Refused::is_passing);
    report.tally += Tally { rejected: answered.tally.rejected - passing.len() as u64, ..answered.tally };
    for refused in &lasting {
        report.name(&refused.rejection, 1);
    }
    let reason = passing.first().map(|refused| refused.rejection.clone());
    let waiting = |refused: Refused| Waiting { row: row_of(refused.row), due: refused.retry_after };
    (passing.into_iter().map(waiting).collect(), reason)
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
                    answered.refused.push(refused(row, None));
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

    fn refused(row: usize, retry_after: Option<Duration>) -> Refused {
        Refused { row: row as u32, rejection: Rejection::new(Reason::RateLimited, "calls", "slower"), retry_after }
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

    /// A node that says when each refused event passes: `per_s` events a second, one at once.
    struct Told {
        per_s: u64,
        free: u64,
        sent: usize,
        waited: Duration,
        taken: Vec<String>,
    }

    impl Sender for Told {
        type Error = ArrowError;

        fn send(&mut self, batch: &EventBatch) -> Result<Answered, ArrowError> {
            self.sent += batch.len();
            let mut answered = Answered::default();
            for row in 0..batch.len() {
                if self.free > 0 {
                    self.free -= 1;
                    answered.tally.admitted += 1;
                    self.taken.push(batch.ids().value(row).to_owned());
                    continue;
                }
                answered.tally.rejected += 1;
                let wait_ms = (answered.refused.len() as u64 + 1) * 1000 / self.per_s;
                answered.refused.push(refused(row, Some(Duration::from_millis(wait_ms))));
            }
            Ok(answered)
        }

        fn pause(&mut self, pause: Duration, _reason: &Rejection) -> bool {
            self.waited += pause;
            self.free = (pause.as_millis() as u64 * self.per_s / 1000).min(1);
            true
        }
    }

    #[test]
    fn each_goes_when_it_passes() {
        let mut node = Told { per_s: 50, free: 1, sent: 0, waited: Duration::ZERO, taken: Vec::new() };
        let batch = events(100);
        let mut report = ImportReport::default();
        let answered = node.send(&batch).unwrap();
        settle(&batch, answered, Duration::from_secs(600), &mut report, &mut node).unwrap();
        assert_eq!((report.tally.admitted, report.tally.rejected), (100, 0));
        assert!(node.taken.is_sorted());
        assert_eq!(node.sent, 199, "none is refused twice");
        assert_eq!(node.waited, Duration::from_millis(99 * 20), "as fast as the limit allows");
    }

    #[test]
    fn an_event_that_passes_too_late_is_not_waited_for_longer_than_asked() {
        let mut node = Told { per_s: 1, free: 1, sent: 0, waited: Duration::ZERO, taken: Vec::new() };
        let batch = events(2);
        let mut report = ImportReport::default();
        let mut answered = node.send(&batch).unwrap();
        answered.refused[0].retry_after = Some(Duration::from_secs(3600));
        settle(&batch, answered, Duration::from_secs(5), &mut report, &mut node).unwrap();
        assert_eq!((report.tally.admitted, report.tally.rejected, node.waited), (1, 1, Duration::from_secs(5)));
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
