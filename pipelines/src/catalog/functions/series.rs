//! `generate_series` as a list: of whole numbers, and of times a step apart as calendars count.
//!
//! Days are midnights of the session's zone, as in PostgreSQL, and months and days are added on its clocks. How long a list may
//! be is bounded before it is made ([`crate::catalog::values`]). Not here: what makes rows of it ([`super::rows`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, FieldRef, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::{Result, ScalarValue, exec_err, not_impl_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use jiff::Span;
use jiff::tz::TimeZone;

use crate::catalog::zone::{UTC, instant, zone};

/// From, to, step, and the session's zone.
pub(super) const NAME: &str = "_series";
const MICROSECOND_NS: i64 = 1_000;

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Series { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Series {
    signature: Signature,
}

impl ScalarUDFImpl for Series {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [from, to, step, _] = arguments else { return plan_err!("generate_series takes two or three values") };
        let is_whole = |of: &DataType| of.is_integer() || of.is_null();
        if is_whole(from) && is_whole(to) && is_whole(step) {
            return Ok(vec![DataType::Int64, DataType::Int64, DataType::Int64, DataType::Utf8]);
        }
        if [from, to, step].iter().any(|of| of.is_numeric() && !of.is_integer()) {
            return not_impl_err!("generate_series of numbers that are not whole: make a whole series and divide");
        }
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        if !step.is_string() && !matches!(step, DataType::Interval(_) | DataType::Null) {
            return plan_err!("generate_series of times takes an interval as its step, it was given {step}");
        }
        let of = match (from, to) {
            (DataType::Timestamp(_, Some(zone)), _) | (_, DataType::Timestamp(_, Some(zone))) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone)))
            }
            (DataType::Timestamp(..), _) | (_, DataType::Timestamp(..)) => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            (DataType::Date32, _) | (_, DataType::Date32) => DataType::Date32,
            _ => return plan_err!("generate_series takes numbers or times, it was given {from} and {to}"),
        };
        Ok(vec![of.clone(), of, interval, DataType::Utf8])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("depends on the session's zone")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let zone = || {
            let zone = arguments.scalar_arguments.get(3).copied().flatten().and_then(ScalarValue::try_as_str).flatten();
            Arc::<str>::from(zone.unwrap_or(UTC))
        };
        let element = match arguments.arg_fields[0].data_type() {
            DataType::Date32 => DataType::Timestamp(TimeUnit::Microsecond, Some(zone())),
            other => other.clone(),
        };
        Ok(Arc::new(Field::new(NAME, DataType::new_list(element, true), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { arguments.number_rows };
        let columns = arguments.args.iter().map(|value| value.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let DataType::List(element) = arguments.return_field.data_type() else {
            return exec_err!("{NAME} gives a list");
        };
        let of = Ends::of(&columns, element.data_type())?;
        let (mut values, mut offsets, mut valid) = (Vec::new(), vec![0_i32], Vec::with_capacity(rows));
        for row in 0..rows {
            valid.push(of.push(row, &mut values)?);
            let Ok(end) = i32::try_from(values.len()) else { return exec_err!("a series of so many values") };
            offsets.push(end);
        }
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        let values = cast(&values, element.data_type())?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let lists = ListArray::try_new(Arc::clone(element), offsets, values, Some(NullBuffer::from(valid)))?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&lists, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(lists)))
    }
}

/// Columns of ends and steps: numbers, or microseconds on the clocks of a zone.
struct Ends {
    from: Int64Array,
    to: Int64Array,
    step: ArrayRef,
    zone: TimeZone,
}

impl Ends {
    fn of(columns: &[ArrayRef], element: &DataType) -> Result<Self> {
        let [from, to, step, ..] = columns else { return exec_err!("{NAME} takes four values") };
        let zone = match element {
            DataType::Timestamp(_, Some(name)) => zone(name)?,
            _ => TimeZone::UTC,
        };
        let whole = |column: &ArrayRef| -> Result<Int64Array> {
            if column.data_type() != &DataType::Date32 {
                return Ok(cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone());
            }
            let local = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let local = cast(&local, &DataType::Int64)?;
            let midnight = |us: i64| match zone
                .to_ambiguous_timestamp(TimeZone::UTC.to_datetime(instant(us, TimeUnit::Microsecond)?))
                .later()
            {
                Ok(at) => Ok(at.as_microsecond()),
                Err(error) => exec_err!("timestamp out of range: {error}"),
            };
            local.as_primitive::<Int64Type>().iter().map(|us| us.map(midnight).transpose()).collect()
        };
        Ok(Self { from: whole(from)?, to: whole(to)?, step: Arc::clone(step), zone })
    }

    /// Puts a row's series behind `values`; whether it has one.
    fn push(&self, row: usize, values: &mut Vec<i64>) -> Result<bool> {
        if self.from.is_null(row) || self.to.is_null(row) || self.step.is_null(row) {
            return Ok(false);
        }
        let (mut at, to) = (self.from.value(row), self.to.value(row));
        let interval = match self.step.data_type() {
            DataType::Interval(_) => Some(self.step.as_primitive::<IntervalMonthDayNanoType>().value(row)),
            _ => None,
        };
        let step = match interval {
            Some(of) => of,
            None => IntervalMonthDayNano::new(0, 0, self.step.as_primitive::<Int64Type>().value(row)),
        };
        // A month has thirty days here, as where intervals are compared.
        let days = i128::from(step.months) * 30 + i128::from(step.days);
        let length = days * 86_400_000_000_000 + i128::from(step.nanoseconds);
        if length == 0 {
            return exec_err!("step size cannot equal zero");
        }
        while if length > 0 { at <= to } else { at >= to } {
            values.push(at);
            let next = if interval.is_none() { at.checked_add(step.nanoseconds) } else { self.after(at, step)? };
            match next {
                // One that does not come nearer would go on for ever.
                Some(next) if (length > 0) == (next > at) && next != at => at = next,
                Some(_) => return exec_err!("a step of a series must lead on"),
                None => break,
            }
        }
        Ok(true)
    }

    /// The time a step later; `None` beyond the calendar.
    fn after(&self, at: i64, step: IntervalMonthDayNano) -> Result<Option<i64>> {
        let from = instant(at, TimeUnit::Microsecond)?;
        let mut moved = from;
        if step.months != 0 || step.days != 0 {
            let span = |months: i32, days: i32| Span::new().try_months(months).and_then(|span| span.try_days(days));
            let (Ok(months), Ok(days)) = (span(step.months, 0), span(0, step.days)) else { return Ok(None) };
            let local = self.zone.to_datetime(from);
            let Ok(local) = local.checked_add(months).and_then(|local| local.checked_add(days)) else {
                return Ok(None);
            };
            let Ok(there) = self.zone.to_ambiguous_timestamp(local).later() else { return Ok(None) };
            moved = there;
        }
        Ok(moved.as_microsecond().checked_add(step.nanoseconds / MICROSECOND_NS))
    }
}
