//! Calendar periods in an IANA time zone, daylight saving included: days of 23 and 25 hours are days.
//!
//! The one place that turns an instant into "which day, which month"; windows (`pipelines`) and allowances (`actors`)
//! both ask here, so that what is billed and what is enforced have the same edges (I7). Not here: the clock.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// One wall-clock hour.
    Hour,
    /// Midnight to midnight.
    Day,
    /// Monday to Monday (ISO 8601).
    Week,
    /// First to first.
    Month,
    /// January, April, July, October.
    Quarter,
    /// New Year to New Year.
    Year,
}

/// A period in a named time zone, for instance `month` in `Europe/Zurich`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
pub struct Calendar {
    /// Which stretch.
    pub period: Period,
    /// IANA name, for instance `UTC` or `America/New_York`.
    pub time_zone: String,
}

/// Half-open interval of microseconds since the epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    /// First microsecond inside.
    pub start_us: i64,
    /// First microsecond outside.
    pub end_us: i64,
}

impl Interval {
    /// Whether `time_us` lies inside.
    pub fn contains(&self, time_us: i64) -> bool {
        self.start_us <= time_us && time_us < self.end_us
    }
}

/// Why a calendar can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The time zone database does not know the name.
    #[error("unknown time zone {0:?}: use an IANA name such as UTC or Europe/Zurich")]
    TimeZone(String),
    /// The instant lies outside the calendar (years -9999 to 9999).
    #[error("instant {0} µs lies outside the calendar")]
    OutOfRange(i64),
}

/// A [`Calendar`] with its time zone loaded; remembers the last period it found, since neighbours mostly share it.
#[derive(Debug, Clone)]
pub struct Periods {
    period: Period,
    zone: TimeZone,
    last: Option<Interval>,
}

impl Calendar {
    /// Loads the time zone.
    pub fn periods(&self) -> Result<Periods, CalendarError> {
        let zone = TimeZone::get(&self.time_zone).map_err(|_| CalendarError::TimeZone(self.time_zone.clone()))?;
        Ok(Periods { period: self.period, zone, last: None })
    }
}

impl Periods {
    /// The period that `time_us` lies in.
    pub fn containing(&mut self, time_us: i64) -> Result<Interval, CalendarError> {
        if let Some(last) = self.last
            && last.contains(time_us)
        {
            return Ok(last);
        }
        let found = self.find(time_us).map_err(|_| CalendarError::OutOfRange(time_us))?;
        self.last = Some(found);
        Ok(found)
    }

    /// Each period begins where the one before ends, whatever the zone's clock was set to: a beginning is the first instant
    /// at which the clock had reached it.
    fn find(&self, time_us: i64) -> Result<Interval, jiff::Error> {
        let instant = Timestamp::from_microsecond(time_us)?;
        if self.period == Period::Hour {
            return Ok(self.hour(instant));
        }
        let first = self.first_day(self.zone.to_datetime(instant).date())?;
        let next = self.following(first)?;
        let next_us = self.midnight(next)?;
        if time_us < next_us {
            return Ok(Interval { start_us: self.midnight(first)?, end_us: next_us });
        }
        // The clock was set back over midnight and shows a day that has ended.
        Ok(Interval { start_us: next_us, end_us: self.midnight(self.following(next)?)? })
    }

    /// Hours are cut where the local clock shows minute zero, so that zones with half-hour offsets keep their own hours, and
    /// where it is set to something else within one.
    fn hour(&self, instant: Timestamp) -> Interval {
        const HOUR_US: i64 = 3_600_000_000;
        let time_us = instant.as_microsecond();
        let offset = self.zone.to_offset(instant);
        let offset_us = i64::from(offset.seconds()) * 1_000_000;
        let start_us = (time_us + offset_us).div_euclid(HOUR_US) * HOUR_US - offset_us;
        let mut hour = Interval { start_us, end_us: start_us + HOUR_US };
        let is_set_until =
            |edge_us: i64| Timestamp::from_microsecond(edge_us).is_ok_and(|edge| self.zone.to_offset(edge) != offset);
        if is_set_until(hour.start_us) {
            let before = self.zone.preceding(instant.saturating_add(1.microsecond()).unwrap_or(instant));
            hour.start_us = before.map(|set| set.timestamp().as_microsecond()).next().unwrap_or(hour.start_us);
        }
        if is_set_until(hour.end_us - 1) {
            let behind = self.zone.following(instant);
            hour.end_us = behind.map(|set| set.timestamp().as_microsecond()).next().unwrap_or(hour.end_us);
        }
        hour
    }

    fn first_day(&self, date: Date) -> Result<Date, jiff::Error> {
        match self.period {
            Period::Hour | Period::Day => Ok(date),
            Period::Week => date.checked_sub(i64::from(date.weekday().since(Weekday::Monday)).days()),
            Period::Month => Ok(date.first_of_month()),
            Period::Quarter => Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1),
            Period::Year => Date::new(date.year(), 1, 1),
        }
    }

    /// The first day of the period behind the one that begins with `first`.
    fn following(&self, first: Date) -> Result<Date, jiff::Error> {
        match self.period {
            Period::Hour | Period::Day => first.checked_add(1.day()),
            Period::Week => first.checked_add(1.week()),
            Period::Month => first.checked_add(1.month()),
            Period::Quarter => first.checked_add(3.months()),
            Period::Year => first.checked_add(1.year()),
        }
    }

    /// The first instant at which the clock showed `date`'s midnight, or was set to behind it.
    fn midnight(&self, date: Date) -> Result<i64, jiff::Error> {
        let midnight = date.to_datetime(Time::midnight());
        let instant = match self.zone.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(midnight)?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(midnight)?,
            AmbiguousOffset::Gap { before, after } => {
                let set = self.zone.following(after.to_timestamp(midnight)?).next();
                set.map_or_else(|| before.to_timestamp(midnight), |set| Ok(set.timestamp()))?
            }
        };
        Ok(instant.as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(period: Period, time_zone: &str, at: &str, expect: (&str, &str)) {
        let mut periods = Calendar { period, time_zone: time_zone.into() }.periods().unwrap();
        let us = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        let found = periods.containing(us(at)).unwrap();
        assert_eq!(found, Interval { start_us: us(expect.0), end_us: us(expect.1) }, "{period:?} {time_zone} {at}");
    }

    #[test]
    fn periods_follow_the_local_calendar() {
        check(Period::Day, "UTC", "2026-11-23T12:00:00Z", ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"));
        check(Period::Month, "Asia/Tokyo", "2026-10-31T15:30:00Z", ("2026-10-31T15:00:00Z", "2026-11-30T15:00:00Z"));
        check(Period::Week, "UTC", "2026-11-22T23:59:59Z", ("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"));
        check(Period::Quarter, "UTC", "2026-06-30T00:00:00Z", ("2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z"));
        check(Period::Year, "UTC", "2026-06-30T00:00:00Z", ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"));
        check(Period::Hour, "Asia/Kolkata", "2026-06-30T00:45:00Z", ("2026-06-30T00:30:00Z", "2026-06-30T01:30:00Z"));
    }

    #[test]
    fn daylight_saving_makes_days_of_23_and_25_hours() {
        check(Period::Day, "Europe/Zurich", "2026-03-29T10:00:00Z", ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"));
        check(Period::Day, "Europe/Zurich", "2026-10-25T10:00:00Z", ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
    }

    #[test]
    fn a_clock_that_is_set_around_midnight_leaves_no_gap() {
        // Set back at 00:01, so that the end of the day before is shown twice.
        check(
            Period::Day,
            "America/St_Johns",
            "2006-10-29T03:00:00Z",
            ("2006-10-29T02:30:00Z", "2006-10-30T03:30:00Z"),
        );
        // Set ahead at 23:30, over midnight.
        check(Period::Day, "America/Toronto", "1919-03-31T04:45:00Z", ("1919-03-31T04:30:00Z", "1919-04-01T04:00:00Z"));
        // Set ahead by a whole day.
        check(Period::Day, "Pacific/Apia", "2011-12-30T09:59:59Z", ("2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"));
        check(Period::Day, "Pacific/Apia", "2011-12-30T10:00:00Z", ("2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"));
    }

    #[test]
    fn a_clock_that_is_set_by_half_an_hour_cuts_the_hour() {
        let check = |at, expect| check(Period::Hour, "Australia/Lord_Howe", at, expect);
        check("2025-10-04T15:29:00Z", ("2025-10-04T14:30:00Z", "2025-10-04T15:30:00Z"));
        check("2025-10-04T15:30:00Z", ("2025-10-04T15:30:00Z", "2025-10-04T16:00:00Z"));
        check("2026-04-04T14:59:00Z", ("2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z"));
        check("2026-04-04T15:00:00Z", ("2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"));
        check("2026-04-04T15:30:00Z", ("2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"));
    }

    #[test]
    fn an_unknown_zone_is_an_answer() {
        let calendar = Calendar { period: Period::Day, time_zone: "Mars/Olympus".into() };
        assert_eq!(calendar.periods().unwrap_err(), CalendarError::TimeZone("Mars/Olympus".into()));
    }
}
