//! Whole numbers without a sign are numbers with one: lengths of arrays, and numbers of rows in a window.
//!
//! Postgres has none without. DataFusion takes the difference of one and a number with a sign for a decimal, so that
//! `(row_number() OVER () - 1) / 2` would not be rounded down. On the plan, since it takes types; before all else,
//! since arithmetic goes by them.

use std::cell::Cell;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::optimizer::analyzer::AnalyzerRule;

/// Functions that give such numbers: a type is not asked for at each level, since a long chain would take long.
const FUNCTIONS: [&str; 4] = ["array_length", "array_ndims", "array_position", "cardinality"];

/// See the module.
#[derive(Debug)]
pub(super) struct Signs;

impl AnalyzerRule for Signs {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        // Where a type changed, so do the schemas above.
        let changed = Cell::new(false);
        plan.transform_up_with_subqueries(|plan| rewrite(plan, &changed)).data()
    }

    fn name(&self) -> &str {
        "signs"
    }
}

fn rewrite(plan: LogicalPlan, changed: &Cell<bool>) -> Result<Transformed<LogicalPlan>> {
    let made = if matches!(
        plan,
        LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Join(_)
    ) {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expression| {
            let name = names.save(&expression);
            let signed = expression.transform_up(|part| Ok(signed(part, &schema)))?;
            Ok(if signed.transformed { signed.update_data(|part| name.restore(part)) } else { signed })
        })?
    } else {
        Transformed::no(plan)
    };
    changed.set(changed.get() || made.transformed);
    if changed.get() { made.map_data(LogicalPlan::recompute_schema) } else { Ok(made) }
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
