//! The ledger of one (tenant, meter, period): up to which count each shard may go. Pure.
//!
//! # Invariant (I7)
//! What shards used or may still use never adds up to more than the limit through anything that the ledger grants; it does
//! only by what the log already held when the limit was set or a meter began to count otherwise. A shard spends only below
//! its ceiling, so what is admitted never lifts the sum above the limit, at any concurrency and whatever was given back in
//! between. A new epoch starts a new ledger from what the log says, so unspent leases die with the old one.
//!
//! A shard is known from when it joins: if one joins with use of its own after all was granted to others, they learn it
//! with their next report. Today all of a tenant is in one shard.

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
    /// May lie below `used`: then nothing is granted until as much was given back.
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

    /// A shard comes, or comes again because what it knew holds no more, with what it has used; its unspent lease is
    /// returned. Gives its ceiling.
    pub fn join(&mut self, shard: u16, used: i128) -> i128 {
        self.shards.insert(shard, Account { ceiling: used, used });
        self.report(shard, used)
    }

    /// A shard has used `used` and wants to use `wanted` more. Returns its new ceiling, which may fall short of that.
    pub fn raise(&mut self, shard: u16, used: i128, wanted: i128) -> i128 {
        let ceiling = self.report(shard, used);
        let (room, asked) = (self.room(shard), used.saturating_add(wanted));
        if asked <= ceiling || asked > room {
            return ceiling;
        }
        self.set(shard, Account { ceiling: asked + (room - asked) / LEASE_FRACTION, used })
    }

    /// A shard says how much it has used. Gives its ceiling, which is lower than before if others used what it was granted.
    pub fn report(&mut self, shard: u16, used: i128) -> i128 {
        let ceiling = self.shards.get(&shard).map_or(used, |account| account.ceiling);
        self.set(shard, Account { ceiling: ceiling.min(self.room(shard)), used })
    }

    fn set(&mut self, shard: u16, account: Account) -> i128 {
        self.shards.insert(shard, account);
        account.ceiling
    }

    /// How far a shard could go at most, beside what the others used or may use.
    fn room(&self, shard: u16) -> i128 {
        let others = self.shards.iter().filter(|(other, _)| **other != shard);
        others.fold(self.limit, |room, (_, account)| room.saturating_sub(account.used.max(account.ceiling)))
    }

    /// For the `quotas` view.
    pub fn view(&self) -> LeaseView {
        let sum =
            |of: fn(&Account) -> i128| self.shards.values().fold(0i128, |sum, account| sum.saturating_add(of(account)));
        let leased = sum(|account| account.ceiling.saturating_sub(account.used).max(0));
        LeaseView { limit: self.limit, used: sum(|account| account.used), leased }
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
    fn what_was_used_before_the_limit_counts_and_is_no_grant() {
        let mut ledger = Ledger::new(100);
        assert_eq!(ledger.join(0, 150), 100);
        assert_eq!(ledger.raise(0, 150, 1), 100);
        assert_eq!(ledger.view(), LeaseView { limit: 100, used: 150, leased: 0 });
        assert_eq!(ledger.raise(0, 140, 1), 100, "10 given back are not 10 to spend");
        assert_eq!(ledger.raise(0, 90, 10), 100);
    }

    #[test]
    fn a_shard_that_comes_with_use_of_its_own_lowers_what_others_may_use() {
        let mut ledger = Ledger::new(100);
        ledger.join(0, 0);
        assert_eq!(ledger.raise(0, 0, 100), 100);
        assert_eq!(ledger.join(1, 20), 0);
        assert_eq!(ledger.report(0, 10), 80);
        assert_eq!(ledger.raise(1, 20, 1), 0, "the other may use the rest");
    }

    /// What a shard does.
    #[derive(Debug, Clone)]
    enum Step {
        /// Some units, if they fit; negative ones always do.
        Spend(i128),
        /// The batch is over.
        Report,
        /// Its use is found to be another: a meter counts otherwise, or an append failed.
        Recount(i128),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (-20i128..40).prop_map(Step::Spend),
            2 => Just(Step::Report),
            1 => (-50i128..150).prop_map(Step::Recount),
        ]
    }

    proptest! {
        #[test]
        fn nothing_granted_lifts_what_is_used_above_the_limit(
            limit in 0i128..500,
            held in prop::collection::vec(-50i128..200, 4),
            steps in prop::collection::vec((0u16..4, step()), 1..400),
        ) {
            let mut ledger = Ledger::new(limit);
            let mut shards: Vec<(i128, i128)> = held.iter().map(|&used| (used, used)).collect();
            for (shard, (used, ceiling)) in (0..).zip(&mut shards) {
                *ceiling = ledger.join(shard, *used);
            }
            for (shard, (used, ceiling)) in (0..).zip(&mut shards) {
                *ceiling = ledger.report(shard, *used);
            }
            for (shard, step) in steps {
                let sum: i128 = shards.iter().map(|(used, _)| used).sum();
                let (used, ceiling) = &mut shards[usize::from(shard)];
                match step {
                    Step::Spend(units) => {
                        if units > 0 && *used + units > *ceiling {
                            *ceiling = ledger.raise(shard, *used, units);
                        }
                        if units < 0 || *used + units <= *ceiling {
                            *used += units;
                            prop_assert!(units < 0 || sum + units <= limit, "{} and {} of {}", sum, units, limit);
                        }
                    }
                    Step::Report => *ceiling = ledger.report(shard, *used),
                    Step::Recount(now) => {
                        *used = now;
                        *ceiling = ledger.join(shard, now);
                        // The others hear of it with their next batch.
                        for (other, (used, ceiling)) in (0..).zip(&mut shards) {
                            *ceiling = ledger.report(other, *used);
                        }
                    }
                }
            }
        }
    }
}
