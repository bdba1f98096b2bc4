//! The node's resident memory while it runs: it may grow until all that it does was done a few times, and by what it has to
//! remember of each event; not beyond.

use std::time::{Duration, Instant};

use crate::threads;

const EVERY: Duration = Duration::from_millis(500);
/// The part of the steady time that counts as warming up.
const WARM_PERCENT: usize = 40;
/// What the rest of it may add.
const GROWTH_MB_MAX: u64 = 400;

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Of the node that runs: since when, and megabytes.
    samples: Vec<(Duration, u64)>,
    /// The most that each node before had.
    before: Vec<u64>,
}

impl Memory {
    /// A look at the process `pid` that has been under load since `began`.
    pub(super) fn look(&mut self, pid: u32, began: Instant) {
        let age = began.elapsed();
        let last = self.samples.last().map_or(Duration::MAX, |(at, _)| *at);
        if last > age {
            self.begin();
        } else if age < last + EVERY {
            return;
        }
        self.samples.extend(threads::resident_bytes(pid).map(|bytes| (age, bytes >> 20)));
    }

    /// Another node.
    pub(super) fn begin(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        self.before.extend(samples.iter().map(|(_, mb)| *mb).max());
    }

    /// The last node, which ran longest, stopped growing.
    pub(super) fn is_flat(&self) {
        let (warm, rest) = self.samples.split_at(self.samples.len() * WARM_PERCENT / 100);
        let most = |samples: &[(Duration, u64)]| samples.iter().map(|(_, mb)| *mb).max().unwrap_or(0);
        assert!(most(rest) <= most(warm) + GROWTH_MB_MAX, "memory grows: {self}");
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "memory: {:?} MB at most in the nodes before; in the last", self.before)?;
        let step = (self.samples.len() / 12).max(1);
        for (age, mb) in self.samples.iter().step_by(step) {
            write!(to, ", {mb} MB after {} s", age.as_secs())?;
        }
        Ok(())
    }
}
