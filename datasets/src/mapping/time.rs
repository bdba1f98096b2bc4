//! How a file writes time, and reading it: RFC 3339, an epoch, or a `strptime` pattern.
//!
//! Everything becomes µs since the epoch, rounded down. A time without an offset is in the mapping's time zone, whatever it
//! is written in; one that daylight saving skips or repeats is read as `compatible` says (RFC 5545): after a gap, and the
//! earlier of two. An epoch that makes sense in another unit only is refused with the name of that unit. Not here: how far
//! from now a time may lie.

use std::fmt;
use std::str::FromStr;

use engine::admission::{Reason, Rejection};
use engine::event::horizon::{Horizon, TIME_US_MAX, TIME_US_MIN};
use engine::event::instant;
use engine::units::{Units, UnitsError};
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{MappingError, refuse};

/// How times are written. As text: `rfc3339`, `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, or a pattern with `%`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2019-07-15T08:00:00.5Z`. The offset may be missing, a space may stand for `T`, and seconds or the whole time of day
    /// may be left out: `2019-07-15 08:00`.
    #[default]
    Rfc3339,
    /// A number since 1970, with or without a fraction.
    Unix(EpochUnit),
    /// What C's `strptime` understands, for instance `%d/%m/%Y %H:%M`.
    Pattern(String),
}

/// What a number since 1970 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl EpochUnit {
    const ALL: [Self; 4] = [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "unix_s",
            Self::Milliseconds => "unix_ms",
            Self::Microseconds => "unix_us",
            Self::Nanoseconds => "unix_ns",
        }
    }

    /// How many digits a second has behind the point.
    fn digits(self) -> i32 {
        match self {
            Self::Seconds => 0,
            Self::Milliseconds => 3,
            Self::Microseconds => 6,
            Self::Nanoseconds => 9,
        }
    }
}

impl FromStr for TimeFormat {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        if let Some(unit) = EpochUnit::ALL.into_iter().find(|unit| unit.name() == text) {
            return Ok(Self::Unix(unit));
        }
        match text {
            "rfc3339" => Ok(Self::Rfc3339),
            pattern if pattern.contains('%') => Ok(Self::Pattern(pattern.to_owned())),
            _ => {
                let reason =
                    "expected rfc3339, unix_s, unix_ms, unix_us, unix_ns or a pattern such as %Y-%m-%d %H:%M:%S";
                Err(refuse("time_format", reason))
            }
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rfc3339 => "rfc3339",
            Self::Unix(unit) => unit.name(),
            Self::Pattern(pattern) => pattern,
        })
    }
}

impl Serialize for TimeFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads times of one format.
#[derive(Debug, Clone)]
pub(crate) struct TimeParser {
    format: TimeFormat,
    zone: TimeZone,
}

impl TimeParser {
    pub(crate) fn new(format: &TimeFormat, zone: &str) -> Result<Self, MappingError> {
        let zone = TimeZone::get(zone)
            .map_err(|_| refuse("time_zone", "expected an IANA time zone such as UTC or Europe/Berlin"))?;
        if let TimeFormat::Pattern(pattern) = format {
            let sample = ZonedDateTime::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
            strtime::format(pattern, &sample).map_err(|error| refuse("time_format", error.to_string()))?;
        }
        Ok(Self { format: format.clone(), zone })
    }

    /// µs since the epoch, if `text` is a time that `horizon` holds.
    pub(crate) fn parse(&self, text: &str, horizon: &Horizon) -> Result<i64, Rejection> {
        let text = text.trim();
        let read = match &self.format {
            TimeFormat::Rfc3339 => self.by_rfc3339(text),
            TimeFormat::Unix(unit) => return by_epoch(text, *unit, horizon),
            TimeFormat::Pattern(pattern) => self.by_pattern(pattern, text),
        };
        let time_us = read.map_err(|expected| Rejection::new(Reason::InvalidAttribute, "time", expected))?;
        horizon.check(time_us)?;
        Ok(time_us)
    }

    fn by_rfc3339(&self, text: &str) -> Result<i64, String> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(floor_us(time));
        }
        let expected = |_| "expected RFC 3339, such as 2019-07-15T08:00:00Z, or the same without an offset".to_owned();
        let local: DateTime = text.parse().map_err(expected)?;
        self.zone.to_timestamp(local).map(floor_us).map_err(expected)
    }

    fn by_pattern(&self, pattern: &str, text: &str) -> Result<i64, String> {
        let expected = |_| format!("expected a time written as {pattern}");
        let parts = strtime::parse(pattern, text).map_err(expected)?;
        if let Ok(time) = parts.to_timestamp() {
            return Ok(floor_us(time));
        }
        let local = parts.to_datetime().map_err(expected)?;
        self.zone.to_timestamp(local).map(floor_us).map_err(expected)
    }

    /// The instant of a time without a zone, in µs as if it were UTC. What is not held stays so.
    pub(crate) fn zoned_us(&self, local_us: i64) -> i64 {
        if self.zone == TimeZone::UTC || !(TIME_US_MIN..=TIME_US_MAX).contains(&local_us) {
            return local_us;
        }
        let local = Timestamp::from_microsecond(local_us).map(|time| TimeZone::UTC.to_datetime(time));
        match local.and_then(|local| self.zone.to_timestamp(local)) {
            Ok(time) => floor_us(time),
            // Within a day of the first or last time there is.
            Err(_) => local_us.signum().saturating_mul(i64::MAX),
        }
    }
}

fn floor_us(time: Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1_000) as i64
}

/// A number of `unit` since 1970. If it makes sense in another unit only, that one is named.
fn by_epoch(text: &str, unit: EpochUnit, horizon: &Horizon) -> Result<i64, Rejection> {
    let time_us = epoch_us(text, unit).ok_or_else(|| {
        let expected = format!("expected a number since 1970, as time_format {} says", unit.name());
        Rejection::new(Reason::InvalidAttribute, "time", expected)
    })?;
    let others = EpochUnit::ALL.into_iter().filter(|other| *other != unit);
    let fits = |other: &EpochUnit| epoch_us(text, *other).is_some_and(|meant_us| horizon.is_plausible(meant_us));
    if !horizon.is_plausible(time_us)
        && let Some(other) = others.into_iter().find(fits)
    {
        let when = |time_us| instant::rfc3339(time_us).unwrap_or("beyond the years 1 to 9999".to_owned());
        let meant = epoch_us(text, other).map(when).unwrap_or_default();
        let detail = format!(
            "{text} is {} as {}, and {meant} as {}; check the mapping's time_format",
            when(time_us),
            unit.name(),
            other.name()
        );
        let reason = if time_us < horizon.now_us { Reason::TooOld } else { Reason::TooNew };
        return Err(Rejection::new(reason, "time", detail));
    }
    horizon.check(time_us)?;
    Ok(time_us)
}

/// `None` if `text` is no number; what microseconds can't hold is the smallest or largest there is.
fn epoch_us(text: &str, unit: EpochUnit) -> Option<i64> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    // In seconds, of which a quantity has as many as nanoseconds.
    let exponent = exponent.checked_sub(unit.digits())?;
    match Units::parse(&format!("{digits}e{exponent}")) {
        Ok(seconds) => Some(i64::try_from(seconds.0.div_euclid(1_000)).unwrap_or(bound(digits))),
        Err(UnitsError::Overflow) => Some(bound(digits)),
        Err(UnitsError::Precision) => {
            // Below nanoseconds; rounded down all the same.
            let whole = digits.split_once('.').map_or(digits, |(whole, _)| whole);
            let seconds = Units::parse(&format!("{whole}e{exponent}")).ok()?;
            i64::try_from(seconds.0.div_euclid(1_000)).ok()
        }
        Err(UnitsError::Malformed) => None,
    }
}

fn bound(digits: &str) -> i64 {
    if digits.starts_with('-') { i64::MIN } else { i64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: i64 = 1_900_000_000_000_000;

    fn read(format: &str, zone: &str, text: &str) -> Result<i64, Rejection> {
        let parser = TimeParser::new(&format.parse().unwrap(), zone).unwrap();
        parser.parse(text, &Horizon { now_us: NOW_US, past_max_us: None, future_max_us: 0 })
    }

    fn check(format: &str, zone: &str, text: &str, expect: Option<&str>) {
        let got = read(format, zone, text).ok().map(|us| Timestamp::from_microsecond(us).unwrap().to_string());
        assert_eq!(got.as_deref(), expect, "{format} {text}");
    }

    #[test]
    fn times_are_read_or_refused() {
        check("rfc3339", "UTC", "2019-07-15T08:00:00+02:00", Some("2019-07-15T06:00:00Z"));
        check("rfc3339", "UTC", " 2019-07-15 08:00:00Z ", Some("2019-07-15T08:00:00Z"));
        check("rfc3339", "UTC", "", None);
        check("rfc3339", "UTC", "08:00", None);
        check("rfc3339", "UTC", "2019-02-30", None);
        check("unix_s", "UTC", "1563177600", Some("2019-07-15T08:00:00Z"));
        check("unix_s", "UTC", "1563177600.0000009", Some("2019-07-15T08:00:00Z"));
        check("unix_s", "UTC", "1.5631776e9", Some("2019-07-15T08:00:00Z"));
        check("unix_s", "UTC", "-0.5", Some("1969-12-31T23:59:59.5Z"));
        check("unix_ms", "UTC", "1563177600001", Some("2019-07-15T08:00:00.001Z"));
        check("unix_us", "UTC", "1563177600000001", Some("2019-07-15T08:00:00.000001Z"));
        check("unix_ns", "UTC", "1563177600000001999", Some("2019-07-15T08:00:00.000001Z"));
        check("unix_ns", "UTC", "1563177600000001999.5", Some("2019-07-15T08:00:00.000001Z"));
        check("unix_s", "UTC", "99999999999999", None);
        check("unix_s", "UTC", "1e99", None);
        check("unix_s", "UTC", "soon", None);
        check("%Y-%m-%d %H:%M:%S%.f", "UTC", "2023-11-16 18:17:03.9799600", Some("2023-11-16T18:17:03.97996Z"));
        check("%m/%d/%Y %H:%M", "Europe/Berlin", "07/15/2019 10:00", Some("2019-07-15T08:00:00Z"));
        check("%Y-%m-%d %H:%M %z", "Europe/Berlin", "2019-07-15 10:00 +0000", Some("2019-07-15T10:00:00Z"));
        check("%Y%m%d", "UTC", "19970101", Some("1997-01-01T00:00:00Z"));
        check("%Y%m%d", "UTC", "1997-01-01", None);
        check("%Y-%m-%d %H:%M", "Europe/Berlin", "2019-03-31 02:30", Some("2019-03-31T01:30:00Z"));
    }

    #[test]
    fn a_declared_zone_holds_wherever_no_offset_stands() {
        for (text, expect) in [
            ("2026-01-01 10:15", "2026-01-01T09:15:00Z"),
            ("2026-01-01T10:15:00.25", "2026-01-01T09:15:00.25Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
            ("2026-01-01 10:15Z", "2026-01-01T10:15:00Z"),
            ("2026-01-01T10:15:00-03:00", "2026-01-01T13:15:00Z"),
        ] {
            check("rfc3339", "Europe/Berlin", text, Some(expect));
        }
        check("rfc3339", "UTC", "2026-01-01 10:15", Some("2026-01-01T10:15:00Z"));
        let parser = TimeParser::new(&TimeFormat::Rfc3339, "Europe/Berlin").unwrap();
        assert_eq!(parser.zoned_us(1_783_900_800_000_000), 1_783_893_600_000_000);
        assert_eq!([parser.zoned_us(i64::MAX), parser.zoned_us(i64::MIN)], [i64::MAX, i64::MIN]);
        assert!(parser.zoned_us(TIME_US_MIN) < TIME_US_MIN);
    }

    #[test]
    fn an_epoch_of_another_unit_is_refused_and_the_unit_named() {
        let check = |format: &str, text: &str, reason: Reason, says: &str| {
            let rejection = read(format, "UTC", text).unwrap_err();
            assert_eq!((rejection.reason, &*rejection.field), (reason, "time"), "{format} {text}");
            assert!(rejection.detail.contains(says), "{} does not say {says}", rejection.detail);
        };
        let numbers = [
            ("unix_s", "1563177600"),
            ("unix_ms", "1563177600000"),
            ("unix_us", "1563177600000000"),
            ("unix_ns", "1563177600000000000"),
        ];
        for (at, (meant, text)) in numbers.into_iter().enumerate() {
            for (other, (taken, _)) in numbers.into_iter().enumerate().filter(|(other, _)| *other != at) {
                let reason = if other > at { Reason::TooOld } else { Reason::TooNew };
                check(taken, text, reason, &format!("2019-07-15T08:00:00Z as {meant}"));
            }
        }
        check("unix_s", "1563177600000", Reason::TooNew, "is beyond the years 1 to 9999 as unix_s");
        check("unix_ms", "1563177600", Reason::TooOld, "1563177600 is 1970-01-19T02:12:57.6Z as unix_ms");
        check("unix_s", "99999999999999999999", Reason::TooNew, "the newest that is held");
    }
}
