//! `floor` and `ceil` of a decimal are whole numbers, without the zeros that its scale would have behind the point; and
//! `round` has one type from when it is planned until it runs.
//!
//! On the plan, since it takes types. The type of `round(x, 1)` follows from the constant: DataFusion sees it where it
//! is a constant and not where it is cast, and so would coerce the branches of a `CASE` to another type than the one
//! that it computes, with digits lost. Not here: rounding itself, which DataFusion does.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};

use super::walk::Rule;

const FUNCTIONS: [&str; 2] = ["floor", "ceil"];
/// What takes digits as a whole number of 32 bits.
const ROUND: &str = "round";
/// Digits of a result.
const DIGITS: u8 = 38;

/// See the module. Goes after divisions have their types.
#[derive(Debug)]
pub(super) struct Wholes;

impl Rule for Wholes {
    const NAME: &'static str = "wholes";

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(whole(part, schema))
    }
}

fn whole(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let part = match part {
        Expr::ScalarFunction(mut call) if call.name() == ROUND => {
            if let [_, Expr::Literal(digits @ ScalarValue::Int64(Some(_)), _)] = call.args.as_mut_slice()
                && let Ok(cast) = digits.cast_to(&DataType::Int32)
            {
                *digits = cast;
                return Transformed::yes(Expr::ScalarFunction(call));
            }
            Expr::ScalarFunction(call)
        }
        other => other,
    };
    let is_one = matches!(&part, Expr::ScalarFunction(call) if FUNCTIONS.contains(&call.name()))
        && matches!(part.get_type(schema), Ok(DataType::Decimal128(_, scale)) if scale > 0);
    if is_one { Transformed::yes(cast(part, DataType::Decimal128(DIGITS, 0))) } else { Transformed::no(part) }
}
