//! A rate's state in one shard: a bucket that what passes fills and that leaks at the rate's pace. Pure.
//!
//! The continuous-state leaky bucket of ITU-T I.371, which is the generic cell rate algorithm told in units instead of
//! times: nothing is rounded, so a million units a second are as exact as one a day (I7). A negative value gives nothing
//! back: it is an event too. Not here: which rows count how much.

use crate::limit::Rate;

/// A bucket's quantities are nano-units times this, so that what leaks in a microsecond is a whole number of them.
const PER_UNIT: i128 = 1_000_000;

/// How full a rate is.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    units_per_s: i128,
    burst: i128,
    /// What passed and has not leaked away.
    level: i128,
    /// That, and what the batch at hand was told to bring later.
    promised: i128,
    at_us: i64,
}

/// Why units do not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// They pass after so many milliseconds, if what was told less goes before.
    Milliseconds(u64),
    /// They are more than the burst.
    Forever,
}

impl Bucket {
    /// Empty: the burst may pass at once.
    pub(super) fn new(rate: &Rate, now_us: i64) -> Self {
        let (units_per_s, burst) = (rate.units_per_s.0.max(1), rate.burst.0.saturating_mul(PER_UNIT));
        Self { units_per_s, burst, level: 0, promised: 0, at_us: now_us }
    }

    /// Full: what passed before is not known, so it may have been the burst.
    pub(super) fn full(rate: &Rate, now_us: i64) -> Self {
        let empty = Self::new(rate, now_us);
        Self { level: empty.burst, ..empty }
    }

    /// The same under another rate, or the same one set anew: its burst is not there a second time.
    pub(super) fn under(&self, rate: &Rate) -> Self {
        let new = Self::new(rate, self.at_us);
        Self { level: self.level.min(new.burst), ..new }
    }

    /// A batch begins at `now_us`.
    pub(super) fn begin(&mut self, now_us: i64) {
        // A clock that was set back leaks nothing, and goes on from there.
        let passed_us = i128::from(now_us) - i128::from(self.at_us);
        self.at_us = now_us;
        self.level = (self.level - passed_us.max(0).saturating_mul(self.units_per_s)).max(0);
        self.promised = self.level;
    }

    /// Whether `units` nano-units may pass now.
    pub(super) fn check(&mut self, units: i128) -> Result<(), Wait> {
        let cost = cost(units);
        if self.level.saturating_add(cost) <= self.burst || cost == 0 {
            return Ok(());
        }
        if cost > self.burst {
            return Err(Wait::Forever);
        }
        self.promised = self.promised.saturating_add(cost);
        let wait_ms = ceil(ceil(self.promised - self.burst, self.units_per_s), 1000).max(1);
        Err(Wait::Milliseconds(u64::try_from(wait_ms).unwrap_or(u64::MAX)))
    }

    /// They pass.
    pub(super) fn take(&mut self, units: i128) {
        self.level = self.level.saturating_add(cost(units));
        self.promised = self.promised.saturating_add(cost(units));
    }
}

fn cost(units: i128) -> i128 {
    units.max(0).saturating_mul(PER_UNIT)
}

/// `dividend / divisor` rounded up; both are positive.
fn ceil(dividend: i128, divisor: i128) -> i128 {
    dividend / divisor + i128::from(dividend % divisor > 0)
}

#[cfg(test)]
mod tests {
    use engine::units::{ONE, Units};
    use proptest::prelude::*;

    use super::*;

    fn rate(units_per_s: i64, burst: i64) -> Rate {
        Rate { units_per_s: Units::whole(units_per_s), burst: Units::whole(burst) }
    }

    fn passes(bucket: &mut Bucket, units: i128, now_us: i64) -> bool {
        bucket.begin(now_us);
        let passes = bucket.check(units).is_ok();
        if passes {
            bucket.take(units);
        }
        passes
    }

    #[test]
    fn a_rate_lets_the_burst_pass_and_then_its_pace() {
        let mut bucket = Bucket::new(&rate(10, 3), 0);
        let mut admitted_in = |from_us: i64, to_us: i64| {
            (from_us..to_us).step_by(10_000).filter(|&now_us| passes(&mut bucket, ONE, now_us)).count()
        };
        assert_eq!(admitted_in(0, 1_000_000), 12, "3 at once, then one each 100 ms");
        assert_eq!(admitted_in(1_000_000, 2_000_000), 10);
        assert_eq!(admitted_in(60_000_000, 61_000_000), 12, "a silence restores the burst");
    }

    #[test]
    fn units_that_take_less_than_a_microsecond_are_counted_too() {
        let mut bucket = Bucket::new(&rate(3_000_000, 10), 0);
        let passed = (0..1_000).flat_map(|us| [us; 10]).filter(|&us| passes(&mut bucket, ONE, us)).count();
        assert_eq!(passed, 10 + 2_997, "3 a microsecond");
    }

    #[test]
    fn each_of_a_batch_is_told_when_its_turn_is() {
        let mut bucket = Bucket::new(&rate(100, 100), 0);
        bucket.begin(0);
        let waits: Vec<_> = (0..1000)
            .map(|_| match bucket.check(ONE) {
                Ok(()) => {
                    bucket.take(ONE);
                    0
                }
                Err(Wait::Milliseconds(ms)) => ms,
                Err(Wait::Forever) => unreachable!("one is less than the burst"),
            })
            .collect();
        assert!(waits[..100].iter().all(|&ms| ms == 0));
        assert_eq!((waits[100], waits[101], waits[999]), (10, 20, 9000));
        for ms in &waits[100..] {
            assert!(passes(&mut bucket, ONE, *ms as i64 * 1000), "{ms} ms");
        }
    }

    #[test]
    fn more_than_the_burst_never_passes() {
        let mut bucket = Bucket::new(&rate(10, 5), 0);
        bucket.begin(1 << 60);
        assert_eq!(bucket.check(6 * ONE), Err(Wait::Forever));
        assert_eq!(bucket.check(5 * ONE), Ok(()));
    }

    #[test]
    fn a_rate_that_is_set_anew_has_no_second_burst() {
        let mut bucket = Bucket::new(&rate(1, 5), 0);
        assert!(passes(&mut bucket, 5 * ONE, 0));
        let mut again = bucket.under(&rate(2, 3));
        assert!(!passes(&mut again, ONE, 0));
        assert!(passes(&mut again, ONE, 500_000));
        assert!(!passes(&mut Bucket::full(&rate(1, 5), 0), ONE, 999_999));
    }

    #[test]
    fn a_clock_that_goes_back_neither_opens_nor_closes_a_rate() {
        let mut bucket = Bucket::new(&rate(1, 2), 3_600_000_000);
        assert!(passes(&mut bucket, 2 * ONE, 3_600_000_000));
        assert!(!passes(&mut bucket, ONE, 0), "set back by an hour");
        assert!(passes(&mut bucket, ONE, 1_000_000));
    }

    proptest! {
        #[test]
        fn no_interval_sees_more_than_the_burst_and_its_pace(
            steps in prop::collection::vec((0i64..400_000, -4i128..6), 1..200),
        ) {
            let (pace, burst) = (7, 4);
            let mut bucket = Bucket::new(&rate(pace, burst), 0);
            let (mut now_us, mut passed) = (0, Vec::new());
            for (pause_us, units) in steps {
                now_us += pause_us;
                if passes(&mut bucket, units * ONE, now_us) {
                    passed.push((now_us, units.max(0)));
                }
            }
            for (first, &(from_us, _)) in passed.iter().enumerate() {
                let mut sum = 0;
                for &(until_us, units) in &passed[first..] {
                    sum += units;
                    let most = i128::from(burst) * 1_000_000 + i128::from(pace) * i128::from(until_us - from_us);
                    prop_assert!(sum * 1_000_000 <= most);
                }
            }
        }
    }
}
