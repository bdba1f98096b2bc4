//! Times and intervals made of their parts: `make_timestamp`, `make_time` and `make_interval`.
//!
//! Parts that no calendar has are errors, fractions of seconds are rounded to microseconds. `make_timestamptz` is a timestamp in
//! a zone, which syntax makes of it ([`super::syntax`]); so it does of names of arguments.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Float64Type, Int32Type, IntervalMonthDayNano, IntervalUnit, TimeUnit};
use datafusion::common::{Result, exec_err, plan_err};
use jiff::civil::{Date, date};

use super::defined::{Call, Definition};

pub(super) const TIMESTAMP: Definition = Definition::new(
    "make_timestamp",
    |of| of_whole_and_seconds("make_timestamp", of, 6),
    |_| Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
    timestamps,
);
pub(super) const TIME: Definition = Definition::new(
    "make_time",
    |of| of_whole_and_seconds("make_time", of, 3),
    |_| Ok(DataType::Time64(TimeUnit::Microsecond)),
    times,
);
pub(super) const INTERVAL: Definition = Definition::new(
    "make_interval",
    |of| of_whole_and_seconds("make_interval", of, 7),
    |_| Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
    intervals,
);
/// What arguments of `make_interval` are called.
pub(super) const PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

const SECOND_US: f64 = 1_000_000.0;
const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// Whole numbers, then seconds with a fraction.
fn of_whole_and_seconds(name: &str, arguments: &[DataType], count: usize) -> Result<Vec<DataType>> {
    let are_numbers = arguments.iter().all(|of| of.is_numeric() || of.is_null());
    if arguments.len() != count || !are_numbers {
        return plan_err!("{name} takes {count} numbers");
    }
    if arguments[..count - 1].iter().any(|of| !of.is_integer() && !of.is_null()) {
        return plan_err!("{name} takes whole numbers, but for its seconds");
    }
    let mut wanted = vec![DataType::Int32; count - 1];
    wanted.push(DataType::Float64);
    Ok(wanted)
}

/// The parts of a row, seconds apart; `None` if one is missing.
fn parts(call: &Call<'_>, row: usize) -> Option<(Vec<i32>, f64)> {
    if call.columns.iter().any(|column| column.is_null(row)) {
        return None;
    }
    let (seconds, whole) = call.columns.split_last()?;
    let whole = whole.iter().map(|column| column.as_primitive::<Int32Type>().value(row)).collect();
    Some((whole, seconds.as_primitive::<Float64Type>().value(row)))
}

fn timestamps(call: &Call<'_>) -> Result<ArrayRef> {
    let made = (0..call.rows).map(|row| match parts(call, row) {
        Some((whole, seconds)) => timestamp(&whole, seconds).map(Some),
        None => Ok(None),
    });
    Ok(Arc::new(made.collect::<Result<TimestampMicrosecondArray>>()?))
}

fn timestamp(whole: &[i32], seconds: f64) -> Result<i64> {
    let [year, month, day, hour, minute] = *whole else { return exec_err!("make_timestamp takes six numbers") };
    let Some(of) = calendar(year, month, day) else {
        return exec_err!("date field value out of range: {year}-{month:02}-{day:02}");
    };
    let days = i64::from((of - date(1970, 1, 1)).get_days());
    Ok(days * 24 * HOUR_US + time(hour, minute, seconds)?)
}

/// A day, if there is one: a negative year is one before Christ.
pub(super) fn calendar(year: i32, month: i32, day: i32) -> Option<Date> {
    let year = match year {
        0 => return None,
        year if year < 0 => year.checked_add(1)?,
        year => year,
    };
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn times(call: &Call<'_>) -> Result<ArrayRef> {
    let made = (0..call.rows).map(|row| match parts(call, row) {
        Some((whole, seconds)) => time(whole[0], whole[1], seconds).map(Some),
        None => Ok(None),
    });
    Ok(Arc::new(made.collect::<Result<Time64MicrosecondArray>>()?))
}

/// Microseconds of a day.
fn time(hour: i32, minute: i32, seconds: f64) -> Result<i64> {
    let is_time = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&seconds);
    let is_past_midnight = hour == 24 && (minute > 0 || seconds > 0.0);
    if !is_time || is_past_midnight {
        return exec_err!("time field value out of range: {hour}:{minute:02}:{seconds:02}");
    }
    Ok(i64::from(hour) * HOUR_US + i64::from(minute) * MINUTE_US + microseconds(seconds)?)
}

fn microseconds(seconds: f64) -> Result<i64> {
    let us = (seconds * SECOND_US).round_ties_even();
    // Beyond this a float is no longer every whole number, and far beyond an interval.
    if !us.is_finite() || us.abs() > 9e18 {
        return exec_err!("interval out of range");
    }
    Ok(us as i64)
}

fn intervals(call: &Call<'_>) -> Result<ArrayRef> {
    let made = (0..call.rows).map(|row| match parts(call, row) {
        Some((whole, seconds)) => match interval(&whole, microseconds(seconds)?) {
            Some(interval) => Ok(Some(interval)),
            None => exec_err!("interval out of range"),
        },
        None => Ok(None),
    });
    Ok(Arc::new(made.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

fn interval(whole: &[i32], us: i64) -> Option<IntervalMonthDayNano> {
    let [years, months, weeks, days, hours, minutes] = *whole else { return None };
    let months = years.checked_mul(12)?.checked_add(months)?;
    let days = weeks.checked_mul(7)?.checked_add(days)?;
    let clock = i64::from(hours).checked_mul(HOUR_US)?.checked_add(i64::from(minutes) * MINUTE_US)?;
    let nanoseconds = clock.checked_add(us)?.checked_mul(1000)?;
    Some(IntervalMonthDayNano::new(months, days, nanoseconds))
}
