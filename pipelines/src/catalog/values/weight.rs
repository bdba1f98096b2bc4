//! What a row of an operator takes beside what the operator reads: what its functions multiply, and its large constants.
//!
//! An operator gets few rows at a time for it ([`super::pieces`]). What gathers rows between operators (a repartition, a merge,
//! a filter) copies and does not count them, so a statement whose rows are heavy between its operators gathers few, on one
//! partition ([`gathered_rows`]).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{Column, Literal};
use datafusion::physical_plan::unnest::UnnestExec;

use super::bytes::bytes_of_scalar;
use super::guard;

/// What the constants and multiplied values of a batch may take, about.
const BATCH_BYTES: u64 = 8 << 20;
/// Constants that are not worth a look.
const SMALL_BYTES: u64 = 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Weight {
    value_bytes_max: u64,
    is_guarded: bool,
    bytes: u64,
}

impl Weight {
    /// Of no expression yet.
    pub(super) fn new(value_bytes_max: u64) -> Self {
        Self { value_bytes_max, is_guarded: false, bytes: 0 }
    }

    /// Adds an expression that is evaluated on each row.
    pub(super) fn add(&mut self, expression: &Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion> {
        expression.apply(|part| {
            if let Some(literal) = part.downcast_ref::<Literal>() {
                let bytes = bytes_of_scalar(literal.value());
                self.bytes = self.bytes.saturating_add(if bytes > SMALL_BYTES { bytes } else { 0 });
            } else if let Some(call) = part.downcast_ref::<ScalarFunctionExpr>() {
                self.is_guarded |= guard::is_guarded(call.fun()) && !call.return_type().is_primitive();
                let constants = call.args().iter().map(|arg| arg.downcast_ref::<Literal>().map(Literal::value));
                let bytes = guard::weight(call.fun(), &constants.collect::<Vec<_>>());
                // A constant that was not folded is a large one.
                let is_constant = bytes > 0 && !part.exists(|part| Ok(part.is::<Column>()))?;
                let bytes = if is_constant { self.value_bytes_max } else { bytes };
                self.bytes = self.bytes.saturating_add(if bytes > SMALL_BYTES { bytes } else { 0 });
            }
            Ok(TreeNodeRecursion::Continue)
        })
    }

    /// Whether the operator need not be looked after.
    pub(super) fn is_nothing(&self) -> bool {
        !self.is_guarded && self.bytes == 0
    }

    /// The rows of a batch that the operator may get; `None` if any number will do.
    pub(super) fn rows_max(&self) -> Option<usize> {
        (self.bytes > 0).then(|| usize::try_from(BATCH_BYTES / self.bytes).unwrap_or(usize::MAX).max(1))
    }
}

/// How many rows may be gathered between the operators of `plan`, if what its operators give is heavy.
pub(in super::super) fn gathered_rows(plan: &Arc<dyn ExecutionPlan>, value_bytes_max: u64) -> Result<Option<usize>> {
    let mut fewest = None;
    plan.apply(|node| {
        // Lists that are taken apart at once are not handed on.
        let is_unnest = node.is::<UnnestExec>();
        for child in node.children().into_iter().filter(|_| !is_unnest) {
            let rows = given_rows(child, value_bytes_max)?;
            fewest = fewest.into_iter().chain(rows).min();
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(fewest.into_iter().chain(given_rows(plan, value_bytes_max)?).min())
}

/// How many rows of what `node` gives make a batch; `None` if any number will do.
fn given_rows(node: &Arc<dyn ExecutionPlan>, value_bytes_max: u64) -> Result<Option<usize>> {
    let mut weight = Weight::new(value_bytes_max);
    let schemas = node.children().into_iter().map(|child| child.schema()).collect::<Vec<_>>();
    node.apply_expressions(&mut |expression| {
        // A length or a hash of what is heavy is not heavy.
        let is_light = schemas.iter().any(|read| expression.data_type(read).is_ok_and(|of| of.is_primitive()));
        if is_light { Ok(TreeNodeRecursion::Continue) } else { weight.add(expression) }
    })?;
    Ok(weight.rows_max())
}
