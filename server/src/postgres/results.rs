//! Columns and rows of answers, as clients see them.
//!
//! The library describes and encodes by Arrow types; here are the types that only a mark tells ([`super::typed`]). A column
//! is described by the plan as it was written, wherever it is asked for, so that what `Describe` said is what comes. DataFusion
//! passes the mark on when marked rows are united with others, so a statement that unites such is taken for unmarked.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion_postgres::arrow_pg::datatypes::{arrow_schema_to_pg_fields, encode_recordbatch};
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{FieldFormat, FieldInfo, QueryResponse};
use datafusion_postgres::pgwire::error::PgWireResult;
use datafusion_postgres::pgwire::messages::data::DataRow;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::{StreamExt, stream};

use super::sqlstate;
use super::typed::TextType;

/// The columns of an answer.
#[derive(Clone)]
pub(super) struct Columns {
    described: Arc<Vec<FieldInfo>>,
    /// The same, of the types that the library encodes.
    encoded: Arc<Vec<FieldInfo>>,
    /// Those whose bytes are not their text's.
    binary: Arc<[(usize, TextType)]>,
}

impl Columns {
    /// Those of `schema`, in `format`; texts look as `options` say.
    pub(super) fn new(schema: &Schema, format: &Format, options: Option<Arc<FormatOptions>>) -> PgWireResult<Self> {
        let mut encoded = arrow_schema_to_pg_fields(schema, format, options)?;
        let mut described = encoded.clone();
        let mut binary = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            let Some(kind) = TextType::of(field) else { continue };
            described[at] = of_type(&described[at], kind.wire());
            if encoded[at].format() == FieldFormat::Binary && kind != TextType::Json {
                encoded[at] = of_type(&encoded[at], Type::BYTEA);
                binary.push((at, kind));
            }
        }
        Ok(Self { described: Arc::new(described), encoded: Arc::new(encoded), binary: binary.into() })
    }

    /// As clients are told.
    pub(super) fn described(&self) -> &Arc<Vec<FieldInfo>> {
        &self.described
    }

    /// The rows of `batch`.
    pub(super) fn rows(&self, batch: RecordBatch) -> impl Iterator<Item = PgWireResult<DataRow>> + Send + Sync + use<> {
        let (rows, failed) = match self.in_binary(batch) {
            Ok(batch) => (Some(encode_recordbatch(Arc::clone(&self.encoded), batch)), None),
            Err(error) => (None, Some(Err(sqlstate::from(error)))),
        };
        rows.into_iter().flatten().chain(failed)
    }

    fn in_binary(&self, batch: RecordBatch) -> Result<RecordBatch> {
        if self.binary.is_empty() {
            return Ok(batch);
        }
        let (schema, mut columns, _) = batch.into_parts();
        let mut fields = schema.fields().to_vec();
        for (at, kind) in self.binary.iter().copied() {
            columns[at] = bytes(kind, &columns[at])?;
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
    match node {
        LogicalPlan::Union(union) => differ(union.inputs.iter().map(|input| marks(input))),
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

/// The rows of `frame`.
pub(super) async fn encode(frame: DataFrame, format: &Format, options: FormatOptions) -> PgWireResult<QueryResponse> {
    let columns = Columns::new(
        schema(frame.logical_plan()).map_err(sqlstate::from)?.as_arrow(),
        format,
        Some(Arc::new(options)),
    )?;
    let described = Arc::clone(columns.described());
    let batches = frame.execute_stream().await.map_err(sqlstate::from)?;
    let rows = batches.flat_map(move |batch| {
        let (rows, failed) = match batch {
            Ok(batch) => (Some(columns.rows(batch)), None),
            Err(error) => (None, Some(Err(sqlstate::from(error)))),
        };
        stream::iter(rows.into_iter().flatten().chain(failed))
    });
    Ok(QueryResponse::new(described, rows))
}

fn of_type(column: &FieldInfo, kind: Type) -> FieldInfo {
    FieldInfo::new(column.name().to_owned(), column.table_id(), column.column_id(), kind, column.format())
        .with_format_options(Arc::clone(column.format_options()))
}

fn bytes(kind: TextType, column: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast(column, &DataType::Utf8)?;
    let bytes = texts.as_string::<i32>().iter().map(|text| text.map(|text| kind.binary(text)).transpose());
    Ok(Arc::new(bytes.collect::<Result<BinaryArray>>()?))
}
