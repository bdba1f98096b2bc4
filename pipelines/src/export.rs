//! Query results as bytes: CSV, NDJSON, Parquet, Arrow, or a table for people. Streamed; holds a batch, a row group or a page.
//!
//! Not here: which query (the doors), where the bytes go.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::LineDelimitedWriter;
use arrow::util::pretty::pretty_format_batches_with_schema;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

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
                let mut writer = LineDelimitedWriter::new(&mut bytes);
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
