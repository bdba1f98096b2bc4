//! Texts that are compared with booleans: `final = 't'`, as drivers write a parameter that they put into the text.
//!
//! A written text has no type of its own in Postgres and is what it is compared with. DataFusion casts it to numbers and times,
//! but not to a boolean, and refuses the operator; so it is cast where the planner meets that.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// See the module.
#[derive(Debug)]
pub(super) struct Truths;

impl ExprPlanner for Truths {
    fn plan_binary_op(&self, mut raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        if matches!(raw.op, Eq | NotEq | Lt | LtEq | Gt | GtEq) {
            // A type is asked for only where a text stands on the other side.
            if is_text(&raw.right) && is_truth(&raw.left, schema) {
                raw.right = cast(raw.right, DataType::Boolean);
            } else if is_text(&raw.left) && is_truth(&raw.right, schema) {
                raw.left = cast(raw.left, DataType::Boolean);
            }
        }
        Ok(PlannerResult::Original(raw))
    }
}

fn is_text(of: &Expr) -> bool {
    matches!(of, Expr::Literal(ScalarValue::Utf8(Some(_)), _))
}

fn is_truth(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| of == DataType::Boolean)
}
