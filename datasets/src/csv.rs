//! CSV as events, by a [`Mapping`].
//!
//! The first record names the columns; blank lines are skipped. Where no column is the id, a row's id is 32 hex digits of
//! a hash chain: xxh3-128 of the hash before it (16 bytes, little-endian; of nothing for the header) and the record's
//! bytes without its line end. So it depends on the content up to the row and on nothing else: importing a file again, by
//! another name, compressed, or through a pipe gives the same ids, and of a file that has grown only the new rows are new.
//! Another mapping of the same file gives the same ids to other events, which admission answers as conflicts; give it
//! another `source`.
//!
//! A row that is no event is rejected beside its batch. A file that ends inside a row, or whose record exceeds 1 MiB,
//! ends the import, after the rows before it.

use std::borrow::Cow;
use std::io::{BufRead, Read};
use std::path::Path;

use engine::admission::{Reason, Rejection};
use engine::units::{Units, UnitsError};
use xxhash_rust::xxh3::Xxh3;

use crate::error::DatasetError;
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
    columns: usize,
    chain: u128,
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
        let chain = link(0, header.raw);
        // Spreadsheets put a byte order mark in front of the first name.
        let columns: Vec<&str> = header.cells().map(|name| name.trim_start_matches('\u{feff}')).collect();
        let roles = mapping.resolve(&columns)?;
        let columns = columns.len();
        let collector = Collector::new(roles, options);
        Ok(Self { file, records, collector, columns, chain, end: End::Ahead })
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
        if record.raw.is_empty() {
            return Ok(true);
        }
        if record.len() < self.columns && !record.terminated {
            return Err(DatasetError::Truncated { file: self.file.clone(), line: record.line });
        }
        let chain = link(self.chain, record.raw);
        self.chain = chain;
        if record.len() != self.columns {
            let detail = format!("{} cells, expected {}", record.len(), self.columns);
            self.collector.reject(record.line, Rejection::new(Reason::Malformed, "", detail));
            return Ok(true);
        }
        self.collector.push(record.line, &record, || format!("{chain:032x}"));
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

fn link(chain: u128, record: &[u8]) -> u128 {
    let mut hash = Xxh3::new();
    if chain != 0 {
        hash.update(&chain.to_le_bytes());
    }
    hash.update(record);
    hash.digest128()
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

    fn time_us(&self, at: usize, parser: &TimeParser) -> Result<i64, String> {
        parser.parse(self.cell(at))
    }

    fn value(&self, column: &DataColumn) -> Result<Value<'_>, Rejection> {
        let cell = self.cell(column.at);
        if cell.is_empty() {
            return Ok(Value::Absent);
        }
        let invalid = |reason, detail: &str| Rejection::new(reason, column.pointer.as_str(), detail);
        match column.cell_type {
            CellType::Auto if is_plain_number(cell) => Ok(Units::parse(cell).map_or(Value::Number(cell), Value::Units)),
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
