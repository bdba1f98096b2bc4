//! The `sql` aggregation: any DataFusion expression whose aggregates merge exactly and in any order.
//!
//! The expression is planned once; its aggregate calls become states of panes and what is computed on top of them is
//! evaluated when windows are read. Refused with the reason: what depends on the order of arrival, on the clock, on chance,
//! or sums floats.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, Volatility, col};
use datafusion::physical_expr::aggregate::LoweredAggregateBuilder;
use datafusion::physical_expr::create_physical_expr;
use engine::meter::{Meter, MeterError};

use super::compile::{Call, Input, Parts};
use super::functions::functions;

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

fn refuse(reason: impl std::fmt::Display) -> MeterError {
    MeterError { field: "aggregation.sql.expression".into(), reason: reason.to_string() }
}

/// Plans `expression` for `meter`.
pub(super) fn plan(meter: &Meter, expression: &str) -> Result<Parts, MeterError> {
    let context = SessionContext::new();
    for function in functions() {
        context.register_udaf(function);
    }
    #[cfg(test)]
    context.register_udf(super::trial::tests::unlucky());
    let state = context.state();

    let mut all = vec![Input::Number, Input::Time, Input::Id, Input::Subject];
    all.extend((0..meter.dimensions.len()).map(Input::Dimension));
    let schema = schema_of(meter, &all).map_err(refuse)?;
    let parsed = state.create_logical_expr(expression, &schema).map_err(|error| {
        refuse(format!("{}; use value, time, id, subject and the dimensions", error.strip_backtrace()))
    })?;
    check_parts(&parsed)?;

    let read = parsed.column_refs();
    let inputs: Vec<Input> =
        all.into_iter().filter(|input| read.iter().any(|column| column.name == *input.field(meter).name())).collect();
    if inputs.contains(&Input::Number) && meter.value.is_none() {
        return Err(refuse("reads value, so the meter needs a value path"));
    }
    let (aggregates, finish, schema, calls_schema) =
        analyze(&state, &parsed, schema_of(meter, &inputs).map_err(refuse)?)
            .map_err(|error| refuse(error.strip_backtrace()))?;
    lower(meter, inputs, &aggregates, &finish, &schema, &calls_schema)
}

fn schema_of(meter: &Meter, inputs: &[Input]) -> Result<DFSchema> {
    let fields: Vec<Field> = inputs.iter().map(|input| input.field(meter)).collect();
    DFSchema::try_from(Schema::new(fields))
}

/// Walks the expression for what can't be kept exact.
fn check_parts(expression: &Expr) -> Result<(), MeterError> {
    let mut refused = None;
    let walked = expression.apply(|part| {
        refused = match part {
            Expr::AggregateFunction(call) => {
                let name = call.func.name();
                let ours = functions().iter().any(|function| function.name() == name);
                if !ours && !EXACT.contains(&name) {
                    Some(format!(
                        "{name} is not exact and independent of the order of arrival; use {} or one of {}",
                        EXACT.join(", "),
                        functions().iter().map(|f| f.name().to_owned()).collect::<Vec<_>>().join(", "),
                    ))
                } else if !call.params.order_by.is_empty() {
                    Some("ORDER BY inside an aggregate depends on ties; use latest_by or first_by".to_owned())
                } else {
                    None
                }
            }
            Expr::WindowFunction(_) => Some("window functions need whole rows; a meter keeps aggregates".to_owned()),
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => {
                Some("subqueries can't be kept current by a meter".to_owned())
            }
            Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
                Some(format!("{} depends on more than its arguments, so replaying would differ", call.func.name()))
            }
            _ => None,
        };
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(refuse)?;
    match refused {
        Some(reason) => Err(refuse(reason)),
        None => Ok(()),
    }
}

/// Splits into aggregate calls and the expression over them, with types coerced as in any query.
fn analyze(
    state: &datafusion::execution::SessionState,
    parsed: &Expr,
    schema: DFSchema,
) -> Result<(Vec<Expr>, Expr, DFSchema, DFSchema)> {
    let aggregates = find_aggregate_exprs([parsed]);
    if aggregates.is_empty() {
        return datafusion::common::plan_err!("holds no aggregate function, for instance sum(value)");
    }
    let over = parsed.clone().transform_down(|part| {
        Ok(match aggregates.contains(&part) {
            true => Transformed::yes(col(datafusion::common::Column::from_name(part.schema_name().to_string()))),
            false => Transformed::no(part),
        })
    })?;
    if let Some(column) = over.data.column_refs().into_iter().find(|column| schema.has_column(column)) {
        return datafusion::common::plan_err!("{column} must stand inside an aggregate function");
    }
    let rows = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(schema) });
    let plan =
        LogicalPlanBuilder::from(rows).aggregate(Vec::<Expr>::new(), aggregates)?.project([over.data])?.build()?;
    let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
    let LogicalPlan::Projection(projection) = &plan else {
        return datafusion::common::plan_err!("is not an expression over aggregates");
    };
    let LogicalPlan::Aggregate(aggregate) = projection.input.as_ref() else {
        return datafusion::common::plan_err!("is not an expression over aggregates");
    };
    Ok((
        aggregate.aggr_expr.clone(),
        projection.expr[0].clone(),
        aggregate.input.schema().as_ref().clone(),
        aggregate.schema.as_ref().clone(),
    ))
}

fn lower(
    meter: &Meter,
    inputs: Vec<Input>,
    aggregates: &[Expr],
    finish: &Expr,
    schema: &DFSchema,
    calls_schema: &DFSchema,
) -> Result<Parts, MeterError> {
    let properties = ExecutionProps::new();
    let planning = PhysicalPlanningContext::default();
    let mut calls = Vec::new();
    for aggregate in aggregates {
        let lowered = LoweredAggregateBuilder::new(aggregate, schema, schema.as_arrow(), &properties, &planning)
            .build()
            .map_err(refuse)?;
        let call = Call::new(lowered.aggregate, lowered.filter).map_err(refuse)?;
        let states = call.function.state_fields().map_err(refuse)?;
        if states.iter().any(|state| holds_float(state.data_type())) {
            return Err(refuse("sums of floats depend on their order; cast to DECIMAL(38, 9) before aggregating"));
        }
        // What can't be kept as mergeable state says so here.
        call.accumulator().map_err(refuse)?;
        calls.push(call);
    }
    let finish = create_physical_expr(finish, calls_schema, &properties, &planning).map_err(refuse)?;
    let schema = Arc::new(calls_schema.as_arrow().clone());
    let data_type = finish.data_type(&schema).map_err(refuse)?;
    if !data_type.is_integer() && !data_type.is_decimal() && data_type != DataType::Boolean {
        return Err(refuse(format!("gives {data_type}; a meter's value is a number: cast it to DECIMAL(38, 9)")));
    }
    Ok(Parts::sql(inputs, meter, calls, (finish, schema)))
}

fn holds_float(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) => holds_float(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_float(field.data_type())),
        other => other.is_floating(),
    }
}
