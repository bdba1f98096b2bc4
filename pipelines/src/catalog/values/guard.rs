//! A function that looks at its arguments before it runs, and is otherwise the function that it was.

use std::hash::Hash;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, StructFieldMapping,
};

use super::TooLarge;
use super::bound::{self, Most};
use super::bytes::{bytes_of_array, bytes_of_scalar};
use super::charge;

/// A constant beyond this is not folded: plans are not counted, and hold it once a mention.
const FOLDED_BYTES_MAX: u64 = 4096;
/// What is given at most is looked at from here on; less is not worth it.
const LOOKED_AT_BYTES: u64 = 64 << 10;

/// Functions that DataFusion's planner and optimizer know by their type; none gives more than it is given.
const KNOWN_BY_TYPE: [&str; 5] = ["get_field", "named_struct", "struct", "log", "power"];

/// See the module.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Guard {
    inner: Arc<ScalarUDF>,
    bytes_max: u64,
}

/// `function`, guarded; what has a guard, or must not have one, as it is.
pub(super) fn guarded(function: Arc<ScalarUDF>, bytes_max: u64) -> Arc<ScalarUDF> {
    let is_one = function.inner().is::<Guard>();
    if is_one || KNOWN_BY_TYPE.contains(&function.name()) || function.as_async().is_some() {
        return function;
    }
    Arc::new(ScalarUDF::new_from_impl(Guard { inner: function, bytes_max }))
}

/// `part` with a guard, if it calls a function that has none.
pub(super) fn wrap(part: Expr, bytes_max: u64) -> Transformed<Expr> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = part else { return Transformed::no(part) };
    let wrapped = guarded(Arc::clone(&func), bytes_max);
    let is_new = !Arc::ptr_eq(&wrapped, &func);
    let call = Expr::ScalarFunction(ScalarFunction { func: wrapped, args });
    if is_new { Transformed::yes(call) } else { Transformed::no(call) }
}

/// What a row of a call of `function` takes beside what it is given, if that is much.
pub(super) fn weight(function: &ScalarUDF, constants: &[Option<&ScalarValue>]) -> u64 {
    let guard = function.inner().downcast_ref::<Guard>();
    guard.map_or(0, |guard| bound::weight(guard.inner.name(), constants))
}

/// Whether `function` is counted.
pub(super) fn is_guarded(function: &ScalarUDF) -> bool {
    function.inner().is::<Guard>()
}

impl Guard {
    fn refused(&self, bytes: u64) -> TooLarge {
        TooLarge { what: self.inner.name().trim_start_matches('_').to_owned(), bytes, bytes_max: self.bytes_max }
    }

    /// A type whose every value is too large.
    fn check_type(&self, of: &DataType) -> Result<()> {
        match fixed_bytes(of) {
            bytes if bytes > self.bytes_max => Err(self.refused(bytes).into()),
            _ => Ok(()),
        }
    }

    /// Refuses what `made` has beyond the limit, where that could not be told before.
    fn check(&self, made: &ColumnarValue) -> Result<()> {
        let bytes = match made {
            ColumnarValue::Scalar(scalar) => bytes_of_scalar(scalar),
            ColumnarValue::Array(array) if bytes_of_array(array) <= self.bytes_max => return Ok(()),
            array => super::bytes::Sizes::of(array).largest(),
        };
        if bytes > self.bytes_max { Err(self.refused(bytes).into()) } else { Ok(()) }
    }
}

/// What a value of this type takes whatever it is.
fn fixed_bytes(of: &DataType) -> u64 {
    match of {
        DataType::FixedSizeBinary(bytes) => u64::try_from(*bytes).unwrap_or_default(),
        DataType::FixedSizeList(entry, length) => {
            u64::try_from(*length).unwrap_or_default().saturating_mul(fixed_bytes(entry.data_type()).max(1))
        }
        DataType::Struct(fields) => {
            fields.iter().map(|field| fixed_bytes(field.data_type())).fold(0, u64::saturating_add)
        }
        _ => 0,
    }
}

fn takes(made: &ColumnarValue) -> u64 {
    match made {
        ColumnarValue::Scalar(scalar) => bytes_of_scalar(scalar),
        ColumnarValue::Array(array) => bytes_of_array(array),
    }
}

// Delegates: a method that is not here would answer for the wrapper.
#[warn(clippy::missing_trait_methods)]
impl ScalarUDFImpl for Guard {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        #[expect(deprecated, reason = "whoever has not moved on still answers by it")]
        self.inner.inner().display_name(args)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::new(self.inner.inner().with_updated_config(config)?);
        Some(ScalarUDF::new_from_impl(Self { inner, bytes_max: self.bytes_max }))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let field = self.inner.return_field_from_args(args)?;
        self.check_type(field.data_type())?;
        Ok(field)
    }

    fn is_nullable(&self, args: &[Expr], schema: &dyn ExprSchema) -> bool {
        #[expect(deprecated, reason = "whoever has not moved on still answers by it")]
        self.inner.inner().is_nullable(args, schema)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        // Constants give one value, where there are no rows too: functions that make columns of them look for it there, and a
        // list of constants is computed on no rows.
        if is_constant && !args.args.is_empty() {
            args.number_rows = args.number_rows.max(1);
        }
        if args.return_type().is_primitive() || args.return_type() == &DataType::Boolean {
            return self.inner.invoke_with_args(args);
        }
        let Most { value, all } = bound::most(self.inner.name(), &args.args, args.number_rows);
        if value > self.bytes_max {
            return Err(self.refused(value).into());
        }
        if all <= FOLDED_BYTES_MAX {
            return self.inner.invoke_with_args(args);
        }
        if is_constant && !charge::is_known() {
            let what = format!("{}, where constants are computed,", self.inner.name());
            return Err(TooLarge { what, bytes: all, bytes_max: FOLDED_BYTES_MAX }.into());
        }
        if all < LOOKED_AT_BYTES {
            return self.inner.invoke_with_args(args);
        }
        let made = charge::taken(all, || self.inner.invoke_with_args(args), takes)?;
        self.check(&made)?;
        Ok(made)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // What it becomes may be a function without a guard.
        Ok(match self.inner.simplify(args, info)? {
            ExprSimplifyResult::Simplified(made) => {
                ExprSimplifyResult::Simplified(made.transform_up(|part| Ok(wrap(part, self.bytes_max))).data()?)
            }
            original @ ExprSimplifyResult::Original(_) => original,
        })
    }

    fn preimage(&self, args: &[Expr], literal: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
        self.inner.preimage(args, literal, info)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        self.inner.evaluate_bounds(inputs)
    }

    fn propagate_constraints(&self, interval: &Interval, inputs: &[&Interval]) -> Result<Option<Vec<Interval>>> {
        self.inner.propagate_constraints(interval, inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.preserves_lex_ordering(inputs)
    }

    fn strictly_order_preserving(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.strictly_order_preserving(inputs)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn struct_field_mapping(&self, literals: &[Option<ScalarValue>]) -> Option<StructFieldMapping> {
        self.inner.struct_field_mapping(literals)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.inner.placement(args)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn a_call_on_constants_has_a_value_where_there_are_no_rows() {
        let of = |scale: i8| DataType::Decimal128(2, scale);
        let field = |of: DataType| Arc::new(Field::new("", of, true));
        for rows in [0, 1, 3] {
            let made = guarded(datafusion::functions::math::ceil(), u64::MAX).invoke_with_args(ScalarFunctionArgs {
                args: vec![ColumnarValue::Scalar(ScalarValue::Decimal128(Some(15), 2, 1))],
                arg_fields: vec![field(of(1))],
                number_rows: rows,
                return_field: field(of(1)),
                config_options: Arc::default(),
            });
            let made = made.unwrap().into_array(1).unwrap();
            assert_eq!(ScalarValue::try_from_array(&made, 0).unwrap(), ScalarValue::Decimal128(Some(20), 2, 1));
        }
    }
}
