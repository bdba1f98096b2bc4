//! A definition made executable: what to read of an event, what to keep per pane, how that becomes a value or a row.
//!
//! Doors call [`check`] or [`check_view`] before a definition is journaled; whatever passes it can be folded without failing. Not here:
//! the state itself, windows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, i256};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::functions_aggregate::{approx_distinct, count, min_max, sum};
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_expr::expressions::{Column, Literal};
use engine::calendar::Interval;
use engine::definition::Definition;
use engine::event::schema::{self, text_type, units_type};
use engine::meter::{Aggregation, Meter, MeterError, Window};
use engine::path::JsonPath;
use engine::units::{ONE, PRECISION, SCALE};
use engine::view::{View, ViewRefusal};

use super::begun;
use super::call::{Call, Evaluated};
use super::delta::START;
use super::dimension::Dimension;
use super::functions::{function, half_even, weighted};
use super::input::{Input, Read};
use super::pane::Edges;
use super::select::{self, Answer, Selected};
use super::sql;
use super::trial::{contain, failing_in};
use super::value::Rows;

/// Whether `meter` can be metered exactly; the reason if not.
///
/// # Errors
/// The field that must change, for instance an SQL expression that is not independent of the order of arrival.
pub fn check(meter: &Meter) -> Result<(), MeterError> {
    // Not of every meter that is compiled: one that was defined before there was a limit goes on.
    if let Window::Sliding { size_s, slide_s } = meter.window
        && slide_s > 0
        && size_s / slide_s > WINDOWS_MAX
    {
        return Err(refuse(
            "window.sliding.slide_s",
            format!("an event would be in {} windows, and may be in {WINDOWS_MAX}: slide further", size_s / slide_s),
        ));
    }
    CompiledMeter::of_meter(meter).map(|_| ())
}

/// Counts what SQL means here: panes that were folded when it meant something else are folded again from the history.
const SEMANTICS: u32 = 2;

/// Windows that one event may be in (I8): each is a row whenever the meter is read. A day by the minute is fine.
pub const WINDOWS_MAX: u32 = 1_500;

/// Whether `view` can be kept current; the reason if not.
///
/// # Errors
/// The construct of its statement that can't be.
pub fn check_view(view: &View) -> Result<(), ViewRefusal> {
    CompiledMeter::of_view(view).map(|_| ())
}

/// Why a definition can't be compiled.
#[derive(Debug, thiserror::Error)]
pub(super) enum DefinitionError {
    /// A meter.
    #[error(transparent)]
    Meter(#[from] MeterError),
    /// A view.
    #[error(transparent)]
    View(#[from] ViewRefusal),
}

/// An executable meter or materialized view: both are dimensions, panes and aggregate calls.
#[derive(Debug)]
pub(super) struct CompiledMeter {
    /// What it was compiled from.
    pub(super) definition: Definition,
    /// [`Definition::key`].
    pub(super) key: String,
    /// Which events; `None` for all.
    pub(super) event_type: Option<String>,
    /// Pointer of the value without which an event is not counted.
    pub(super) value: Option<String>,
    /// What panes are told apart by, beside the tenant.
    pub(super) dimensions: Vec<Dimension>,
    /// Where panes begin.
    pub(super) edges: Edges,
    /// What filter and calls read of an event, in the order of `input_schema`.
    inputs: Vec<Input>,
    input_schema: SchemaRef,
    /// Which of those events; a view's `WHERE`.
    filter: Option<Arc<dyn PhysicalExpr>>,
    /// The aggregate calls whose states a pane keeps.
    pub(super) calls: Vec<Call>,
    finish: Finish,
    /// Equal for definitions with the same states: what differs otherwise needs no backfill.
    pub(super) identity: String,
    /// Equal for definitions that show the same rows.
    pub(super) shape: String,
    /// Columns of a delta; see [`delta`](super::delta).
    pub(super) pane_schema: SchemaRef,
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
    /// A view's columns over groups and the calls' values.
    Answer(Box<Answer>),
}

fn refuse(field: &str, reason: impl std::fmt::Display) -> MeterError {
    MeterError { field: field.into(), reason: reason.to_string() }
}

fn pointer(field: &str, path: &str) -> Result<String, MeterError> {
    JsonPath::parse(path).map(|path| path.pointer()).map_err(|error| refuse(field, error))
}

impl CompiledMeter {
    /// Compiles a definition.
    pub(super) fn new(definition: &Definition) -> Result<Self, DefinitionError> {
        Ok(match definition {
            Definition::Meter(meter) => Self::of_meter(meter)?,
            Definition::View(view) => Self::of_view(view)?,
        })
    }

    fn of_meter(meter: &Meter) -> Result<Self, MeterError> {
        meter.validate()?;
        let edges = Edges::new(&meter.window);
        if edges.cutter().is_none() {
            return Err(refuse("window.calendar.time_zone", "unknown time zone"));
        }
        let value = meter.value.as_deref().map(|path| pointer("value", path)).transpose()?;
        let dimensions =
            meter.dimensions.iter().map(|d| pointer("dimensions", &d.path)).collect::<Result<Vec<_>, _>>()?;
        let parts = match &meter.aggregation {
            Aggregation::Sql { expression } => sql::plan(meter, value.as_deref(), &dimensions, expression)?,
            _ => native(meter, value.as_deref()).map_err(|error| refuse("aggregation", error))?,
        };
        let names = meter.dimensions.iter().map(|dimension| dimension.name.clone());
        let is_session = matches!(meter.window, Window::Session { .. });
        let pane_schema = pane_schema(names, &parts.calls, is_session).map_err(|error| refuse("aggregation", error))?;
        let identity = serde_json::json!([
            meter.event_type,
            value,
            meter.aggregation,
            // An SQL expression names the dimensions, all others only read them.
            matches!(meter.aggregation, Aggregation::Sql { .. }).then_some((&meter.dimensions, SEMANTICS)),
            dimensions,
            edges.identity(),
            is_session,
        ]);
        Ok(Self {
            key: meter.name.clone(),
            event_type: Some(meter.event_type.clone()),
            definition: meter.clone().into(),
            value,
            dimensions: dimensions.into_iter().map(Dimension::Member).collect(),
            edges,
            input_schema: schema_of(&parts.inputs),
            inputs: parts.inputs,
            filter: None,
            calls: parts.calls,
            finish: parts.finish,
            shape: serde_json::json!([identity, meter.window, meter.dimensions]).to_string(),
            identity: identity.to_string(),
            pane_schema,
        })
    }

    /// What a ledger's rows are merged by: a tenant, one more text, and a start, without states.
    pub(super) fn ledger(name: &str, text: &str) -> Self {
        let meter = Meter {
            name: name.to_owned(),
            event_type: String::new(),
            value: None,
            aggregation: Aggregation::Count,
            dimensions: Vec::new(),
            window: Window::Tumbling { size_s: 1 },
            allowed_lateness_s: 0,
            description: String::new(),
        };
        Self {
            key: name.to_owned(),
            event_type: None,
            edges: Edges::new(&meter.window),
            definition: meter.into(),
            value: None,
            dimensions: vec![Dimension::Member(text.to_owned())],
            input_schema: schema_of(&[]),
            inputs: Vec::new(),
            filter: None,
            calls: Vec::new(),
            finish: Finish::Value,
            shape: name.to_owned(),
            identity: name.to_owned(),
            pane_schema: pane_schema([text.to_owned()].into_iter(), &[], false).expect("it has no states"),
        }
    }

    fn of_view(view: &View) -> Result<Self, ViewRefusal> {
        view.validate()?;
        let Selected { event_type, dimensions, names, window, inputs, filter, calls, answer } =
            select::plan(&view.query)?;
        let pane_schema = pane_schema(names.into_iter(), &calls, false)
            .map_err(|error| ViewRefusal::new("SELECT", error.strip_backtrace()))?;
        let definition = Definition::from(view.clone());
        Ok(Self {
            key: definition.key().into_owned(),
            definition,
            event_type,
            value: None,
            dimensions,
            edges: Edges::new(&window),
            input_schema: schema_of(&inputs),
            inputs,
            filter,
            calls,
            finish: Finish::Answer(Box::new(answer)),
            shape: view.query.clone(),
            identity: format!("{SEMANTICS} {}", view.query),
            pane_schema,
        })
    }

    /// The columns that filter and calls read, and which rows carry the value that is counted (`None`: all).
    pub(super) fn inputs(&self, rows: &mut Rows<'_>) -> (RecordBatch, Option<ArrayRef>) {
        let value = self.value.as_ref().map(|pointer| match self.takes_text() {
            true => rows.texts(pointer),
            false => rows.numbers(pointer),
        });
        let columns = self.inputs.iter().map(|input| input.column(rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.input_schema.clone(), columns, &options)
            .expect("columns are made to the input schema");
        (batch, value.filter(|value| value.null_count() > 0))
    }

    /// The rows that pass the filter, and those on which it fails, each with its error; `None` without a filter.
    pub(super) fn passing<'a>(&self, rows: &mut Rows<'a>) -> Option<(Rows<'a>, Vec<(usize, DataFusionError)>)> {
        let filter = self.filter.as_ref()?;
        let (inputs, _) = self.inputs(rows);
        let pass = |inputs: &RecordBatch| {
            contain(|| {
                let passing = filter.evaluate(inputs)?.into_array(inputs.num_rows())?;
                let passing = passing.as_boolean();
                // What is unknown does not pass.
                Ok(if passing.null_count() > 0 { prep_null_mask_filter(passing) } else { passing.clone() })
            })
        };
        if let Ok(passing) = pass(&inputs) {
            return Some((rows.select(&passing), Vec::new()));
        }
        let failing = failing_in(&inputs, &|inputs| pass(inputs).map(drop));
        let mut works = vec![true; rows.len()];
        failing.iter().for_each(|(row, _)| works[*row] = false);
        let works = BooleanArray::from(works);
        let inputs = filter_record_batch(&inputs, &works).expect("one flag per row");
        // Apart they worked, so together they do: expressions look at one row at a time.
        let passing = pass(&inputs).unwrap_or_else(|_| BooleanArray::from(vec![false; inputs.num_rows()]));
        Some((rows.select(&works).select(&passing), failing))
    }

    /// Arguments and filters of all calls; SQL may fail on a row (division by zero).
    pub(super) fn evaluate(&self, inputs: &RecordBatch) -> Result<Vec<Evaluated>> {
        self.calls.iter().map(|call| call.evaluate(inputs)).collect()
    }

    /// How many state columns a delta has.
    pub(super) fn states(&self) -> usize {
        self.calls.iter().map(|call| call.states).sum::<usize>() + usize::from(self.is_session())
    }

    /// Whether windows begin and end with events.
    pub(super) fn is_session(&self) -> bool {
        self.definition.meter().is_some_and(|meter| matches!(meter.window, Window::Session { .. }))
    }

    /// Whether evaluating arguments may fail: only SQL computes on them.
    pub(super) fn is_fallible(&self) -> bool {
        matches!(self.finish, Finish::Expression(..) | Finish::Answer(_))
    }

    /// Whether not all events of its type are counted.
    pub(super) fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    /// Names of the dimensions, for people.
    pub(super) fn dimension_names(&self) -> impl Iterator<Item = &str> {
        self.pane_schema.fields()[1..=self.dimensions.len()].iter().map(|field| field.name().as_str())
    }

    /// Whether the value need not be a number.
    pub(super) fn takes_text(&self) -> bool {
        self.definition.meter().is_some_and(|meter| meter.aggregation.takes_text())
    }

    /// How a view's groups become its rows; `None` for a meter.
    pub(super) fn answer(&self) -> Option<&Answer> {
        match &self.finish {
            Finish::Answer(answer) => Some(answer),
            _ => None,
        }
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
            Finish::Expression(expression, schema) => {
                return self.finish_sql(expression, schema, evaluated, windows.len());
            }
            Finish::Answer(_) => return datafusion::common::internal_err!("a view has columns and not one value"),
        };
        Ok(Arc::new(values.with_precision_and_scale(PRECISION, SCALE)?))
    }

    /// The value of each call, as its function gives it.
    ///
    /// # Errors
    /// A sum that does not fit its type.
    pub(super) fn values(&self, evaluated: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        self.calls.iter().zip(evaluated).map(|(call, evaluated)| call.value(evaluated)).collect()
    }

    /// Whether the states are of other types than those of the functions themselves.
    pub(super) fn is_wide(&self) -> bool {
        self.calls.iter().any(Call::is_wide)
    }

    /// A window whose expression fails (a division by zero, a sum that does not fit its type) has no value; the others keep
    /// theirs.
    fn finish_sql(
        &self,
        expression: &Arc<dyn PhysicalExpr>,
        schema: &SchemaRef,
        evaluated: &[ArrayRef],
        rows: usize,
    ) -> Result<ArrayRef> {
        let compute = |evaluated: &[ArrayRef]| {
            contain(|| {
                let batch = RecordBatch::try_new(schema.clone(), self.values(evaluated)?)?;
                decimal(&expression.evaluate(&batch)?.into_array(batch.num_rows())?)
            })
        };
        if let Ok(values) = compute(evaluated) {
            return Ok(values);
        }
        let one = |row: usize| evaluated.iter().map(|column| column.slice(row, 1)).collect::<Vec<_>>();
        let none = || arrow::array::new_null_array(&units_type(), 1);
        let each: Vec<ArrayRef> = (0..rows).map(|row| compute(&one(row)).unwrap_or_else(|_| none())).collect();
        let each: Vec<&dyn Array> = each.iter().map(AsRef::as_ref).collect();
        Ok(arrow::compute::concat(&each)?)
    }
}

/// Numbers as DECIMAL(38, 9).
fn decimal(array: &ArrayRef) -> Result<ArrayRef> {
    if *array.data_type() == DataType::Boolean {
        return Ok(cast(&cast(array, &DataType::Int64)?, &units_type())?);
    }
    Ok(cast(array, &units_type())?)
}

/// What planning a meter gives.
pub(super) struct Parts {
    inputs: Vec<Input>,
    calls: Vec<Call>,
    finish: Finish,
}

impl Parts {
    /// The parts of an SQL meter: `finish` computes on the calls' values, whose columns `schema` names.
    pub(super) fn sql(inputs: Vec<Input>, calls: Vec<Call>, finish: (Arc<dyn PhysicalExpr>, SchemaRef)) -> Self {
        Self { inputs, calls, finish: Finish::Expression(finish.0, finish.1) }
    }
}

/// The one call of an aggregation of our own vocabulary.
fn native(meter: &Meter, value: Option<&str>) -> Result<Parts> {
    let udf = |function: Arc<AggregateUDF>| Arc::unwrap_or_clone(function);
    // Definitions without a value that they need were refused.
    let pointer = || value.unwrap_or_default().to_owned();
    let number = || Input::new("value", Read::Number(pointer()));
    let text = || Input::new("value", Read::Text(pointer()));
    let (time, id) = (|| Input::fixed(schema::TIME), || Input::fixed(schema::ID));
    let (function, inputs, finish) = match &meter.aggregation {
        Aggregation::Count => (udf(count::count_udaf()), vec![], Finish::Value),
        Aggregation::Rate if value.is_none() => (udf(count::count_udaf()), vec![], Finish::PerSecond),
        Aggregation::Rate => (udf(sum::sum_udaf()), vec![number()], Finish::PerSecond),
        Aggregation::Sum => (udf(sum::sum_udaf()), vec![number()], Finish::Value),
        Aggregation::Min => (udf(min_max::min_udaf()), vec![number()], Finish::Value),
        Aggregation::Max => (udf(min_max::max_udaf()), vec![number()], Finish::Value),
        Aggregation::Avg => (function("exact_avg"), vec![number()], Finish::Value),
        Aggregation::Stddev => (function("exact_stddev"), vec![number()], Finish::Value),
        Aggregation::Latest => (function("latest_by"), vec![number(), time(), id()], Finish::Value),
        Aggregation::First => (function("first_by"), vec![number(), time(), id()], Finish::Value),
        Aggregation::UniqueCount => (function("unique_count"), vec![text()], Finish::Value),
        Aggregation::UniqueCountSketch => (udf(approx_distinct::approx_distinct_udaf()), vec![text()], Finish::Value),
        Aggregation::Percentile { .. } => (function("percentile_sketch"), vec![number()], Finish::Value),
        Aggregation::WeightedSum => (function("time_points"), vec![number(), time(), id()], Finish::Weighted),
        Aggregation::Sql { .. } => unreachable!("planned by sql::plan"),
    };
    let input_schema = schema_of(&inputs);
    let mut arguments: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
    for (at, field) in input_schema.fields().iter().enumerate() {
        arguments.push(Arc::new(Column::new(field.name(), at)));
    }
    if arguments.is_empty() {
        arguments.push(Arc::new(Literal::new(ScalarValue::Int64(Some(1)))));
    }
    if let Aggregation::Percentile { q } = &meter.aggregation {
        arguments.push(Arc::new(Literal::new(ScalarValue::Decimal128(Some(q.0), PRECISION, SCALE))));
    }
    let call = AggregateExprBuilder::new(Arc::new(function), arguments).schema(input_schema).alias("value").build()?;
    Ok(Parts { inputs, calls: vec![Call::new(Arc::new(call), None)?], finish })
}

fn schema_of(inputs: &[Input]) -> SchemaRef {
    Arc::new(Schema::new(inputs.iter().map(Input::field).collect::<Vec<_>>()))
}

fn pane_schema(dimensions: impl Iterator<Item = String>, calls: &[Call], is_session: bool) -> Result<SchemaRef> {
    let mut fields = vec![Field::new("tenant", text_type(), false)];
    fields.extend(dimensions.map(|name| Field::new(name, text_type(), true)));
    for name in [START, "revision", "watermark", "time_first", "time_last"] {
        fields.push(Field::new(name, DataType::Int64, false));
    }
    for (at, call) in calls.iter().enumerate() {
        for (part, state) in call.state_types()?.into_iter().enumerate() {
            // The data type is what the accumulator gives; its declared nullability is not always.
            fields.push(Field::new(format!("state_{at}_{part}"), state, true));
        }
    }
    fields.extend(is_session.then(|| Field::new(begun::COLUMN, DataType::Binary, true)));
    Ok(Arc::new(Schema::new(fields)))
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
