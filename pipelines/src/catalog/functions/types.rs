//! `pg_typeof(value)`: the type of a value, by the name that PostgreSQL has for it.
//!
//! A constant once types are known, and a text: there is no type of types here. A whole number that is written out has 64 bits here
//! and 32 there, so that what is computed of one is refused. Not here: which types columns are announced with (`server::postgres`).

use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err, not_impl_err, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::defined::Definition;
use super::marks::Mark;
use crate::catalog::casts;
use crate::catalog::walk::Rule;

pub(super) const TYPE_OF: Definition = Definition::new(
    "pg_typeof",
    |of| if of.len() == 1 { Ok(of.to_vec()) } else { plan_err!("pg_typeof takes one value") },
    |_| Ok(DataType::Utf8),
    |_| internal_err!("a type is told when a statement is planned"),
);

const UNKNOWN: &str = "unknown";

/// Tells types. Goes after types are coerced.
#[derive(Debug)]
pub(in crate::catalog) struct TypeOf;

impl Rule for TypeOf {
    const NAME: &'static str = "type_of";

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        match &part {
            Expr::ScalarFunction(call) if call.name() == TYPE_OF.name => match call.args.as_slice() {
                [of] => Ok(Transformed::yes(lit(told(of, schema)?))),
                _ => plan_err!("pg_typeof takes one value"),
            },
            _ => Ok(Transformed::no(part)),
        }
    }
}

fn told(of: &Expr, schema: &DFSchema) -> Result<String> {
    // A cast beside others has a name of its own.
    let of = match of {
        Expr::ScalarFunction(call) if call.name() == casts::NAME => call.args.first().unwrap_or(of),
        of => of,
    };
    match of {
        Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, _) => return Ok(UNKNOWN.to_owned()),
        Expr::Literal(ScalarValue::Int64(Some(number)), _) if i32::try_from(*number).is_ok() => {
            return Ok("integer".to_owned());
        }
        _ => {}
    }
    let (_, field) = of.to_field(schema)?;
    let is_whole = matches!(field.data_type(), DataType::Int64)
        || matches!(field.data_type(), DataType::List(of) if of.data_type() == &DataType::Int64);
    if is_whole && is_computed(of)? {
        return not_impl_err!("pg_typeof of what is computed of a whole number that is written out: cast it");
    }
    name(&field)
}

/// Whether the type of `of` follows from that of a whole number in it.
fn is_computed(of: &Expr) -> Result<bool> {
    match of {
        Expr::Cast(_) | Expr::TryCast(_) | Expr::AggregateFunction(_) | Expr::WindowFunction(_) => Ok(false),
        other => other.exists(|part| Ok(matches!(part, Expr::Literal(ScalarValue::Int64(_), _)))),
    }
}

fn name(field: &Field) -> Result<String> {
    let name = match field.data_type() {
        DataType::Null => UNKNOWN,
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => "smallint",
        DataType::UInt16 | DataType::Int32 => "integer",
        DataType::UInt32 | DataType::Int64 => "bigint",
        DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "numeric",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => match Mark::of(field) {
            Some(Mark::Json) => "json",
            Some(Mark::Jsonb) => "jsonb",
            Some(Mark::Uuid) => "uuid",
            None => "text",
        },
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytea",
        DataType::Date32 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone",
        DataType::Timestamp(_, None) => "timestamp without time zone",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::List(entry) => return Ok(format!("{}[]", self::name(entry)?)),
        other => return not_impl_err!("pg_typeof of {other}"),
    };
    Ok(name.to_owned())
}
