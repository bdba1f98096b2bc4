//! What a start found damaged and put right by itself: for whoever watches a fleet of nodes and their disks.
//!
//! Damage that can't be put right without losing something acknowledged is no figure here: then the node does not start.

/// Figures of one start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Mended {
    /// Bytes of torn writes cut off the ends of the logs; nobody had been told of them.
    pub log_bytes_cut: u64,
    /// Damaged checkpoints that an earlier one and the log stood in for.
    pub checkpoint_fallbacks: u64,
    /// Caches of tenants that were rebuilt from the journal (I9).
    pub snapshots_rebuilt: u64,
}

impl std::ops::AddAssign for Mended {
    fn add_assign(&mut self, other: Self) {
        self.log_bytes_cut += other.log_bytes_cut;
        self.checkpoint_fallbacks += other.checkpoint_fallbacks;
        self.snapshots_rebuilt += other.snapshots_rebuilt;
    }
}
