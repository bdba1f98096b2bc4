//! Intervals times numbers, and intervals whose hours become days and whose days become months.
//!
//! What is left of months becomes days, what is left of days hours, in PostgreSQL's steps and with floats as it has them. Not here:
//! which operators these are ([`crate::catalog::products`]), and how intervals compare ([`crate::catalog::spans`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::datatypes::{DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::logical_expr::Expr;

use super::defined::{Call, Definition};
use crate::catalog::spelled;

/// `interval * number`.
pub(super) const TIMES: Definition = Definition::new("_times", takes_factor, gives, |call| scaled(call, times));
/// `interval / number`.
pub(super) const DIVIDED: Definition = Definition::new("_divided", takes_factor, gives, |call| scaled(call, divided));
/// Whole days out of hours.
pub(super) const HOURS: Definition =
    Definition::new("justify_hours", takes, gives, |call| justified(call, Span::hours));
/// Whole months out of days.
pub(super) const DAYS: Definition = Definition::new("justify_days", takes, gives, |call| justified(call, Span::days));
/// Both, and one sign.
pub(super) const BOTH: Definition =
    Definition::new("justify_interval", takes, gives, |call| justified(call, Span::both));

const MONTH_DAYS: i32 = 30;
const DAY_US: i64 = 86_400_000_000;
const DAY_S: f64 = 86_400.0;
const SECOND_US: f64 = 1_000_000.0;
const MICROSECOND_NS: i64 = 1_000;

/// `span` times `factor`.
pub(in crate::catalog) fn product(span: Expr, factor: Expr) -> Expr {
    TIMES.function().call(vec![span, factor])
}

/// `span` divided by `by`.
pub(in crate::catalog) fn quotient(span: Expr, by: Expr) -> Expr {
    DIVIDED.function().call(vec![span, by])
}

fn takes(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [DataType::Duration(_)] => Ok(vec![DataType::Duration(TimeUnit::Microsecond)]),
        [of] if of.is_string() || of.is_null() || matches!(of, DataType::Interval(_)) => Ok(vec![interval()]),
        _ => plan_err!("an interval is wanted"),
    }
}

fn takes_factor(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of, factor] if factor.is_numeric() || factor.is_null() => {
            let mut types = takes(std::slice::from_ref(of))?;
            types.push(DataType::Float64);
            Ok(types)
        }
        _ => plan_err!("an interval and a number are wanted"),
    }
}

fn gives(_: &[DataType]) -> Result<DataType> {
    Ok(interval())
}

fn interval() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

/// An interval as PostgreSQL counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    months: i32,
    days: i32,
    us: i64,
}

/// The intervals of a call's first column, as `of` makes them.
fn each(call: &Call<'_>, of: impl Fn(usize, Span) -> Result<Option<Span>>) -> Result<ArrayRef> {
    let column = match call.columns[0].data_type() {
        DataType::Duration(_) => spelled::parts(call.columns[0].as_ref())?,
        _ => Arc::clone(&call.columns[0]),
    };
    let spans = column.as_primitive::<IntervalMonthDayNanoType>().iter().enumerate().map(|(row, span)| {
        let Some(span) = span else { return Ok(None) };
        let span = Span { months: span.months, days: span.days, us: span.nanoseconds / MICROSECOND_NS };
        let Some(made) = of(row, span)? else { return Ok(None) };
        match made.us.checked_mul(MICROSECOND_NS) {
            Some(nanoseconds) => Ok(Some(IntervalMonthDayNano::new(made.months, made.days, nanoseconds))),
            None => Err(out_of_range()),
        }
    });
    Ok(Arc::new(spans.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

fn out_of_range() -> DataFusionError {
    DataFusionError::Execution("interval out of range".to_owned())
}

fn justified(call: &Call<'_>, of: impl Fn(Span) -> Option<Span>) -> Result<ArrayRef> {
    each(call, |_, span| of(span).map(Some).ok_or_else(out_of_range))
}

fn scaled(call: &Call<'_>, of: impl Fn(Span, f64) -> Result<Span>) -> Result<ArrayRef> {
    let factors = call.columns[1].as_primitive::<Float64Type>();
    each(call, |row, span| if factors.is_null(row) { Ok(None) } else { of(span, factors.value(row)).map(Some) })
}

fn times(span: Span, factor: f64) -> Result<Span> {
    scaled_by(span, |part| part * factor)
}

fn divided(span: Span, by: f64) -> Result<Span> {
    if by == 0.0 {
        return Err(ArrowError::DivideByZero.into());
    }
    scaled_by(span, |part| part / by)
}

/// Each part scaled, with what is left of it handed down.
fn scaled_by(span: Span, scale: impl Fn(f64) -> f64) -> Result<Span> {
    let rounded = |part: f64| (part * SECOND_US).round_ties_even() / SECOND_US;
    let (months, days) = (scale(f64::from(span.months)), scale(f64::from(span.days)));
    let (whole_months, mut whole_days) = (whole(months)?, whole(days)?);
    let left_days = rounded((months - f64::from(whole_months)) * f64::from(MONTH_DAYS));
    let mut left_s = rounded((days - f64::from(whole_days) + left_days - left_days.trunc()) * DAY_S);
    // A whole day may have been left, by rounding or because both had something left.
    if left_s.abs() >= DAY_S {
        let more = (left_s / DAY_S).trunc();
        whole_days = whole_days.checked_add(whole(more)?).ok_or_else(out_of_range)?;
        left_s -= more * DAY_S;
    }
    let days = whole_days.checked_add(whole(left_days)?).ok_or_else(out_of_range)?;
    let us = (scale(span.us as f64) + left_s * SECOND_US).round_ties_even();
    // The bounds of 64 bits, of which the upper one is no float.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&us) {
        return Err(out_of_range());
    }
    Ok(Span { months: whole_months, days, us: us as i64 })
}

/// A part without its fraction, if it is one that an interval can have.
fn whole(part: f64) -> Result<i32> {
    if (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&part) { Ok(part as i32) } else { Err(out_of_range()) }
}

impl Span {
    fn hours(self) -> Option<Self> {
        let days = self.days.checked_add(i32::try_from(self.us / DAY_US).ok()?)?;
        Some(Self { days, us: self.us % DAY_US, ..self }.with_one_sign_of_days())
    }

    fn days(self) -> Option<Self> {
        let months = self.months.checked_add(self.days / MONTH_DAYS)?;
        Some(Self { months, days: self.days % MONTH_DAYS, ..self }.with_one_sign_of_months(false))
    }

    fn both(self) -> Option<Self> {
        // Days come first where they and hours add up, so that their sum does not overflow.
        let same = self.days.signum() != 0 && i64::from(self.days.signum()) == self.us.signum();
        let mut made = self;
        if same {
            made.months = made.months.checked_add(made.days / MONTH_DAYS)?;
            made.days %= MONTH_DAYS;
        }
        made.days = made.days.checked_add(i32::try_from(made.us / DAY_US).ok()?)?;
        made.us %= DAY_US;
        made.months = made.months.checked_add(made.days / MONTH_DAYS)?;
        made.days %= MONTH_DAYS;
        Some(made.with_one_sign_of_months(true).with_one_sign_of_days())
    }

    /// Months and days on one side of zero; where there are no days, `counts_hours` says whether hours are asked.
    fn with_one_sign_of_months(mut self, counts_hours: bool) -> Self {
        let rest = if self.days == 0 && counts_hours { self.us.signum() } else { i64::from(self.days.signum()) };
        if self.months > 0 && rest < 0 {
            self.days += MONTH_DAYS;
            self.months -= 1;
        } else if self.months < 0 && rest > 0 {
            self.days -= MONTH_DAYS;
            self.months += 1;
        }
        self
    }

    /// The same of days and hours.
    fn with_one_sign_of_days(mut self) -> Self {
        if self.days > 0 && self.us < 0 {
            self.us += DAY_US;
            self.days -= 1;
        } else if self.days < 0 && self.us > 0 {
            self.us -= DAY_US;
            self.days += 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    fn span(months: i32, days: i32, hours: i64) -> Span {
        Span { months, days, us: hours * HOUR_US }
    }

    #[test]
    fn what_is_left_is_handed_down() {
        let check = |of: Span, factor: f64, expect: Span| assert_eq!(times(of, factor).unwrap(), expect, "{of:?}");
        check(span(1, 1, 0), 1.5, span(1, 16, 12));
        check(span(1, 0, 0), 0.5, span(0, 15, 0));
        check(span(-1, 3, 0), 1.5, span(-1, -11, 12));
        check(span(0, 1, 2), 2.0, span(0, 2, 4));
        assert_eq!(divided(span(1, 0, 0), 3.0).unwrap(), span(0, 10, 0));
        assert!(divided(span(1, 0, 0), 0.0).is_err());
        assert!(times(span(1, 0, 0), f64::NAN).is_err());
        assert!(times(span(1, 0, 0), 1e300).is_err());
    }

    #[test]
    fn parts_have_one_sign() {
        assert_eq!(span(0, 0, 27).hours(), Some(span(0, 1, 3)));
        assert_eq!(span(0, 1, -3).hours(), Some(span(0, 0, 21)));
        assert_eq!(span(1, -35, 0).days(), Some(span(0, -5, 0)));
        assert_eq!(span(1, 0, -1).both(), Some(span(0, 29, 23)));
        assert_eq!(span(-1, 0, 1).both(), Some(span(0, -29, -23)));
        assert_eq!(span(0, 35, 49).both(), Some(span(1, 7, 1)));
    }
}
