//! Division: of decimals, rounded to as many digits as Postgres guarantees, and of floats by anything but zero.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float32Array, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, i256};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

const DIVIDE: &str = "_divide";
const DIVISOR: &str = "_divisor";
/// Digits of a result.
const DIGITS: u8 = 38;
/// Those of them behind the point, unless one of the numbers has more.
const SCALE_MIN: i8 = 16;
/// Digits of a whole number of 64 bits.
const WHOLE_DIGITS: u8 = 20;

/// Division of decimals.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Divide { signature: Signature::user_defined(Volatility::Immutable) })
}

/// What floats are divided by.
pub(super) fn divisor() -> ScalarUDF {
    ScalarUDF::new_from_impl(Divisor { signature: Signature::user_defined(Volatility::Immutable) })
}

/// `left / right`.
pub(super) fn call(left: Expr, right: Expr) -> Expr {
    function().call(vec![left, right])
}

/// Whether it divides such numbers.
pub(super) fn takes(of: &DataType) -> bool {
    decimal(of).is_some()
}

/// `of`, which is not zero.
pub(super) fn checked(of: Expr) -> Expr {
    divisor().call(vec![of])
}

/// Whether `of` can't be zero.
pub(super) fn is_checked(of: &Expr) -> bool {
    match of {
        Expr::ScalarFunction(call) => call.func.name() == DIVISOR,
        Expr::Literal(value, _) => {
            let value = value.cast_to(&DataType::Float64);
            matches!(value, Ok(ScalarValue::Float64(value)) if value.is_none_or(|value| value != 0.0))
        }
        _ => false,
    }
}

fn decimal(of: &DataType) -> Option<(u8, i8)> {
    match of {
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
            if *scale >= 0 =>
        {
            Some((*digits, *scale))
        }
        whole if whole.is_integer() => Some((WHOLE_DIGITS, 0)),
        DataType::Null => Some((1, 0)),
        _ => None,
    }
}

/// `dividend / divisor * 10^power`, halves away from zero; `None` if it does not fit.
fn quotient(dividend: i128, divisor: i128, power: u32) -> Option<i128> {
    if let Some(scaled) = 10i128.checked_pow(power).and_then(|times| dividend.checked_mul(times)) {
        let (whole, rest) = (scaled.checked_div(divisor)?, scaled.checked_rem(divisor)?.unsigned_abs());
        let up = rest != 0 && rest >= divisor.unsigned_abs() - rest;
        let away = if (scaled < 0) == (divisor < 0) { 1 } else { -1 };
        return if up { whole.checked_add(away) } else { Some(whole) };
    }
    let ten = i256::from_i128(10);
    let mut scaled = i256::from_i128(dividend);
    for _ in 0..power {
        scaled = scaled.checked_mul(ten)?;
    }
    let wide = i256::from_i128(divisor);
    let (whole, rest) = (scaled.checked_div(wide)?, scaled.checked_rem(wide)?.wrapping_abs());
    let up = rest != i256::ZERO && rest >= wide.wrapping_abs().checked_sub(rest)?;
    let away = if scaled.is_negative() == wide.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    let whole = if up { whole.checked_add(away)? } else { whole };
    whole.to_i128()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Divide {
    signature: Signature,
}

impl ScalarUDFImpl for Divide {
    fn name(&self) -> &str {
        DIVIDE
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        match arguments {
            [left, right] => Ok(format!("{} / {}", left.schema_name(), right.schema_name())),
            _ => plan_err!("/ takes two numbers"),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let decimals = arguments.iter().map(|of| match decimal(of) {
            Some((digits, scale)) => Ok(DataType::Decimal128(digits, scale)),
            None => plan_err!("decimals are divided by decimals, not {of}"),
        });
        decimals.collect()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let scales = arguments.iter().filter_map(|of| decimal(of).map(|(_, scale)| scale));
        Ok(DataType::Decimal128(DIGITS, scales.fold(SCALE_MIN, i8::max)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [left, right] = columns.as_slice() else { return exec_err!("/ takes two numbers") };
        let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
        let returns = arguments.return_field.data_type();
        let DataType::Decimal128(digits, scale) = *returns else { return exec_err!("/ gives a decimal") };
        let power = u32::try_from(i32::from(scale) - i32::from(left.scale()) + i32::from(right.scale()));
        let Ok(power) = power else { return exec_err!("/ gives at least the digits that it is given") };
        let divided = left.iter().zip(right).map(|(left, right)| match (left, right) {
            (Some(_), Some(0)) => Err(ArrowError::DivideByZero),
            (Some(left), Some(right)) => match quotient(left, right, power) {
                Some(quotient) => Ok(Some(quotient)),
                None => Err(ArrowError::ArithmeticOverflow(format!("a quotient has more than {digits} digits"))),
            },
            _ => Ok(None),
        });
        let divided = divided.collect::<Result<Decimal128Array, _>>()?.with_data_type(returns.clone());
        let too_long = |_| ArrowError::ArithmeticOverflow(format!("a quotient has more than {digits} digits"));
        divided.validate_decimal_precision(digits).map_err(too_long)?;
        Ok(ColumnarValue::Array(Arc::new(divided)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Divisor {
    signature: Signature,
}

impl ScalarUDFImpl for Divisor {
    fn name(&self) -> &str {
        DIVISOR
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        Ok(arguments.iter().map(|of| of.schema_name().to_string()).collect::<Vec<_>>().join(", "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [float] if matches!(float, DataType::Float32 | DataType::Float64) => Ok(vec![float.clone()]),
            [_] => Ok(vec![DataType::Float64]),
            _ => plan_err!("/ takes two numbers"),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of] = arguments.args.as_slice() else { return exec_err!("/ takes two numbers") };
        let values: ArrayRef = of.to_array(arguments.number_rows)?;
        let is_zero = match values.data_type() {
            DataType::Float32 => {
                let values: &Float32Array = values.as_primitive::<Float32Type>();
                values.iter().flatten().any(|value| value == 0.0)
            }
            _ => {
                let values = cast(&values, &DataType::Float64)?;
                let values: &Float64Array = values.as_primitive::<Float64Type>();
                values.iter().flatten().any(|value| value == 0.0)
            }
        };
        if is_zero { Err(ArrowError::DivideByZero.into()) } else { Ok(of.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_rounded_away_from_zero() {
        let check = |dividend: i128, divisor: i128, power: u32, expect: Option<i128>| {
            assert_eq!(quotient(dividend, divisor, power), expect, "{dividend} / {divisor}");
        };
        check(10, 3, 4, Some(33_333));
        check(20, 3, 4, Some(66_667));
        check(-20, 3, 4, Some(-66_667));
        check(1, 2, 0, Some(1));
        check(-1, 2, 0, Some(-1));
        check(1, -2, 0, Some(-1));
        check(1, 3, 0, Some(0));
        let large = 10i128.pow(37);
        check(large, 10i128.pow(9), 9, Some(large));
        check(large, 3 * 10i128.pow(9), 9, Some(large / 3));
        check(2 * large, -3 * 10i128.pow(9), 9, Some(-(2 * large / 3 + 1)));
        check(large, 1, 9, None);
    }
}
