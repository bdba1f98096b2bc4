//! A shard's side of one limit of one tenant: leases by period, and the rate's state. Used by one thread.

use engine::calendar::{Interval, Periods};
use engine::shard::Measure;

use super::table::{Ledgers, SharedLedger};
use crate::facets::quota::{Limit, Rate};

/// One limit as its shard knows it.
#[derive(Debug)]
pub(super) struct ShardLimit {
    /// Place of its meter among those that the gate knows.
    pub(super) meter: usize,
    pub(super) limit: Limit,
    periods: Option<Periods>,
    /// By start of the period.
    leases: Vec<Lease>,
    /// Where the last one was found: events of one tenant mostly lie in one period.
    last: usize,
    rate: Option<Gcra>,
}

#[derive(Debug)]
struct Lease {
    period: Interval,
    used: i128,
    ceiling: i128,
    /// Of `used`, by the batch at hand.
    spent: i128,
    ledger: SharedLedger,
}

/// What one row asks of one limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Nano-units of the limit's meter.
    pub(super) units: i128,
    pub(super) time_us: i64,
    pub(super) now_us: i64,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) tenant: &'a str,
    pub(super) meter: &'a str,
    pub(super) shard: u16,
    pub(super) ledgers: &'a Ledgers,
}

/// Why a row does not pass a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Refusal {
    Allowance(Interval),
    Rate,
}

impl ShardLimit {
    pub(super) fn new(meter: usize, limit: &Limit) -> Self {
        let periods = limit.allowance.as_ref().and_then(|allowance| allowance.per.periods().ok());
        let rate = limit.rate.as_ref().map(Gcra::new);
        Self { meter, limit: limit.clone(), periods, leases: Vec::new(), last: 0, rate }
    }

    /// Something of what a check will look at, which brings it near.
    pub(super) fn touch(&self) -> i128 {
        self.leases.get(self.last).map_or(0, |lease| lease.used)
    }

    /// Whether the row's units fit; draws a lease if the one in hand does not reach. Gives the lease for [`Self::take`].
    pub(super) fn check(
        &mut self,
        row: Row,
        owner: Owner<'_>,
        measure: &mut dyn Measure,
    ) -> Result<Option<usize>, Refusal> {
        let Row { units, time_us, now_us } = row;
        if self.rate.as_ref().is_some_and(|rate| !rate.fits(units, now_us)) && self.limit.hard {
            return Err(Refusal::Rate);
        }
        let (Some(allowance), Some(periods)) = (&self.limit.allowance, &mut self.periods) else { return Ok(None) };
        let Ok(period) = periods.containing(time_us) else { return Ok(None) };
        let limit = allowance.units.0;
        let at = self.find(period).unwrap_or_else(|at| {
            let used = measure.used(owner.tenant, owner.meter, period);
            let ledger = owner.ledgers.of(owner.meter, period, limit);
            ledger.lock().join(owner.shard, used);
            self.leases.insert(at, Lease { period, used, ceiling: used, spent: 0, ledger });
            at
        });
        self.last = at;
        let lease = &mut self.leases[at];
        if lease.used + units > lease.ceiling {
            lease.ceiling = lease.ledger.lock().raise(owner.shard, lease.used, units);
            if lease.used + units > lease.ceiling && self.limit.hard {
                return Err(Refusal::Allowance(period));
            }
        }
        Ok(Some(at))
    }

    /// Place of the lease for `period`, or where it belongs.
    fn find(&self, period: Interval) -> Result<usize, usize> {
        if self.leases.get(self.last).is_some_and(|lease| lease.period == period) {
            return Ok(self.last);
        }
        self.leases.binary_search_by_key(&period.start_us, |lease| lease.period.start_us)
    }

    /// Takes what `check` allowed; the period if nothing of this batch was taken of its lease so far.
    pub(super) fn take(&mut self, units: i128, lease: Option<usize>, now_us: i64) -> Option<Interval> {
        if let Some(rate) = &mut self.rate {
            rate.take(units, now_us);
        }
        let lease = &mut self.leases[lease?];
        let is_first = lease.spent == 0;
        lease.used += units;
        lease.spent += units;
        is_first.then_some(lease.period)
    }

    /// The batch is over: tells the ledger how much is used; gives what the batch took.
    pub(super) fn close(&mut self, shard: u16, period: Interval) -> i128 {
        let Ok(at) = self.find(period) else { return 0 };
        let lease = &mut self.leases[at];
        lease.ledger.lock().report(shard, lease.used);
        std::mem::take(&mut lease.spent)
    }

    /// Gives back what did not become durable.
    pub(super) fn give_back(&mut self, shard: u16, period: Interval, units: i128) {
        if let Ok(at) = self.find(period) {
            let lease = &mut self.leases[at];
            lease.used -= units;
            lease.ledger.lock().report(shard, lease.used);
        }
    }
}

/// Generic cell rate algorithm (ITU-T I.371), in nano-units instead of cells.
#[derive(Debug)]
struct Gcra {
    units_per_s: i128,
    tolerance_us: i128,
    theoretical_us: i128,
}

impl Gcra {
    fn new(rate: &Rate) -> Self {
        let tolerance_us = rate.burst.0.saturating_mul(1_000_000) / rate.units_per_s.0.max(1);
        Self { units_per_s: rate.units_per_s.0.max(1), tolerance_us, theoretical_us: i128::MIN / 2 }
    }

    fn after(&self, units: i128, now_us: i64) -> i128 {
        let cost_us = units.saturating_mul(1_000_000) / self.units_per_s;
        self.theoretical_us.max(i128::from(now_us)).saturating_add(cost_us)
    }

    fn fits(&self, units: i128, now_us: i64) -> bool {
        self.after(units, now_us) - i128::from(now_us) <= self.tolerance_us
    }

    fn take(&mut self, units: i128, now_us: i64) {
        self.theoretical_us = self.after(units, now_us);
    }
}

#[cfg(test)]
mod tests {
    use engine::units::{ONE, Units};

    use super::*;

    #[test]
    fn a_rate_lets_the_burst_pass_and_then_its_pace() {
        let mut gcra = Gcra::new(&Rate { units_per_s: Units::whole(10), burst: Units::whole(3) });
        let mut admitted_in = |from_us: i64, to_us: i64| {
            let mut count = 0;
            for now_us in (from_us..to_us).step_by(10_000) {
                if gcra.fits(ONE, now_us) {
                    gcra.take(ONE, now_us);
                    count += 1;
                }
            }
            count
        };
        assert_eq!(admitted_in(0, 1_000_000), 12, "3 at once, then one each 100 ms");
        assert_eq!(admitted_in(1_000_000, 2_000_000), 10);
        assert_eq!(admitted_in(60_000_000, 61_000_000), 12, "a silence restores the burst");
    }
}
