//! `to_char`, `to_date`, `to_timestamp` and `to_number`: times, intervals and numbers as texts and back, by patterns of PostgreSQL.
//!
//! Instants are those of the session's zone, dates its midnights. A pattern is taken apart once for the rows that share it, and
//! need not be constant. DataFusion's function of that name takes other patterns and is `date_format` here.

mod pattern;
mod times;
mod shape;
mod writer;
mod numbers;
mod found;
mod read;
mod figures;
mod to_number;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, exec_err, plan_err};
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use super::defined::{Call, Definition};
use crate::catalog::spelled;
use crate::catalog::zone::{instant, zone};
use numbers::Number;
use pattern::Part;
use shape::Shape;
use times::Time;

pub(super) use to_number::function as to_number;

pub(super) const TO_CHAR: Definition = Definition::new("to_char", takes, |_| Ok(DataType::Utf8), run).stable();

pub(super) const TO_DATE: Definition = Definition::new("_to_date", takes_text, |_| Ok(DataType::Date32), dates);
/// A time on clocks, in whichever zone they are.
pub(super) const TO_TIMESTAMP: Definition =
    Definition::new("_to_timestamp", takes_text, |_| Ok(DataType::Timestamp(TimeUnit::Microsecond, None)), timestamps);
/// Seconds since 1970, in UTC.
pub(super) const EPOCH: Definition =
    Definition::new("_epoch", takes_number, |_| Ok(DataType::Timestamp(TimeUnit::Microsecond, None)), epochs);

/// Digits of whole numbers.
const DIGITS: u8 = 20;
const DAY_US: i64 = 86_400_000_000;
/// Microseconds of which a float is every whole one, and more than a calendar has.
const EPOCH_US_MAX: f64 = 9e17;

fn takes(arguments: &[DataType]) -> Result<Vec<DataType>> {
    let [of, pattern] = arguments else { return plan_err!("to_char takes a value and a pattern") };
    if !pattern.is_string() && !pattern.is_null() {
        return plan_err!("to_char takes a text as its pattern");
    }
    let of = match of {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::Decimal128(..) | DataType::Float64 | DataType::Null => of.clone(),
        of if of.is_integer() => DataType::Decimal128(DIGITS, 0),
        other => return plan_err!("to_char takes a time, an interval or a number, it was given {other}: cast it"),
    };
    Ok(vec![of, DataType::Utf8])
}

fn run(call: &Call<'_>) -> Result<ArrayRef> {
    let (column, patterns) = (&call.columns[0], call.columns[1].as_string::<i32>());
    match column.data_type() {
        DataType::Null => Ok(new_null_array(&DataType::Utf8, call.rows)),
        DataType::Decimal128(_, scale) => {
            let values = column.as_primitive::<Decimal128Type>();
            of_numbers(patterns, |row| values.is_valid(row).then(|| Number::Exact(values.value(row), *scale)))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            of_numbers(patterns, |row| values.is_valid(row).then(|| Number::Float(values.value(row))))
        }
        _ => of_times(call, patterns),
    }
}

fn of_numbers(patterns: &StringArray, number: impl Fn(usize) -> Option<Number>) -> Result<ArrayRef> {
    let mut last: Option<(&str, Vec<Part>, Shape)> = None;
    let mut texts = Vec::with_capacity(patterns.len());
    for row in 0..patterns.len() {
        let Some(number) = number(row).filter(|_| patterns.is_valid(row)) else {
            texts.push(None);
            continue;
        };
        let pattern = patterns.value(row);
        if last.as_ref().is_none_or(|(known, ..)| *known != pattern) {
            let parts = pattern::of_numbers(pattern);
            let shape = Shape::of(&parts)?;
            last = Some((pattern, parts, shape));
        }
        let text = last.as_ref().map(|(_, parts, shape)| numbers::written(number, parts, shape));
        texts.push(text.transpose()?);
    }
    Ok(Arc::new(StringArray::from(texts)))
}

fn of_times(call: &Call<'_>, patterns: &StringArray) -> Result<ArrayRef> {
    let times = times(call)?;
    let mut last: Option<(&str, Vec<Part>)> = None;
    let mut texts = Vec::with_capacity(patterns.len());
    for (row, time) in times.into_iter().enumerate() {
        // A pattern that is empty has no answer.
        let Some(time) = time.filter(|_| patterns.is_valid(row) && !patterns.value(row).is_empty()) else {
            texts.push(None);
            continue;
        };
        let pattern = patterns.value(row);
        if last.as_ref().is_none_or(|(known, _)| *known != pattern) {
            last = Some((pattern, pattern::of_times(pattern)));
        }
        texts.push(last.as_ref().map(|(_, parts)| time.written(parts)).transpose()?);
    }
    Ok(Arc::new(StringArray::from(texts)))
}

fn times(call: &Call<'_>) -> Result<Vec<Option<Time>>> {
    let column = &call.columns[0];
    let span = |us: i64| Time::span(0, 0, us.saturating_mul(1000));
    match column.data_type() {
        DataType::Timestamp(_, of) => {
            let zone = of.as_deref().map(zone).transpose()?;
            let times = column.as_primitive::<TimestampMicrosecondType>().iter();
            times.map(|us| us.map(|us| at(us, zone.as_ref())).transpose()).collect()
        }
        DataType::Date32 => {
            // A day is its midnight on the session's clocks.
            let zone = zone(call.zone)?;
            let days = column.as_primitive::<Date32Type>().iter();
            let midnight = |day: i32| {
                let local = TimeZone::UTC.to_datetime(instant(i64::from(day) * DAY_US, TimeUnit::Microsecond)?);
                let named = zone.to_timestamp(local).ok().map(|at| abbreviated(&zone, at));
                Ok(Time::of(local, named))
            };
            days.map(|day| day.map(midnight).transpose()).collect()
        }
        DataType::Time64(_) => {
            Ok(column.as_primitive::<Time64MicrosecondType>().iter().map(|us| us.map(span)).collect())
        }
        DataType::Interval(_) | DataType::Duration(_) => {
            let spans = match column.data_type() {
                DataType::Duration(_) => spelled::parts(column.as_ref())?,
                _ => cast(column, &DataType::Interval(IntervalUnit::MonthDayNano))?,
            };
            let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
            Ok(spans.map(|span| span.map(|of| Time::span(of.months, of.days, of.nanoseconds))).collect())
        }
        other => exec_err!("to_char was given {other}"),
    }
}

fn at(us: i64, zone: Option<&TimeZone>) -> Result<Time> {
    let at = instant(us, TimeUnit::Microsecond)?;
    Ok(match zone {
        Some(zone) => Time::of(zone.to_datetime(at), Some(abbreviated(zone, at))),
        None => Time::of(TimeZone::UTC.to_datetime(at), None),
    })
}

fn abbreviated(zone: &TimeZone, at: jiff::Timestamp) -> (String, i32) {
    let of = zone.to_offset_info(at);
    (of.abbreviation().to_owned(), of.offset().seconds())
}

fn takes_text(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of, pattern] if [of, pattern].iter().all(|of| of.is_string() || of.is_null()) => Ok(vec![DataType::Utf8; 2]),
        _ => plan_err!("a text and a pattern are wanted"),
    }
}

fn takes_number(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of] if of.is_numeric() || of.is_string() || of.is_null() => Ok(vec![DataType::Float64]),
        _ => plan_err!("to_timestamp takes seconds since 1970, or a text and a pattern"),
    }
}

fn read(call: &Call<'_>) -> Result<Vec<Option<DateTime>>> {
    let (texts, patterns) = (call.columns[0].as_string::<i32>(), call.columns[1].as_string::<i32>());
    let mut last: Option<(&str, Vec<Part>)> = None;
    let mut times = Vec::with_capacity(call.rows);
    for pair in texts.iter().zip(patterns) {
        let (Some(text), Some(pattern)) = pair else {
            times.push(None);
            continue;
        };
        if last.as_ref().is_none_or(|(known, _)| *known != pattern) {
            last = Some((pattern, pattern::of_times(pattern)));
        }
        times.push(last.as_ref().map(|(_, parts)| read::time(text, parts)).transpose()?);
    }
    Ok(times)
}

fn dates(call: &Call<'_>) -> Result<ArrayRef> {
    let days = |time: DateTime| (time.date() - date(1970, 1, 1)).get_days();
    Ok(Arc::new(read(call)?.into_iter().map(|time| time.map(days)).collect::<Date32Array>()))
}

fn timestamps(call: &Call<'_>) -> Result<ArrayRef> {
    let at = |time: DateTime| match TimeZone::UTC.to_timestamp(time) {
        Ok(at) => Ok(at.as_microsecond()),
        Err(error) => exec_err!("timestamp out of range: {error}"),
    };
    let times = read(call)?.into_iter().map(|time| time.map(at).transpose());
    Ok(Arc::new(times.collect::<Result<TimestampMicrosecondArray>>()?))
}

fn epochs(call: &Call<'_>) -> Result<ArrayRef> {
    let at = |seconds: f64| -> Result<i64> {
        let us = (seconds * 1_000_000.0).round_ties_even();
        if !us.is_finite() || us.abs() > EPOCH_US_MAX {
            return exec_err!("timestamp out of range: {seconds}");
        }
        let us = us as i64;
        instant(us, TimeUnit::Microsecond).map(|_| us)
    };
    let times = call.columns[0].as_primitive::<Float64Type>().iter().map(|seconds| seconds.map(at).transpose());
    Ok(Arc::new(times.collect::<Result<TimestampMicrosecondArray>>()?))
}
