//! How far from now an event's time may lie, and which times are held at all: the one rule of every door and importer.
//!
//! A time that lies far off is most often an epoch of the wrong unit, so a refusal names the unit that would fit. Not here:
//! reading times, lateness (`watermark`).

use jiff::Timestamp;

use crate::admission::{Reason, Rejection};

/// The oldest time that is held, µs since the epoch: 0001-01-01T00:00:00Z.
pub const TIME_US_MIN: i64 = -62_135_596_800_000_000;
/// The newest one: 9999-12-30T22:00:00Z, up to which every calendar of the house computes.
pub const TIME_US_MAX: i64 = 253_402_207_200_000_000;
/// 1990-01-01T00:00:00Z. Epochs of the wrong unit lie in 1970; nothing that is metered happened before this.
pub const PLAUSIBLE_US_MIN: i64 = 631_152_000_000_000;

/// Units of an epoch beside the one that was taken: how many times as long, and an example.
const UNITS: [(i64, &str, &str); 3] = [
    (1_000, "seconds were taken for milliseconds", "milliseconds were taken for seconds"),
    (1_000_000, "seconds were taken for microseconds", "microseconds were taken for seconds"),
    (1_000_000_000, "seconds were taken for nanoseconds", "nanoseconds were taken for seconds"),
];

/// The times that an event may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Now, µs since the epoch.
    pub now_us: i64,
    /// How far back, in µs; `None` for as far as times are held.
    pub past_max_us: Option<i64>,
    /// How far ahead, in µs.
    pub future_max_us: i64,
}

impl Horizon {
    /// Refuses a time that lies beyond it.
    ///
    /// # Errors
    /// Too old or too new, with what was probably meant.
    #[inline]
    pub fn check(&self, time_us: i64) -> Result<(), Rejection> {
        if time_us < self.oldest_us() {
            return Err(self.too_old(time_us));
        }
        if time_us > self.newest_us() {
            return Err(self.too_new(time_us));
        }
        Ok(())
    }

    fn oldest_us(&self) -> i64 {
        self.past_max_us.map_or(TIME_US_MIN, |past_max_us| self.now_us.saturating_sub(past_max_us).max(TIME_US_MIN))
    }

    fn newest_us(&self) -> i64 {
        self.now_us.saturating_add(self.future_max_us).min(TIME_US_MAX)
    }

    /// Whether somebody may have meant `time_us`.
    pub fn is_plausible(&self, time_us: i64) -> bool {
        (PLAUSIBLE_US_MIN..=self.newest_us()).contains(&time_us)
    }

    #[cold]
    fn too_old(&self, time_us: i64) -> Rejection {
        let mut detail = match self.past_max_us.filter(|_| time_us >= TIME_US_MIN) {
            Some(past_max_us) => {
                format!("time lies more than {} s in the past (events.past_s_max)", past_max_us / 1_000_000)
            }
            None => "time lies before 0001-01-01T00:00:00Z, the oldest that is held".to_owned(),
        };
        for (times, short, _) in UNITS {
            self.suggest(&mut detail, time_us.checked_mul(times), short);
        }
        Rejection::new(Reason::TooOld, "time", detail)
    }

    #[cold]
    fn too_new(&self, time_us: i64) -> Rejection {
        let mut detail = if time_us > TIME_US_MAX {
            "time lies after 9999-12-30T22:00:00Z, the newest that is held".to_owned()
        } else {
            format!("time lies more than {} s in the future (events.future_s_max)", self.future_max_us / 1_000_000)
        };
        for (times, _, long) in UNITS {
            // What does not fit was cut to the largest, and says nothing any more.
            self.suggest(&mut detail, (time_us < i64::MAX).then_some(time_us / times), long);
        }
        Rejection::new(Reason::TooNew, "time", detail)
    }

    fn suggest(&self, detail: &mut String, meant_us: Option<i64>, mistake: &str) {
        let Some(meant_us) = meant_us.filter(|meant_us| self.is_plausible(*meant_us)) else { return };
        if let Ok(meant) = Timestamp::from_microsecond(meant_us) {
            detail.push_str(&format!("; {meant} if {mistake}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: i64 = 1_790_000_000_000_000;
    const YEAR_US: i64 = 31_536_000_000_000;

    fn check(past_max_us: Option<i64>, time_us: i64, expect: Result<(), (Reason, &str)>) {
        let horizon = Horizon { now_us: NOW_US, past_max_us, future_max_us: 1_000_000 };
        match (horizon.check(time_us), expect) {
            (Ok(()), Ok(())) => {}
            (Err(rejection), Err((reason, says))) => {
                assert_eq!((rejection.reason, &*rejection.field), (reason, "time"));
                assert!(rejection.detail.contains(says), "{} does not say {says}", rejection.detail);
            }
            (got, expect) => panic!("{time_us}: {got:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn a_time_beyond_it_is_refused_with_the_unit_that_would_fit() {
        let ten_years = Some(10 * YEAR_US);
        check(ten_years, NOW_US, Ok(()));
        check(ten_years, NOW_US + 1_000_000, Ok(()));
        check(ten_years, NOW_US + 1_000_001, Err((Reason::TooNew, "more than 1 s in the future")));
        check(ten_years, NOW_US - 10 * YEAR_US, Ok(()));
        check(
            ten_years,
            NOW_US - 10 * YEAR_US - 1,
            Err((Reason::TooOld, "315360000 s in the past (events.past_s_max)")),
        );
        let units = [
            (NOW_US / 1_000, "2026-09-21T14:13:20Z if seconds were taken for milliseconds"),
            (NOW_US / 1_000_000, "2026-09-21T14:13:20Z if seconds were taken for microseconds"),
            (NOW_US / 1_000_000_000, "2026-09-21T14:13:20Z if seconds were taken for nanoseconds"),
        ];
        for (time_us, says) in units {
            check(ten_years, time_us, Err((Reason::TooOld, says)));
        }
        check(ten_years, NOW_US * 1_000, Err((Reason::TooNew, "14:13:20Z if milliseconds were taken for seconds")));
    }

    #[test]
    fn what_calendars_do_not_hold_is_refused_whatever_is_allowed() {
        let all = Horizon { now_us: NOW_US, past_max_us: None, future_max_us: i64::MAX };
        for time_us in [TIME_US_MIN, TIME_US_MAX, 0] {
            assert_eq!(all.check(time_us), Ok(()));
            assert!(Timestamp::from_microsecond(time_us).is_ok());
        }
        for time_us in [i64::MIN, TIME_US_MIN - 1] {
            assert_eq!(all.check(time_us).unwrap_err().reason, Reason::TooOld);
        }
        for time_us in [i64::MAX, TIME_US_MAX + 1] {
            assert_eq!(all.check(time_us).unwrap_err().reason, Reason::TooNew);
        }
    }
}
