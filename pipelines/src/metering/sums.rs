//! Sums of what a definition computes: kept in 256 bits, so that no order of adding ever wraps or fails (I3, I4).
//!
//! What an expression gives may be as large as its type: a cast to BIGINT, a product of decimals. DataFusion adds that with
//! wrapping arithmetic, and a checked sum would fail in the middle of a fold, or not, by the order of arrival. 10^38 summands
//! fit here; only the whole is narrowed to the type that the function has, and is an error if it does not fit. Members of
//! events are below 10^18 units, so 10^11 of them fit DECIMAL(38, 9) and are summed as they are. Not here: averages, whose own
//! sums are as wide as they need.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Decimal256Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Int64Type, TimeUnit, UInt64Type, i256,
};
use arrow::error::ArrowError;
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;

/// Digits of a column of 256 bits.
const DIGITS: u8 = 76;

/// How a sum is kept, and what it becomes.
#[derive(Debug, Clone)]
pub(super) struct WideSum {
    returns: DataType,
    scale: i8,
}

impl WideSum {
    /// How `call` is kept, if it is a sum of what is computed.
    ///
    /// # Errors
    /// A sum of something that could wrap even so.
    pub(super) fn of(call: &AggregateFunctionExpr) -> Result<Option<Self>> {
        let is_member = call.expressions().first().is_some_and(|argument| argument.is::<Column>());
        let returns = call.field().data_type().clone();
        if call.fun().name() != "sum" || call.is_distinct() {
            return match (call.fun().name(), &returns) {
                ("avg", DataType::Duration(_)) => {
                    plan_err!("an average of durations may wrap; take the average of seconds")
                }
                _ => Ok(None),
            };
        }
        let scale = match &returns {
            DataType::Decimal128(..) if is_member => return Ok(None),
            DataType::Decimal128(_, scale) => *scale,
            DataType::Int64 | DataType::UInt64 | DataType::Duration(_) => 0,
            DataType::Interval(_) => return plan_err!("a sum of intervals may wrap; sum seconds"),
            DataType::Decimal256(..) => {
                return plan_err!("a sum of such decimals may wrap; cast to DECIMAL(38, 9) before");
            }
            // Floats are refused for their own reason.
            _ => return Ok(None),
        };
        Ok(Some(Self { returns, scale }))
    }

    /// What panes keep.
    pub(super) fn state_type(&self) -> DataType {
        DataType::Decimal256(DIGITS, self.scale)
    }

    /// Nothing summed yet.
    pub(super) fn accumulator(&self) -> Box<dyn GroupsAccumulator> {
        Box::new(Sums { state_type: self.state_type(), sums: Vec::new(), seen: Vec::new() })
    }

    /// What was evaluated, in the type of the function.
    ///
    /// # Errors
    /// A sum that does not fit it.
    pub(super) fn narrow(&self, sums: &ArrayRef) -> Result<ArrayRef> {
        let sums = sums.as_primitive::<Decimal256Type>();
        let told = || ArrowError::ArithmeticOverflow(format!("a sum does not fit {}", self.returns));
        let fits: Decimal128Array = sums
            .iter()
            .map(|sum| sum.map(|sum| sum.to_i128().ok_or_else(told)).transpose())
            .collect::<Result<_, _>>()?;
        let longs = || {
            let longs = fits.iter().map(|sum| sum.map(|sum| i64::try_from(sum).map_err(|_| told())).transpose());
            longs.collect::<Result<PrimitiveArray<Int64Type>, _>>()
        };
        Ok(match &self.returns {
            DataType::Decimal128(digits, scale) => {
                fits.validate_decimal_precision(*digits).map_err(|_| told())?;
                Arc::new(fits.with_precision_and_scale(*digits, *scale)?)
            }
            DataType::UInt64 => {
                let longs = fits.iter().map(|sum| sum.map(|sum| u64::try_from(sum).map_err(|_| told())).transpose());
                Arc::new(longs.collect::<Result<PrimitiveArray<UInt64Type>, _>>()?)
            }
            DataType::Int64 => Arc::new(longs()?),
            duration => cast(&longs()?, duration)?,
        })
    }
}

/// The sums of groups.
#[derive(Debug)]
struct Sums {
    state_type: DataType,
    sums: Vec<i256>,
    /// Which summed anything.
    seen: Vec<bool>,
}

impl Sums {
    fn add(
        &mut self,
        values: impl Iterator<Item = Option<i256>>,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.resize(total, i256::ZERO);
        self.seen.resize(total, false);
        for (row, (value, &group)) in values.zip(groups).enumerate() {
            let wanted = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if let Some(value) = value.filter(|_| wanted) {
                let sum = self.sums[group].checked_add(value);
                self.sums[group] = sum.ok_or_else(|| exec_datafusion_err!("more than 10^38 summands"))?;
                self.seen[group] = true;
            }
        }
        Ok(())
    }
}

impl GroupsAccumulator for Sums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        let values = &values[0];
        let mut add = |values: &mut dyn Iterator<Item = Option<i128>>| {
            self.add(values.map(|value| value.map(i256::from_i128)), groups, filter, total)
        };
        match values.data_type() {
            DataType::Int64 => add(&mut wide::<Int64Type>(values)),
            DataType::UInt64 => add(&mut wide::<UInt64Type>(values)),
            DataType::Decimal128(..) => add(&mut wide::<Decimal128Type>(values)),
            DataType::Duration(TimeUnit::Second) => add(&mut wide::<DurationSecondType>(values)),
            DataType::Duration(TimeUnit::Millisecond) => add(&mut wide::<DurationMillisecondType>(values)),
            DataType::Duration(TimeUnit::Microsecond) => add(&mut wide::<DurationMicrosecondType>(values)),
            DataType::Duration(TimeUnit::Nanosecond) => add(&mut wide::<DurationNanosecondType>(values)),
            small if small.is_integer() => add(&mut wide::<Int64Type>(&cast(values, &DataType::Int64)?)),
            other => exec_err!("no sum of {other} is kept"),
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, seen) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.seen));
        let sums: Decimal256Array = sums.into_iter().zip(seen).map(|(sum, seen)| seen.then_some(sum)).collect();
        Ok(Arc::new(sums.with_data_type(self.state_type.clone())))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let states = values[0].as_primitive_opt::<Decimal256Type>();
        let states = states.ok_or_else(|| exec_datafusion_err!("expected sums of 256 bits"))?;
        self.add(states.iter(), groups, None, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Self { state_type: self.state_type.clone(), sums: Vec::new(), seen: Vec::new() };
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i256>() + self.seen.capacity()
    }
}

/// The values of a column, each in 128 bits.
fn wide<T: ArrowPrimitiveType>(values: &ArrayRef) -> impl Iterator<Item = Option<i128>> + '_
where
    T::Native: Into<i128>,
{
    values.as_primitive::<T>().iter().map(|value| value.map(Into::into))
}
