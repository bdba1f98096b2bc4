//! `sign`, `mod` and `width_bucket`, which DataFusion has not or has otherwise.
//!
//! Decimals stay decimals, everything else is a float; whole numbers are floats to `sign`, as in PostgreSQL. Counting buckets of
//! decimals is exact. Not here: rounding (DataFusion's), arithmetic ([`crate::catalog::arithmetic`]).

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, make_comparator};
use arrow::compute::kernels::numeric::rem;
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Float64Type, Int32Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;

use super::defined::{Call, Definition};

pub(super) const SIGN: Definition = Definition::new("sign", takes_sign, gives_sign, sign);
pub(super) const MOD: Definition =
    Definition::new("mod", takes_mod, gives_mod, |call| Ok(rem(&call.columns[0], &call.columns[1])?));
pub(super) const WIDTH_BUCKET: Definition =
    Definition::new("width_bucket", takes_bucket, |_| Ok(DataType::Int32), width_bucket);

fn takes_sign(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of @ DataType::Decimal128(..)] => Ok(vec![of.clone()]),
        [of] if of.is_numeric() || of.is_null() || of.is_string() => Ok(vec![DataType::Float64]),
        _ => plan_err!("sign takes one number"),
    }
}

fn gives_sign(arguments: &[DataType]) -> Result<DataType> {
    Ok(match arguments {
        [DataType::Decimal128(..)] => DataType::Decimal128(1, 0),
        _ => DataType::Float64,
    })
}

fn sign(call: &Call<'_>) -> Result<ArrayRef> {
    let column = &call.columns[0];
    if matches!(column.data_type(), DataType::Decimal128(..)) {
        let signs = column.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(i128::signum);
        return Ok(Arc::new(signs.with_precision_and_scale(1, 0)?));
    }
    // Zero of either sign gives 0, and so does NaN, which is neither above nor below it.
    let sign = |value: f64| if value == 0.0 || value.is_nan() { 0.0 } else { value.signum() };
    let signs: Float64Array = column.as_primitive::<Float64Type>().unary(sign);
    Ok(Arc::new(signs))
}

/// What is left of numbers that are exact; PostgreSQL has no `mod` of floats.
fn takes_mod(arguments: &[DataType]) -> Result<Vec<DataType>> {
    let is_exact = |of: &DataType| of.is_integer() || of.is_decimal() || of.is_null();
    match arguments {
        [of, by] if is_exact(of) && is_exact(by) => {
            let (of, by) = BinaryTypeCoercer::new(of, &Operator::Modulo, by).get_input_types()?;
            Ok(vec![of, by])
        }
        _ => plan_err!("mod takes two whole numbers or decimals"),
    }
}

fn gives_mod(arguments: &[DataType]) -> Result<DataType> {
    match arguments {
        [of, by] => BinaryTypeCoercer::new(of, &Operator::Modulo, by).get_result_type(),
        _ => plan_err!("mod takes two numbers"),
    }
}

fn takes_bucket(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [value, DataType::List(bounds)] => {
            let of = match (value, bounds.data_type()) {
                (value, bound) if value == bound => value.clone(),
                (value, bound) if value.is_numeric() && bound.is_numeric() => DataType::Float64,
                (_, bound) => return plan_err!("width_bucket counts bounds of {bound}, it was given {value}"),
            };
            Ok(vec![of.clone(), DataType::new_list(of, true)])
        }
        [numbers @ .., count] if numbers.len() == 3 && (count.is_integer() || count.is_null()) => {
            if !numbers.iter().all(|of| of.is_numeric() || of.is_null()) {
                return plan_err!("width_bucket takes numbers");
            }
            let scale = numbers.iter().map(|of| match of {
                DataType::Decimal128(_, scale) => Some(*scale),
                of if of.is_integer() => Some(0),
                _ => None,
            });
            let has_decimals = numbers.iter().any(|of| matches!(of, DataType::Decimal128(..)));
            let of = match scale.collect::<Option<Vec<_>>>() {
                Some(scales) if has_decimals => {
                    DataType::Decimal128(DECIMAL128_MAX_PRECISION, scales.into_iter().max().unwrap_or_default())
                }
                _ => DataType::Float64,
            };
            Ok(vec![of.clone(), of.clone(), of, DataType::Int32])
        }
        _ => plan_err!("width_bucket takes a number, two bounds and a count, or a value and an array of bounds"),
    }
}

fn width_bucket(call: &Call<'_>) -> Result<ArrayRef> {
    if call.columns.len() == 2 {
        return among(call);
    }
    let counts = call.columns[3].as_primitive::<Int32Type>();
    let of = |row: usize| -> Result<Option<i32>> {
        if call.columns.iter().any(|column| column.is_null(row)) {
            return Ok(None);
        }
        let count = counts.value(row);
        if count <= 0 {
            return exec_err!("count must be greater than zero");
        }
        let bucket = match call.columns[0].data_type() {
            DataType::Float64 => {
                let value = |column: usize| call.columns[column].as_primitive::<Float64Type>().value(row);
                of_floats(value(0), value(1), value(2), count)?
            }
            _ => {
                let value = |column: usize| call.columns[column].as_primitive::<Decimal128Type>().value(row);
                of_decimals(value(0), value(1), value(2), count)?
            }
        };
        match i32::try_from(bucket) {
            Ok(bucket) => Ok(Some(bucket)),
            Err(_) => exec_err!("integer out of range"),
        }
    };
    Ok(Arc::new((0..call.rows).map(of).collect::<Result<Int32Array>>()?))
}

fn of_floats(value: f64, low: f64, high: f64, count: i32) -> Result<i64> {
    if value.is_nan() || low.is_nan() || high.is_nan() {
        return exec_err!("operand, lower bound, and upper bound cannot be NaN");
    }
    if low.is_infinite() || high.is_infinite() {
        return exec_err!("lower and upper bounds must be finite");
    }
    let falls = match low.partial_cmp(&high) {
        Some(Ordering::Equal) | None => return exec_err!("lower bound cannot equal upper bound"),
        Some(order) => order == Ordering::Greater,
    };
    // Half of each, so that no difference is beyond what floats hold.
    let (value, low, high) =
        if falls { (-value / 2.0, -low / 2.0, -high / 2.0) } else { (value / 2.0, low / 2.0, high / 2.0) };
    if value < low {
        return Ok(0);
    }
    if value >= high {
        return Ok(i64::from(count) + 1);
    }
    let bucket = (f64::from(count) * ((value - low) / (high - low))).floor();
    // What is rounded up to the count is still within.
    Ok((bucket as i64).min(i64::from(count) - 1) + 1)
}

fn of_decimals(value: i128, low: i128, high: i128, count: i32) -> Result<i64> {
    let falls = match low.cmp(&high) {
        Ordering::Equal => return exec_err!("lower bound cannot equal upper bound"),
        order => order == Ordering::Greater,
    };
    let (value, low, high) = if falls { (-value, -low, -high) } else { (value, low, high) };
    if value < low {
        return Ok(0);
    }
    if value >= high {
        return Ok(i64::from(count) + 1);
    }
    let width = high.checked_sub(low);
    let bucket = value.checked_sub(low).and_then(|above| above.checked_mul(i128::from(count)));
    let bucket = bucket.zip(width).map(|(times, width)| times / width);
    match bucket.and_then(|bucket| i64::try_from(bucket).ok()) {
        Some(bucket) => Ok(bucket + 1),
        None => exec_err!("width_bucket of decimals with so many digits"),
    }
}

/// How many bounds of an array, which rise, are not above the value.
fn among(call: &Call<'_>) -> Result<ArrayRef> {
    let lists = call.columns[1].as_list::<i32>();
    let bounds = lists.values();
    let values = if call.columns[0].data_type() == bounds.data_type() {
        Arc::clone(&call.columns[0])
    } else {
        cast(&call.columns[0], bounds.data_type())?
    };
    let compare = make_comparator(bounds.as_ref(), values.as_ref(), SortOptions::default())?;
    let of = |row: usize| -> Result<Option<i32>> {
        if values.is_null(row) || lists.is_null(row) {
            return Ok(None);
        }
        let (from, to) = (lists.value_offsets()[row] as usize, lists.value_offsets()[row + 1] as usize);
        if (from..to).any(|bound| bounds.is_null(bound)) {
            return exec_err!("thresholds array must not contain NULLs");
        }
        let (mut low, mut high) = (from, to);
        while low < high {
            let middle = usize::midpoint(low, high);
            if compare(middle, row) == Ordering::Greater { high = middle } else { low = middle + 1 }
        }
        Ok(i32::try_from(low - from).ok())
    };
    Ok(Arc::new((0..call.rows).map(of).collect::<Result<Int32Array>>()?))
}

/// A decimal's negative can't be beyond what decimals hold.
const _: () = assert!(i128::MAX > 10_i128.pow(38));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_their_lower_bound() {
        assert_eq!(of_decimals(535, 2, 1006, 5).unwrap(), 3);
        assert_eq!(of_decimals(1, 2, 10, 4).unwrap(), 0);
        assert_eq!(of_decimals(10, 2, 10, 4).unwrap(), 5);
        assert_eq!(of_decimals(9, 10, 2, 4).unwrap(), 1);
        assert!(of_decimals(9, 2, 2, 4).is_err());
        assert_eq!(of_floats(5.35, 0.024, 10.06, 5).unwrap(), 3);
        assert_eq!(of_floats(f64::INFINITY, 0.0, 1.0, 5).unwrap(), 6);
        assert_eq!(of_floats(0.5, f64::MIN, f64::MAX, 2).unwrap(), 2);
        assert!(of_floats(0.5, f64::NAN, 1.0, 2).is_err());
    }
}
