//! The ledger of one (tenant, meter, period): up to which count each shard may go. Pure.
//!
//! # Invariant (I7)
//! The sum of the shards' ceilings never exceeds the limit, except by what the log already held when the limit was set.
//! A shard spends only below its ceiling, so what is admitted never exceeds the limit, at any concurrency. A new epoch
//! starts a new ledger from what the log says, so unspent leases die with the old one.

use std::collections::BTreeMap;

/// A fresh lease is what is asked for plus this fraction of what is left: far from the limit leases are large and rare,
/// near it they are exact.
const LEASE_FRACTION: i128 = 16;

/// Grants of one allowance in one period; all quantities are nano-units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    limit: i128,
    shards: BTreeMap<u16, Account>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Account {
    ceiling: i128,
    used: i128,
}

/// What a ledger says to the `quotas` view; all quantities are nano-units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseView {
    /// The allowance.
    pub limit: i128,
    /// Used, by the last report of each shard.
    pub used: i128,
    /// Granted in advance and not yet used.
    pub leased: i128,
}

impl Ledger {
    /// Nothing granted yet.
    pub fn new(limit: i128) -> Self {
        Self { limit, shards: BTreeMap::new() }
    }

    /// A shard comes, or comes again after the limit changed, with what it has used; its unspent lease is returned.
    pub fn join(&mut self, shard: u16, used: i128) {
        self.shards.insert(shard, Account { ceiling: used, used });
    }

    /// A shard has used `used` and wants to use `wanted` more. Returns its new ceiling, which may fall short of that.
    pub fn raise(&mut self, shard: u16, used: i128, wanted: i128) -> i128 {
        let granted: i128 = self.shards.values().map(|account| account.ceiling).sum();
        let account = self.shards.entry(shard).or_default();
        account.used = used;
        let left = (self.limit - granted).max(0);
        let missing = (used + wanted - account.ceiling).max(0);
        if missing <= left {
            account.ceiling += missing + (left - missing) / LEASE_FRACTION;
        }
        account.ceiling
    }

    /// A shard says how much it has used.
    pub fn report(&mut self, shard: u16, used: i128) {
        self.shards.entry(shard).or_insert(Account { ceiling: used, used }).used = used;
    }

    /// For the `quotas` view.
    pub fn view(&self) -> LeaseView {
        let used: i128 = self.shards.values().map(|account| account.used).sum();
        let leased = self.shards.values().map(|account| (account.ceiling - account.used).max(0)).sum();
        LeaseView { limit: self.limit, used, leased }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn near_the_limit_leases_are_exact() {
        let mut ledger = Ledger::new(100);
        ledger.join(0, 0);
        assert_eq!(ledger.raise(0, 0, 20), 25);
        assert_eq!(ledger.raise(0, 25, 75), 100);
        assert_eq!(ledger.raise(0, 100, 1), 100);
    }

    #[test]
    fn what_was_used_before_the_limit_counts() {
        let mut ledger = Ledger::new(100);
        ledger.join(0, 150);
        assert_eq!(ledger.raise(0, 150, 1), 150);
        assert_eq!(ledger.view(), LeaseView { limit: 100, used: 150, leased: 0 });
    }

    proptest! {
        #[test]
        fn admitted_never_exceeds_the_limit(
            limit in 0i128..2000,
            steps in prop::collection::vec((0u16..4, 1i128..40), 1..400),
        ) {
            let mut ledger = Ledger::new(limit);
            let mut shards = [(0i128, 0i128); 4];
            for shard in 0..4 {
                ledger.join(shard, 0);
            }
            for (shard, units) in steps {
                let (used, ceiling) = &mut shards[usize::from(shard)];
                if *used + units > *ceiling {
                    *ceiling = ledger.raise(shard, *used, units);
                }
                if *used + units <= *ceiling {
                    *used += units;
                }
                let total: i128 = shards.iter().map(|(used, _)| used).sum();
                prop_assert!(total <= limit);
            }
        }
    }
}
