//! Sizes as Postgres tells them: what clients call when they describe views, and that the library has not.
//!
//! Not here: other functions ([`super::functions`]).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, SimpleScalarUDF, Volatility};

/// All of them.
pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        // Views take no space of their own.
        function("pg_table_size", DataType::Int64, |values| Arc::new(Int64Array::from(vec![0; values[0].len()]))),
        function("pg_size_pretty", DataType::Utf8, |values| {
            let Ok(sizes) = cast(&values[0], &DataType::Int64) else {
                return new_null_array(&DataType::Utf8, values[0].len());
            };
            Arc::new(sizes.as_primitive::<Int64Type>().iter().map(|size| size.map(pretty)).collect::<StringArray>())
        }),
    ]
}

fn function(name: &str, returns: DataType, compute: fn(&[ArrayRef]) -> ArrayRef) -> ScalarUDF {
    let call = move |values: &[ColumnarValue]| -> Result<ColumnarValue> {
        Ok(ColumnarValue::Array(compute(&ColumnarValue::values_to_arrays(values)?)))
    };
    let signature = Signature::variadic_any(Volatility::Stable);
    SimpleScalarUDF::new_with_signature(name, signature, returns, Arc::new(call)).into()
}

/// A number of bytes as Postgres shows it: in the largest unit in which it has two digits, rounded.
fn pretty(bytes: i64) -> String {
    if bytes.abs() < 10 * 1024 {
        return format!("{bytes} bytes");
    }
    let mut halves = bytes / 512;
    for unit in ["kB", "MB", "GB", "TB"] {
        if halves.abs() < 20 * 1024 - 1 {
            return format!("{} {unit}", (halves + halves.signum()) / 2);
        }
        halves /= 1024;
    }
    format!("{} PB", (halves + halves.signum()) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_postgres_shows_them() {
        let shown = [0, 10_239, 10_240, 10_485_247, 10_485_248, 1 << 40].map(pretty);
        assert_eq!(shown, ["0 bytes", "10239 bytes", "10 kB", "10239 kB", "10 MB", "1024 GB"]);
    }
}
