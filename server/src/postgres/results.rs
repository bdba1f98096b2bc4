//! Columns and rows of answers, as clients see them.
//!
//! The library describes and encodes by Arrow types; here are the types that only a mark tells ([`super::typed`]). A column
//! is described by the plan as it was written, wherever it is asked for, so that what `Describe` said is what comes. DataFusion
//! passes the mark on when marked rows are united with others, so a statement that unites such is taken for unmarked.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, Schema,
};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef, ParamValues, not_impl_err};
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast as cast_to};
use datafusion::prelude::SessionContext;
use datafusion_postgres::arrow_pg::datatypes::{arrow_schema_to_pg_fields, encode_recordbatch};
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{FieldFormat, FieldInfo, QueryResponse};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::messages::data::DataRow;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::{StreamExt, stream};
use pipelines::catalog::spelled::parts;
use pipelines::catalog::written::{Style, is_written, written};
use pipelines::catalog::{self, Parked, Ready};

use super::sqlstate;
use super::typed::TextType;

const NS_PER_US: i64 = 1000;

/// The columns of an answer.
#[derive(Clone)]
pub(super) struct Columns {
    described: Arc<Vec<FieldInfo>>,
    /// The same, of the types that the library encodes.
    encoded: Arc<Vec<FieldInfo>>,
    /// Those whose bytes are not their text's.
    binary: Arc<[(usize, TextType)]>,
    /// Times, floats and intervals that are sent as text: the library cuts offsets to hours, and writes others its own way.
    times: Arc<[usize]>,
    /// Intervals and differences of instants that are sent in binary: the library counts no days of a difference, and sends a
    /// missing interval as none at all.
    spans: Arc<[usize]>,
}

impl Columns {
    /// Those of `schema`, in `format`; texts look as `options` say.
    pub(super) fn new(schema: &Schema, format: &Format, options: Option<Arc<FormatOptions>>) -> PgWireResult<Self> {
        let iso = options.as_ref().is_none_or(|options| options.date_style.to_lowercase().starts_with("iso"));
        let plain = options.as_ref().is_none_or(|options| options.interval_style.eq_ignore_ascii_case("postgres"));
        let is_own = |of: &DataType| match of {
            DataType::Timestamp(..) => iso,
            DataType::Interval(_) | DataType::Duration(_) => plain && is_written(of),
            of => is_written(of),
        };
        let mut encoded = arrow_schema_to_pg_fields(schema, format, options)?;
        let mut described = encoded.clone();
        let mut binary = Vec::new();
        let (mut times, mut spans) = (Vec::new(), Vec::new());
        for (at, field) in schema.fields().iter().enumerate() {
            if encoded[at].format() == FieldFormat::Text {
                let text = match field.data_type() {
                    of if is_own(of) => Some(Type::TEXT),
                    DataType::List(of) if is_own(of.data_type()) => Some(Type::TEXT_ARRAY),
                    _ => None,
                };
                if let Some(text) = text {
                    encoded[at] = of_type(&encoded[at], text);
                    times.push(at);
                }
            }
            let is_span = matches!(field.data_type(), DataType::Duration(_) | DataType::Interval(_));
            if is_span && encoded[at].format() == FieldFormat::Binary {
                encoded[at] = of_type(&encoded[at], Type::BYTEA);
                spans.push(at);
            }
            let Some(kind) = TextType::of(field) else { continue };
            described[at] = of_type(&described[at], kind.wire());
            if encoded[at].format() == FieldFormat::Binary && kind != TextType::Json {
                encoded[at] = of_type(&encoded[at], Type::BYTEA);
                binary.push((at, kind));
            }
        }
        Ok(Self {
            described: Arc::new(described),
            encoded: Arc::new(encoded),
            binary: binary.into(),
            times: times.into(),
            spans: spans.into(),
        })
    }

    /// As clients are told.
    pub(super) fn described(&self) -> &Arc<Vec<FieldInfo>> {
        &self.described
    }

    /// The rows of `batch`.
    pub(super) fn rows(&self, batch: RecordBatch) -> impl Iterator<Item = PgWireResult<DataRow>> + Send + Sync + use<> {
        let (rows, failed) = match self.converted(batch) {
            Ok(batch) => (Some(encode_recordbatch(Arc::clone(&self.encoded), batch)), None),
            Err(error) => (None, Some(Err(sqlstate::from(error)))),
        };
        rows.into_iter().flatten().chain(failed)
    }

    /// `batch` with the columns that the library does not encode as they should be.
    fn converted(&self, batch: RecordBatch) -> Result<RecordBatch> {
        if self.binary.is_empty() && self.times.is_empty() && self.spans.is_empty() {
            return Ok(batch);
        }
        let (schema, mut columns, _) = batch.into_parts();
        let mut fields = schema.fields().to_vec();
        for (at, kind) in self.binary.iter().copied() {
            columns[at] = bytes(kind, &columns[at])?;
            fields[at] = Arc::new(Field::new(fields[at].name(), DataType::Binary, true));
        }
        for at in self.times.iter().copied() {
            columns[at] = texts(&columns[at])?;
            fields[at] = Arc::new(Field::new(fields[at].name(), columns[at].data_type().clone(), true));
        }
        for at in self.spans.iter().copied() {
            columns[at] = span_bytes(&columns[at])?;
            fields[at] = Arc::new(Field::new(fields[at].name(), DataType::Binary, true));
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

/// The columns of `plan`, marked where all of their values are.
pub(super) fn schema(plan: &LogicalPlan) -> Result<DFSchemaRef> {
    let mut unlike = false;
    plan.apply_with_subqueries(|node| {
        unlike |= unites_unlike(node);
        Ok(if unlike { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if unlike {
        let unmarked = |field: &FieldRef| {
            let data_type = field.data_type().clone();
            Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
        };
        let fields = plan.schema().iter().map(|(view, field)| match TextType::of(field) {
            Some(_) => (view.cloned(), unmarked(field)),
            None => (view.cloned(), Arc::clone(field)),
        });
        let metadata = plan.schema().metadata().clone();
        return Ok(Arc::new(DFSchema::new_with_metadata(fields.collect(), metadata)?));
    }
    Ok(Arc::clone(plan.schema()))
}

fn unites_unlike(node: &LogicalPlan) -> bool {
    let marks = |plan: &LogicalPlan| plan.schema().fields().iter().map(|field| TextType::of(field)).collect::<Vec<_>>();
    // Once types are coerced, the schema of each united projection has the marks of all of them.
    let united = |plan: &LogicalPlan| match plan {
        LogicalPlan::Projection(projection) => {
            let from = projection.input.schema();
            let mark = |value: &Expr| value.to_field(from.as_ref()).ok().and_then(|(_, field)| TextType::of(&field));
            projection.expr.iter().map(mark).collect::<Vec<_>>()
        }
        plan => marks(plan),
    };
    match node {
        LogicalPlan::Union(union) => differ(union.inputs.iter().map(|input| united(input))),
        LogicalPlan::RecursiveQuery(query) => marks(&query.static_term) != marks(&query.recursive_term),
        LogicalPlan::Values(values) => {
            let mark =
                |value: &Expr| value.to_field(values.schema.as_ref()).ok().and_then(|(_, field)| TextType::of(&field));
            differ(values.values.iter().map(|row| row.iter().map(mark).collect::<Vec<_>>()))
        }
        _ => false,
    }
}

fn differ<T: PartialEq>(mut all: impl Iterator<Item = T>) -> bool {
    all.next().is_some_and(|first| all.any(|other| other != first))
}

/// Who reads the rows of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Its client, at once.
    Client,
    /// Whoever fetches, when they like: it holds memory for as long.
    Cursor,
}

/// A statement that is planned to its end, and its columns.
pub(super) struct Planned {
    columns: DFSchemaRef,
    ready: Ready,
}

impl Planned {
    /// Plans `plan` to its end.
    pub(super) async fn new(context: &SessionContext, plan: LogicalPlan, reader: Reader) -> Result<Self> {
        let mut frame = context.execute_logical_plan(plan).await?;
        if reader == Reader::Cursor {
            let (mut state, plan) = frame.into_parts();
            state.config_mut().set_extension(Arc::new(Parked));
            frame = DataFrame::new(state, plan);
        }
        Ok(Self { columns: schema(frame.logical_plan())?, ready: Ready::new(frame).await? })
    }

    /// Its columns, marked where all of their values are.
    pub(super) fn columns(&self) -> &DFSchemaRef {
        &self.columns
    }

    /// Runs it.
    pub(super) fn rows(self) -> Result<SendableRecordBatchStream> {
        self.ready.rows()
    }
}

/// The rows of `planned`.
pub(super) fn encode(planned: Planned, format: &Format, options: FormatOptions) -> PgWireResult<QueryResponse> {
    let columns = Columns::new(planned.columns.as_arrow(), format, Some(Arc::new(options)))?;
    let described = Arc::clone(columns.described());
    let batches = planned.rows().map_err(sqlstate::from)?;
    let rows = batches.flat_map(move |batch| {
        let (rows, failed) = match batch {
            Ok(batch) => (Some(columns.rows(batch)), None),
            Err(error) => (None, Some(Err(sqlstate::from(error)))),
        };
        stream::iter(rows.into_iter().flatten().chain(failed))
    });
    Ok(QueryResponse::new(described, rows))
}

/// Times and floats, alone or in arrays, as Postgres writes them.
fn texts(column: &ArrayRef) -> Result<ArrayRef> {
    let Some(lists) = column.as_list_opt::<i32>() else {
        return Ok(Arc::new(written(column.as_ref(), Style::Postgres)?));
    };
    let texts = Arc::new(written(lists.values().as_ref(), Style::Postgres)?);
    let element = Arc::new(Field::new_list_field(DataType::Utf8, true));
    Ok(Arc::new(ListArray::try_new(element, lists.offsets().clone(), texts, lists.nulls().cloned())?))
}

/// `plan` with `values` for its parameters. A value may be of another type than was expected of it, and what a client was told
/// of the columns is what it reads: so they are cast, or refused if that would change them.
pub(super) fn bound(context: &SessionContext, plan: &LogicalPlan, values: &ParamValues) -> Result<LogicalPlan> {
    let state = context.state();
    let told = catalog::announced(&state, plan)?;
    let told = told.schema();
    let bound = catalog::coerced(&state, plan.clone().replace_params_with_values(values)?)?;
    let is_like = |(told, is): (&FieldRef, &FieldRef)| told.data_type() == is.data_type() || told.data_type().is_null();
    let is_query = told.fields().len() == bound.schema().fields().len();
    if !is_query || told.fields().iter().zip(bound.schema().fields()).all(is_like) {
        return Ok(bound);
    }
    let columns = bound.schema().iter().zip(told.fields()).map(|((relation, is), told)| {
        let (from, to, column) = (is.data_type(), told.data_type(), Expr::from((relation, is)));
        if is_like((told, is)) {
            return Ok(column);
        }
        if !keeps(from, to) {
            return not_impl_err!(
                "column {:?} was told as {to} and is {from} with these parameters: cast it",
                told.name()
            );
        }
        Ok(cast_to(column, to.clone()).alias_qualified(relation.cloned(), told.name()))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    catalog::coerced(&state, LogicalPlanBuilder::from(bound).project(columns)?.build()?)
}

/// Whether a cast keeps every value.
fn keeps(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (from, to) if from.is_null() || from.is_string() && to.is_string() => true,
        (from, to) if from.is_integer() && (to.is_integer() || to.is_decimal()) => true,
        (DataType::Decimal128(_, of), DataType::Decimal128(_, wanted)) => of <= wanted,
        (DataType::Timestamp(..), DataType::Timestamp(..)) => true,
        _ => false,
    }
}

fn of_type(column: &FieldInfo, kind: Type) -> FieldInfo {
    FieldInfo::new(column.name().to_owned(), column.table_id(), column.column_id(), kind, column.format())
        .with_format_options(Arc::clone(column.format_options()))
}

/// Intervals as Postgres sends them in binary: microseconds, days, months.
fn span_bytes(column: &ArrayRef) -> Result<ArrayRef> {
    let spans = match column.data_type() {
        DataType::Duration(_) => parts(column.as_ref())?,
        _ => cast(column, &DataType::Interval(IntervalUnit::MonthDayNano))?,
    };
    let bytes = |span: IntervalMonthDayNano| {
        let (us, days, months) = (span.nanoseconds / NS_PER_US, span.days, span.months);
        [&us.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat()
    };
    let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter().map(|span| span.map(bytes));
    Ok(Arc::new(spans.collect::<BinaryArray>()))
}

fn bytes(kind: TextType, column: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast(column, &DataType::Utf8)?;
    let bytes = texts.as_string::<i32>().iter().map(|text| text.map(|text| kind.binary(text)).transpose());
    Ok(Arc::new(bytes.collect::<Result<BinaryArray>>()?))
}
