//! A meter's definition made executable: what to read of an event, what to keep per pane, how that becomes a value.
//!
//! Doors call [`check`] before a definition is journaled; whatever passes it can be folded without failing. Not here:
//! the state itself, windows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, i256};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::{approx_distinct, count, min_max, sum};
use datafusion::logical_expr::{AggregateUDF, GroupsAccumulator};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};
use engine::calendar::Interval;
use engine::event::schema::{text_type, time_type, units_type};
use engine::meter::{Aggregation, Meter, MeterError, Window};
use engine::path::JsonPath;
use engine::units::{ONE, PRECISION, SCALE};

use super::delta::START;
use super::functions::{function, half_even, weighted};
use super::pane::Edges;
use super::sql;
use super::trial::contain;
use super::value::Rows;

/// Whether `meter` can be metered exactly; the reason if not.
///
/// # Errors
/// The field that must change, for instance an SQL expression that is not independent of the order of arrival.
pub fn check(meter: &Meter) -> Result<(), MeterError> {
    CompiledMeter::new(meter).map(|_| ())
}

/// An executable meter.
#[derive(Debug)]
pub(super) struct CompiledMeter {
    /// The definition.
    pub(super) meter: Meter,
    /// Pointer of the value.
    pub(super) value: Option<String>,
    /// Pointers of the dimensions.
    pub(super) dimensions: Vec<String>,
    /// Where panes begin.
    pub(super) edges: Edges,
    /// What the calls read of an event, in the order of `input_schema`.
    inputs: Vec<Input>,
    input_schema: SchemaRef,
    /// The aggregate calls whose states a pane keeps.
    pub(super) calls: Vec<Call>,
    finish: Finish,
    /// Equal for definitions with the same states: what differs otherwise needs no backfill.
    pub(super) identity: String,
    /// Columns of a delta; see [`delta`](super::delta).
    pub(super) pane_schema: SchemaRef,
}

/// A column that calls read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// The value as DECIMAL(38, 9).
    Number,
    /// The value as text.
    Text,
    /// `time`.
    Time,
    /// `id`.
    Id,
    /// `subject`.
    Subject,
    /// A dimension as text.
    Dimension(usize),
}

/// One aggregate function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    /// The function; boxed since it is large.
    pub(super) function: Arc<AggregateFunctionExpr>,
    /// `FILTER (WHERE …)`.
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    /// How many state columns it has.
    pub(super) states: usize,
}

/// The columns of a call: arguments and filter.
pub(super) struct Evaluated {
    /// The arguments.
    pub(super) arguments: Vec<ArrayRef>,
    /// The filter.
    pub(super) filter: Option<arrow::array::BooleanArray>,
}

/// How evaluated calls become the value.
#[derive(Debug)]
enum Finish {
    /// The first call's value.
    Value,
    /// The first call's value by the seconds of the window.
    PerSecond,
    /// The first call's points weighted until the end of the window.
    Weighted,
    /// An expression over the calls' values.
    Expression(Arc<dyn PhysicalExpr>, SchemaRef),
}

impl Input {
    /// Column name and type.
    pub(super) fn field(self, meter: &Meter) -> Field {
        match self {
            Self::Number => Field::new("value", units_type(), true),
            Self::Text => Field::new("value", DataType::Utf8, true),
            Self::Time => Field::new("time", time_type(), false),
            Self::Id => Field::new("id", DataType::Utf8, false),
            Self::Subject => Field::new("subject", DataType::Utf8, true),
            Self::Dimension(at) => Field::new(&meter.dimensions[at].name, DataType::Utf8, true),
        }
    }
}

impl Call {
    /// A call of `function` whose arguments are read from rows of `schema`.
    pub(super) fn new(function: Arc<AggregateFunctionExpr>, filter: Option<Arc<dyn PhysicalExpr>>) -> Result<Self> {
        let states = function.state_fields()?.len();
        Ok(Self { function, filter, states })
    }

    /// A fresh accumulator.
    pub(super) fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>> {
        if self.function.groups_accumulator_supported() {
            return self.function.create_groups_accumulator();
        }
        let function = self.function.clone();
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<Evaluated> {
        let rows = batch.num_rows();
        let column = |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(batch)?.into_array(rows);
        Ok(Evaluated {
            arguments: self.function.expressions().iter().map(column).collect::<Result<_>>()?,
            filter: self.filter.as_ref().map(column).transpose()?.map(|array| array.as_boolean().clone()),
        })
    }
}

fn refuse(field: &str, reason: impl std::fmt::Display) -> MeterError {
    MeterError { field: field.into(), reason: reason.to_string() }
}

fn pointer(field: &str, path: &str) -> Result<String, MeterError> {
    JsonPath::parse(path).map(|path| path.pointer()).map_err(|error| refuse(field, error))
}

impl CompiledMeter {
    /// Compiles a definition.
    pub(super) fn new(meter: &Meter) -> Result<Self, MeterError> {
        meter.validate()?;
        let edges = Edges::new(&meter.window);
        if edges.cutter().is_none() {
            return Err(refuse("window.calendar.time_zone", "unknown time zone"));
        }
        let value = meter.value.as_deref().map(|path| pointer("value", path)).transpose()?;
        let dimensions =
            meter.dimensions.iter().map(|d| pointer("dimensions", &d.path)).collect::<Result<Vec<_>, _>>()?;
        let parts = match &meter.aggregation {
            Aggregation::Sql { expression } => sql::plan(meter, expression)?,
            _ => native(meter).map_err(|error| refuse("aggregation", error))?,
        };
        let pane_schema = pane_schema(meter, &parts.calls).map_err(|error| refuse("aggregation", error))?;
        let identity = serde_json::json!([
            meter.event_type,
            value,
            meter.aggregation,
            // An SQL expression names the dimensions, all others only read them.
            matches!(meter.aggregation, Aggregation::Sql { .. }).then_some(&meter.dimensions),
            dimensions,
            edges.identity(),
            is_session(meter),
        ]);
        Ok(Self {
            meter: meter.clone(),
            value,
            dimensions,
            edges,
            inputs: parts.inputs,
            input_schema: parts.input_schema,
            calls: parts.calls,
            finish: parts.finish,
            identity: identity.to_string(),
            pane_schema,
        })
    }

    /// The columns that the calls read, and which rows carry the value that is counted (`None`: all).
    pub(super) fn inputs(&self, rows: &mut Rows<'_>) -> (RecordBatch, Option<ArrayRef>) {
        let reads_text = self.meter.aggregation.takes_text();
        let value = self.value.as_ref().map(|pointer| match reads_text {
            true => rows.texts(pointer),
            false => rows.numbers(pointer),
        });
        let columns = self.inputs.iter().map(|input| match input {
            Input::Number | Input::Text => {
                value.clone().unwrap_or_else(|| arrow::array::new_null_array(&units_type(), rows.len()))
            }
            Input::Time => rows.times(),
            Input::Id => rows.ids(),
            Input::Subject => rows.subjects(),
            Input::Dimension(at) => rows.texts(&self.dimensions[*at]),
        });
        let columns = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.input_schema.clone(), columns, &options)
            .expect("columns are made to the input schema");
        (batch, value.filter(|value| value.null_count() > 0))
    }

    /// Arguments and filters of all calls; an SQL expression may fail on a row (division by zero).
    pub(super) fn evaluate(&self, inputs: &RecordBatch) -> Result<Vec<Evaluated>> {
        self.calls.iter().map(|call| call.evaluate(inputs)).collect()
    }

    /// How many state columns a delta has.
    pub(super) fn states(&self) -> usize {
        self.calls.iter().map(|call| call.states).sum()
    }

    /// Whether evaluating arguments may fail: only SQL computes on them.
    pub(super) fn is_fallible(&self) -> bool {
        matches!(self.meter.aggregation, Aggregation::Sql { .. })
    }

    /// Makes values as DECIMAL(38, 9) of the calls' values, one per window.
    pub(super) fn finish(&self, evaluated: &[ArrayRef], windows: &[Interval]) -> Result<ArrayRef> {
        let quotient = |value: i128, window: &Interval| {
            let seconds_us = i256::from_i128(i128::from(window.end_us) - i128::from(window.start_us));
            half_even(i256::from_i128(value).wrapping_mul(i256::from_i128(1_000_000)), seconds_us)
        };
        let values: arrow::array::Decimal128Array = match &self.finish {
            Finish::Value => return decimal(&evaluated[0]),
            Finish::PerSecond => {
                let sums = decimal(&evaluated[0])?;
                let sums = sums.as_primitive::<arrow::datatypes::Decimal128Type>();
                sums.iter().zip(windows).map(|(sum, window)| quotient(sum?, window)).collect()
            }
            Finish::Weighted => {
                let points = evaluated[0].as_binary::<i32>();
                let sums = points.iter().zip(windows).map(|(points, window)| match points {
                    Some(points) => weighted::weigh(points, window.end_us),
                    None => Ok(None),
                });
                sums.collect::<Result<_>>()?
            }
            Finish::Expression(expression, schema) => return finish_sql(expression, schema, evaluated, windows.len()),
        };
        Ok(Arc::new(values.with_precision_and_scale(PRECISION, SCALE)?))
    }
}

/// A window whose expression fails (division by zero) has no value; the others keep theirs.
fn finish_sql(
    expression: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    evaluated: &[ArrayRef],
    rows: usize,
) -> Result<ArrayRef> {
    let batch = RecordBatch::try_new(schema.clone(), evaluated.to_vec())?;
    let compute = |batch: &RecordBatch| contain(|| decimal(&expression.evaluate(batch)?.into_array(batch.num_rows())?));
    if let Ok(values) = compute(&batch) {
        return Ok(values);
    }
    let each = (0..rows)
        .map(|row| compute(&batch.slice(row, 1)).unwrap_or_else(|_| arrow::array::new_null_array(&units_type(), 1)));
    let each: Vec<ArrayRef> = each.collect();
    let each: Vec<&dyn Array> = each.iter().map(AsRef::as_ref).collect();
    Ok(arrow::compute::concat(&each)?)
}

/// Numbers as DECIMAL(38, 9).
fn decimal(array: &ArrayRef) -> Result<ArrayRef> {
    if *array.data_type() == DataType::Boolean {
        return Ok(cast(&cast(array, &DataType::Int64)?, &units_type())?);
    }
    Ok(cast(array, &units_type())?)
}

/// What planning gives.
pub(super) struct Parts {
    inputs: Vec<Input>,
    input_schema: SchemaRef,
    calls: Vec<Call>,
    finish: Finish,
}

impl Parts {
    /// The parts of an SQL meter: `finish` computes on the calls' values, whose columns `schema` names.
    pub(super) fn sql(
        inputs: Vec<Input>,
        meter: &Meter,
        calls: Vec<Call>,
        finish: (Arc<dyn PhysicalExpr>, SchemaRef),
    ) -> Self {
        let fields: Vec<Field> = inputs.iter().map(|input| input.field(meter)).collect();
        Self {
            inputs,
            input_schema: Arc::new(Schema::new(fields)),
            calls,
            finish: Finish::Expression(finish.0, finish.1),
        }
    }
}

/// The one call of an aggregation of our own vocabulary.
fn native(meter: &Meter) -> Result<Parts> {
    use Input::{Id, Number, Text, Time};
    let udf = |function: Arc<AggregateUDF>| Arc::unwrap_or_clone(function);
    let (function, inputs, finish) = match &meter.aggregation {
        Aggregation::Count => (udf(count::count_udaf()), vec![], Finish::Value),
        Aggregation::Rate if meter.value.is_none() => (udf(count::count_udaf()), vec![], Finish::PerSecond),
        Aggregation::Rate => (udf(sum::sum_udaf()), vec![Number], Finish::PerSecond),
        Aggregation::Sum => (udf(sum::sum_udaf()), vec![Number], Finish::Value),
        Aggregation::Min => (udf(min_max::min_udaf()), vec![Number], Finish::Value),
        Aggregation::Max => (udf(min_max::max_udaf()), vec![Number], Finish::Value),
        Aggregation::Avg => (function("exact_avg"), vec![Number], Finish::Value),
        Aggregation::Stddev => (function("exact_stddev"), vec![Number], Finish::Value),
        Aggregation::Latest => (function("latest_by"), vec![Number, Time, Id], Finish::Value),
        Aggregation::First => (function("first_by"), vec![Number, Time, Id], Finish::Value),
        Aggregation::UniqueCount => (function("unique_count"), vec![Text], Finish::Value),
        Aggregation::UniqueCountSketch => (udf(approx_distinct::approx_distinct_udaf()), vec![Text], Finish::Value),
        Aggregation::Percentile { .. } => (function("percentile_sketch"), vec![Number], Finish::Value),
        Aggregation::WeightedSum => (function("time_points"), vec![Number, Time, Id], Finish::Weighted),
        Aggregation::Sql { .. } => unreachable!("planned by sql::plan"),
    };
    let fields: Vec<Field> = inputs.iter().map(|input| input.field(meter)).collect();
    let mut arguments: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        arguments.push(Arc::new(Column::new(field.name(), at)));
    }
    if arguments.is_empty() {
        arguments.push(Arc::new(Literal::new(ScalarValue::Int64(Some(1)))));
    }
    if let Aggregation::Percentile { q } = &meter.aggregation {
        arguments.push(Arc::new(Literal::new(ScalarValue::Decimal128(Some(q.0), PRECISION, SCALE))));
    }
    let input_schema = Arc::new(Schema::new(fields));
    let call =
        AggregateExprBuilder::new(Arc::new(function), arguments).schema(input_schema.clone()).alias("value").build()?;
    Ok(Parts { inputs, input_schema, calls: vec![Call::new(Arc::new(call), None)?], finish })
}

fn pane_schema(meter: &Meter, calls: &[Call]) -> Result<SchemaRef> {
    let mut fields = vec![Field::new("tenant", text_type(), false)];
    fields.extend(meter.dimensions.iter().map(|d| Field::new(&d.name, text_type(), true)));
    for name in [START, "revision", "watermark", "time_first", "time_last"] {
        fields.push(Field::new(name, DataType::Int64, false));
    }
    for (at, call) in calls.iter().enumerate() {
        for (part, state) in call.function.state_fields()?.iter().enumerate() {
            // The data type is what the accumulator gives; its declared nullability is not always.
            fields.push(Field::new(format!("state_{at}_{part}"), state.data_type().clone(), true));
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Whether windows are sessions, whose edges depend on the events.
pub(super) fn is_session(meter: &Meter) -> bool {
    matches!(meter.window, Window::Session { .. })
}

/// Nano-units that a state column of an additive meter adds up to.
pub(super) fn additive(state: &ArrayRef) -> i128 {
    match state.data_type() {
        DataType::Int64 => {
            state.as_primitive::<arrow::datatypes::Int64Type>().iter().flatten().map(|n| i128::from(n) * ONE).sum()
        }
        _ => state.as_primitive::<arrow::datatypes::Decimal128Type>().iter().flatten().sum(),
    }
}
