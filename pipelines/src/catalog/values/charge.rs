//! What functions have made and nobody has counted yet, taken from the memory of the statement that runs on this thread.
//!
//! An operator evaluates its expressions on the thread that polls it, and within one poll. So a stream around it
//! ([`super::pieces`]) makes its reservation known to the thread while it polls, the guards take from that, and it is given back
//! once the batch is there and counted as a whole.

use std::cell::RefCell;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;

/// What an operator's functions take from.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) reservation: Arc<MemoryReservation>,
    /// Whether what functions give is there together until the batch is, as the columns of a projection are. Others evaluate
    /// any number of times within one poll and drop what they got.
    pub(super) keeps: bool,
}

thread_local! {
    static PENDING: RefCell<Option<Pending>> = const { RefCell::new(None) };
}

/// Runs `poll`, whose guards take from `pending`. What the operator around this one has taken for its last batch is given back
/// when this one has given it another.
pub(super) fn within<T>(pending: &Pending, poll: impl FnOnce() -> T) -> T {
    struct Restore(Option<Pending>);
    impl Drop for Restore {
        fn drop(&mut self) {
            if let Some(outer) = &self.0 {
                outer.reservation.free();
            }
            let before = self.0.take();
            PENDING.with(|current| *current.borrow_mut() = before);
        }
    }
    let before = PENDING.with(|current| current.borrow_mut().replace(pending.clone()));
    let _restore = Restore(before);
    poll()
}

/// Whether a statement's memory is known here; where constants are folded it is not.
pub(super) fn is_known() -> bool {
    PENDING.with(|current| current.borrow().is_some())
}

/// Takes `bytes`, runs `work`, and keeps of them what its result takes.
pub(super) fn taken<T>(bytes: u64, work: impl FnOnce() -> Result<T>, takes: impl FnOnce(&T) -> u64) -> Result<T> {
    let pending = PENDING.with(|current| current.borrow().clone());
    let Some(Pending { reservation: pending, keeps }) = pending else { return work() };
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    pending.try_grow(bytes)?;
    let made = work();
    let kept = made.as_ref().map_or(0, |made| usize::try_from(takes(made)).unwrap_or(usize::MAX));
    // An operator that was polled meanwhile may have given back what was pending.
    pending.shrink(bytes.min(pending.size()));
    if keeps {
        pending.try_grow(kept)?;
    }
    made
}

/// Gives back what was taken for the last batch of the operator that is being polled.
pub(super) fn begin() {
    PENDING.with(|current| {
        if let Some(pending) = &*current.borrow() {
            pending.reservation.free();
        }
    });
}
