//! Columns in the plain types that every Arrow reader knows, whatever the engine holds them in.
//!
//! Dictionaries and views become the texts that they stand for: not all readers take them, those that do want one type
//! whatever the batch, and a slice would carry its whole dictionary. Not here: which door sends them.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;

/// `schema` in plain types.
pub fn schema(schema: &Schema) -> SchemaRef {
    let plain = |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_data_type(data_type(field.data_type())));
    let fields: Fields = schema.fields().iter().map(plain).collect();
    Arc::new(Schema::new(fields).with_metadata(schema.metadata().clone()))
}

/// `batch` as `schema` has it, which is its own in plain types.
///
/// # Errors
/// If a value can't be held by its plain type.
pub fn batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let fields = schema.fields().iter().map(|field| field.data_type());
    let columns = batch.columns().iter().zip(fields).map(|(column, plain)| match column.data_type() {
        same if same == plain => Ok(Arc::clone(column)),
        _ => cast(column, plain),
    });
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns.collect::<Result<_, _>>()?, &rows)
}

fn data_type(of: &DataType) -> DataType {
    match of {
        DataType::Dictionary(_, values) => data_type(values),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}
