//! The `sql` aggregation: any DataFusion expression whose aggregates merge exactly and in any order.
//!
//! The expression is planned once; its aggregate calls become states of panes and what is computed on top of them is
//! evaluated when windows are read. Refused with the reason: what depends on the order of arrival, on the clock, on chance,
//! or sums floats.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, col};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use engine::event::schema;
use engine::meter::{Meter, MeterError};

use super::compile::Parts;
use super::exact;
use super::input::{Input, Read};
use crate::catalog::bounds;

fn refuse(reason: impl std::fmt::Display) -> MeterError {
    MeterError { field: "aggregation.sql.expression".into(), reason: reason.to_string() }
}

/// Plans `expression` for `meter`; `value` and `dimensions` are the pointers of its paths.
pub(super) fn plan(
    meter: &Meter,
    value: Option<&str>,
    dimensions: &[String],
    expression: &str,
) -> Result<Parts, MeterError> {
    let state = exact::session().state();
    let mut all = vec![Input::new("value", Read::Number(value.unwrap_or_default().to_owned()))];
    all.extend([schema::TIME, schema::ID, schema::SUBJECT].map(Input::fixed));
    let dimensions = meter.dimensions.iter().zip(dimensions);
    all.extend(dimensions.map(|(dimension, pointer)| Input::new(&dimension.name, Read::Text(pointer.clone()))));
    let schema = schema_of(&all).map_err(refuse)?;
    let unplanned = |error: DataFusionError| {
        refuse(format!("{}; use value, time, id, subject and the dimensions", error.strip_backtrace()))
    };
    bounds::check_kept_text(expression, &GenericDialect {}).map_err(refuse)?;
    let dialect = state.config_options().sql_parser.dialect;
    let written = state.sql_to_expr_with_alias(expression, &dialect).map_err(unplanned)?;
    bounds::check_kept_expression(&written.expr).map_err(refuse)?;
    let parsed = state.create_logical_expr_from_sql_expr(written, &schema).map_err(unplanned)?;
    if let Some((construct, reason)) = exact::refusal(&parsed).map_err(refuse)? {
        return Err(refuse(format!("{construct} {reason}")));
    }

    let read = parsed.column_refs();
    let inputs: Vec<Input> =
        all.into_iter().filter(|input| read.iter().any(|column| column.name == input.name)).collect();
    if value.is_none() && inputs.iter().any(|input| matches!(input.read, Read::Number(_))) {
        return Err(refuse("reads value, so the meter needs a value path"));
    }
    let (aggregates, finish, schema, calls_schema) = analyze(&state, &parsed, schema_of(&inputs).map_err(refuse)?)
        .map_err(|error| refuse(error.strip_backtrace()))?;
    lower(inputs, &aggregates, &finish, &schema, &calls_schema)
}

fn schema_of(inputs: &[Input]) -> Result<DFSchema> {
    let fields: Vec<Field> = inputs.iter().map(Input::field).collect();
    DFSchema::try_from(Schema::new(fields))
}

/// Splits into aggregate calls and the expression over them, with types coerced as in any query.
fn analyze(state: &SessionState, parsed: &Expr, schema: DFSchema) -> Result<(Vec<Expr>, Expr, DFSchema, DFSchema)> {
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
    inputs: Vec<Input>,
    aggregates: &[Expr],
    finish: &Expr,
    schema: &DFSchema,
    calls_schema: &DFSchema,
) -> Result<Parts, MeterError> {
    let calls = aggregates.iter().map(|aggregate| exact::call(aggregate, schema));
    let calls = calls.collect::<Result<_>>().map_err(|error| refuse(error.strip_backtrace()))?;
    let finish = exact::physical(finish, calls_schema).map_err(refuse)?;
    let schema = Arc::new(calls_schema.as_arrow().clone());
    let data_type = finish.data_type(&schema).map_err(refuse)?;
    if !data_type.is_integer() && !data_type.is_decimal() && data_type != DataType::Boolean {
        return Err(refuse(format!("gives {data_type}; a meter's value is a number: cast it to DECIMAL(38, 9)")));
    }
    Ok(Parts::sql(inputs, calls, (finish, schema)))
}
