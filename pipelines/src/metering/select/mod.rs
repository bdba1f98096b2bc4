//! A materialized view's `SELECT`, planned into what a meter is too: dimensions, panes and aggregate calls.
//!
//! DataFusion parses and plans the statement as it would to run it. Its parts are taken apart: `WHERE` becomes the filter,
//! `GROUP BY` keys become tenant, window and dimensions (`keys`), aggregates become calls that panes keep the states of,
//! and the select list is computed on merged groups when the view is read (`answer`): so its rows are those of the same
//! `SELECT` over `events` (I3). What can't be kept that way is refused with its name, the reason and a way out.
//!
//! Not here: folding, checkpoints, history: they are the meters' (`live`, `seal`, `operator`).

mod statement;
mod columns;
mod keys;
mod answer;

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, BinaryExpr, Expr, LogicalPlan, Operator, Projection};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::unparser::expr_to_sql;
use engine::event::schema;
use engine::meter::{DIMENSIONS_MAX, Window};
use engine::view::ViewRefusal;
use futures::FutureExt;

use super::call::Call;
use super::dimension::Dimension;
use super::exact;
use super::input::Input;
use crate::catalog::{TooComplex, bounds, planned};
use columns::Columns;
use keys::Keys;

pub(super) use answer::{Answer, Group};

/// What planning a view gives.
pub(super) struct Selected {
    /// Which events; `None` for all.
    pub(super) event_type: Option<String>,
    /// What groups are told apart by, beside tenant and window.
    pub(super) dimensions: Vec<Dimension>,
    /// The same as they were written.
    pub(super) names: Vec<String>,
    /// What panes are cut at.
    pub(super) window: Window,
    /// What filter and calls read.
    pub(super) inputs: Vec<Input>,
    /// The rest of `WHERE`.
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    /// The aggregates.
    pub(super) calls: Vec<Call>,
    /// What is computed on groups.
    pub(super) answer: Answer,
}

/// Plans `query`.
///
/// # Errors
/// The construct that can't be kept current.
pub(super) fn plan(query: &str) -> Result<Selected, ViewRefusal> {
    let session = exact::session();
    session.register_table("events", columns::events()).map_err(refused)?;
    let state = session.state();
    let plan = logical(&state, query)?;
    let (projection, aggregate, filter) = shape(&plan)?;
    let expressions = projection.expr.iter().chain(&aggregate.group_expr).chain(&aggregate.aggr_expr);
    for expression in expressions.chain(filter) {
        if let Some((construct, reason)) = exact::refusal(expression).map_err(refused)? {
            return Err(ViewRefusal::new(construct, reason));
        }
    }

    let keys = Keys::of(&aggregate.group_expr)?;
    if keys.dimensions.len() > DIMENSIONS_MAX {
        return Err(ViewRefusal::new("GROUP BY", format!("at most {DIMENSIONS_MAX} keys beside tenant and window")));
    }
    let mut columns = Columns::default();
    let (event_type, filter) = by_type(filter);
    let filter = filter.map(|filter| columns.rewrite(filter, "WHERE")).transpose()?;
    let aggregates = aggregate.aggr_expr.iter().map(|call| columns.rewrite(call.clone(), "SELECT"));
    let aggregates = aggregates.collect::<Result<Vec<_>, _>>()?;
    let inputs = columns.inputs;
    let rows = columns::schema(&inputs).map_err(refused)?;
    let filter = filter.map(|filter| exact::physical(&filter, &rows)).transpose().map_err(refused)?;
    let calls = aggregates.iter().zip(&aggregate.aggr_expr).map(|(call, written)| {
        exact::call(call, &rows).map_err(|error| ViewRefusal::new(shown(written), error.message()))
    });
    let calls = calls.collect::<Result<_, _>>()?;
    let Keys { groups, dimensions, names, window, panes } = keys;
    let answer = Answer::new(groups, window, projection, aggregate)?;
    Ok(Selected { event_type, dimensions, names, window: panes, inputs, filter, calls, answer })
}

/// DataFusion's plan, types coerced as in any query.
fn logical(state: &SessionState, query: &str) -> Result<LogicalPlan, ViewRefusal> {
    let dialect = state.config_options().sql_parser.dialect;
    let limited = |beyond: TooComplex| ViewRefusal::new("SELECT", beyond.to_string());
    bounds::check_kept_text(query, &GenericDialect {}).map_err(limited)?;
    let parsed = state.sql_to_statement(query, &dialect).map_err(refused)?;
    bounds::check_kept(&parsed).map_err(limited)?;
    statement::check(&parsed)?;
    // The one table is in memory, so there is nothing to wait for.
    let plan = planned(state, parsed).now_or_never();
    plan.ok_or_else(|| ViewRefusal::new("FROM", "only events can be read"))?.map_err(refused)
}

/// The parts of the only shape of plan that is kept.
fn shape(plan: &LogicalPlan) -> Result<(&Projection, &Aggregate, Option<&Expr>), ViewRefusal> {
    let other = || ViewRefusal::new("SELECT", "is no plain SELECT … FROM events [WHERE …] GROUP BY …");
    let LogicalPlan::Projection(projection) = plan else { return Err(other()) };
    let aggregate = match projection.input.as_ref() {
        LogicalPlan::Aggregate(aggregate) => aggregate,
        LogicalPlan::Window(_) => {
            return Err(ViewRefusal::new("window functions", "need whole rows, and panes keep aggregates"));
        }
        _ => return Err(other()),
    };
    let mut below = aggregate.input.as_ref();
    let mut filter = None;
    if let LogicalPlan::Filter(found) = below {
        filter = Some(&found.predicate);
        below = found.input.as_ref();
    }
    if let LogicalPlan::SubqueryAlias(alias) = below {
        below = alias.input.as_ref();
    }
    let LogicalPlan::TableScan(_) = below else { return Err(other()) };
    Ok((projection, aggregate, filter))
}

/// Takes `type = '…'` out of a filter: events of other types then cost nothing.
fn by_type(filter: Option<&Expr>) -> (Option<String>, Option<Expr>) {
    let mut event_type = None;
    let Some(filter) = filter else { return (None, None) };
    let mut rest = split_conjunction_owned(filter.clone());
    rest.retain(|condition| match named_type(condition) {
        Some(name) if event_type.is_none() => {
            event_type = Some(name);
            false
        }
        _ => true,
    });
    (event_type, conjunction(rest))
}

fn named_type(condition: &Expr) -> Option<String> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return None };
    let (column, literal) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(literal, _)) | (Expr::Literal(literal, _), Expr::Column(column)) => {
            (column, literal)
        }
        _ => return None,
    };
    let is_type = column.name == *schema::fixed_fields()[schema::TYPE].name();
    literal.try_as_str().flatten().filter(|_| is_type).map(str::to_owned)
}

/// DataFusion's own refusal.
fn refused(error: DataFusionError) -> ViewRefusal {
    ViewRefusal::new("SELECT", error.strip_backtrace())
}

/// As it was written, without the table.
fn shown(expression: &Expr) -> String {
    let bare = |part: Expr| {
        Ok(match part {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::from_name(column.name))),
            other => Transformed::no(other),
        })
    };
    let bare = expression.clone().transform(bare).map(|bare| bare.data);
    let sql = bare.and_then(|bare| expr_to_sql(&bare)).map(|sql| sql.to_string().replace('"', ""));
    sql.unwrap_or_else(|_| expression.to_string())
}

/// Whether `expression` reads a column.
fn reads(expression: &Expr) -> bool {
    expression.exists(|part| Ok(matches!(part, Expr::Column(_)))).unwrap_or(true)
}
