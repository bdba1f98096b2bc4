//! Parquet as events, by a [`Mapping`].
//!
//! Columns are taken by their type: texts as text, integers, decimals and floats as numbers by their exact (for floats:
//! shortest) decimal form, booleans as booleans, timestamps and dates as times, which as data are RFC 3339 text. Null is an
//! absent member. Where no column is the id, a row's id is `<32 hex digits>-<row>`: xxh3-128 of the file's bytes and the
//! row's number from 1, so that importing a file twice changes nothing, whatever its name.
//!
//! Not here: lists, structs and binary columns, which must be excluded.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use engine::admission::{Reason, Rejection};
use engine::event::schema::{time_type, units_type};
use engine::units::Units;
use jiff::Timestamp;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use xxhash_rust::xxh3::Xxh3;

use crate::error::DatasetError;
use crate::mapping::time::TimeParser;
use crate::mapping::{DataColumn, Mapping, MappingError};
use crate::rows::{Cells, Collector, DatasetBatch, ImportOptions, Value};

/// Reads a Parquet file as batches of events. Ends after the first error.
pub struct ParquetImport {
    file: String,
    reader: ParquetRecordBatchReader,
    kinds: Vec<Kind>,
    collector: Collector,
    content: u128,
    rows: u64,
    failed: bool,
}

/// How a column is taken; `Unfit` ones are only refused if the mapping wants them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
    Boolean,
    Time,
    Unfit,
}

/// A column of one batch.
enum Column {
    Text(StringArray),
    Whole(Decimal128Array),
    Number(StringArray),
    Boolean(BooleanArray),
    Time(TimestampMicrosecondArray),
    Unfit,
}

struct Row<'a> {
    columns: &'a [Column],
    at: usize,
}

impl ParquetImport {
    /// Opens `path`, which must be a file because Parquet is read from its end.
    ///
    /// # Errors
    /// A file that cannot be read or is not Parquet, or a mapping that does not fit its columns.
    pub fn open(path: &Path, mapping: &Mapping, options: ImportOptions) -> Result<Self, DatasetError> {
        let name = path.display().to_string();
        let mut file = File::open(path).map_err(DatasetError::io(&name))?;
        let content = content_hash(&mut file).map_err(DatasetError::io(&name))?;
        let damaged = |source: ArrowError| DatasetError::Parquet { file: name.clone(), source };
        // Parquet's own schema says all that is needed; the Arrow schema that some writers embed panics when damaged.
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder =
            contained(|| Ok(ParquetRecordBatchReaderBuilder::try_new_with_options(file, plain)?)).map_err(damaged)?;
        let schema = Arc::clone(builder.schema());
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let roles = mapping.resolve(&columns)?;
        let kinds: Vec<Kind> = schema.fields().iter().map(|field| Kind::of(field.data_type())).collect();
        for column in &roles.data {
            if kinds[column.at] == Kind::Unfit {
                let reason = format!("{} is {}; exclude it", columns[column.at], schema.field(column.at).data_type());
                return Err(MappingError { field: "exclude".to_owned(), reason }.into());
            }
        }
        let reader =
            builder.with_batch_size(options.rows_per_batch.max(1)).build().map_err(|error| damaged(error.into()))?;
        Ok(Self {
            file: name,
            reader,
            kinds,
            collector: Collector::new(roles, options),
            content,
            rows: 0,
            failed: false,
        })
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<DatasetBatch, ArrowError> {
        let columns: Vec<Column> = batch
            .columns()
            .iter()
            .zip(&self.kinds)
            .map(|(column, kind)| Column::new(column, *kind))
            .collect::<Result<_, _>>()?;
        for at in 0..batch.num_rows() {
            self.rows += 1;
            let (content, row) = (self.content, self.rows);
            self.collector.push(row, &Row { columns: &columns, at }, || format!("{content:032x}-{row}"));
        }
        Ok(self.collector.finish())
    }
}

impl Iterator for ParquetImport {
    type Item = Result<DatasetBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = contained(|| self.reader.next().transpose()).transpose()?;
        let batch = read.and_then(|batch| self.batch(&batch));
        self.failed = batch.is_err();
        Some(batch.map_err(|source| DatasetError::Parquet { file: self.file.clone(), source }))
    }
}

/// Runs `read`; a panic in it is an error. The Parquet reader asserts what a damaged file's metadata may break, for
/// instance that lengths are not negative. What panicked is not used again.
fn contained<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ArrowError::ParquetError("damaged metadata".to_owned())))
}

fn content_hash(file: &mut File) -> std::io::Result<u128> {
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(hash.digest128());
        }
        hash.update(&buffer[..length]);
    }
}

impl Kind {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, values) => Self::of(values),
            DataType::Boolean => Self::Boolean,
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Self::Time,
            whole if whole.is_integer() => Self::Whole,
            number if number.is_numeric() => Self::Number,
            _ => Self::Unfit,
        }
    }
}

impl Column {
    fn new(column: &ArrayRef, kind: Kind) -> Result<Self, ArrowError> {
        Ok(match kind {
            Kind::Text => Self::Text(cast(column, &DataType::Utf8)?.as_string().clone()),
            Kind::Whole => Self::Whole(cast(column, &units_type())?.as_primitive::<Decimal128Type>().clone()),
            Kind::Number => Self::Number(cast(column, &DataType::Utf8)?.as_string().clone()),
            Kind::Boolean => Self::Boolean(cast(column, &DataType::Boolean)?.as_boolean().clone()),
            Kind::Time => Self::Time(cast(column, &time_type())?.as_primitive::<TimestampMicrosecondType>().clone()),
            Kind::Unfit => Self::Unfit,
        })
    }
}

fn cell(texts: &StringArray, at: usize) -> Option<&str> {
    texts.is_valid(at).then(|| texts.value(at))
}

fn units(numbers: &Decimal128Array, at: usize) -> Option<Units> {
    numbers.is_valid(at).then(|| Units(numbers.value(at)))
}

fn instant(times: &TimestampMicrosecondArray, at: usize) -> Option<Timestamp> {
    let time_us = times.is_valid(at).then(|| times.value(at))?;
    Timestamp::from_microsecond(time_us).ok()
}

fn rfc3339(times: &TimestampMicrosecondArray, at: usize) -> Option<String> {
    instant(times, at).map(|time| time.to_string())
}

impl Cells for Row<'_> {
    fn text(&self, at: usize) -> Option<Cow<'_, str>> {
        let text = match &self.columns[at] {
            Column::Text(texts) | Column::Number(texts) => cell(texts, self.at).map(Cow::Borrowed),
            Column::Whole(numbers) => units(numbers, self.at).map(|number| number.to_string().into()),
            Column::Boolean(truths) => truths.is_valid(self.at).then(|| truths.value(self.at).to_string().into()),
            Column::Time(times) => rfc3339(times, self.at).map(Cow::Owned),
            Column::Unfit => None,
        };
        text.filter(|text| !text.is_empty())
    }

    fn is_timeless(&self, at: usize) -> bool {
        match &self.columns[at] {
            Column::Time(times) => instant(times, self.at).is_none(),
            _ => self.text(at).is_none(),
        }
    }

    fn time_us(&self, at: usize, parser: &TimeParser) -> Result<i64, String> {
        match &self.columns[at] {
            Column::Time(times) => Ok(times.value(self.at)),
            _ => parser.parse(&self.text(at).unwrap_or_default()),
        }
    }

    fn value(&self, column: &DataColumn) -> Result<Value<'_>, Rejection> {
        let value = match &self.columns[column.at] {
            Column::Text(texts) => cell(texts, self.at).map(|text| Value::Text(Cow::Borrowed(text))),
            Column::Whole(numbers) => units(numbers, self.at).map(Value::Units),
            Column::Number(texts) => match cell(texts, self.at) {
                Some(text) => Some(number(text).ok_or_else(|| {
                    let detail = format!("{text} is no number that can be counted; clean or exclude the column");
                    Rejection::new(Reason::ValueInvalid, column.pointer.as_str(), detail)
                })?),
                None => None,
            },
            Column::Boolean(truths) => truths.is_valid(self.at).then(|| Value::Boolean(truths.value(self.at))),
            Column::Time(times) => rfc3339(times, self.at).map(|time| Value::Text(Cow::Owned(time))),
            Column::Unfit => None,
        };
        Ok(value.unwrap_or(Value::Absent))
    }
}

/// `None` for a float that is not finite.
fn number(text: &str) -> Option<Value<'_>> {
    let finite = text.ends_with(|last: char| last.is_ascii_digit());
    finite.then(|| Units::parse(text).map_or(Value::Number(text), Value::Units))
}
