//! Query results as bytes: CSV, NDJSON, Parquet, Arrow, or a table for people. Streamed; holds a batch, a row group or a page.
//!
//! A null is a member of an NDJSON object like any other, so that each row has all columns. Where columns share a name, and the
//! format wants names to differ, the second is called `name_2`. Instants that are not in UTC have their whole offset.
//!
//! Not here: which query (the doors), where the bytes go.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::writer::{LineDelimited, WriterBuilder as JsonBuilder};
use arrow::util::pretty::pretty_format_batches_with_schema;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::catalog::written::{Style, written};
use crate::catalog::zone;
use crate::plain;

/// Rows per page of [`Format::Table`]; each page is as wide as its own widest values.
const PAGE_ROWS: usize = 1000;
/// Rows per Parquet row group.
const ROW_GROUP_ROWS: usize = 1 << 17;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, framed.
    Table,
    /// RFC 4180 with a header line.
    Csv,
    /// One JSON object a line; decimals keep all digits.
    Ndjson,
    /// zstd-compressed.
    Parquet,
    /// Arrow's IPC stream: every type and every digit, in a form that programs read.
    Arrow,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Table, Self::Csv, Self::Ndjson, Self::Parquet, Self::Arrow];

    /// As it is named in flags and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Table => "text/plain; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "json" => Ok(Self::Ndjson),
            _ => Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(name.into())),
        }
    }
}

/// A name that is none of the formats'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {0:?}: use table, csv, ndjson (or json), parquet or arrow")]
pub struct UnknownFormat(pub String);

/// Why a result can't be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The query failed while it ran.
    #[error(transparent)]
    Query(#[from] DataFusionError),
    /// A column that the format can't hold.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The same, from the Parquet writer.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Where the bytes go.
    #[error("the output can't be written: {0}")]
    Io(#[from] io::Error),
}

/// Writes all of `rows` to `out`; returns how many there were.
pub async fn write(
    mut rows: SendableRecordBatchStream,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<u64, ExportError> {
    let mut encoder = Encoder::new(format, rows.schema())?;
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        out.write_all(&encoder.encode(&batch)?)?;
    }
    out.write_all(&encoder.finish()?)?;
    out.flush()?;
    Ok(count)
}

/// The same as chunks of bytes, for a response body. Pulls the query only as fast as chunks are taken.
pub fn chunks(
    rows: SendableRecordBatchStream,
    format: Format,
) -> impl Stream<Item = Result<Vec<u8>, ExportError>> + Send {
    let encoder = Encoder::new(format, rows.schema());
    stream::try_unfold(Some((rows, encoder)), |state| async move {
        let Some((mut rows, encoder)) = state else { return Ok(None) };
        let mut encoder = encoder?;
        while let Some(batch) = rows.next().await {
            let chunk = encoder.encode(&batch?)?;
            if !chunk.is_empty() {
                return Ok(Some((chunk, Some((rows, Ok(encoder))))));
            }
        }
        Ok(Some((encoder.finish()?, None)))
    })
}

/// Turns batches of one schema into the bytes of one format.
struct Encoder {
    schema: SchemaRef,
    form: Form,
}

enum Form {
    Table { page: Vec<RecordBatch>, shown: bool },
    Csv { header: bool },
    Ndjson,
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    Arrow(Box<StreamWriter<Vec<u8>>>),
}

impl Encoder {
    fn new(format: Format, schema: SchemaRef) -> Result<Self, ExportError> {
        let schema = match format {
            Format::Ndjson | Format::Parquet => told_apart(&schema),
            Format::Table | Format::Csv | Format::Arrow => schema,
        };
        let schema = match format {
            Format::Table | Format::Csv | Format::Ndjson => as_texts(&schema),
            Format::Parquet | Format::Arrow => schema,
        };
        let form = match format {
            Format::Table => Form::Table { page: Vec::new(), shown: false },
            Format::Csv => Form::Csv { header: true },
            Format::Ndjson => Form::Ndjson,
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .build();
                let writer = ArrowWriter::try_new(Vec::new(), SchemaRef::clone(&schema), Some(properties))?;
                Form::Parquet(Box::new(writer))
            }
            Format::Arrow => Form::Arrow(Box::new(StreamWriter::try_new(Vec::new(), &plain::schema(&schema))?)),
        };
        Ok(Self { schema, form })
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ExportError> {
        let mut bytes = Vec::new();
        let batch = &self.fitted(batch)?;
        match &mut self.form {
            Form::Table { page, shown } => {
                page.push(batch.clone());
                if page.iter().map(RecordBatch::num_rows).sum::<usize>() >= PAGE_ROWS {
                    *shown = true;
                    writeln!(bytes, "{}", pretty_format_batches_with_schema(SchemaRef::clone(&self.schema), page)?)?;
                    page.clear();
                }
            }
            Form::Csv { header } => {
                WriterBuilder::new().with_header(std::mem::take(header)).build(&mut bytes).write(batch)?;
            }
            Form::Ndjson => {
                let mut writer = JsonBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut bytes);
                writer.write(batch)?;
                writer.finish()?;
            }
            Form::Parquet(writer) => {
                writer.write(batch)?;
                bytes = std::mem::take(writer.inner_mut());
            }
            Form::Arrow(writer) => {
                writer.write(&plain::batch(batch, &plain::schema(&self.schema))?)?;
                bytes = std::mem::take(writer.get_mut());
            }
        }
        Ok(bytes)
    }

    /// `batch` with the columns of the schema.
    fn fitted(&self, batch: &RecordBatch) -> Result<RecordBatch, ExportError> {
        let columns = batch.columns().iter().zip(self.schema.fields()).map(|(column, field)| -> Result<ArrayRef, _> {
            match (column.data_type(), field.data_type()) {
                (DataType::Timestamp(..), DataType::Utf8) => {
                    Ok(Arc::new(written(column.as_ref(), Style::Rfc3339)?) as ArrayRef)
                }
                _ => Ok::<_, ExportError>(Arc::clone(column)),
            }
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &rows)?)
    }

    fn finish(self) -> Result<Vec<u8>, ExportError> {
        let mut bytes = Vec::new();
        match self.form {
            Form::Table { page, shown } => {
                if !page.is_empty() || !shown {
                    writeln!(bytes, "{}", pretty_format_batches_with_schema(self.schema, &page)?)?;
                }
            }
            // An empty result still has its header line.
            Form::Csv { header: true } => {
                WriterBuilder::new().build(&mut bytes).write(&RecordBatch::new_empty(self.schema))?;
            }
            Form::Csv { header: false } | Form::Ndjson => {}
            Form::Parquet(writer) => bytes = writer.into_inner()?,
            Form::Arrow(mut writer) => {
                writer.finish()?;
                bytes = std::mem::take(writer.get_mut());
            }
        }
        Ok(bytes)
    }
}

/// `schema` with a number behind names that others have before.
fn told_apart(schema: &SchemaRef) -> SchemaRef {
    let mut names = schema.fields().iter().map(|field| field.name().clone()).collect::<HashSet<_>>();
    if names.len() == schema.fields().len() {
        return SchemaRef::clone(schema);
    }
    let mut taken = HashSet::new();
    let fields = schema.fields().iter().map(|field| {
        let mut name = field.name().clone();
        let mut number = 1;
        while taken.contains(&name) {
            number += 1;
            let other = format!("{}_{number}", field.name());
            // Another column may be called so by itself.
            if names.insert(other.clone()) {
                name = other;
            }
        }
        taken.insert(name.clone());
        field.as_ref().clone().with_name(name)
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// `schema` with instants that are not in UTC as texts: Arrow would cut their offsets to minutes.
fn as_texts(schema: &SchemaRef) -> SchemaRef {
    let is_one = |data_type: &DataType| matches!(data_type, DataType::Timestamp(_, Some(zone)) if **zone != *zone::UTC);
    if !schema.fields().iter().any(|field| is_one(field.data_type())) {
        return SchemaRef::clone(schema);
    }
    let fields = schema.fields().iter().map(|field| match is_one(field.data_type()) {
        true => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        false => Arc::clone(field),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, TimestampMicrosecondArray};
    use arrow::datatypes::Field;

    use super::*;

    fn encoded(format: Format, batch: &RecordBatch) -> String {
        let mut encoder = Encoder::new(format, batch.schema()).unwrap();
        let mut bytes = encoder.encode(batch).unwrap();
        bytes.extend(encoder.finish().unwrap());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn nulls_are_members_and_names_are_told_apart() {
        let fields = ["a", "a", "a_2", "a"].map(|name| Field::new(name, DataType::Int64, true));
        let columns = [None, Some(1), None, Some(2)].map(|value| Arc::new(Int64Array::from(vec![value])) as ArrayRef);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns.to_vec()).unwrap();
        assert_eq!(encoded(Format::Ndjson, &batch), "{\"a\":null,\"a_3\":1,\"a_2\":null,\"a_4\":2}\n");
        assert_eq!(encoded(Format::Csv, &batch), "a,a,a_2,a\n,1,,2\n");
        let none =
            RecordBatch::try_new(batch.schema(), batch.columns().iter().map(|c| c.slice(0, 0)).collect()).unwrap();
        assert_eq!(encoded(Format::Ndjson, &none), "");
    }

    #[test]
    fn offsets_survive_every_format() {
        let times = TimestampMicrosecondArray::from(vec![Some(1_772_330_400_000_000), None]);
        let times = times.with_timezone("Asia/Kathmandu");
        let fields = vec![Field::new("at", times.data_type().clone(), true)];
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![Arc::new(times)]).unwrap();
        let text = "2026-03-01T07:45:00+05:45";
        assert_eq!(encoded(Format::Csv, &batch), format!("at\n{text}\n\"\"\n"));
        assert_eq!(encoded(Format::Ndjson, &batch), format!("{{\"at\":\"{text}\"}}\n{{\"at\":null}}\n"));
        assert!(encoded(Format::Table, &batch).contains(text));
    }
}
