//! `NOT IN` of a subquery, where DataFusion would take a null among its rows for one that is not equal.
//!
//! In Postgres nothing is known to be outside of rows among which a null is. DataFusion knows that where the comparison
//! is a condition of its own and has a column to join by; elsewhere it marks the rows that are found, and what is not
//! found counts as outside. That is refused unless neither side can be null. On the plan, since it takes what may be
//! null. Not here: how rows are compared one by one.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, not_impl_err};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::{merge_schema, split_conjunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::analyzer::AnalyzerRule;

/// See the module. Changes nothing.
#[derive(Debug)]
pub(super) struct Memberships;

impl AnalyzerRule for Memberships {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            if let LogicalPlan::Filter(filter) = &plan {
                for condition in split_conjunction(&filter.predicate) {
                    look(condition, &schema)?;
                }
            }
            Ok(Transformed::no(plan))
        })
        .data()
    }

    fn name(&self) -> &str {
        "memberships"
    }
}

/// Looks at a condition that has to hold.
fn look(condition: &Expr, schema: &DFSchema) -> Result<()> {
    match condition {
        // It is found or it is not; a null is no match.
        Expr::InSubquery(InSubquery { negated: false, .. }) => Ok(()),
        Expr::InSubquery(within) if has_column(within) => Ok(()),
        Expr::Not(of) => match of.as_ref() {
            Expr::InSubquery(within) if has_column(within) => Ok(()),
            of => refuse(of, schema),
        },
        // Where all that is told is whether it holds, a null is as good as false.
        Expr::BinaryExpr(operation) if operation.op == Operator::Or => {
            is_told(&operation.left, schema)?;
            is_told(&operation.right, schema)
        }
        other => refuse(other, schema),
    }
}

/// An alternative of a condition that has to hold.
fn is_told(alternative: &Expr, schema: &DFSchema) -> Result<()> {
    match alternative {
        Expr::InSubquery(InSubquery { negated: false, .. }) => Ok(()),
        Expr::BinaryExpr(operation) if matches!(operation.op, Operator::And | Operator::Or) => {
            is_told(&operation.left, schema)?;
            is_told(&operation.right, schema)
        }
        other => refuse(other, schema),
    }
}

/// Refuses whatever compares with rows that may be null.
fn refuse(within: &Expr, schema: &DFSchema) -> Result<()> {
    within.apply(|part| match part {
        Expr::InSubquery(of) if may_be_null(of, schema) => not_impl_err!(
            "IN (SELECT …) of what may be null, inside of NOT, OR or a function: compare with rows that are not null \
             (WHERE … IS NOT NULL), or take NOT EXISTS"
        ),
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(())
}

fn has_column(within: &InSubquery) -> bool {
    !within.expr.column_refs().is_empty()
}

fn may_be_null(within: &InSubquery, schema: &DFSchema) -> bool {
    let rows = within.subquery.subquery.schema();
    within.expr.nullable(schema).unwrap_or(true) || rows.fields().iter().any(|field| field.is_nullable())
}
