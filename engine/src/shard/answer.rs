//! The way back: collects the answers of the shards that a submission was split over, and answers once.
//!
//! Not here: what the answers are.

use std::sync::Arc;

use crate::admission::{Outcome, Receipt, Rejection};
use crate::dedup::DedupError;
use crate::dedup::sequence::SequenceError;
use crate::lock::{Lock, assert_free};
use crate::log::LogError;

use super::permits::Permit;

/// Why a submission has no receipt. Nothing acknowledged is lost; sending the same again is safe (I2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too much is in flight; nothing was taken.
    #[error("too much in flight; retry in {retry_after_ms} ms")]
    Overloaded {
        /// When to try again.
        retry_after_ms: u64,
    },
    /// The log could not make it durable.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What was admitted before can't be looked up.
    #[error(transparent)]
    Dedup(#[from] DedupError),
    /// The producer's batch has no turn now.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// The engine drains or a worker died.
    #[error("the engine is shutting down")]
    Closed,
}

/// Called once with the answer.
pub type Done = Box<dyn FnOnce(Result<Receipt, SubmitError>) + Send>;

/// One submission on its way; answers when the last part is in, with `Closed` if a part is dropped unanswered.
pub(crate) struct Gathering {
    state: Lock<State>,
}

struct State {
    receipt: Receipt,
    error: Option<SubmitError>,
    done: Option<Done>,
    _permit: Permit,
}

/// The part of a submission that one shard answers.
pub(crate) struct Reply {
    gathering: Arc<Gathering>,
    /// Row in the submission of each row of the part; none if the part carries only what a door refused.
    rows: Vec<u32>,
    is_sent: bool,
}

impl Gathering {
    pub(crate) fn new(rows: usize, done: Done, permit: Permit) -> Arc<Self> {
        let receipt = Receipt { outcomes: vec![Outcome::Rejected; rows], rejections: Vec::new() };
        Arc::new(Self { state: Lock::new(State { receipt, error: None, done: Some(done), _permit: permit }) })
    }

    pub(crate) fn part(self: &Arc<Self>, rows: Vec<u32>) -> Reply {
        Reply { gathering: Arc::clone(self), rows, is_sent: false }
    }
}

impl Reply {
    /// This part's answer.
    pub(crate) fn send(mut self, answer: Result<Receipt, SubmitError>) {
        self.is_sent = true;
        let mut state = self.gathering.state.lock();
        match answer {
            Err(error) => {
                state.error.get_or_insert(error);
            }
            Ok(part) => {
                for (outcome, &row) in part.outcomes.iter().zip(&self.rows) {
                    state.receipt.outcomes[row as usize] = *outcome;
                }
                let back = |(row, rejection): (u32, Rejection)| (self.rows[row as usize], rejection);
                state.receipt.rejections.extend(part.rejections.into_iter().map(back));
            }
        }
    }
}

/// A part that nobody answers was decided by nobody: a worker that ended must not look like one that refused.
impl Drop for Reply {
    fn drop(&mut self) {
        if !self.is_sent {
            let mut state = self.gathering.state.lock();
            state.error.get_or_insert(SubmitError::Closed);
        }
    }
}

/// The last [`Reply`] to go, sent or dropped, lets go of the gathering; that is the moment to answer.
impl Drop for Gathering {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let Some(done) = state.done.take() else { return };
        assert_free();
        let mut receipt = std::mem::take(&mut state.receipt);
        receipt.rejections.sort_by_key(|(row, _)| *row);
        done(match state.error.take() {
            Some(error) => Err(error),
            None => Ok(receipt),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::permits::{FlightLimits, Permits};
    use super::*;

    fn gathering(rows: usize) -> (Arc<Gathering>, std::sync::mpsc::Receiver<Result<Receipt, SubmitError>>) {
        let permit = Permits::new(FlightLimits::default()).try_take(rows).unwrap();
        let (send, receive) = std::sync::mpsc::channel();
        (Gathering::new(rows, Box::new(move |answer| send.send(answer).unwrap()), permit), receive)
    }

    #[test]
    fn a_part_that_is_dropped_unanswered_closes_the_whole() {
        let (whole, answer) = gathering(2);
        let parts = [whole.part(vec![0]), whole.part(vec![1])];
        drop(whole);
        let [first, second] = parts;
        first.send(Ok(Receipt { outcomes: vec![Outcome::Admitted], rejections: Vec::new() }));
        drop(second);
        assert_eq!(answer.recv().unwrap(), Err(SubmitError::Closed));
    }

    #[test]
    fn parts_are_put_back_into_their_rows() {
        let (whole, answer) = gathering(2);
        let parts = [whole.part(vec![1]), whole.part(vec![0])];
        drop(whole);
        for (part, outcome) in parts.into_iter().zip([Outcome::Late, Outcome::Duplicate]) {
            part.send(Ok(Receipt { outcomes: vec![outcome], rejections: Vec::new() }));
        }
        assert_eq!(answer.recv().unwrap().unwrap().outcomes, [Outcome::Duplicate, Outcome::Late]);
    }
}
