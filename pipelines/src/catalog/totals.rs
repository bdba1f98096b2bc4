//! An aggregate without groups has one row, whatever is asked of that row.
//!
//! DataFusion moves a condition on constants below it, where it takes rows away and not the total of none: of `SELECT *
//! FROM (SELECT 'x' AS a, count(*) FROM events) WHERE a = 'y'` a count of zero would come. A limit that takes nothing
//! away lies in between, and nothing is moved through a limit. The same for grouping sets, one of which may be empty.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::{Aggregate, Expr, Limit, LogicalPlan, lit};
use datafusion::optimizer::analyzer::AnalyzerRule;

/// See the module.
#[derive(Debug)]
pub(super) struct Totals;

impl AnalyzerRule for Totals {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Filter(_) | LogicalPlan::Join(_) => plan.map_children(kept),
            other => Ok(Transformed::no(other)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "totals"
    }
}

/// What a condition would be moved through, with limits above its totals.
fn kept(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    Ok(match plan {
        LogicalPlan::Aggregate(aggregate) => match rows_max(&aggregate) {
            Some(rows) => {
                let input = LogicalPlan::Aggregate(aggregate).into();
                Transformed::yes(LogicalPlan::Limit(Limit { skip: None, fetch: Some(Box::new(lit(rows))), input }))
            }
            None => Transformed::no(LogicalPlan::Aggregate(aggregate)),
        },
        LogicalPlan::Projection(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Window(_) => plan.map_children(kept)?,
        other => Transformed::no(other),
    })
}

/// How many rows an aggregate can have that has one of no rows; `None` if it has none then.
fn rows_max(aggregate: &Aggregate) -> Option<i64> {
    match aggregate.group_expr.as_slice() {
        [] => Some(1),
        [Expr::GroupingSet(_)] => Some(i64::MAX),
        _ => None,
    }
}
