//! How much may be under way at once, in all and for one tenant (I8): a request gets a permit or an answer, never a queue.
//!
//! Used for requests that bring events and for statements. Not here: how long they may take.

use std::collections::HashMap;
use std::sync::Arc;

use engine::lock::{Held, Lock};
use pipelines::catalog::Visibility;

/// Hands out permits; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Permits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total_max: usize,
    tenant_max: usize,
    taken: Lock<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_holder: HashMap<Visibility, usize>,
}

/// One request under way; gives its place back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    holder: Visibility,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// This tenant has as many as it may.
    #[error("{0} requests of yours are under way, which is the limit; wait for one to end")]
    Tenant(usize),
    /// The node has.
    #[error("{0} requests are under way, which is the limit of this node; try again")]
    Node(usize),
}

impl Permits {
    /// At most `total_max` at once, of which one tenant (the platform counts as one) has at most `tenant_max`.
    pub(crate) fn new(total_max: usize, tenant_max: usize) -> Self {
        Self(Arc::new(Shared { total_max, tenant_max, taken: Lock::default() }))
    }

    /// A permit, if there is room.
    pub(crate) fn take(&self, holder: &Visibility) -> Result<Permit, Full> {
        let mut taken = self.0.taken();
        if taken.total >= self.0.total_max {
            return Err(Full::Node(self.0.total_max));
        }
        let mine = taken.by_holder.entry(holder.clone()).or_default();
        if *mine >= self.0.tenant_max {
            return Err(Full::Tenant(self.0.tenant_max));
        }
        *mine += 1;
        taken.total += 1;
        Ok(Permit { shared: Arc::clone(&self.0), holder: holder.clone() })
    }

    /// How many are out.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken().total
    }
}

impl Shared {
    #[track_caller]
    fn taken(&self) -> Held<'_, Taken> {
        self.taken.lock()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.shared.taken();
        taken.total -= 1;
        if let Some(mine) = taken.by_holder.get_mut(&self.holder) {
            *mine -= 1;
            if *mine == 0 {
                taken.by_holder.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_tenant_leaves_room_for_others() {
        let permits = Permits::new(3, 2);
        let (loud, quiet) = (Visibility::Tenant("loud".into()), Visibility::Tenant("quiet".into()));
        let first = permits.take(&loud).unwrap();
        let _second = permits.take(&loud).unwrap();
        assert_eq!(permits.take(&loud).unwrap_err(), Full::Tenant(2));
        let _third = permits.take(&quiet).unwrap();
        assert_eq!(permits.take(&Visibility::Platform).unwrap_err(), Full::Node(3));
        drop(first);
        assert!(permits.take(&Visibility::Platform).is_ok());
        assert_eq!(permits.0.taken().by_holder.len(), 2, "who holds nothing is forgotten");
    }
}
