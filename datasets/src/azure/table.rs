//! One CSV file of the trace, read strictly: a header of distinct names, then rows of exactly as many cells.
//!
//! The first thing wrong ends reading, because totals of half a file are worth nothing. A last row without a line's end is
//! taken for a cut file. Not here: what the columns mean.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use crate::error::DatasetError;
use crate::input;
use crate::records::{Fault, Record, Records};

pub(super) struct Table {
    place: Place,
    records: Records<Box<dyn BufRead + Send>>,
    columns: Vec<String>,
}

/// A file's name, to make errors of.
#[derive(Debug, Clone)]
pub(super) struct Place(Arc<str>);

impl Place {
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    pub(super) fn header(&self, column: &str, reason: impl Into<String>) -> DatasetError {
        DatasetError::Header { file: self.0.to_string(), column: column.to_owned(), reason: reason.into() }
    }

    pub(super) fn row(&self, line: u64, reason: impl Into<String>) -> DatasetError {
        DatasetError::Row { file: self.0.to_string(), line, reason: reason.into() }
    }

    pub(super) fn cell(&self, line: u64, column: &str, reason: impl Into<String>) -> DatasetError {
        DatasetError::Cell { file: self.0.to_string(), line, column: column.to_owned(), reason: reason.into() }
    }

    fn fault(&self, fault: Fault) -> DatasetError {
        match fault {
            Fault::Io(source) => DatasetError::Io { file: self.0.to_string(), source },
            Fault::Truncated { line } => DatasetError::Truncated { file: self.0.to_string(), line },
            Fault::TooLong { line } => self.row(line, "longer than 1 MiB; is a quote missing?"),
        }
    }
}

impl Table {
    /// Opens the one file in `folder` whose name ends in `suffix`.
    pub(super) fn open(folder: &Path, suffix: &'static str) -> Result<Self, DatasetError> {
        let name = folder.display().to_string();
        let mut found = Vec::new();
        for entry in folder.read_dir().map_err(DatasetError::io(&name))? {
            let path = entry.map_err(DatasetError::io(&name))?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(suffix)) {
                found.push(path);
            }
        }
        let [path] = found.as_slice() else {
            return Err(DatasetError::Folder { folder: name, suffix, found: found.len() });
        };
        let input = input::open(path)?;
        let place = Place(input.name.into());
        let mut table = Self { place, records: Records::new(input.bytes, b','), columns: Vec::new() };
        let place = table.place();
        let Some(header) = table.record()? else { return Err(place.row(1, "the file is empty")) };
        let columns: Vec<String> = header.cells().map(str::to_owned).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(column.as_str())) {
            return Err(place.header(twice, "given twice"));
        }
        table.columns = columns;
        Ok(table)
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Where `name` stands.
    pub(super) fn column(&self, name: &str) -> Result<usize, DatasetError> {
        let found = self.columns.iter().position(|column| column == name);
        found.ok_or_else(|| self.place.header(name, "missing"))
    }

    /// The next row, of as many cells as the header has.
    pub(super) fn row(&mut self) -> Result<Option<Record<'_>>, DatasetError> {
        let place = self.place();
        let expected = self.columns.len();
        let Some(record) = self.record()? else { return Ok(None) };
        if record.len() != expected {
            return Err(place.row(record.line, format!("{} cells, expected {expected}", record.len())));
        }
        Ok(Some(record))
    }

    fn record(&mut self) -> Result<Option<Record<'_>>, DatasetError> {
        let place = self.place.clone();
        match self.records.read() {
            Err(fault) => Err(place.fault(fault)),
            Ok(None) => Ok(None),
            Ok(Some(Err(bad))) => Err(place.row(bad.line, bad.reason)),
            Ok(Some(Ok(record))) if !record.terminated => {
                Err(DatasetError::Truncated { file: place.0.to_string(), line: record.line })
            }
            Ok(Some(Ok(record))) => Ok(Some(record)),
        }
    }
}
