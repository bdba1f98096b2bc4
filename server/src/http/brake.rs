//! How often keys are made: so many a minute for one tenant (I13). Each is an entry of the journal for ever, and a salted hash.
//!
//! Not here: how many keys a tenant has (`actors`).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use engine::lock::Lock;

use super::problem::{Kind, Problem};

const MINUTE: Duration = Duration::from_secs(60);
/// Tenants beyond which those are looked for that are through with their minute.
const TENANTS_SWEPT: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Brake {
    per_minute_max: u32,
    /// When each tenant will have done nothing for a minute, if it does nothing more: all that it made, evenly spread.
    until: Lock<HashMap<String, Instant>>,
}

impl Brake {
    pub(super) fn new(per_minute_max: u32) -> Self {
        Self { per_minute_max, until: Lock::default() }
    }

    /// Counts one more key of `tenant`, or says when it may have one.
    pub(super) fn take(&self, tenant: &str) -> Result<(), Problem> {
        self.take_at(tenant, Instant::now()).map_err(|wait| {
            let told = format!(
                "{} keys a minute are made for one tenant (keys.tenant_per_minute_max); those that are there go on",
                self.per_minute_max
            );
            Kind::TooMany.with(told).retry_after_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
        })
    }

    fn take_at(&self, tenant: &str, now: Instant) -> Result<(), Duration> {
        let mut until = self.until.lock();
        if until.len() >= TENANTS_SWEPT {
            until.retain(|_, until| *until > now);
        }
        let spread = until.get(tenant).map_or(now, |until| (*until).max(now)) + MINUTE / self.per_minute_max.max(1);
        match spread.saturating_duration_since(now + MINUTE) {
            Duration::ZERO => {
                until.insert(tenant.to_owned(), spread);
                Ok(())
            }
            wait => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let (brake, begin) = (Brake::new(3), Instant::now());
        let take = |tenant: &str, after_s: u64| brake.take_at(tenant, begin + Duration::from_secs(after_s));
        assert_eq!([take("a", 0), take("a", 0), take("a", 0)], [Ok(()); 3]);
        assert_eq!(take("a", 0), Err(Duration::from_secs(20)));
        assert_eq!(take("b", 0), Ok(()));
        assert_eq!(take("a", 19), Err(Duration::from_secs(1)));
        assert_eq!((take("a", 20), take("a", 20)), (Ok(()), Err(Duration::from_secs(20))));
        assert_eq!([take("a", 100), take("a", 100), take("a", 100)], [Ok(()); 3]);
    }

    #[test]
    fn tenants_that_are_through_are_forgotten() {
        let (brake, begin) = (Brake::new(60), Instant::now());
        for second in 0..5000 {
            brake.take_at(&second.to_string(), begin + Duration::from_secs(second)).unwrap();
        }
        assert!(brake.until.lock().len() <= TENANTS_SWEPT);
    }
}
