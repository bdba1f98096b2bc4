//! Floats, times of day, intervals and differences of instants as text, as Postgres writes them.
//!
//! Arrow writes a point into every float, six digits into every time of day, and intervals in words. Not here: timestamps
//! ([`super::written`]).

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Float32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, Time64NanosecondType, TimeUnit,
};
use datafusion::common::{Result, exec_err};

/// Powers of ten from which on floats of 64 and 32 bits are written with an exponent.
const POWER_MAX: (i32, i32) = (15, 6);
/// And below which.
const POWER_MIN: i32 = -4;
const DAY_US: i64 = 86_400_000_000;
const MICROSECOND_NS: i64 = 1_000;

/// Whether texts of this type are written here.
pub fn takes(of: &DataType) -> bool {
    matches!(
        of,
        DataType::Float32
            | DataType::Float64
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Interval(IntervalUnit::MonthDayNano)
            | DataType::Duration(_)
    )
}

/// A column of such a type as texts.
///
/// # Errors
/// Columns of other types.
pub fn spelled(column: &dyn Array) -> Result<StringArray> {
    Ok(match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().iter();
            values.map(|value| value.map(|value| float(&format!("{value:e}"), POWER_MAX.0))).collect()
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>().iter();
            values.map(|value| value.map(|value| float(&format!("{value:e}"), POWER_MAX.1))).collect()
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let times = cast(column, &DataType::Time64(TimeUnit::Nanosecond))?;
            let times = times.as_primitive::<Time64NanosecondType>().iter();
            times.map(|ns| ns.map(|ns| clock(ns / MICROSECOND_NS))).collect()
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            column.as_primitive::<IntervalMonthDayNanoType>().iter().map(|span| span.map(interval)).collect()
        }
        DataType::Duration(_) => spelled(&parts(column)?)?,
        other => return exec_err!("{other} is not written here"),
    })
}

/// Differences of instants as intervals: of days, and what is left of one.
///
/// # Errors
/// A column of another type.
pub fn parts(differences: &dyn Array) -> Result<ArrayRef> {
    let differences = cast(differences, &DataType::Duration(TimeUnit::Microsecond))?;
    let part = |us: i64| -> Result<IntervalMonthDayNano> {
        let days = i32::try_from(us / DAY_US).or_else(|_| exec_err!("interval out of range"))?;
        Ok(IntervalMonthDayNano::new(0, days, us % DAY_US * MICROSECOND_NS))
    };
    let spans = differences.as_primitive::<DurationMicrosecondType>().iter().map(|us| us.map(part).transpose());
    Ok(Arc::new(spans.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// A float, of which `scientific` has the fewest digits that tell it from its neighbours.
fn float(scientific: &str, power_max: i32) -> String {
    let Some((digits, power)) = scientific.split_once('e') else {
        return match scientific {
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            other => other.to_owned(),
        };
    };
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let power = power.parse::<i32>().unwrap_or_default();
    let bare = digits.replace('.', "");
    if !(POWER_MIN..power_max).contains(&power) {
        let minus = if power < 0 { '-' } else { '+' };
        return format!("{sign}{digits}e{minus}{:02}", power.unsigned_abs());
    }
    let Ok(whole) = usize::try_from(power) else {
        let zeros = "0".repeat(power.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{bare}");
    };
    match bare.len().checked_sub(whole + 1) {
        None => format!("{sign}{bare}{}", "0".repeat(whole + 1 - bare.len())),
        Some(0) => format!("{sign}{bare}"),
        Some(_) => format!("{sign}{}.{}", &bare[..=whole], &bare[whole + 1..]),
    }
}

fn clock(us: i64) -> String {
    let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest != 0 {
        let digits = format!("{rest:06}");
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    text
}

fn interval(span: IntervalMonthDayNano) -> String {
    let mut text = String::new();
    // A part behind a negative one says that it is none.
    let mut after_minus = false;
    for (value, unit) in [(span.months / 12, "year"), (span.months % 12, "mon"), (span.days, "day")] {
        if value == 0 {
            continue;
        }
        let (between, plus) = (if text.is_empty() { "" } else { " " }, if after_minus && value > 0 { "+" } else { "" });
        let plural = if value == 1 { "" } else { "s" };
        let _ = write!(text, "{between}{plus}{value} {unit}{plural}");
        after_minus = value < 0;
    }
    let us = span.nanoseconds / MICROSECOND_NS;
    if us != 0 || text.is_empty() {
        let between = if text.is_empty() { "" } else { " " };
        let sign = if us < 0 {
            "-"
        } else if after_minus {
            "+"
        } else {
            ""
        };
        let _ = write!(text, "{between}{sign}{}", clock(us.saturating_abs()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_a_point_where_they_need_one() {
        let check = |value: f64, expect: &str| assert_eq!(float(&format!("{value:e}"), POWER_MAX.0), expect);
        for (value, expect) in [
            (2.0, "2"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1234.5, "1234.5"),
            (100_000.0, "100000"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            check(value, expect);
        }
        assert_eq!(float(&format!("{:e}", 16_777_216_f32), POWER_MAX.1), "1.6777216e+07");
        assert_eq!(float(&format!("{:e}", 100_000_f32), POWER_MAX.1), "100000");
    }

    #[test]
    fn intervals_name_their_parts() {
        let check = |months, days, us: i64, expect: &str| {
            assert_eq!(interval(IntervalMonthDayNano::new(months, days, us * MICROSECOND_NS)), expect);
        };
        check(0, 0, 0, "00:00:00");
        check(14, 3, 14_706_789_000, "1 year 2 mons 3 days 04:05:06.789");
        check(0, 1, 0, "1 day");
        check(-1, 2, 3_600_000_000, "-1 mons +2 days 01:00:00");
        check(0, -1, 7_200_000_000, "-1 days +02:00:00");
        check(0, 0, -14_700_000_000, "-04:05:00");
        check(0, 0, 129_600_000_000, "36:00:00");
    }

    #[test]
    fn differences_have_days() {
        let days =
            arrow::array::DurationMicrosecondArray::from(vec![Some(DAY_US * 28 + 5_400_000_000), Some(-1), None]);
        let texts = spelled(&days).unwrap();
        assert_eq!(texts.iter().collect::<Vec<_>>(), [Some("28 days 01:30:00"), Some("-00:00:00.000001"), None]);
    }
}
