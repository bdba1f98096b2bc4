//! The plan of a statement: how much it is, and how much filters become when the optimizer moves them below projections.
//!
//! A filter on a column takes the column's expression with it, at every projection on its way: thirty times `x + x` over each
//! other are 2^30 additions then. What each column would be written out is added up on the plan, before anything is moved. The
//! optimizer is looked at between its rules too, which is also where a statement is ended that nobody waits for.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use datafusion::optimizer::analyzer::AnalyzerRule;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::super::apart;
use super::{Figure, LEVELS_MAX, PARTS_MAX};

/// What rules may add to a statement that was within bounds.
const ADDED: u64 = 4;

/// Looks at a plan before it is optimized. See the module.
#[derive(Debug)]
pub(in crate::catalog) struct Growth;

impl AnalyzerRule for Growth {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        apart::heed()?;
        let mut parts = 0;
        columns(&plan, 1, &mut parts)?;
        Ok(plan)
    }

    fn name(&self) -> &str {
        "growth"
    }
}

/// Looks at a plan after a rule of the optimizer, which it does not change.
#[derive(Debug)]
pub(in crate::catalog) struct AfterEach {
    /// Whether the rule may have made the plan larger.
    pub(in crate::catalog) counts: bool,
}

impl OptimizerRule for AfterEach {
    fn name(&self) -> &str {
        "after_each"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        apart::heed()?;
        if self.counts {
            let mut parts = 0;
            plan.apply_with_subqueries(|node| {
                node.apply_expressions(|expression| {
                    parts += size(expression, |_| 1)?;
                    Ok(TreeNodeRecursion::Continue)
                })?;
                parts += 1;
                Figure::Parts.within(parts, PARTS_MAX * ADDED)?;
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(Transformed::no(plan))
    }
}

/// How large each column of `plan` would be if it were written out down to tables and aggregates.
fn columns(plan: &LogicalPlan, level: u64, parts: &mut u64) -> Result<Vec<u64>> {
    Figure::Levels.within(level, LEVELS_MAX * ADDED)?;
    let inputs = plan.inputs();
    let sizes = inputs.iter().map(|input| columns(input, level + 1, parts)).collect::<Result<Vec<_>>>()?;
    let of_column = |column: &Column| {
        let found = inputs
            .iter()
            .zip(&sizes)
            .find_map(|(input, sizes)| sizes.get(input.schema().maybe_index_of_column(column)?).copied());
        found.unwrap_or(1)
    };
    let moves = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    plan.apply_expressions(|expression| {
        *parts = parts.saturating_add(size(expression, |_| 1)?);
        if moves {
            Figure::Parts.within(size(expression, of_column)?, PARTS_MAX)?;
        }
        expression.apply(|part| {
            if let Expr::ScalarSubquery(query) = part {
                columns(&query.subquery, level + 1, parts)?;
            } else if let Expr::Exists(exists) = part {
                columns(&exists.subquery.subquery, level + 1, parts)?;
            } else if let Expr::InSubquery(within) = part {
                columns(&within.subquery.subquery, level + 1, parts)?;
            } else if let Expr::SetComparison(compared) = part {
                columns(&compared.subquery.subquery, level + 1, parts)?;
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    let width = plan.schema().fields().len();
    *parts = parts.saturating_add(1 + width as u64);
    Figure::Parts.within(*parts, PARTS_MAX * ADDED)?;
    let mut given = match plan {
        LogicalPlan::Projection(projection) => {
            projection.expr.iter().map(|expression| size(expression, of_column)).collect::<Result<Vec<_>>>()?
        }
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.iter().map(|key| size(key, of_column)).collect::<Result<Vec<_>>>()?
        }
        LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Distinct(Distinct::All(_))
        | LogicalPlan::Join(_) => sizes.concat(),
        LogicalPlan::Union(_) => {
            let largest = |at| sizes.iter().filter_map(|sizes| sizes.get(at)).max().copied().unwrap_or(1);
            (0..width).map(largest).collect()
        }
        _ => Vec::new(),
    };
    // A join that keeps one side has the columns of that one: none is larger than the largest.
    if matches!(plan, LogicalPlan::Join(_)) && given.len() != width {
        given = vec![given.iter().max().copied().unwrap_or(1); width];
    }
    given.resize(width, 1);
    Ok(given)
}

/// Parts of an expression, each column as many as `of_column` says.
fn size(expression: &Expr, of_column: impl Fn(&Column) -> u64) -> Result<u64> {
    let mut parts = 0_u64;
    expression.apply(|part| {
        parts = parts.saturating_add(match part {
            Expr::Column(column) => of_column(column),
            _ => 1,
        });
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(parts)
}
