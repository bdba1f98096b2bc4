//! CSV as events, by a [`Mapping`].
//!
//! The first record names the columns; blank lines are skipped, and so are further records that name the same columns,
//! which files that were put together have. Where no column is the id, it is derived from what the row says
//! ([`identity`](crate::identity)): importing a file again, by another name, compressed, re-saved, with rows added, moved or
//! mended, gives the same ids to the same rows.
//!
//! A row that is no event is rejected beside its batch. A file that ends inside a row, or whose record exceeds 1 MiB,
//! ends the import, after the rows before it.

use std::borrow::Cow;
use std::io::{BufRead, Read};
use std::path::Path;

use engine::admission::{Reason, Rejection};
use engine::event::horizon::Horizon;
use engine::units::{Units, UnitsError};

use crate::error::DatasetError;
use crate::identity::RowIds;
use crate::input::{self, Input};
use crate::mapping::time::TimeParser;
use crate::mapping::{CellType, DataColumn, Mapping};
use crate::records::{Fault, Record, Records};
use crate::rows::{Cells, Collector, DatasetBatch, ImportOptions, Value, is_plain_number};

/// Reads a CSV file as batches of events. Ends after the first error.
pub struct CsvImport {
    file: String,
    records: Records<Box<dyn BufRead + Send>>,
    collector: Collector,
    columns: Vec<String>,
    ids: Option<RowIds>,
    end: End,
}

/// How far the input has been read.
enum End {
    Ahead,
    /// The rows before the error are still to be delivered.
    Failed(DatasetError),
    Reached,
}

impl CsvImport {
    /// Opens `path` (`-` is standard input), plain, gzip or zstd.
    ///
    /// # Errors
    /// A file that cannot be read, or a mapping that does not fit its columns.
    pub fn open(path: &Path, mapping: &Mapping, options: ImportOptions) -> Result<Self, DatasetError> {
        Self::new(input::open(path)?, mapping, options)
    }

    /// Reads `source`, called `name` in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(
        name: &str,
        source: impl Read + Send + 'static,
        mapping: &Mapping,
        options: ImportOptions,
    ) -> Result<Self, DatasetError> {
        Self::new(input::decompressed(name.to_owned(), source)?, mapping, options)
    }

    fn new(input: Input, mapping: &Mapping, options: ImportOptions) -> Result<Self, DatasetError> {
        let file = input.name;
        let mut records = Records::new(input.bytes, mapping.delimiter_byte()?);
        let empty = || DatasetError::Row { file: file.clone(), line: 1, reason: "no header; name the columns".into() };
        let header = records.read().map_err(|fault| failure(&file, fault))?.ok_or_else(empty)?;
        let header = header.map_err(|bad| DatasetError::Row {
            file: file.clone(),
            line: bad.line,
            reason: bad.reason.to_owned(),
        })?;
        let columns: Vec<&str> = header.cells().collect();
        let roles = mapping.resolve(&columns)?;
        let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
        let collector = Collector::new(roles, options);
        let ids = collector.has_no_ids().then(|| RowIds::new(columns.iter().map(String::as_str).zip(0..)));
        Ok(Self { file, records, collector, columns, ids, end: End::Ahead })
    }

    /// Takes the next record; `false` if there is none.
    fn step(&mut self) -> Result<bool, DatasetError> {
        let Some(record) = self.records.read().map_err(|fault| failure(&self.file, fault))? else { return Ok(false) };
        let record = match record {
            Ok(record) => record,
            Err(bad) => {
                self.collector.reject(bad.line, Rejection::new(Reason::Malformed, "", bad.reason));
                return Ok(true);
            }
        };
        if record.blank || record.cells().eq(&self.columns) {
            return Ok(true);
        }
        let columns = self.columns.len();
        if record.len() < columns && !record.terminated {
            return Err(DatasetError::Truncated { file: self.file.clone(), line: record.line });
        }
        if record.len() != columns {
            let detail = format!("{} cells, expected {columns}", record.len());
            self.collector.reject(record.line, Rejection::new(Reason::Malformed, "", detail));
            return Ok(true);
        }
        let id = match &mut self.ids {
            Some(ids) => Some(ids.next(|at| record.text(at)).map_err(|error| DatasetError::Row {
                file: self.file.clone(),
                line: record.line,
                reason: error.to_string(),
            })?),
            None => None,
        };
        self.collector.push(record.line, &record, id);
        Ok(true)
    }

    fn batch(&mut self) -> Option<Result<DatasetBatch, DatasetError>> {
        while matches!(self.end, End::Ahead) && !self.collector.is_full() {
            match self.step() {
                Ok(true) => {}
                Ok(false) => self.end = End::Reached,
                Err(error) => self.end = End::Failed(error),
            }
        }
        if !self.collector.is_empty() {
            return Some(Ok(self.collector.finish()));
        }
        match std::mem::replace(&mut self.end, End::Reached) {
            End::Failed(error) => Some(Err(error)),
            End::Ahead | End::Reached => None,
        }
    }
}

impl Iterator for CsvImport {
    type Item = Result<DatasetBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch()
    }
}

fn failure(file: &str, fault: Fault) -> DatasetError {
    let file = file.to_owned();
    match fault {
        Fault::Io(source) => DatasetError::Io { file, source },
        Fault::Truncated { line } => DatasetError::Truncated { file, line },
        Fault::TooLong { line } => {
            DatasetError::Row { file, line, reason: "longer than 1 MiB; is a quote missing?".to_owned() }
        }
    }
}

impl Cells for Record<'_> {
    fn text(&self, at: usize) -> Option<Cow<'_, str>> {
        Some(self.cell(at)).filter(|cell| !cell.is_empty()).map(Cow::Borrowed)
    }

    fn is_timeless(&self, at: usize) -> bool {
        self.cell(at).is_empty()
    }

    fn time_us(&self, at: usize, parser: &TimeParser, horizon: &Horizon) -> Result<i64, Rejection> {
        parser.parse(self.cell(at), horizon)
    }

    fn value(&self, column: &DataColumn) -> Result<Value<'_>, Rejection> {
        let cell = self.cell(column.at);
        if cell.is_empty() {
            return Ok(Value::Absent);
        }
        let invalid = |reason, detail: &str| Rejection::new(reason, column.pointer.as_str(), detail);
        match column.cell_type {
            CellType::Auto if is_plain_number(cell) => {
                Ok(Units::parse(cell).map_or(Value::Number(cell.into()), Value::Units))
            }
            CellType::Auto | CellType::Text => Ok(Value::Text(Cow::Borrowed(cell))),
            CellType::Number => Units::parse(cell).map(Value::Units).map_err(|error| match error {
                UnitsError::Overflow => invalid(Reason::ValueOverflow, &error.to_string()),
                UnitsError::Malformed | UnitsError::Precision => invalid(Reason::ValueInvalid, &error.to_string()),
            }),
            CellType::Boolean => match cell {
                "true" => Ok(Value::Boolean(true)),
                "false" => Ok(Value::Boolean(false)),
                _ => Err(invalid(Reason::ValueInvalid, "expected true or false")),
            },
        }
    }
}
