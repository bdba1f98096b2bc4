//! Driving generated events at the pace of the clock, with a pulse that says how it goes.
//!
//! Not here: showing the pulse (`cli`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use datasets::DatasetError;
use datasets::generator::Generator;
use engine::admission::{Receipt, Tally};
use engine::lock::Lock;
use engine::service::Submission;
use engine::shard::SubmitError;

use crate::node::Node;

/// Between two looks at the clock.
const STEP: Duration = Duration::from_millis(10);
/// Between two pulses.
const PULSE_EVERY: Duration = Duration::from_secs(1);

/// How it went since the last pulse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Since the beginning.
    pub total: Tally,
    /// Since the last pulse.
    pub recent: Tally,
    /// Longest time from handing a batch over to its durable answer, since the last pulse.
    pub answer_max: Duration,
    /// Since the last pulse.
    pub took: Duration,
}

/// Why events no longer flow.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The generator failed.
    #[error(transparent)]
    Generator(#[from] DatasetError),
    /// The engine refused for good.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

#[derive(Debug, Default)]
struct Answers {
    total: Tally,
    answer_max: Duration,
    error: Option<SubmitError>,
}

/// Feeds `node` until `stop`, hearing its pulse once a second. Blocks: for a thread of its own.
///
/// # Errors
/// If the generator or the engine fails; a busy engine is waited for.
pub fn drive(
    node: &Node,
    mut generator: Generator,
    stop: &AtomicBool,
    mut pulse: impl FnMut(&Pulse),
) -> Result<Tally, DriveError> {
    let answers = Arc::new(Lock::new(Answers::default()));
    let (mut last, mut last_total) = (Instant::now(), Tally::default());
    while !stop.load(Ordering::Relaxed) {
        while let Some(batch) = generator.next(node.clock.now_us())? {
            let (sent, answers) = (Instant::now(), Arc::clone(&answers));
            node.engine.submit_when_free(Submission::from(batch), move |answer| note(&answers, answer, sent))?;
        }
        let took = last.elapsed();
        if took >= PULSE_EVERY {
            let (total, answer_max) = look(&answers)?;
            pulse(&Pulse { total, recent: difference(total, last_total), answer_max, took });
            (last, last_total) = (Instant::now(), total);
        }
        std::thread::sleep(STEP);
    }
    node.engine.settle();
    look(&answers).map(|(total, _)| total)
}

fn note(answers: &Lock<Answers>, answer: Result<Receipt, SubmitError>, sent: Instant) {
    let mut answers = answers.lock();
    answers.answer_max = answers.answer_max.max(sent.elapsed());
    match answer {
        Ok(receipt) => answers.total += receipt.tally(),
        Err(error) => answers.error = Some(error),
    }
}

fn look(answers: &Lock<Answers>) -> Result<(Tally, Duration), DriveError> {
    let mut answers = answers.lock();
    match answers.error.take() {
        Some(error) => Err(error.into()),
        None => Ok((answers.total, std::mem::take(&mut answers.answer_max))),
    }
}

fn difference(now: Tally, before: Tally) -> Tally {
    Tally {
        admitted: now.admitted - before.admitted,
        late: now.late - before.late,
        duplicate: now.duplicate - before.duplicate,
        rejected: now.rejected - before.rejected,
    }
}
