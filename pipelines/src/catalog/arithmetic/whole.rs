//! What a cast to a whole number takes: decimals rounded away from zero, floats to the even neighbour, as Postgres does.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Decimal128Array, Float32Array, Float64Array};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

const NAME: &str = "_whole";
const DIGITS_MAX: u8 = 38;

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Whole { signature: Signature::user_defined(Volatility::Immutable) })
}

/// `of`, rounded.
pub(super) fn call(of: Expr) -> Expr {
    function().call(vec![of])
}

/// Whether `of` is rounded already.
pub(super) fn is_one(of: &Expr) -> bool {
    matches!(of, Expr::ScalarFunction(call) if call.func.name() == NAME)
}

fn rounded(value: i128, each: i128) -> i128 {
    let (whole, rest) = (value / each, (value % each).abs());
    if rest >= each - rest { whole + value.signum() } else { whole }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Whole {
    signature: Signature,
}

impl ScalarUDFImpl for Whole {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        Ok(arguments.iter().map(|of| of.schema_name().to_string()).collect::<Vec<_>>().join(", "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale)] => {
                Ok(vec![DataType::Decimal128(*digits, *scale)])
            }
            [DataType::Decimal256(_, scale)] => Ok(vec![DataType::Decimal128(DIGITS_MAX, *scale)]),
            [DataType::Float16] => Ok(vec![DataType::Float32]),
            [of] => Ok(vec![of.clone()]),
            _ => plan_err!("{NAME} takes one number"),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match &arguments[0] {
            DataType::Decimal128(digits, scale) if *scale > 0 => {
                // One more than is left, for what is rounded up.
                let left = i16::from(*digits) - i16::from(*scale) + 1;
                DataType::Decimal128(u8::try_from(left).unwrap_or(1).clamp(1, DIGITS_MAX), 0)
            }
            other => other.clone(),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of] = arguments.args.as_slice() else { return exec_err!("{NAME} takes one number") };
        let values = of.to_array(arguments.number_rows)?;
        Ok(ColumnarValue::Array(match values.data_type() {
            DataType::Decimal128(_, scale) if *scale > 0 => {
                let each = 10i128.pow(u32::from(scale.unsigned_abs()));
                let values: Decimal128Array =
                    values.as_primitive::<Decimal128Type>().unary(|value| rounded(value, each));
                Arc::new(values.with_data_type(arguments.return_field.data_type().clone()))
            }
            DataType::Float32 => {
                let values: Float32Array = values.as_primitive::<Float32Type>().unary(f32::round_ties_even);
                Arc::new(values)
            }
            DataType::Float64 => {
                let values: Float64Array = values.as_primitive::<Float64Type>().unary(f64::round_ties_even);
                Arc::new(values)
            }
            _ => values,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        let check = |value: i128, expect: i128| assert_eq!(rounded(value, 10), expect, "{value}");
        check(25, 3);
        check(24, 2);
        check(-25, -3);
        check(-24, -2);
        check(5, 1);
        check(0, 0);
    }
}
