//! How much may be under way at once, in all and for one tenant (I8): a request gets a permit or an answer. Whoever wants to
//! wait queues elsewhere (`query::turns`).
//!
//! Used for requests, statements and sessions. A holder has no more than are free, so that a few that take all they may leave
//! something for the next one. Not here: how long they may take.

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
    /// The node has, or as much of it as this tenant may have beside others.
    #[error("{0} requests may be under way on this node, and as many are as may be beside yours; try again")]
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
        let free = self.0.total_max - taken.total;
        let mine = taken.by_holder.entry(holder.clone()).or_default();
        if *mine >= self.0.tenant_max {
            return Err(Full::Tenant(self.0.tenant_max));
        }
        if *mine > free {
            return Err(Full::Node(self.0.total_max));
        }
        *mine += 1;
        taken.total += 1;
        Ok(Permit { shared: Arc::clone(&self.0), holder: holder.clone() })
    }

    /// Why `holder` gets none, or would not have got one a moment ago.
    pub(crate) fn full(&self, holder: &Visibility) -> Full {
        let mine = self.0.taken().by_holder.get(holder).copied().unwrap_or_default();
        if mine >= self.0.tenant_max { Full::Tenant(self.0.tenant_max) } else { Full::Node(self.0.total_max) }
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
    fn however_much_a_few_take_the_next_one_finds_a_place() {
        let permits = Permits::new(256, 64);
        let mut held = Vec::new();
        for greedy in 0..6 {
            let greedy = Visibility::Tenant(greedy.to_string());
            held.extend(std::iter::from_fn(|| permits.take(&greedy).ok()));
        }
        assert!(permits.take(&Visibility::Platform).is_ok(), "{} of 256 are taken", held.len());
        assert!(held.len() > 240, "{}", held.len());
    }

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
