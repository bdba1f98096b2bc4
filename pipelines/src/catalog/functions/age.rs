//! `age`: how long it is from one time to another, in years, months, days and the time of day, as calendars count.
//!
//! A month that is borrowed from has the days of the earlier time's month. Instants are compared by the clocks of the session's
//! zone, dates by their midnights. `age(time)` counts from today's midnight, which syntax adds ([`super::syntax`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err, plan_err};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::defined::{Call, Definition};
use crate::catalog::zone::{instant, zone};

pub(super) const AGE: Definition =
    Definition::new("age", takes, |_| Ok(DataType::Interval(IntervalUnit::MonthDayNano)), run);

fn takes(arguments: &[DataType]) -> Result<Vec<DataType>> {
    let each = |of: &DataType| match of {
        DataType::Timestamp(_, zone) => Ok(DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        DataType::Date32 | DataType::Date64 | DataType::Null => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        of if of.is_string() => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        other => plan_err!("age takes timestamps, it was given {other}"),
    };
    match arguments {
        [_, _] => arguments.iter().map(each).collect(),
        _ => plan_err!("age takes one or two timestamps"),
    }
}

fn run(call: &Call<'_>) -> Result<ArrayRef> {
    let (later, earlier) = (clocks(&call.columns[0])?, clocks(&call.columns[1])?);
    let ages = later.into_iter().zip(earlier).map(|pair| match pair {
        (Some(later), Some(earlier)) => age(later, earlier).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(ages.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// What clocks show at the times of a column.
pub(super) fn clocks(column: &ArrayRef) -> Result<Vec<Option<DateTime>>> {
    let DataType::Timestamp(_, of) = column.data_type().clone() else {
        return exec_err!("a column of timestamps was expected");
    };
    let zone = of.as_deref().map(zone).transpose()?.unwrap_or(TimeZone::UTC);
    let times = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, of))?;
    let times = times.as_primitive::<TimestampMicrosecondType>().iter();
    times.map(|us| us.map(|us| Ok(zone.to_datetime(instant(us, TimeUnit::Microsecond)?))).transpose()).collect()
}

fn age(one: DateTime, other: DateTime) -> Result<IntervalMonthDayNano> {
    // What is borrowed has the length of the earlier one's month.
    let (later, earlier, sign) = if one >= other { (one, other, 1) } else { (other, one, -1) };
    let nanoseconds = |of: DateTime| {
        let time = of.time();
        let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        seconds * 1_000_000_000 + i64::from(time.subsec_nanosecond())
    };
    let mut rest = nanoseconds(later) - nanoseconds(earlier);
    let mut days = i32::from(later.day()) - i32::from(earlier.day());
    let mut months = (i32::from(later.year()) - i32::from(earlier.year())) * 12;
    months += i32::from(later.month()) - i32::from(earlier.month());
    if rest < 0 {
        rest += 86_400_000_000_000;
        days -= 1;
    }
    if days < 0 {
        days += i32::from(earlier.date().days_in_month());
        months -= 1;
    }
    Ok(IntervalMonthDayNano::new(sign * months, sign * days, i64::from(sign) * rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_counted_by_the_calendar() {
        let check = |one: &str, other: &str, months: i32, days: i32, seconds: i64| {
            let found = age(one.parse().unwrap(), other.parse().unwrap()).unwrap();
            assert_eq!(found, IntervalMonthDayNano::new(months, days, seconds * 1_000_000_000), "{one} {other}");
        };
        check("2026-03-01T00:00", "2025-12-31T12:00", 2, 0, 43_200);
        check("2026-03-31T00:00", "2026-02-28T00:00", 1, 3, 0);
        check("2026-02-28T00:00", "2026-03-31T00:00", -1, -3, 0);
        check("2001-04-10T00:00", "1957-06-13T00:00", 43 * 12 + 9, 27, 0);
    }
}
