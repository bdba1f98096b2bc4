//! Memory of a statement that is counted while something is built for it, before it is there to be counted (I13).
//!
//! What views build on the way to their first batch takes from the same share as what operators collect. Who builds for nobody
//! in particular, a shard or a test, counts nothing. Not here: what functions give (`catalog::values`).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

/// Where to take it from; cheap to clone. The default counts nothing.
#[derive(Debug, Clone, Default)]
pub struct Memory(Option<Arc<MemoryReservation>>);

/// What was taken, until it is dropped.
#[derive(Debug, Default)]
pub struct Held {
    memory: Memory,
    bytes: usize,
}

impl Memory {
    /// Takes from `pool`, which knows it as `name`.
    pub fn of(pool: &Arc<dyn MemoryPool>, name: &str) -> Self {
        Self(Some(Arc::new(MemoryConsumer::new(name).register(pool))))
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// If the statement may not have as many.
    pub fn hold(&self, bytes: usize) -> Result<Held> {
        let mut held = Held { memory: self.clone(), bytes: 0 };
        held.grow(bytes)?;
        Ok(held)
    }
}

impl Held {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// If the statement may not have as many.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        if let Some(reservation) = &self.memory.0 {
            reservation.try_grow(bytes)?;
            self.bytes += bytes;
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(reservation) = &self.memory.0 {
            reservation.shrink(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn what_is_held_is_counted_until_it_is_dropped() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let memory = Memory::of(&pool, "rows");
        let mut held = memory.hold(60).unwrap();
        let other = memory.hold(40).unwrap();
        assert!(held.grow(1).is_err());
        drop(other);
        held.grow(1).unwrap();
        assert_eq!(pool.reserved(), 61);
        drop(held);
        assert_eq!(pool.reserved(), 0);
        Memory::default().hold(usize::MAX).unwrap();
    }
}
