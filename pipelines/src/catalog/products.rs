//! Intervals times numbers: operators that DataFusion knows no types for, and so has to be told of before it asks for them.
//!
//! Where the planner meets `*` and `/`, since it takes types. Not here: what they give ([`super::functions`]).

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::functions;

/// See the module.
#[derive(Debug)]
pub(super) struct Products;

impl ExprPlanner for Products {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        Ok(match raw.op {
            BinaryOperator::Multiply if is_span(&raw.right, schema) => {
                PlannerResult::Planned(functions::product(raw.right, raw.left))
            }
            BinaryOperator::Multiply if is_span(&raw.left, schema) => {
                PlannerResult::Planned(functions::product(raw.left, raw.right))
            }
            BinaryOperator::Divide if is_span(&raw.left, schema) => {
                PlannerResult::Planned(functions::quotient(raw.left, raw.right))
            }
            _ => PlannerResult::Original(raw),
        })
    }
}

/// Whether `of` is an interval, or a difference of instants.
fn is_span(of: &Expr, schema: &DFSchema) -> bool {
    let of_type = |of: &Expr| of.get_type(schema).ok();
    match of {
        // A type is asked for at each level of a chain, but for those that can be no interval.
        Expr::BinaryExpr(BinaryExpr { op: Operator::Plus | Operator::Minus, right, .. }) => {
            let is_time = |of: DataType| matches!(of, DataType::Timestamp(..) | DataType::Date32) || is_one(&of);
            of_type(right).is_some_and(is_time) && of_type(of).is_some_and(|of| is_one(&of))
        }
        Expr::BinaryExpr(_) => false,
        other => of_type(other).is_some_and(|of| is_one(&of)),
    }
}

fn is_one(of: &DataType) -> bool {
    matches!(of, DataType::Interval(_) | DataType::Duration(_))
}
