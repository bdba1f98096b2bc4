//! Whose time comes when: each tenant once, at the one time that was set last.
//!
//! Pure. Not here: what is done then.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    by_time: BTreeSet<(i64, Arc<str>)>,
    by_tenant: HashMap<Arc<str>, i64>,
}

impl Queue {
    /// A tenant's time is `due_us`, or never.
    pub fn set(&mut self, tenant: &Arc<str>, due_us: Option<i64>) {
        let before = match due_us {
            Some(due_us) => self.by_tenant.insert(Arc::clone(tenant), due_us),
            None => self.by_tenant.remove(tenant),
        };
        if let Some(before_us) = before {
            self.by_time.remove(&(before_us, Arc::clone(tenant)));
        }
        if let Some(due_us) = due_us {
            self.by_time.insert((due_us, Arc::clone(tenant)));
        }
    }

    /// The tenant whose time came first, if it is not behind `now_us`; it has none then.
    pub fn take(&mut self, now_us: i64) -> Option<Arc<str>> {
        let (_, tenant) = self.by_time.first().filter(|(due_us, _)| *due_us <= now_us)?;
        let tenant = Arc::clone(tenant);
        self.set(&tenant, None);
        Some(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_taken_first_and_once() {
        let mut queue = Queue::default();
        let names: Vec<Arc<str>> = ["acme", "globex", "initech"].map(Arc::from).into();
        for (name, due_us) in names.iter().zip([30, 10, 20]) {
            queue.set(name, Some(due_us));
        }
        queue.set(&names[2], Some(5));
        let mut taken = || queue.take(20).map(|tenant| tenant.to_string());
        assert_eq!([taken(), taken(), taken()], [Some("initech".into()), Some("globex".into()), None]);
        queue.set(&names[0], None);
        assert_eq!((queue.take(i64::MAX), queue.by_time.len(), queue.by_tenant.len()), (None, 0, 0));
    }
}
