//! Whole numbers without a sign are numbers with one: lengths of arrays, and numbers of rows in a window.
//!
//! Postgres has none without. DataFusion takes the difference of one and a number with a sign for a decimal, so that
//! `(row_number() OVER () - 1) / 2` would not be rounded down. On the plan, since it takes types; before all else,
//! since arithmetic goes by them.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};

use super::walk::Rule;

/// Functions that give such numbers: a type is not asked for at each level, since a long chain would take long.
const FUNCTIONS: [&str; 4] = ["array_length", "array_ndims", "array_position", "cardinality"];

/// See the module.
#[derive(Debug)]
pub(super) struct Signs;

impl Rule for Signs {
    const NAME: &'static str = "signs";

    fn takes(node: &LogicalPlan) -> bool {
        matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Join(_)
        )
    }

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(signed(part, schema))
    }
}

fn signed(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let may_be = match &part {
        Expr::Column(_) => true,
        Expr::ScalarFunction(call) => FUNCTIONS.contains(&call.name()),
        _ => false,
    };
    // The type of a call is not known as long as those of its arguments are not what it takes.
    let is_call = matches!(part, Expr::ScalarFunction(_));
    let is_one = may_be && part.get_type(schema).map_or(is_call, |of| of == DataType::UInt64);
    if is_one { Transformed::yes(cast(part, DataType::Int64)) } else { Transformed::no(part) }
}
