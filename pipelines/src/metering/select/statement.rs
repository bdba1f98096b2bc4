//! What a view's statement may hold, by its syntax: one `SELECT … FROM events [WHERE …] GROUP BY …`.
//!
//! Looked at before planning, so that a refusal names what was written. Not here: expressions, but for operators that are not
//! planned at all.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, ObjectName, Query, Select, SetExpr, Statement, TableFactor, TableWithJoins,
    visit_expressions,
};
use engine::view::ViewRefusal;

const READ_INSTEAD: &str = "rows of a view have no order; say it when you select from the view";

/// Refuses everything else.
pub(super) fn check(statement: &DfStatement) -> Result<(), ViewRefusal> {
    let query = match statement {
        DfStatement::Statement(statement) => match statement.as_ref() {
            Statement::Query(query) => query,
            _ => return Err(ViewRefusal::new("AS", "a view is defined by a SELECT")),
        },
        _ => return Err(ViewRefusal::new("AS", "a view is defined by a SELECT")),
    };
    check_select(check_query(query)?)?;
    let operator = visit_expressions(query, |expression| match expression {
        Expr::BinaryOp { op: operator @ (BinaryOperator::Arrow | BinaryOperator::LongArrow), .. } => {
            ControlFlow::Break(operator.to_string())
        }
        _ => ControlFlow::Continue(()),
    });
    match operator {
        ControlFlow::Break(operator) => {
            let instead = "is read as json_value(data, '$.member') or json_number(data, '$.member')";
            Err(ViewRefusal::new(operator, instead))
        }
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The query's one `SELECT`.
fn check_query(query: &Query) -> Result<&Select, ViewRefusal> {
    let refuse = |construct: &str, reason: &str| Err(ViewRefusal::new(construct, reason));
    if query.with.is_some() {
        return refuse("WITH", "a view reads events directly; write its conditions into WHERE");
    }
    if query.order_by.is_some() {
        return refuse("ORDER BY", READ_INSTEAD);
    }
    if query.limit_clause.is_some() || query.fetch.is_some() {
        return refuse(
            "LIMIT",
            "which rows are the first changes with every event; limit when you select from the view",
        );
    }
    match query.body.as_ref() {
        SetExpr::Select(select) => Ok(select),
        SetExpr::SetOperation { op, .. } => Err(ViewRefusal::new(
            op.to_string(),
            "a view has one SELECT; make one view each and combine them in queries",
        )),
        SetExpr::Query(_) => refuse("subqueries", "write the SELECT without parentheses"),
        _ => refuse("AS", "a view is defined by a SELECT"),
    }
}

fn check_select(select: &Select) -> Result<(), ViewRefusal> {
    let refuse = |construct: &str, reason: &str| Err(ViewRefusal::new(construct, reason));
    if select.distinct.is_some() {
        return refuse("DISTINCT", "groups are distinct already; leave it out");
    }
    if select.having.is_some() {
        return refuse(
            "HAVING",
            "a group may pass and fail again as events come; say it as WHERE when you select from the view",
        );
    }
    if select.qualify.is_some() || !select.named_window.is_empty() {
        return refuse("window functions", "need whole rows, and panes keep aggregates");
    }
    match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) => {
            let is_set = |key: &Expr| matches!(key, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_));
            if !modifiers.is_empty() || keys.iter().any(is_set) {
                return refuse(
                    "GROUPING SETS",
                    "a view has one set of groups; make one view each, or group again when you read it",
                );
            }
            if keys.is_empty() {
                return refuse(
                    "GROUP BY",
                    "is missing; group by tenant, a window of time, type, source, subject or members of data",
                );
            }
        }
        GroupByExpr::All(_) => {}
    }
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else {
        return refuse("JOIN", "a view reads events and nothing else; join when you select from the view");
    };
    if !joins.is_empty() {
        return refuse("JOIN", "a view reads events and nothing else; join when you select from the view");
    }
    match relation {
        TableFactor::Table { name, args: None, sample: None, .. } if is_events(name) => Ok(()),
        TableFactor::Table { name, .. } => {
            Err(ViewRefusal::new(format!("FROM {name}"), "a view reads events and nothing else"))
        }
        TableFactor::Derived { .. } => {
            refuse("subqueries", "a view reads events directly; write its conditions into WHERE")
        }
        _ => refuse("FROM", "a view reads events and nothing else"),
    }
}

fn is_events(name: &ObjectName) -> bool {
    ["events", "public.events", "tenantry.public.events"].contains(&name.to_string().replace('"', "").as_str())
}
