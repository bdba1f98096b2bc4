//! The engine's in-flight limit (I8): submissions and rows that wait for an answer.
//!
//! A permit is held until the answer is given, so the shards' queues can be as long as there are permits and a send never
//! blocks.

use std::sync::Arc;

use crate::lock::{Lock, Signal};

/// How much may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlightLimits {
    /// Submissions without an answer.
    pub submissions_max: usize,
    /// Rows without an answer; a single larger submission is taken when nothing else is in flight.
    pub rows_max: usize,
}

impl Default for FlightLimits {
    fn default() -> Self {
        Self { submissions_max: 1024, rows_max: 262_144 }
    }
}

#[derive(Debug)]
pub(crate) struct Permits {
    limits: FlightLimits,
    used: Lock<Used>,
    freed: Signal,
}

#[derive(Debug, Default)]
struct Used {
    submissions: usize,
    rows: usize,
    closed: bool,
}

/// The right to have `rows` in flight; given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Arc<Permits>,
    rows: usize,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPermit {
    Overloaded,
    Closed,
}

impl Permits {
    pub(crate) fn new(limits: FlightLimits) -> Arc<Self> {
        Arc::new(Self { limits, used: Lock::default(), freed: Signal::default() })
    }

    /// Takes a permit now or not at all.
    pub(crate) fn try_take(self: &Arc<Self>, rows: usize) -> Result<Permit, NoPermit> {
        let mut used = self.used.lock();
        self.take_if_free(&mut used, rows)
    }

    /// Waits for a permit.
    pub(crate) fn take(self: &Arc<Self>, rows: usize) -> Result<Permit, NoPermit> {
        let mut used = self.used.lock();
        loop {
            match self.take_if_free(&mut used, rows) {
                Err(NoPermit::Overloaded) => {
                    used = self.freed.wait(used);
                }
                decided => return decided,
            }
        }
    }

    fn take_if_free(self: &Arc<Self>, used: &mut Used, rows: usize) -> Result<Permit, NoPermit> {
        if used.closed {
            return Err(NoPermit::Closed);
        }
        let full = used.submissions >= self.limits.submissions_max || used.rows + rows > self.limits.rows_max;
        if full && used.submissions > 0 {
            return Err(NoPermit::Overloaded);
        }
        used.submissions += 1;
        used.rows += rows;
        Ok(Permit { permits: Arc::clone(self), rows })
    }

    /// No further permits; returns when all are back.
    pub(crate) fn close(&self) {
        self.used.lock().closed = true;
        self.freed.notify_all();
        self.settle();
    }

    /// Returns when nothing is in flight.
    pub(crate) fn settle(&self) {
        let mut used = self.used.lock();
        while used.submissions > 0 {
            used = self.freed.wait(used);
        }
    }

    /// Rows in flight.
    pub(crate) fn rows(&self) -> usize {
        self.used.lock().rows
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut used = self.permits.used.lock();
        used.submissions -= 1;
        used.rows -= self.rows;
        self.permits.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_a_giant_passes_alone() {
        let permits = Permits::new(FlightLimits { submissions_max: 2, rows_max: 10 });
        let first = permits.try_take(6).unwrap();
        assert_eq!(permits.try_take(5).unwrap_err(), NoPermit::Overloaded);
        let second = permits.try_take(4).unwrap();
        assert_eq!(permits.try_take(0).unwrap_err(), NoPermit::Overloaded);
        drop((first, second));
        let giant = permits.try_take(1000).unwrap();
        assert_eq!(permits.rows(), 1000);
        drop(giant);
        permits.close();
        assert_eq!(permits.take(1).unwrap_err(), NoPermit::Closed);
    }
}
