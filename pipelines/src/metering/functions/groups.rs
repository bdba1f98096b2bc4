//! One implementation of DataFusion's aggregate interfaces for all of our functions: a state per group that folds rows,
//! merges encoded states and encodes itself as one binary column.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray, Decimal128Array, PrimitiveArray,
};
use arrow::compute::can_cast_types;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility};
use engine::units::{PRECISION, SCALE};

/// The state of one group.
///
/// # Contract
/// Whatever the order of `update`s and `merge`s, `encode` gives the same bytes. An untouched state encodes to nothing.
pub(super) trait GroupState: Default + Debug + Send + Sync + 'static {
    /// The arguments of a batch, typed.
    type Arguments<'a>;
    /// Types the arguments.
    fn arguments(values: &[ArrayRef]) -> Result<Self::Arguments<'_>>;
    /// Folds a row in; rows with a null argument are left out before.
    fn update(&mut self, arguments: &Self::Arguments<'_>, row: usize) -> Result<()>;
    /// Folds an encoded state in.
    fn merge(&mut self, bytes: &[u8]) -> Result<()>;
    /// Appends the state.
    fn encode(&self, out: &mut Vec<u8>);
    /// The values of groups.
    fn evaluate(groups: &[Self]) -> Result<ArrayRef>;
}

/// The states of all groups.
#[derive(Debug, Default)]
pub(super) struct Groups<S> {
    groups: Vec<S>,
}

impl<S: GroupState> Groups<S> {
    fn encode(groups: &[S]) -> BinaryArray {
        let mut builder = BinaryBuilder::new();
        let mut scratch = Vec::new();
        for group in groups {
            scratch.clear();
            group.encode(&mut scratch);
            builder.append_value(&scratch);
        }
        builder.finish()
    }
}

impl<S: GroupState> GroupsAccumulator for Groups<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.groups.resize_with(total, S::default);
        let arguments = S::arguments(values)?;
        let nullable: Vec<&ArrayRef> = values.iter().filter(|array| array.null_count() > 0).collect();
        for (row, &group) in group_indices.iter().enumerate() {
            let wanted = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if wanted && nullable.iter().all(|array| array.is_valid(row)) {
                self.groups[group].update(&arguments, row)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        S::evaluate(&emit_to.take_needed(&mut self.groups))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(Self::encode(&emit_to.take_needed(&mut self.groups)))])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total: usize) -> Result<()> {
        self.groups.resize_with(total, S::default);
        let states = binary(&values[0])?;
        for (row, &group) in group_indices.iter().enumerate() {
            if states.is_valid(row) && !states.value(row).is_empty() {
                self.groups[group].merge(states.value(row))?;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = values[0].len();
        let mut each = Self::default();
        each.update_batch(values, &(0..rows).collect::<Vec<_>>(), filter, rows)?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<S>()
    }
}

/// A [`Groups`] of one, for plans without groups.
#[derive(Debug)]
struct Single<S>(Groups<S>);

impl<S: GroupState> Accumulator for Single<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.groups.resize_with(1, S::default);
        ScalarValue::try_from_array(&S::evaluate(&self.0.groups)?, 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.groups.resize_with(1, S::default);
        Ok(vec![ScalarValue::try_from_array(&Groups::encode(&self.0.groups), 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }
}

/// A function over a [`GroupState`].
#[derive(Debug)]
pub(super) struct Function {
    name: &'static str,
    signature: Signature,
    arguments: Vec<DataType>,
    returns: DataType,
    groups: fn() -> Box<dyn GroupsAccumulator>,
    single: fn() -> Box<dyn Accumulator>,
}

impl Function {
    /// A function of that name whose states are `S`.
    pub(super) fn new<S: GroupState>(name: &'static str, arguments: Vec<DataType>, returns: DataType) -> Self {
        Self {
            name,
            signature: Signature::user_defined(Volatility::Immutable),
            arguments,
            returns,
            groups: || Box::new(Groups::<S> { groups: Vec::new() }),
            single: || Box::new(Single(Groups::<S> { groups: Vec::new() })),
        }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Takes whatever can be cast, so that literals and columns of other numeric types can be given.
    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let fits = given.len() == self.arguments.len()
            && given.iter().zip(&self.arguments).all(|(from, to)| can_cast_types(from, to));
        if !fits {
            let expected = self.arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return plan_err!("{}({expected}) was given other arguments", self.name);
        }
        Ok(self.arguments.clone())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("{} does not take DISTINCT", self.name);
        }
        Ok((self.single)())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "state"), DataType::Binary, true))])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok((self.groups)())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn binary(array: &ArrayRef) -> Result<&BinaryArray> {
    array.as_binary_opt::<i32>().ok_or_else(|| exec_datafusion_err!("expected a binary state"))
}

/// `values[at]` as a primitive array.
pub(super) fn primitive<T: ArrowPrimitiveType>(values: &[ArrayRef], at: usize) -> Result<&PrimitiveArray<T>> {
    values[at].as_primitive_opt::<T>().ok_or_else(|| {
        exec_datafusion_err!("argument {}: expected {}, found {}", at + 1, T::DATA_TYPE, values[at].data_type())
    })
}

/// Nano-units as `DECIMAL(38, 9)`.
pub(super) fn decimals(values: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef> {
    let array: Decimal128Array = values.collect();
    Ok(Arc::new(array.with_precision_and_scale(PRECISION, SCALE)?))
}

/// Splits a fixed number of bytes off an encoded state.
pub(super) fn split<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N]> {
    let Some((head, tail)) = bytes.split_first_chunk::<N>() else {
        return exec_err!("an aggregate state is cut short");
    };
    *bytes = tail;
    Ok(head)
}

/// Splits a length-prefixed text off an encoded state.
pub(super) fn split_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str> {
    let length = u32::from_le_bytes(*split(bytes)?) as usize;
    let Some((head, tail)) = bytes.split_at_checked(length) else {
        return exec_err!("an aggregate state is cut short");
    };
    *bytes = tail;
    std::str::from_utf8(head).map_err(|_| exec_datafusion_err!("an aggregate state holds text that is not UTF-8"))
}

/// Appends a length-prefixed text.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
