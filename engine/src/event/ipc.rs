//! A batch as bytes: one Arrow IPC stream (schema, dictionaries, one record batch), uncompressed.
//!
//! This is the payload of a log record and what doors forward to each other. Not here: checksums and framing (the log).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, RecordBatch, UInt32Array};
use arrow::buffer::Buffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type, Schema};
use arrow::error::ArrowError;
use arrow::ipc::MetadataVersion;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use super::batch::{EventBatch, SchemaError, Texts};
use super::schema::FIXED;

/// Buffers start at multiples of this, which is what 128-bit decimals need to be read in place.
const ALIGNMENT_BYTES: usize = 16;

/// Why bytes are not a batch of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IpcError {
    /// Not an Arrow IPC stream, or a damaged one.
    #[error("not an arrow stream of events: {0}")]
    Arrow(String),
    /// An Arrow IPC stream of something else.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Not exactly one batch.
    #[error("expected a stream of one batch of events, found {0}")]
    Batches(usize),
}

impl From<ArrowError> for IpcError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error.to_string())
    }
}

/// Encodes `batch` without what its rows do not use: dictionary entries and data columns left over from a larger batch.
pub fn encode(batch: &EventBatch) -> Result<Vec<u8>, IpcError> {
    let batch = compact(batch)?;
    let options = IpcWriteOptions::try_new(ALIGNMENT_BYTES, false, MetadataVersion::V5)?;
    let bytes = Vec::with_capacity(batch.get_array_memory_size() / 2 + 1024);
    let mut writer = StreamWriter::try_new_with_options(bytes, batch.schema_ref(), options)?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

/// Decodes what [`encode`] wrote. Checks everything (offsets, UTF-8, dictionary keys), so that bytes of any origin give a
/// batch or an error. `bytes` are copied once, to where they are aligned; the columns are slices of that copy.
pub fn decode(bytes: &[u8]) -> Result<EventBatch, IpcError> {
    let bytes = Buffer::from(bytes);
    // Arrow checks values but asserts the layout of headers, so hostile headers surface as panics; nothing outlives them.
    match catch_unwind(AssertUnwindSafe(|| decode_trusting_headers(bytes))) {
        Ok(decoded) => decoded,
        Err(_) => Err(IpcError::Arrow("a header that contradicts itself".into())),
    }
}

fn decode_trusting_headers(mut bytes: Buffer) -> Result<EventBatch, IpcError> {
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        if let Some(batch) = decoder.decode(&mut bytes)? {
            batches.push(batch);
        }
    }
    decoder.finish()?;
    let count = batches.len();
    let (1, Some(batch)) = (count, batches.pop()) else { return Err(IpcError::Batches(count)) };
    let batch = EventBatch::try_from(batch)?;
    let schema = batch.record_batch().schema();
    for (field, column) in schema.fields().iter().zip(batch.record_batch().columns()) {
        let dictionary_has_nulls =
            column.as_dictionary_opt::<Int32Type>().is_some_and(|texts| texts.values().null_count() > 0);
        if dictionary_has_nulls {
            return Err(SchemaError { column: field.name().clone(), reason: "its dictionary has nulls".into() }.into());
        }
    }
    Ok(batch)
}

fn compact(batch: &EventBatch) -> Result<RecordBatch, ArrowError> {
    let batch = batch.record_batch();
    let rows = batch.num_rows();
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (at, (field, column)) in batch.schema_ref().fields().iter().zip(batch.columns()).enumerate() {
        if at >= FIXED && column.null_count() == rows {
            continue;
        }
        fields.push(Arc::clone(field));
        columns.push(match column.data_type() {
            DataType::Dictionary(..) => compact_dictionary(column)?,
            _ => Arc::clone(column),
        });
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn compact_dictionary(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    const UNUSED: i32 = -1;
    let texts = Texts::new(column.as_dictionary::<Int32Type>());
    let mut renamed = vec![UNUSED; texts.values.len()];
    for row in 0..column.len() {
        if let Some(key) = texts.key(row) {
            renamed[key] = 0;
        }
    }
    let used: Vec<u32> = (0u32..).zip(&renamed).filter(|(_, name)| **name != UNUSED).map(|(key, _)| key).collect();
    if used.len() == renamed.len() {
        return Ok(Arc::clone(column));
    }
    for (name, &key) in (0i32..).zip(&used) {
        renamed[key as usize] = name;
    }
    let keys: Int32Array = (0..column.len()).map(|row| texts.key(row).map(|key| renamed[key])).collect();
    let values = take(texts.values, &UInt32Array::from(used), None)?;
    Ok(Arc::new(DictionaryArray::try_new(keys, values)?))
}
