//! A shard's side of one limit of one tenant: leases by period, and the rate's state. Used by one thread.
//!
//! A lease is what the log says was used, kept up to date; whatever makes that uncertain (an append that failed, a meter
//! that counts otherwise) drops the lease, and the next row asks the log again (I7). Not here: whose limits hold.

use engine::calendar::{Interval, Periods};
use engine::shard::Measure;

use super::bucket::{Bucket, Wait};
use super::table::{Ledgers, SharedLedger};
use crate::limit::Limit;

/// Periods of one limit that are kept at hand; beyond it those that the batch at hand did not draw on are let go (I8).
const LEASES_MAX: usize = 32;

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
    bucket: Option<Bucket>,
    /// The batch that the bucket knows of, and the one in which a period's use could not be read.
    batch: u64,
    unreadable: Option<(u64, Interval)>,
}

#[derive(Debug)]
struct Lease {
    period: Interval,
    used: i128,
    ceiling: i128,
    /// By the batch at hand.
    is_spent: bool,
    ledger: SharedLedger,
}

/// What one row asks of one limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Nano-units of the limit's meter.
    pub(super) units: i128,
    pub(super) time_us: i64,
    pub(super) now_us: i64,
    /// Counts the batches.
    pub(super) batch: u64,
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
    /// The allowance of the period is used up.
    Allowance(Interval),
    /// More than the whole allowance.
    LargerThanAllowance,
    /// What was used of it is not known: it can't be read, or the period not be told.
    Unreadable,
    /// More than the burst.
    LargerThanBurst,
    /// The rate; it passes later.
    Rate,
}

impl ShardLimit {
    /// A limit that takes over the rate of `before`, the same tenant's limit of that meter until now; else `is_old` says that
    /// it held before this epoch, so that its burst may just have been used.
    pub(super) fn new(meter: usize, limit: &Limit, before: Option<&Self>, is_old: bool, now_us: i64) -> Self {
        let periods = limit.allowance.as_ref().and_then(|allowance| allowance.per.periods().ok());
        let bucket = limit.rate.as_ref().map(|rate| match before.and_then(|before| before.bucket.as_ref()) {
            Some(bucket) => bucket.under(rate),
            None if is_old => Bucket::full(rate, now_us),
            None => Bucket::new(rate, now_us),
        });
        let leases = Vec::new();
        Self { meter, limit: limit.clone(), periods, leases, last: 0, bucket, batch: 0, unreadable: None }
    }

    /// Something of what a check will look at, which brings it near.
    pub(super) fn touch(&self) -> i128 {
        self.leases.get(self.last).map_or(0, |lease| lease.used)
    }

    /// Whether the row's units fit the allowance, and ever fit the rate; draws a lease if the one in hand does not reach. Gives
    /// the lease for [`Self::take`].
    pub(super) fn check(
        &mut self,
        row: Row,
        owner: Owner<'_>,
        measure: &mut dyn Measure,
    ) -> Result<Option<usize>, Refusal> {
        let Row { units, time_us, .. } = row;
        if self.limit.hard && self.limit.rate.as_ref().is_some_and(|rate| units > rate.burst.0) {
            return Err(Refusal::LargerThanBurst);
        }
        let Some(allowance) = &self.limit.allowance else { return Ok(None) };
        // A time zone that is not there any more, or a time beyond all calendars.
        let period = self.periods.as_mut().and_then(|periods| periods.containing(time_us).ok());
        let Some(period) = period else { return self.unreadable() };
        let limit = allowance.units.0;
        let at = match self.find(period) {
            Ok(at) => at,
            Err(_) if self.unreadable == Some((row.batch, period)) => return self.unreadable(),
            Err(at) => {
                let Some(used) = measure.used(owner.tenant, owner.meter, period) else {
                    self.unreadable = Some((row.batch, period));
                    return self.unreadable();
                };
                let ledger = owner.ledgers.of(owner.meter, period, limit);
                let ceiling = ledger.lock().join(owner.shard, used);
                let lease = Lease { period, used, ceiling, is_spent: false, ledger };
                let at = if self.leases.len() < LEASES_MAX { at } else { self.let_idle_go(owner, period) };
                self.leases.insert(at, lease);
                at
            }
        };
        self.last = at;
        let lease = &mut self.leases[at];
        // What gives back always passes, however much is used.
        if units > 0 && lease.used.saturating_add(units) > lease.ceiling {
            lease.ceiling = lease.ledger.lock().raise(owner.shard, lease.used, units);
            if lease.used.saturating_add(units) > lease.ceiling && self.limit.hard {
                return Err(if units > limit { Refusal::LargerThanAllowance } else { Refusal::Allowance(period) });
            }
        }
        Ok(Some(at))
    }

    fn unreadable(&self) -> Result<Option<usize>, Refusal> {
        // What can't be read might be all there is. A soft limit lets it in, and shows it once it can be read.
        if self.limit.hard { Err(Refusal::Unreadable) } else { Ok(None) }
    }

    /// Whether the row's units fit the rate now; else after how many milliseconds.
    pub(super) fn check_rate(&mut self, row: Row) -> Result<(), u64> {
        let Some(bucket) = &mut self.bucket else { return Ok(()) };
        if self.batch != row.batch {
            self.batch = row.batch;
            bucket.begin(row.now_us);
        }
        match bucket.check(row.units) {
            Err(Wait::Milliseconds(wait_ms)) if self.limit.hard => Err(wait_ms),
            _ => Ok(()),
        }
    }

    /// Place of the lease for `period`, or where it belongs.
    fn find(&self, period: Interval) -> Result<usize, usize> {
        if self.leases.get(self.last).is_some_and(|lease| lease.period == period) {
            return Ok(self.last);
        }
        self.leases.binary_search_by_key(&period.start_us, |lease| lease.period.start_us)
    }

    /// Takes what the checks allowed; the period if nothing of this batch was taken of its lease so far.
    pub(super) fn take(&mut self, units: i128, lease: Option<usize>) -> Option<Interval> {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(units);
        }
        let lease = &mut self.leases[lease?];
        lease.used = lease.used.saturating_add(units);
        (!std::mem::replace(&mut lease.is_spent, true)).then_some(lease.period)
    }

    /// The batch is over: tells the ledger how much is used.
    pub(super) fn close(&mut self, shard: u16, period: Interval) {
        if let Ok(at) = self.find(period) {
            let lease = &mut self.leases[at];
            lease.is_spent = false;
            lease.ceiling = lease.ledger.lock().report(shard, lease.used);
        }
    }

    /// Lets the leases go that the batch at hand did not draw on; where that of `period` belongs among the others.
    fn let_idle_go(&mut self, owner: Owner<'_>, period: Interval) -> usize {
        let idle = |lease: &mut Lease| !lease.is_spent;
        self.leases
            .extract_if(.., idle)
            .for_each(|lease| owner.ledgers.release(owner.meter, lease.period, lease.ledger));
        self.find(period).unwrap_or_else(|at| at)
    }

    /// What was used is not known any more: the next rows ask.
    pub(super) fn forget_leases(&mut self, meter: &str, ledgers: &Ledgers) {
        self.leases.drain(..).for_each(|lease| ledgers.release(meter, lease.period, lease.ledger));
    }
}
