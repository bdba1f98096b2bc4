//! `@>` and `<@` between texts: whether one JSON value is in the other.
//!
//! DataFusion knows the operators for arrays only, and has replaced those by then. Not here: how it is found ([`super::value`]).

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::analyzer::AnalyzerRule;

/// See the module.
#[derive(Debug)]
pub(in crate::catalog) struct Contains;

impl AnalyzerRule for Contains {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewrite).data()
    }

    fn name(&self) -> &str {
        "contains"
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let changed = expression.transform_up(|part| {
            Ok(match part {
                Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::AtArrow | Operator::ArrowAt), right })
                    if is_text(&left, &schema) && is_text(&right, &schema) =>
                {
                    let (one, other) = if op == Operator::AtArrow { (left, right) } else { (right, left) };
                    let text = |of: Box<Expr>| of.cast_to(&arrow::datatypes::DataType::Utf8, &schema);
                    Transformed::yes(super::CONTAINS.function().call(vec![text(one)?, text(other)?]))
                }
                other => Transformed::no(other),
            })
        })?;
        Ok(if changed.transformed { changed.update_data(|part| name.restore(part)) } else { changed })
    })
}

fn is_text(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| of.is_string())
}
