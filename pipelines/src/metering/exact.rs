//! What can be kept current exactly: the rules for SQL meters and materialized views alike.
//!
//! An aggregate is kept if its states merge exactly and in any order (I3, I4). Refused with the reason: what depends on the
//! order of arrival, on the clock, on chance, or sums floats. Not here: what the expressions read.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::call::Call;
use super::functions::{functions, member_functions};
use crate::catalog::{CATALOG, SCHEMA, Semantics};

/// DataFusion's own aggregates that are exact and independent of order; ours all are.
const EXACT: [&str; 12] = [
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "median",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
    "approx_distinct",
];

/// A session that knows the functions of every session of the catalog, and nothing else.
pub(super) fn session() -> SessionContext {
    let mut config = SessionConfig::new().with_default_catalog_and_schema(CATALOG, SCHEMA);
    Semantics::set(config.options_mut());
    let state = SessionStateBuilder::new().with_config(config);
    let state = state.with_expr_planners(Semantics::planners()).with_default_features();
    let state = state.with_analyzer_rules(Semantics::rules()).build();
    let context = SessionContext::new_with_state(state);
    Semantics::functions().into_iter().for_each(|function| context.register_udf(function));
    functions().into_iter().for_each(|function| context.register_udaf(function));
    member_functions().into_iter().for_each(|function| context.register_udf(function));
    #[cfg(test)]
    context.register_udf(super::trial::tests::unlucky());
    context
}

/// The first part of `expression` that can't be kept exact, and why not.
pub(super) fn refusal(expression: &Expr) -> Result<Option<(String, String)>> {
    let mut refused = None;
    expression.apply(|part| {
        refused = refusal_of(part);
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(refused)
}

fn refusal_of(part: &Expr) -> Option<(String, String)> {
    let refused = |construct: &str, reason: &str| Some((construct.to_owned(), reason.to_owned()));
    match part {
        Expr::AggregateFunction(call) => {
            let name = call.func.name();
            let ours = functions();
            if !EXACT.contains(&name) && !ours.iter().any(|function| function.name() == name) {
                let known = EXACT.into_iter().chain(ours.iter().map(|function| function.name())).collect::<Vec<_>>();
                let reason =
                    format!("is not exact and independent of the order of arrival; use one of {}", known.join(", "));
                return Some((name.to_owned(), reason));
            }
            if !call.params.order_by.is_empty() {
                return refused("ORDER BY inside an aggregate", "depends on ties; use latest_by or first_by");
            }
            None
        }
        Expr::WindowFunction(_) => refused("window functions", "need whole rows, and panes keep aggregates"),
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => {
            refused("subqueries", "can't be kept current: an event may change what they gave before")
        }
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            refused(call.func.name(), "depends on more than its arguments, so replaying would differ")
        }
        _ => None,
    }
}

/// The aggregate call `aggregate` over rows of `schema`.
///
/// # Errors
/// States that do not merge exactly, or not at all.
pub(super) fn call(aggregate: &Expr, schema: &DFSchema) -> Result<Call> {
    let aggregate = &aggregate.clone().unalias();
    let (properties, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let lowered = LoweredAggregateBuilder::new(aggregate, schema, schema.as_arrow(), &properties, &planning).build()?;
    let call = Call::new(lowered.aggregate, lowered.filter)?;
    if call.function.state_fields()?.iter().any(|state| holds_float(state.data_type())) {
        return plan_err!("sums of floats depend on their order; cast to DECIMAL(38, 9) before aggregating");
    }
    // What can't be kept as mergeable state says so here.
    call.accumulator()?;
    Ok(call)
}

/// `expression` over rows of `schema`, executable.
pub(super) fn physical(expression: &Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
    create_physical_expr(expression, schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
}

fn holds_float(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) => holds_float(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_float(field.data_type())),
        other => other.is_floating(),
    }
}
