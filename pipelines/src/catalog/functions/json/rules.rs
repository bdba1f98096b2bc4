//! `@>` and `<@` between texts: whether one JSON value is in the other.
//!
//! DataFusion knows the operators for arrays only, and has replaced those by then. Not here: how it is found ([`super::value`]).

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};

use crate::catalog::walk::Rule;

/// See the module.
#[derive(Debug)]
pub(in crate::catalog) struct Contains;

impl Rule for Contains {
    const NAME: &'static str = "contains";

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::AtArrow | Operator::ArrowAt), right })
                if is_text(&left, schema) && is_text(&right, schema) =>
            {
                let (one, other) = if op == Operator::AtArrow { (left, right) } else { (right, left) };
                let text = |of: Box<Expr>| of.cast_to(&DataType::Utf8, schema);
                Transformed::yes(super::CONTAINS.function().call(vec![text(one)?, text(other)?]))
            }
            other => Transformed::no(other),
        })
    }
}

fn is_text(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| of.is_string())
}
