//! Keys of sorts and windows that functions multiply, computed once in a projection below.
//!
//! An operator that is given an expression as its key computes it as often as it compares, on threads of its own, and counts
//! none of it. As a column of what it reads the key is counted as every other value. Not here: keys of groups and joins, which
//! are computed once.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Sort, SortExpr, Window};

use super::guard;

/// What the columns are called, numbered.
const KEY: &str = "_key";

/// `plan` with such keys of it in a projection below.
pub(super) fn computed_below(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut keys = Keys::default();
    match plan {
        LogicalPlan::Sort(sort) if sort.expr.iter().any(|key| is_multiplied(&key.expr)) => {
            let given = columns(sort.input.schema());
            let expr = keys.sort(sort.expr);
            let input = keys.below(&sort.input)?;
            let sorted = LogicalPlan::Sort(Sort { expr, input, fetch: sort.fetch });
            Ok(Transformed::yes(LogicalPlanBuilder::from(sorted).project(given)?.build()?))
        }
        LogicalPlan::Window(window) if window.window_expr.iter().any(is_multiplied_key) => {
            let given = columns(&window.schema);
            let names = NamePreserver::new_for_projection();
            let computed = window.window_expr.into_iter().map(|expression| {
                let name = names.save(&expression);
                let changed = expression.transform_up(|part| Ok(keys.of_window(part))).data()?;
                Ok(name.restore(changed))
            });
            let computed = computed.collect::<Result<Vec<_>>>()?;
            let input = keys.below(&window.input)?;
            let windowed = LogicalPlan::Window(Window::try_new(computed, input)?);
            Ok(Transformed::yes(LogicalPlanBuilder::from(windowed).project(given)?.build()?))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Expressions that are taken out, in the order of their numbers.
#[derive(Default)]
struct Keys(Vec<Expr>);

impl Keys {
    /// The column that `key` becomes; itself if nothing multiplies it.
    fn column(&mut self, key: Expr) -> Expr {
        if !is_multiplied(&key) {
            return key;
        }
        let number = self.0.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.0.push(key);
            self.0.len() - 1
        });
        Expr::Column(Column::new_unqualified(format!("{KEY}{number}")))
    }

    fn sort(&mut self, by: Vec<SortExpr>) -> Vec<SortExpr> {
        by.into_iter().map(|key| SortExpr { expr: self.column(key.expr), ..key }).collect()
    }

    fn of_window(&mut self, part: Expr) -> Transformed<Expr> {
        let Expr::WindowFunction(mut call) = part else { return Transformed::no(part) };
        let params = &mut call.params;
        params.partition_by =
            std::mem::take(&mut params.partition_by).into_iter().map(|key| self.column(key)).collect();
        params.order_by = self.sort(std::mem::take(&mut params.order_by));
        Transformed::yes(Expr::WindowFunction(call))
    }

    /// What `input` gives, and the keys.
    fn below(self, input: &Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
        let keys = self.0.into_iter().enumerate().map(|(number, key)| key.alias(format!("{KEY}{number}")));
        let all = columns(input.schema()).into_iter().chain(keys);
        Ok(Arc::new(LogicalPlanBuilder::from(Arc::clone(input)).project(all)?.build()?))
    }
}

fn columns(of: &DFSchema) -> Vec<Expr> {
    of.iter().map(|field| Expr::Column(Column::from(field))).collect()
}

fn is_multiplied(key: &Expr) -> bool {
    let is_multiplied = |part: &Expr| match part {
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let constants: Vec<Option<&ScalarValue>> = args.iter().map(Expr::as_literal).collect();
            guard::weight(func, &constants) > 0
        }
        _ => false,
    };
    key.exists(|part| Ok(is_multiplied(part))).unwrap_or(true)
}

fn is_multiplied_key(of: &Expr) -> bool {
    let has_one = |part: &Expr| match part {
        Expr::WindowFunction(call) => {
            let by = call.params.order_by.iter().map(|key| &key.expr);
            call.params.partition_by.iter().chain(by).any(is_multiplied)
        }
        _ => false,
    };
    of.exists(|part| Ok(has_one(part))).unwrap_or(true)
}
