//! What one statement may hold of the memory that all share (I8): so that one can't make the others fail.
//!
//! An operator that can put rows aside does so when it is refused; one that can't ends its statement. Within a statement
//! the share is divided as the whole is among statements, so that operators that can't put rows aside find room.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// A part of a pool.
#[derive(Debug)]
pub(super) struct Share {
    whole: Arc<dyn MemoryPool>,
    own: FairSpillPool,
    bytes_max: usize,
}

impl Share {
    pub(super) fn new(whole: Arc<dyn MemoryPool>, bytes_max: usize) -> Self {
        Self { whole, own: FairSpillPool::new(bytes_max), bytes_max }
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
}
