//! How a file writes time, and reading it: RFC 3339, seconds since the epoch, or a `strptime` pattern.
//!
//! Everything becomes µs since the epoch, rounded down. A time without an offset is in the mapping's time zone; one that
//! daylight saving skips or repeats is read as `compatible` says (RFC 5545): after a gap, and the earlier of two.

use std::fmt;
use std::str::FromStr;

use engine::units::Units;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{MappingError, refuse};

/// How times are written. As text: `rfc3339`, `unix_s`, `unix_ms`, `unix_us`, or a pattern with `%`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2019-07-15T08:00:00.5Z`, with an offset.
    #[default]
    Rfc3339,
    /// Seconds since the epoch, with or without a fraction.
    UnixS,
    /// Milliseconds since the epoch, with or without a fraction.
    UnixMs,
    /// Microseconds since the epoch.
    UnixUs,
    /// What C's `strptime` understands, for instance `%d/%m/%Y %H:%M`.
    Pattern(String),
}

impl FromStr for TimeFormat {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        Ok(match text {
            "rfc3339" => Self::Rfc3339,
            "unix_s" => Self::UnixS,
            "unix_ms" => Self::UnixMs,
            "unix_us" => Self::UnixUs,
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            _ => {
                let reason = "expected rfc3339, unix_s, unix_ms, unix_us or a pattern such as %Y-%m-%d %H:%M:%S";
                return Err(refuse("time_format", reason));
            }
        })
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rfc3339 => "rfc3339",
            Self::UnixS => "unix_s",
            Self::UnixMs => "unix_ms",
            Self::UnixUs => "unix_us",
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

    /// µs since the epoch; what was expected if `text` is not a time.
    pub(crate) fn parse(&self, text: &str) -> Result<i64, String> {
        let text = text.trim();
        match &self.format {
            TimeFormat::Rfc3339 => {
                let time: Result<Timestamp, _> = text.parse();
                time.map(floor_us).map_err(|_| "expected RFC 3339, such as 2019-07-15T08:00:00Z".to_owned())
            }
            TimeFormat::UnixS => since_epoch(text, 1_000),
            TimeFormat::UnixMs => since_epoch(text, 1_000_000),
            TimeFormat::UnixUs => since_epoch(text, 1_000_000_000),
            TimeFormat::Pattern(pattern) => self.by_pattern(pattern, text),
        }
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
}

fn floor_us(time: Timestamp) -> i64 {
    time.as_nanosecond().div_euclid(1_000) as i64
}

/// `text` counts steps of which one µs has `nanos_per_us` nano-units.
fn since_epoch(text: &str, nanos_per_us: i128) -> Result<i64, String> {
    let expected = || "expected a number of seconds, milliseconds or microseconds since 1970, as time_format says";
    let units = Units::parse(text).map_err(|_| expected().to_owned())?;
    let time_us = i64::try_from(units.0.div_euclid(nanos_per_us)).map_err(|_| expected().to_owned())?;
    Timestamp::from_microsecond(time_us).map_err(|_| "not within the years -9999 to 9999".to_owned())?;
    Ok(time_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, zone: &str, text: &str, expect: Option<&str>) {
        let parser = TimeParser::new(&format.parse().unwrap(), zone).unwrap();
        let got = parser.parse(text).ok().map(|us| Timestamp::from_microsecond(us).unwrap().to_string());
        assert_eq!(got.as_deref(), expect, "{format} {text}");
    }

    #[test]
    fn times_are_read_or_refused() {
        check("rfc3339", "UTC", "2019-07-15T08:00:00+02:00", Some("2019-07-15T06:00:00Z"));
        check("rfc3339", "UTC", " 2019-07-15 08:00:00Z ", Some("2019-07-15T08:00:00Z"));
        check("rfc3339", "UTC", "2019-07-15T08:00:00", None);
        check("rfc3339", "UTC", "", None);
        check("unix_s", "UTC", "1563177600", Some("2019-07-15T08:00:00Z"));
        check("unix_s", "UTC", "1563177600.0000009", Some("2019-07-15T08:00:00Z"));
        check("unix_s", "UTC", "-0.5", Some("1969-12-31T23:59:59.5Z"));
        check("unix_ms", "UTC", "1563177600001", Some("2019-07-15T08:00:00.001Z"));
        check("unix_us", "UTC", "1563177600000001", Some("2019-07-15T08:00:00.000001Z"));
        check("unix_s", "UTC", "99999999999999", None);
        check("unix_s", "UTC", "soon", None);
        check("%Y-%m-%d %H:%M:%S%.f", "UTC", "2023-11-16 18:17:03.9799600", Some("2023-11-16T18:17:03.97996Z"));
        check("%m/%d/%Y %H:%M", "Europe/Berlin", "07/15/2019 10:00", Some("2019-07-15T08:00:00Z"));
        check("%Y-%m-%d %H:%M %z", "Europe/Berlin", "2019-07-15 10:00 +0000", Some("2019-07-15T10:00:00Z"));
        check("%Y%m%d", "UTC", "19970101", Some("1997-01-01T00:00:00Z"));
        check("%Y%m%d", "UTC", "1997-01-01", None);
        check("%Y-%m-%d %H:%M", "Europe/Berlin", "2019-03-31 02:30", Some("2019-03-31T01:30:00Z"));
    }
}
