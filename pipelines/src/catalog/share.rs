//! What one statement may hold of the memory that all share (I8): so that one can't make the others fail.
//!
//! An operator that can put rows aside does so when it is refused; one that can't ends its statement. Within a statement
//! the share is divided as the whole is among statements, so that operators that can't put rows aside find room. Shares are
//! nested ([`super::shares`]): what a statement takes, its tenant takes, and the node.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use tokio::sync::watch;

/// The node has too little memory, and this statement was the one that held most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is short of memory (memory.shed_percent), and this statement held {0} bytes, more than any other")]
pub struct ShortOfMemory(pub usize);

/// A part of a pool.
#[derive(Debug)]
pub(super) struct Share {
    whole: Arc<dyn MemoryPool>,
    own: Arc<dyn MemoryPool>,
    bytes_max: usize,
    /// Set when whoever holds it has to end.
    ended: watch::Sender<Option<ShortOfMemory>>,
}

impl Share {
    pub(super) fn new(whole: Arc<dyn MemoryPool>, bytes_max: usize) -> Self {
        Self::of(whole, Arc::new(FairSpillPool::new(bytes_max)), bytes_max)
    }

    /// The part of `whole` that is also a part of `own`.
    pub(super) fn of(whole: Arc<dyn MemoryPool>, own: Arc<dyn MemoryPool>, bytes_max: usize) -> Self {
        Self { whole, own, bytes_max, ended: watch::Sender::new(None) }
    }

    /// Has whoever holds it end; what it takes from now on is refused.
    pub(super) fn end(&self) -> ShortOfMemory {
        let told = ShortOfMemory(self.own.reserved());
        self.ended.send_replace(Some(told));
        told
    }

    /// Whether it was told to end.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits until it has to end.
    pub(super) async fn ended(&self) -> DataFusionError {
        let mut ended = self.ended.subscribe();
        match ended.wait_for(Option::is_some).await.map(|told| *told) {
            Ok(Some(told)) => DataFusionError::External(Box::new(told)),
            // The sender is this share's own.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes_max)
    }
}

impl MemoryPool for Share {
    fn name(&self) -> &str {
        "share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
        self.whole.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
        self.whole.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.own.grow(reservation, additional);
        self.whole.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.whole.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if let Some(told) = *self.ended.borrow() {
            return Err(DataFusionError::External(Box::new(told)));
        }
        self.own.try_grow(reservation, additional)?;
        self.whole.try_grow(reservation, additional).inspect_err(|_| self.own.shrink(reservation, additional))
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn a_statement_is_refused_beyond_its_share_and_gives_back_what_it_held() {
        let whole: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let share = |bytes_max| -> Arc<dyn MemoryPool> { Arc::new(Share::new(Arc::clone(&whole), bytes_max)) };
        let (one, other) = (share(60), share(60));
        let mine = MemoryConsumer::new("mine").register(&one);
        let theirs = MemoryConsumer::new("theirs").register(&other);
        mine.try_grow(60).unwrap();
        assert!(mine.try_grow(1).is_err());
        assert!(theirs.try_grow(41).is_err(), "the whole is a limit too");
        theirs.try_grow(40).unwrap();
        mine.free();
        assert_eq!((one.reserved(), other.reserved(), whole.reserved()), (0, 40, 40));
        theirs.try_grow(20).unwrap();
    }

    #[tokio::test]
    async fn what_has_to_end_is_told_and_refused() {
        let share = Arc::new(Share::new(Arc::new(GreedyMemoryPool::new(100)), 60));
        let pool: Arc<dyn MemoryPool> = Arc::clone(&share) as _;
        let mine = MemoryConsumer::new("mine").register(&pool);
        mine.try_grow(40).unwrap();
        assert_eq!(share.end(), ShortOfMemory(40));
        let told = |error: DataFusionError| match error {
            DataFusionError::External(inner) => *inner.downcast::<ShortOfMemory>().unwrap(),
            other => panic!("{other}"),
        };
        assert_eq!(told(share.ended().await), ShortOfMemory(40));
        assert_eq!(told(mine.try_grow(1).unwrap_err()), ShortOfMemory(40));
    }
}
