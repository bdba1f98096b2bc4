//! A shard's side of one limit of one tenant: leases by period, and the rate's state. Used by one thread.

use std::collections::HashMap;

use engine::calendar::{Interval, Periods};
use engine::shard::Measure;

use super::table::Ledgers;
use crate::facets::quota::{Limit, Rate};

/// One limit as its shard knows it.
#[derive(Debug)]
pub(super) struct ShardLimit {
    pub(super) meter: String,
    pub(super) limit: Limit,
    periods: Option<Periods>,
    leases: HashMap<Interval, Lease>,
    rate: Option<Gcra>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lease {
    pub(super) used: i128,
    ceiling: i128,
}

/// What one row asks of one limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) tenant: &'a str,
    /// Nano-units of the limit's meter.
    pub(super) units: i128,
    pub(super) time_us: i64,
    pub(super) now_us: i64,
}

/// Why a row does not pass a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Refusal {
    Allowance(Interval),
    Rate,
}

impl ShardLimit {
    pub(super) fn new(meter: &str, limit: &Limit) -> Self {
        let periods = limit.allowance.as_ref().and_then(|allowance| allowance.per.periods().ok());
        let rate = limit.rate.as_ref().map(Gcra::new);
        Self { meter: meter.to_owned(), limit: limit.clone(), periods, leases: HashMap::new(), rate }
    }

    /// Whether the row's units fit; draws a lease if the one in hand does not reach.
    pub(super) fn check(
        &mut self,
        row: Row<'_>,
        (shard, ledgers): (u16, &Ledgers),
        measure: &mut dyn Measure,
    ) -> Result<Option<Interval>, Refusal> {
        let Row { tenant, units, time_us, now_us } = row;
        if self.rate.as_ref().is_some_and(|rate| !rate.fits(units, now_us)) && self.limit.hard {
            return Err(Refusal::Rate);
        }
        let (Some(allowance), Some(periods)) = (&self.limit.allowance, &mut self.periods) else { return Ok(None) };
        let Ok(period) = periods.containing(time_us) else { return Ok(None) };
        let limit = allowance.units.0;
        let lease = self.leases.entry(period).or_insert_with(|| {
            let used = measure.used(tenant, &self.meter, period);
            ledgers.with(&self.meter, period, limit, |ledger| ledger.join(shard, used));
            Lease { used, ceiling: used }
        });
        if lease.used + units > lease.ceiling {
            lease.ceiling = ledgers.with(&self.meter, period, limit, |ledger| ledger.raise(shard, lease.used, units));
            if lease.used + units > lease.ceiling && self.limit.hard {
                return Err(Refusal::Allowance(period));
            }
        }
        Ok(Some(period))
    }

    /// Takes what `check` allowed.
    pub(super) fn take(&mut self, units: i128, period: Option<Interval>, now_us: i64) {
        if let Some(rate) = &mut self.rate {
            rate.take(units, now_us);
        }
        if let Some(lease) = period.and_then(|period| self.leases.get_mut(&period)) {
            lease.used += units;
        }
    }

    /// Gives back what did not become durable.
    pub(super) fn give_back(&mut self, units: i128, period: Interval) {
        if let Some(lease) = self.leases.get_mut(&period) {
            lease.used -= units;
        }
    }

    /// Tells the ledger how much of a period is used.
    pub(super) fn report(&self, shard: u16, period: Interval, ledgers: &Ledgers) {
        if let (Some(lease), Some(allowance)) = (self.leases.get(&period), &self.limit.allowance) {
            ledgers.with(&self.meter, period, allowance.units.0, |ledger| ledger.report(shard, lease.used));
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
