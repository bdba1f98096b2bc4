//! Why reading a data set ends early: one enum for the whole crate, each variant naming the place.
//!
//! A single bad row of a generic import is not here: it is a value beside its batch ([`RejectedRow`](crate::RejectedRow)).

use std::io;

use arrow::error::ArrowError;
use engine::event::batch::SchemaError;

use crate::mapping::MappingError;

/// Why reading a data set ends early.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The operating system, or a broken gzip or zstd stream.
    #[error("{file}: {source}")]
    Io {
        /// Which file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The text has another encoding than UTF-8.
    #[error("{file}: the text is {encoding}; convert it to UTF-8, for instance by iconv -f {encoding} -t UTF-8")]
    Encoding {
        /// Which file.
        file: String,
        /// Its encoding.
        encoding: &'static str,
    },
    /// A folder of a trace does not hold one file of each kind.
    #[error("{folder}: found {found} files whose name ends in {suffix}; put exactly one there")]
    Folder {
        /// Which folder.
        folder: String,
        /// How the file's name must end.
        suffix: &'static str,
        /// How many there are.
        found: usize,
    },
    /// The header lacks a column, or has one that does not belong there.
    #[error("{file}: line 1: column {column}: {reason}")]
    Header {
        /// Which file.
        file: String,
        /// The column's name.
        column: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A row as a whole is wrong.
    #[error("{file}: line {line}: {reason}")]
    Row {
        /// Which file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// One cell is wrong.
    #[error("{file}: line {line}, column {column}: {reason}")]
    Cell {
        /// Which file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// An encrypted Parquet file.
    #[error("{file}: is encrypted, which is not read; write it in clear")]
    Encrypted {
        /// Which file.
        file: String,
    },
    /// A column of a Parquet file can't be taken.
    #[error("{file}: column {column}: {reason}")]
    Column {
        /// Which file.
        file: String,
        /// The column's name.
        column: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A Parquet file gives another number of rows than it says that it has.
    #[error("{file}: {found} rows can be read where it says that it has {expected}; write it anew")]
    Rows {
        /// Which file.
        file: String,
        /// What it says.
        expected: u64,
        /// What it gives.
        found: u64,
    },
    /// The file ends in the middle of a row.
    #[error("{file}: line {line}: the file ends in the middle of this row; fetch it again")]
    Truncated {
        /// Which file.
        file: String,
        /// Line, from 1.
        line: u64,
    },
    /// The mapping is wrong, or does not fit the file.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Not Parquet, or a damaged Parquet file.
    #[error("{file}: {source}; fetch it again, or check that it is a Parquet file")]
    Parquet {
        /// Which file.
        file: String,
        /// What the Parquet reader says.
        source: ArrowError,
    },
    /// Columns that do not form a batch of events: a defect of the reader.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Arrow refuses to build a column, for instance because one batch's texts exceed 2 GiB.
    #[error("building a batch: {0}; use fewer rows per batch")]
    Arrow(#[from] ArrowError),
}

impl DatasetError {
    pub(crate) fn io(file: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { file: file.to_owned(), source }
    }
}
