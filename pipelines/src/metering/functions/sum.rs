//! `sum` that never wraps: exact, or an error once the result does not fit.
//!
//! DataFusion's own adds with wrapping arithmetic. Whole numbers of 64 bits are summed into a decimal, as Postgres does, and
//! smaller ones into 64 bits. Floats are DataFusion's. Not here: averages, and what windows and panes are.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::compute::{cast, sum_checked};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
    DurationSecondType, Field, FieldRef, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, UInt64Type,
};
use datafusion::common::types::{
    LogicalTypeRef, NativeType, logical_float64, logical_int8, logical_int16, logical_int32, logical_int64,
    logical_uint8, logical_uint16, logical_uint32, logical_uint64,
};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Coercion, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
    TypeSignature, TypeSignatureClass, Volatility,
};

/// Digits of a sum of whole numbers, and the most that a sum of decimals may have.
const DIGITS_MAX: u8 = 38;
/// Digits that a sum of decimals has more than what is summed.
const DIGITS_MORE: u8 = 10;

/// The function.
pub(super) fn function() -> AggregateUDF {
    let native = |of: LogicalTypeRef| TypeSignatureClass::Native(of);
    let one = |coercion| TypeSignature::Coercible(vec![coercion]);
    let class = |class| one(Coercion::new_exact(class));
    let takes = vec![
        class(TypeSignatureClass::Decimal),
        one(Coercion::new_implicit(
            native(logical_int32()),
            vec![native(logical_int8()), native(logical_int16()), native(logical_uint8()), native(logical_uint16())],
            NativeType::Int32,
        )),
        one(Coercion::new_implicit(native(logical_int64()), vec![native(logical_uint32())], NativeType::Int64)),
        class(native(logical_uint64())),
        one(Coercion::new_implicit(native(logical_float64()), vec![TypeSignatureClass::Float], NativeType::Float64)),
        class(TypeSignatureClass::Duration),
        class(TypeSignatureClass::Interval),
    ];
    AggregateUDF::from(Sum { signature: Signature::one_of(takes, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    signature: Signature,
}

/// Calls `$accumulator` with the type in which `$data_type` is summed.
macro_rules! by_type {
    ($data_type:expr, $accumulator:ident, $other:expr) => {
        match $data_type {
            DataType::Int64 => $accumulator!(Int64Type),
            DataType::Decimal128(..) => $accumulator!(Decimal128Type),
            DataType::Interval(IntervalUnit::MonthDayNano) => $accumulator!(IntervalMonthDayNanoType),
            DataType::Duration(TimeUnit::Second) => $accumulator!(DurationSecondType),
            DataType::Duration(TimeUnit::Millisecond) => $accumulator!(DurationMillisecondType),
            DataType::Duration(TimeUnit::Microsecond) => $accumulator!(DurationMicrosecondType),
            DataType::Duration(TimeUnit::Nanosecond) => $accumulator!(DurationNanosecondType),
            _ => $other,
        }
    };
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, summed: &[DataType]) -> Result<DataType> {
        Ok(match &summed[0] {
            DataType::Int32 => DataType::Int64,
            DataType::Int64 | DataType::UInt64 => DataType::Decimal128(DIGITS_MAX, 0),
            DataType::Decimal128(digits, scale) => {
                DataType::Decimal128(DIGITS_MAX.min(digits.saturating_add(DIGITS_MORE)), *scale)
            }
            other => other.clone(),
        })
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            let returns = args.return_field.data_type().clone();
            return Ok(Box::new(Distinct { members: sum_udaf().accumulator(args)?, returns }));
        }
        self.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if args.is_distinct {
            return sum_udaf().state_fields(args);
        }
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sum"), args.return_type().clone(), true))])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let returns = args.return_field.data_type().clone();
        macro_rules! groups {
            ($kind:ty) => {
                Ok(Box::new(Groups::<$kind> { returns, sums: Vec::new(), seen: Vec::new() }))
            };
        }
        by_type!(returns, groups, sum_udaf().create_groups_accumulator(args))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return sum_udaf().create_sliding_accumulator(args);
        }
        let returns = args.return_field.data_type().clone();
        macro_rules! single {
            ($kind:ty) => {
                Ok(Box::new(Single::<$kind> { returns, sum: Default::default(), count: 0 }))
            };
        }
        by_type!(returns, single, sum_udaf().create_sliding_accumulator(args))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// `values` in the type in which they are summed.
fn summed(values: &ArrayRef, returns: &DataType) -> Result<ArrayRef> {
    let decimals = |decimals: PrimitiveArray<Decimal128Type>| -> Result<ArrayRef> {
        Ok(Arc::new(decimals.with_data_type(DataType::Decimal128(DIGITS_MAX, 0))))
    };
    match (values.data_type(), returns) {
        (DataType::Int64, DataType::Decimal128(..)) => decimals(values.as_primitive::<Int64Type>().unary(i128::from)),
        (DataType::UInt64, DataType::Decimal128(..)) => decimals(values.as_primitive::<UInt64Type>().unary(i128::from)),
        // Their numbers are the same; only what they are called differs by the digits.
        (DataType::Decimal128(..), DataType::Decimal128(..)) => Ok(Arc::clone(values)),
        (from, to) if from == to => Ok(Arc::clone(values)),
        (_, to) => Ok(cast(values, to)?),
    }
}

/// `sums` as the column that is answered; a decimal of too many digits is an error.
fn column<T: ArrowPrimitiveType>(
    sums: impl Iterator<Item = Option<T::Native>>,
    returns: &DataType,
) -> Result<ArrayRef> {
    let sums: ArrayRef = Arc::new(sums.collect::<PrimitiveArray<T>>().with_data_type(returns.clone()));
    if let (DataType::Decimal128(digits, _), Some(decimals)) = (returns, sums.as_primitive_opt::<Decimal128Type>()) {
        let told = |_| arrow::error::ArrowError::ArithmeticOverflow(format!("a sum has more than {digits} digits"));
        decimals.validate_decimal_precision(*digits).map_err(told)?;
    }
    Ok(sums)
}

/// The sums of groups.
struct Groups<T: ArrowPrimitiveType> {
    returns: DataType,
    sums: Vec<T::Native>,
    /// Which have summed anything.
    seen: Vec<bool>,
}

impl<T: ArrowPrimitiveType> Groups<T>
where
    T::Native: ArrowNativeTypeOp,
{
    fn add(&mut self, group: usize, value: T::Native) -> Result<()> {
        self.sums[group] = self.sums[group].add_checked(value)?;
        self.seen[group] = true;
        Ok(())
    }

    fn take(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, seen) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.seen));
        column::<T>(sums.into_iter().zip(seen).map(|(sum, seen)| seen.then_some(sum)), &self.returns)
    }
}

impl<T: ArrowPrimitiveType> GroupsAccumulator for Groups<T>
where
    T::Native: ArrowNativeTypeOp,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.resize(total, Default::default());
        self.seen.resize(total, false);
        let values = summed(&values[0], &self.returns)?;
        let values = values.as_primitive::<T>();
        if values.null_count() == 0 && filter.is_none() {
            return groups.iter().zip(values.values()).try_for_each(|(&group, &value)| self.add(group, value));
        }
        for (row, &group) in groups.iter().enumerate() {
            let wanted = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if wanted && values.is_valid(row) {
                self.add(group, values.value(row))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.take(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(values, groups, None, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Self { returns: self.returns.clone(), sums: Vec::new(), seen: Vec::new() };
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.seen.capacity()
    }
}

/// One sum, from which rows may be taken again.
struct Single<T: ArrowPrimitiveType> {
    returns: DataType,
    sum: T::Native,
    count: usize,
}

impl<T: ArrowPrimitiveType> fmt::Debug for Single<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.sum, self.count)
    }
}

impl<T: ArrowPrimitiveType> Accumulator for Single<T>
where
    T::Native: ArrowNativeTypeOp,
{
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = summed(&values[0], &self.returns)?;
        if let Some(more) = sum_checked(values.as_primitive::<T>())? {
            self.sum = self.sum.add_checked(more)?;
        }
        self.count += values.len() - values.null_count();
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = summed(&values[0], &self.returns)?;
        if let Some(less) = sum_checked(values.as_primitive::<T>())? {
            self.sum = self.sum.sub_checked(less)?;
        }
        self.count -= values.len() - values.null_count();
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = (self.count > 0).then_some(self.sum);
        ScalarValue::try_from_array(&column::<T>(std::iter::once(sum), &self.returns)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// The sum of distinct values: DataFusion collects them.
#[derive(Debug)]
struct Distinct {
    members: Box<dyn Accumulator>,
    returns: DataType,
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.members.update_batch(&[summed(&values[0], &self.returns)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.returns.is_floating() {
            return self.members.evaluate();
        }
        let state = self.members.state()?;
        let Some(ScalarValue::List(members)) = state.first() else {
            return Err(exec_datafusion_err!("the distinct values of a sum are no list"));
        };
        let members = summed(members.values(), &self.returns)?;
        macro_rules! total {
            ($kind:ty) => {{
                let sum = sum_checked(members.as_primitive::<$kind>())?;
                ScalarValue::try_from_array(&column::<$kind>(std::iter::once(sum), &self.returns)?, 0)
            }};
        }
        by_type!(self.returns, total, self.members.evaluate())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.members.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.members.merge_batch(states)
    }

    fn size(&self) -> usize {
        self.members.size()
    }
}
