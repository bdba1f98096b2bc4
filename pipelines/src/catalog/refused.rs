//! Syntax that DataFusion takes for something else than Postgres does, and that is refused for it: an error that says so, never
//! another answer.
//!
//! Not here: what is rewritten to the same effect ([`super::dialect`]).

use datafusion::common::{Result, not_impl_err};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, Query, SetExpr, SetOperator, SetQuantifier, TableWithJoins,
};

/// Refuses `EXCEPT ALL` and `INTERSECT ALL`, which would count no duplicates.
///
/// # Errors
/// The operation.
pub(super) fn sets(query: &Query) -> Result<()> {
    fn look(body: &SetExpr) -> Result<()> {
        let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return Ok(()) };
        if matches!(op, SetOperator::Except | SetOperator::Intersect) && matches!(set_quantifier, SetQuantifier::All) {
            return not_impl_err!("{op} ALL: number equal rows with row_number() and use {op}");
        }
        look(left)?;
        look(right)
    }
    look(&query.body)
}

/// Refuses `RIGHT` and `FULL JOIN` by `USING` or `NATURAL`, whose merged column would be the left one's, null where only the
/// right side has a row.
///
/// # Errors
/// The join.
pub(super) fn joins(from: &[TableWithJoins]) -> Result<()> {
    for join in from.iter().flat_map(|table| &table.joins) {
        let (kind, constraint) = match &join.join_operator {
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => ("RIGHT", constraint),
            JoinOperator::FullOuter(constraint) => ("FULL", constraint),
            _ => continue,
        };
        if matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            return not_impl_err!("{kind} JOIN by USING or NATURAL: join ON equal columns and take coalesce() of them");
        }
    }
    Ok(())
}

/// Refuses comparisons with `ANY` or `ALL` rows of a subquery, other than those that are `IN` and `NOT IN`.
///
/// # Errors
/// The comparison.
pub(super) fn comparison(expression: &Expr) -> Result<()> {
    let (name, op, right, is_known) = match expression {
        Expr::AnyOp { compare_op, right, .. } => ("ANY", compare_op, right, *compare_op == BinaryOperator::Eq),
        Expr::AllOp { compare_op, right, .. } => ("ALL", compare_op, right, *compare_op == BinaryOperator::NotEq),
        _ => return Ok(()),
    };
    if matches!(**right, Expr::Subquery(_)) && !is_known {
        return not_impl_err!("{op} {name} of a subquery: compare with its min() or max()");
    }
    Ok(())
}
