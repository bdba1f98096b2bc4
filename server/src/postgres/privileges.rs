//! What a session may do, as Postgres clients ask it: `has_table_privilege('usage', 'select')` and its like.
//!
//! Whoever sees a view may read it and nothing else. Not here: what a session sees, which its catalog is made for.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, SimpleScalarUDF, Volatility};

/// All of them; the last of their arguments says what is to be done.
const FUNCTIONS: [&str; 5] = [
    "has_any_column_privilege",
    "has_column_privilege",
    "has_database_privilege",
    "has_schema_privilege",
    "has_table_privilege",
];
/// What is allowed: of views, schemas and the database.
const ALLOWED: [&str; 3] = ["select", "usage", "connect"];

/// All of them.
pub(super) fn all() -> impl Iterator<Item = ScalarUDF> {
    FUNCTIONS.into_iter().map(|name| {
        let signature = Signature::variadic_any(Volatility::Stable);
        SimpleScalarUDF::new_with_signature(name, signature, DataType::Boolean, Arc::new(asked)).into()
    })
}

fn asked(values: &[ColumnarValue]) -> Result<ColumnarValue> {
    let Some(wanted) = ColumnarValue::values_to_arrays(values)?.pop() else {
        return exec_err!("it takes what is asked for, and a privilege");
    };
    let wanted = cast(&wanted, &DataType::Utf8)?;
    let may = wanted.as_string::<i32>().iter().map(|wanted| wanted.map(is_allowed)).collect::<BooleanArray>();
    Ok(ColumnarValue::Array(Arc::new(may)))
}

/// Of several one is enough.
fn is_allowed(wanted: &str) -> bool {
    wanted.split(',').any(|each| ALLOWED.contains(&each.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_does_nothing_else() {
        for (wanted, expect) in [
            ("SELECT", true),
            ("usage", true),
            ("INSERT, SELECT", true),
            ("select with grant option", false),
            ("update", false),
            ("CREATE", false),
        ] {
            assert_eq!(is_allowed(wanted), expect, "{wanted}");
        }
    }
}
