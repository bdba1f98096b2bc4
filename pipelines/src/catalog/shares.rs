//! Who shares the memory of all statements: tenants, those of their statements that wait for their reader as long as it likes,
//! and each statement (I8, I13). And which statements run, so that the largest can be ended when the node is short of memory.
//!
//! Not here: what a share is ([`super::share`]), when the node is short of memory (`server::memory`).

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use engine::lock::Lock;

use super::CatalogOptions;
use super::share::{Share, ShortOfMemory};
use super::visibility::Visibility;

/// A mark in a session's configuration: what is planned in it is a cursor, which is read when its client likes.
#[derive(Debug)]
pub struct Parked;

/// See the module.
#[derive(Debug)]
pub(super) struct Shares {
    statement_bytes_max: usize,
    tenant_bytes_max: usize,
    cursor_bytes_max: usize,
    cursors: Arc<dyn MemoryPool>,
    tenants: Lock<HashMap<Visibility, Weak<Share>>>,
    running: Lock<Vec<Weak<Share>>>,
}

impl Shares {
    pub(super) fn new(options: &CatalogOptions) -> Self {
        Self {
            statement_bytes_max: options.statement_memory_bytes_max,
            tenant_bytes_max: options.tenant_memory_bytes_max,
            cursor_bytes_max: options.cursor_memory_bytes_max,
            cursors: Arc::new(GreedyMemoryPool::new(options.cursor_memory_bytes_max)),
            tenants: Lock::default(),
            running: Lock::default(),
        }
    }

    /// The share that a statement of `holder` may take of `whole`; of what all cursors may take, if it is one.
    pub(super) fn statement(&self, whole: Arc<dyn MemoryPool>, holder: &Visibility, is_cursor: bool) -> Arc<Share> {
        let mut within: Arc<dyn MemoryPool> = self.tenant(whole, holder);
        if is_cursor {
            within = Arc::new(Share::of(within, Arc::clone(&self.cursors), self.cursor_bytes_max));
        }
        let share = Arc::new(Share::new(within, self.statement_bytes_max));
        let mut running = self.running.lock();
        running.retain(|other| other.strong_count() > 0);
        running.push(Arc::downgrade(&share));
        share
    }

    fn tenant(&self, whole: Arc<dyn MemoryPool>, holder: &Visibility) -> Arc<Share> {
        let bytes_max = self.tenant_bytes_max;
        let mut tenants = self.tenants.lock();
        if let Some(share) = tenants.get(holder).and_then(Weak::upgrade) {
            return share;
        }
        // Whoever runs nothing is forgotten.
        tenants.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::of(whole, Arc::new(GreedyMemoryPool::new(bytes_max)), bytes_max));
        tenants.insert(holder.clone(), Arc::downgrade(&share));
        share
    }

    /// Ends the statement that holds most, if that is at least `bytes_min`; what it held.
    pub(super) fn end_largest(&self, bytes_min: usize) -> Option<ShortOfMemory> {
        let running: Vec<_> = self.running.lock().iter().filter_map(Weak::upgrade).collect();
        let largest = running.into_iter().filter(|share| !share.is_ended()).max_by_key(|share| share.reserved())?;
        (largest.reserved() >= bytes_min).then(|| largest.end())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::MemoryConsumer;

    use super::*;

    fn shares() -> (Shares, Arc<dyn MemoryPool>) {
        let options = CatalogOptions {
            statement_memory_bytes_max: 60,
            tenant_memory_bytes_max: 80,
            cursor_memory_bytes_max: 50,
            ..CatalogOptions::default()
        };
        (Shares::new(&options), Arc::new(GreedyMemoryPool::new(200)))
    }

    #[test]
    fn a_tenant_has_no_more_than_its_share_in_all_its_statements() {
        let (shares, whole) = shares();
        let take = |tenant: &str, is_cursor| {
            let share = shares.statement(Arc::clone(&whole), &Visibility::Tenant(tenant.into()), is_cursor);
            let pool: Arc<dyn MemoryPool> = share;
            MemoryConsumer::new("rows").register(&pool)
        };
        let (one, two, other) = (take("a", false), take("a", false), take("b", false));
        one.try_grow(60).unwrap();
        assert!(two.try_grow(21).is_err());
        two.try_grow(20).unwrap();
        other.try_grow(60).unwrap();
        drop((one, two, other));
        let (one, two) = (take("a", true), take("b", true));
        one.try_grow(40).unwrap();
        assert!(two.try_grow(11).is_err(), "cursors of all have their share too");
        take("c", false).try_grow(60).unwrap();
        drop((one, two));
        assert_eq!(whole.reserved(), 0);
        take("a", false);
        take("a", false);
        let tenants = shares.tenants.lock().len();
        let running = shares.running.lock().len();
        assert_eq!((tenants, running), (1, 1), "what has ended is forgotten");
    }

    #[test]
    fn the_largest_is_ended_and_only_if_it_is_large() {
        let (shares, whole) = shares();
        let begin = |bytes: usize| {
            let share = shares.statement(Arc::clone(&whole), &Visibility::Platform, false);
            let pool: Arc<dyn MemoryPool> = Arc::clone(&share) as _;
            let held = MemoryConsumer::new("rows").register(&pool);
            held.try_grow(bytes).unwrap();
            (share, held)
        };
        let (small, large) = (begin(10), begin(40));
        assert_eq!(shares.end_largest(41), None);
        assert_eq!(shares.end_largest(10), Some(ShortOfMemory(40)));
        assert!(large.0.is_ended() && !small.0.is_ended());
        assert_eq!(shares.end_largest(10), Some(ShortOfMemory(10)), "it is not ended twice");
        assert_eq!(shares.end_largest(10), None);
    }
}
