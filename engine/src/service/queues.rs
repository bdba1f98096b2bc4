//! The ways to the shards, as long as they take anything.
//!
//! Whoever submits has them all for as long as it takes to send, and nobody waits for anybody: a part that is dropped unsent
//! answers its caller, whose code must not run under a lock (I15). They are closed when the last one who has them lets go.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use crossbeam_channel::Sender;

use crate::shard::worker::Part;

/// One queue a shard; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Queues(Arc<ArcSwapOption<Vec<Sender<Part>>>>);

impl Queues {
    /// From now on `queues` take.
    pub(super) fn open(&self, queues: Vec<Sender<Part>>) {
        self.0.store(Some(Arc::new(queues)));
    }

    /// In the order of the shards; none once they are closed.
    pub(super) fn get(&self) -> Option<Arc<Vec<Sender<Part>>>> {
        self.0.load_full()
    }

    /// Nobody gets them any more.
    pub(super) fn close(&self) {
        self.0.store(None);
    }
}
