//! Questions to subqueries that DataFusion does not plan where they stand: whether there is a row, in a select list, and whether
//! several values together are a row.
//!
//! `EXISTS (…)` of a select list becomes a count, `(a, b) IN (…)` a condition on a subquery that exists. Where NULL would be
//! the answer, a condition has the same effect as false; so `NOT IN` of several values, where it has not, is refused.

use std::ops::ControlFlow;

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins, Value, Visit, Visitor,
};

use super::dialect::call;
use super::functions;
use super::names::MARK;

/// Rewrites what asks whether there is a row, in a select list.
pub(super) fn in_list(select: &mut Select) {
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. }) = item else {
            continue;
        };
        counted(expression);
    }
}

fn counted(expression: &mut Expr) {
    match expression {
        Expr::Exists { subquery, negated } => {
            let op = if *negated { BinaryOperator::Eq } else { BinaryOperator::Gt };
            if let Some(count) = count(subquery, op) {
                *expression = Expr::Subquery(Box::new(count));
            }
        }
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } | Expr::Cast { expr: inner, .. } => counted(inner),
        Expr::BinaryOp { left, right, .. } => {
            counted(left);
            counted(right);
        }
        Expr::Case { conditions, else_result, .. } => {
            for when in conditions {
                counted(&mut when.condition);
                counted(&mut when.result);
            }
            else_result.iter_mut().for_each(|other| counted(other));
        }
        _ => {}
    }
}

/// How many rows `query` has, compared with none; `None` if it does more than filter.
fn count(query: &Query, op: BinaryOperator) -> Option<Query> {
    let mut counting = query.clone();
    let SetExpr::Select(select) = counting.body.as_mut() else { return None };
    let is_plain = select.distinct.is_none()
        && select.having.is_none()
        && select.top.is_none()
        && select.qualify.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    // One that aggregates has a row whatever it finds.
    let aggregates = select.projection.iter().any(has_function);
    if !is_plain || aggregates || query.limit_clause.is_some() || query.fetch.is_some() || query.with.is_some() {
        return None;
    }
    counting.order_by = None;
    let zero = Box::new(Expr::value(Value::Number("0".to_owned(), false)));
    let all = Box::new(call("count", vec![Expr::value(Value::Number("1".to_owned(), false))]));
    select.projection = vec![SelectItem::UnnamedExpr(Expr::BinaryOp { left: all, op, right: zero })];
    Some(counting)
}

fn has_function(item: &SelectItem) -> bool {
    struct Functions;
    impl Visitor for Functions {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if matches!(expression, Expr::Function(_)) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    item.visit(&mut Functions).is_break()
}

/// What `(a, b) IN (…)` is, with `number` for its names; `None` if `expression` is none.
///
/// # Errors
/// `NOT IN`, and subqueries whose columns are not as many.
pub(super) fn of_row(expression: &Expr, number: usize) -> Result<Option<Expr>> {
    let Expr::InSubquery { expr, subquery, negated } = expression else { return Ok(None) };
    let Expr::Tuple(values) = expr.as_ref() else { return Ok(None) };
    if *negated {
        return not_impl_err!("NOT IN of several values and a subquery: ask whether NOT EXISTS one that equals them");
    }
    let mut body = subquery.body.as_ref();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    if let SetExpr::Select(select) = body
        && !select
            .projection
            .iter()
            .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)))
        && select.projection.len() != values.len()
    {
        return plan_err!("{} values are compared with {} columns", values.len(), select.projection.len());
    }
    let quoted = |at: usize| Ident::with_quote('"', format!("{MARK}{number}_{at}"));
    let table = Ident::with_quote('"', format!("{MARK}{number}"));
    let equal = values.iter().enumerate().map(|(at, value)| Expr::BinaryOp {
        left: Box::new(Expr::CompoundIdentifier(vec![table.clone(), quoted(at)])),
        op: BinaryOperator::Eq,
        right: Box::new(value.clone()),
    });
    let both = |one, other| Expr::BinaryOp { left: Box::new(one), op: BinaryOperator::And, right: Box::new(other) };
    let Some(condition) = equal.reduce(both) else { return plan_err!("a row of no values") };
    let columns = (0..values.len()).map(|at| TableAliasColumnDef { name: quoted(at), data_type: None });
    let alias = TableAlias { explicit: true, name: table, columns: columns.collect(), at: None };
    let relation =
        TableFactor::Derived { lateral: false, subquery: subquery.clone(), alias: Some(alias), sample: None };
    let one = SelectItem::UnnamedExpr(Expr::value(Value::Number("1".to_owned(), false)));
    let mut around = functions::select(vec![one], vec![TableWithJoins { relation, joins: Vec::new() }])?;
    if let SetExpr::Select(select) = around.body.as_mut() {
        select.selection = Some(condition);
    }
    Ok(Some(Expr::Exists { subquery: Box::new(around), negated: false }))
}
