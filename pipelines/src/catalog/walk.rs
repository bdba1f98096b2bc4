//! One walk for rules of the analyzer: each part of each expression of a plan, with the columns that it reads.
//!
//! Columns keep their names, whatever becomes of their expressions. Where one has changed the schemas above follow, so that a
//! rule finds the types that were made below. Not here: what the rules change, and those that look at whole nodes only
//! ([`super::memberships`], [`super::totals`]).

use std::cell::Cell;
use std::fmt::Debug;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::analyzer::AnalyzerRule;

use super::apart;

/// What is changed on the way.
pub(super) trait Rule: Debug + Send + Sync {
    /// What the rule is called.
    const NAME: &'static str;

    /// Whether the expressions of `node` are looked at. Those of a limit and of a statement are constants that must stay so.
    fn takes(node: &LogicalPlan) -> bool {
        !matches!(node, LogicalPlan::Limit(_) | LogicalPlan::Statement(_))
    }

    /// Looks at a node before its expressions are changed, and at the columns that they read.
    ///
    /// # Errors
    /// What is refused.
    fn check(_node: &LogicalPlan, _schema: &DFSchema) -> Result<()> {
        Ok(())
    }

    /// What a part of an expression becomes, after its own parts have been changed.
    ///
    /// # Errors
    /// What is refused.
    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>>;

    /// What a key by which rows are sorted becomes, after its parts.
    ///
    /// # Errors
    /// What is refused.
    fn key(key: Expr, _schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(Transformed::no(key))
    }
}

/// A [`Rule`] as the analyzer takes it.
#[derive(Debug)]
pub(super) struct Walk<R>(pub(super) R);

impl<R: Rule> AnalyzerRule for Walk<R> {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        walk::<R>(plan)
    }

    fn name(&self) -> &str {
        R::NAME
    }
}

fn walk<R: Rule>(plan: LogicalPlan) -> Result<LogicalPlan> {
    let has_changed = Cell::new(false);
    let node = |node: LogicalPlan| {
        let node = if R::takes(&node) { expressions::<R>(node)? } else { Transformed::no(node) };
        has_changed.set(has_changed.get() || node.transformed);
        if has_changed.get() { node.map_data(LogicalPlan::recompute_schema) } else { Ok(node) }
    };
    plan.transform_up_with_subqueries(node).data()
}

fn expressions<R: Rule>(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&node.inputs());
    R::check(&node, &schema)?;
    let names = NamePreserver::new(&node);
    let sorts = matches!(node, LogicalPlan::Sort(_));
    node.map_expressions(|expression| {
        let name = names.save(&expression);
        let changed = expression.transform_up(|part| {
            // A type is asked for at each level and found at the bottom: a long chain takes long.
            apart::heed()?;
            R::part(part, &schema)
        })?;
        let changed = if sorts { changed.transform_data(|key| R::key(key, &schema))? } else { changed };
        Ok(if changed.transformed { changed.update_data(|part| name.restore(part)) } else { changed })
    })
}
