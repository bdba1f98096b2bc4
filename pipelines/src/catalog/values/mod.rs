//! Bounds on the values that functions make (I8, I13): one value, and all that a statement has in its hands at once.
//!
//! Every scalar function is wrapped ([`guard`]): what it may give is computed from its arguments ([`bound`]) before it runs. A
//! value beyond the limit is [`TooLarge`]; what fits is taken from the statement's memory ([`charge`]) until the batch that it
//! is in has been handed on. Operators that multiply get few rows at a time ([`pieces`], [`weight`]), and what they sort by is a column ([`keys`]). What folds constants has no memory to
//! take from, so a call on constants that would give much is left for the statement to compute.
//!
//! Not here: what operators collect (DataFusion counts it), what views build (`crate::memory`), what is metered.

mod bound;
mod bytes;
mod charge;
mod guard;
mod join;
mod keys;
mod pieces;
mod weight;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::analyzer::AnalyzerRule;

pub(crate) use bytes::bytes_of;
pub(super) use bytes::check_values;
pub(super) use pieces::charged;
pub(super) use weight::gathered_rows;

/// A value that would be larger than one may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} would give a value of {bytes} bytes; one may have {bytes_max} (query.value_bytes_max)")]
pub struct TooLarge {
    /// The function, or the column of the answer.
    pub what: String,
    /// How large it would be at most.
    pub bytes: u64,
    /// How large it may be.
    pub bytes_max: u64,
}

impl From<TooLarge> for DataFusionError {
    fn from(refused: TooLarge) -> Self {
        Self::External(Box::new(refused))
    }
}

/// `function`, which gives no value of more than `bytes_max`.
pub(super) fn guarded(function: Arc<ScalarUDF>, bytes_max: u64) -> Arc<ScalarUDF> {
    guard::guarded(function, bytes_max)
}

/// Wraps the functions that planners call without asking the registry, and texts that are joined by an operator.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) bytes_max: u64,
}

impl AnalyzerRule for Values {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let guarded = |plan| rewrite(plan, self.bytes_max)?.transform_data(keys::computed_below);
        plan.transform_up_with_subqueries(guarded).data()
    }

    fn name(&self) -> &str {
        "values"
    }
}

fn rewrite(plan: LogicalPlan, bytes_max: u64) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let changed = expression.transform_up(|part| {
            Ok(match part {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
                    if is_text(&left, &schema) && left.get_type(&schema).ok() == right.get_type(&schema).ok() =>
                {
                    let join = guard::guarded(Arc::new(join::function()), bytes_max);
                    Transformed::yes(join.call(vec![*left, *right]))
                }
                other => guard::wrap(other, bytes_max),
            })
        })?;
        Ok(if changed.transformed { changed.update_data(|part| name.restore(part)) } else { changed })
    })
}

fn is_text(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| of.is_string() || of.is_binary())
}
