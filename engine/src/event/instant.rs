//! Times of Arrow columns as microseconds since the epoch, whatever their unit.
//!
//! Rounded down, never wrapped: what microseconds can't hold becomes the smallest or the largest there is, which lies
//! beyond every [`Horizon`](super::horizon::Horizon). A time without a zone is taken as it stands, as if it were UTC. Not
//! here: zones, texts that are times.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use jiff::Timestamp;

use super::horizon::{TIME_US_MAX, TIME_US_MIN};

const DAY_US: i64 = 86_400_000_000;

/// Whether columns of the type hold instants.
pub fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

/// The times of `column`; `None` if it [holds none](is_time).
pub fn micros(column: &ArrayRef) -> Option<TimestampMicrosecondArray> {
    Some(match column.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            column.as_primitive::<TimestampSecondType>().unary(|s| s.saturating_mul(1_000_000))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            column.as_primitive::<TimestampMillisecondType>().unary(|ms| ms.saturating_mul(1_000))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            column.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<Arc<str>>)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            column.as_primitive::<TimestampNanosecondType>().unary(|ns| ns.div_euclid(1_000))
        }
        DataType::Date32 => column.as_primitive::<Date32Type>().unary(|days| i64::from(days).saturating_mul(DAY_US)),
        DataType::Date64 => column.as_primitive::<Date64Type>().unary(|ms| ms.saturating_mul(1_000)),
        _ => return None,
    })
}

/// The instant as RFC 3339; `None` if it is beyond what is held.
pub fn rfc3339(time_us: i64) -> Option<String> {
    let held = (TIME_US_MIN..=TIME_US_MAX).contains(&time_us);
    held.then(|| Timestamp::from_microsecond(time_us).ok()).flatten().map(|time| time.to_string())
}

/// Whether all of `times` are held.
pub fn all_held(times: &TimestampMicrosecondArray) -> bool {
    (0..times.len()).all(|row| times.is_null(row) || (TIME_US_MIN..=TIME_US_MAX).contains(&times.value(row)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray};

    use super::*;

    fn check(column: impl Array + 'static, expect: &[Option<i64>]) {
        let column: ArrayRef = Arc::new(column);
        assert_eq!(micros(&column).unwrap().iter().collect::<Vec<_>>(), expect, "{}", column.data_type());
    }

    #[test]
    fn every_unit_is_read_and_none_wraps() {
        check(
            TimestampSecondArray::from(vec![Some(1), None, Some(i64::MAX)]),
            &[Some(1_000_000), None, Some(i64::MAX)],
        );
        check(TimestampMillisecondArray::from(vec![1, i64::MIN, -1]), &[Some(1_000), Some(i64::MIN), Some(-1_000)]);
        check(TimestampMicrosecondArray::from(vec![1, i64::MAX]), &[Some(1), Some(i64::MAX)]);
        check(TimestampNanosecondArray::from(vec![1_999, -1, i64::MAX]), &[Some(1), Some(-1), Some(i64::MAX / 1_000)]);
        check(Date32Array::from(vec![1, i32::MAX, i32::MIN]), &[Some(DAY_US), Some(i64::MAX), Some(i64::MIN)]);
    }

    #[test]
    fn what_is_not_held_has_no_text() {
        assert_eq!(rfc3339(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(rfc3339(TIME_US_MAX).as_deref(), Some("9999-12-30T22:00:00Z"));
        assert_eq!([rfc3339(TIME_US_MAX + 1), rfc3339(TIME_US_MIN - 1), rfc3339(i64::MAX)], [None, None, None]);
    }
}
