//! What goes wrong where nobody waits for an answer: shown until it goes well again, and counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::lock::Lock;
use crate::service::EngineError;

/// The last failures, by what failed.
#[derive(Default)]
pub(in crate::service) struct Trouble {
    stopped: Lock<Option<String>>,
    checkpoint: Lock<Option<String>>,
    moving: Lock<Option<String>>,
    count: AtomicU64,
}

impl Trouble {
    /// The engine has stopped for good.
    pub(super) fn has_stopped(&self, reason: &str) {
        set(&self.stopped, Some(reason.to_owned()));
    }

    /// How a checkpoint ended.
    pub(super) fn of_checkpoint(&self, error: Option<&EngineError>) {
        self.count.fetch_add(u64::from(error.is_some()), Ordering::Relaxed);
        set(&self.checkpoint, error.map(|error| format!("checkpoint failed: {error}")));
    }

    /// How a move to the lake ended.
    pub(super) fn of_move(&self, error: Option<EngineError>) {
        self.count.fetch_add(u64::from(error.is_some()), Ordering::Relaxed);
        set(&self.moving, error.map(|error| format!("events could not be moved to the lake: {error}")));
    }

    /// Whether the last move to the lake failed.
    pub(super) fn is_of_move(&self) -> bool {
        get(&self.moving).is_some()
    }

    /// The gravest.
    pub(in crate::service) fn told(&self) -> Option<String> {
        get(&self.stopped).or_else(|| get(&self.checkpoint)).or_else(|| get(&self.moving))
    }

    /// Checkpoints and moves that failed.
    pub(in crate::service) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

fn set(of: &Lock<Option<String>>, reason: Option<String>) {
    *of.lock() = reason;
}

fn get(of: &Lock<Option<String>>) -> Option<String> {
    of.lock().clone()
}
