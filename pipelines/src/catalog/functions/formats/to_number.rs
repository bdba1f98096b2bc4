//! `to_number(text, pattern)`: numbers out of texts.
//!
//! A column of decimals has one scale for all its rows, which follows from the pattern: so that is a constant here. Of a constant
//! text it is the number's own. Not here: how a text is read ([`super::figures`]).

use std::sync::Arc;

use arrow::array::{AsArray, Decimal128Array, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, not_impl_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::figures::{self, Figure};
use super::pattern;
use super::shape::Shape;

const NAME: &str = "to_number";

/// The function.
pub(in crate::catalog::functions) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(ToNumber { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToNumber {
    signature: Signature,
}

impl ScalarUDFImpl for ToNumber {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [of, pattern] if [of, pattern].iter().all(|of| of.is_string() || of.is_null()) => {
                Ok(vec![DataType::Utf8; 2])
            }
            _ => plan_err!("{NAME} takes a text and a pattern"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("depends on the pattern")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let constant = |at: usize| arguments.scalar_arguments.get(at).copied().flatten();
        let Some(pattern) = constant(1) else { return not_impl_err!("{NAME} takes a constant pattern here") };
        let scale = match pattern.try_as_str().flatten() {
            Some(pattern) => {
                let parts = pattern::of_numbers(pattern);
                let shape = Shape::of(&parts)?;
                if shape.moved > 0 {
                    return not_impl_err!("{NAME} with \"V\": divide by a power of ten");
                }
                // What is no number is told when it is computed.
                let known = constant(0).and_then(|text| figures::read(text.try_as_str()??, &parts, &shape).ok());
                known.map_or(shape.behind, |number| number.scale)
            }
            None => 0,
        };
        match i8::try_from(scale) {
            Ok(scale) if u8::try_from(scale).is_ok_and(|scale| scale <= DECIMAL128_MAX_PRECISION) => {
                let of = DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale);
                Ok(Arc::new(Field::new(NAME, of, true)))
            }
            _ => not_impl_err!("{NAME} with {scale} digits behind the point"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let of = arguments.return_field.data_type();
        let DataType::Decimal128(precision, scale) = of else { return exec_err!("{NAME} gives decimals") };
        let [texts, pattern] = arguments.args.as_slice() else { return exec_err!("{NAME} takes a text and a pattern") };
        let ColumnarValue::Scalar(pattern) = pattern else {
            return not_impl_err!("{NAME} takes a constant pattern here");
        };
        let is_constant = matches!(texts, ColumnarValue::Scalar(_));
        let rows = if is_constant { 1 } else { arguments.number_rows };
        let numbers = match pattern.try_as_str().flatten() {
            // A pattern that is empty has no answer.
            None | Some("") => new_null_array(of, rows),
            Some(pattern) => {
                let parts = pattern::of_numbers(pattern);
                let shape = Shape::of(&parts)?;
                let texts = cast(&texts.to_array(rows)?, &DataType::Utf8)?;
                let number = |text: &str| figures::read(text, &parts, &shape).and_then(|number| units(number, *scale));
                let numbers = texts.as_string::<i32>().iter().map(|text| text.map(number).transpose());
                let numbers = numbers.collect::<Result<Decimal128Array>>()?;
                Arc::new(numbers.with_precision_and_scale(*precision, *scale)?)
            }
        };
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&numbers, 0)?));
        }
        Ok(ColumnarValue::Array(numbers))
    }
}

/// `number` in units of `scale` digits behind the point, of which it has no more.
fn units(number: Figure, scale: i8) -> Result<i128> {
    let missing = usize::try_from(scale).unwrap_or_default().saturating_sub(number.scale);
    let each = u32::try_from(missing).ok().and_then(|missing| 10_i128.checked_pow(missing));
    let units = each.and_then(|each| number.units.checked_mul(each));
    let limit = 10_i128.pow(u32::from(DECIMAL128_MAX_PRECISION));
    match units.filter(|units| units.abs() < limit) {
        Some(units) => Ok(units),
        None => exec_err!("numeric field overflow: more than {DECIMAL128_MAX_PRECISION} digits"),
    }
}
