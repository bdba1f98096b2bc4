//! Durable pane rows: where they are, how to write them, how to read them back.
//!
//! Hot rows are stretches of a checkpoint's file, cold ones are a file of the lake each. Both carry a checksum, which is
//! checked before anything is parsed: damage is an error that names the file, never a wrong number. Not here: which rows
//! are written when.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use engine::shard::operator::RestoreError;
use engine::storage::{Storage, StorageError};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::cold;
use super::wanted::Wanted;
use crate::lake::write;

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    /// File name.
    pub(super) file: String,
    /// First byte.
    pub(super) offset: u64,
    /// How many bytes.
    pub(super) length: u64,
    /// XXH3 of the bytes.
    pub(super) checksum: u64,
    /// What the bytes are.
    pub(super) form: Form,
}

/// What a stretch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// One Arrow IPC stream of one batch, within a checkpoint's file.
    Ipc,
    /// A whole Parquet file of the lake.
    Parquet,
}

/// A durable delta, with what is needed to know whether it must be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Described {
    /// Where.
    pub(super) stored: Stored,
    /// How many rows.
    pub(super) rows: usize,
    /// Earliest and latest pane start, microseconds.
    pub(super) starts: (i64, i64),
    /// First and last tenant.
    pub(super) tenants: (String, String),
    /// The largest revision; -1 where it was not written yet.
    #[serde(default = "unknown_revision")]
    pub(super) last_revision: i64,
    /// Whether it is read only on demand.
    pub(super) is_cold: bool,
}

fn unknown_revision() -> i64 {
    -1
}

impl Stored {
    /// Appends `panes` to what becomes `file`.
    pub(super) fn append(panes: &RecordBatch, file: &str, bytes: &mut Vec<u8>) -> Result<Self, ArrowError> {
        let from = bytes.len();
        let mut writer = StreamWriter::try_new(&mut *bytes, panes.schema_ref())?;
        writer.write(panes)?;
        writer.finish()?;
        let written = &bytes[from..];
        Ok(Self {
            file: file.to_owned(),
            offset: from as u64,
            length: written.len() as u64,
            checksum: xxh3_64(written),
            form: Form::Ipc,
        })
    }

    /// Writes what [`cold::encode`] made into a new file of the lake whose name starts with `stem`.
    pub(super) fn create(bytes: &[u8], stem: &str, storage: &dyn Storage) -> Result<Self, StorageError> {
        let file = write::create(storage, stem, bytes)?;
        Ok(Self { file, offset: 0, length: bytes.len() as u64, checksum: xxh3_64(bytes), form: Form::Parquet })
    }

    /// Reads the rows back, at least the `wanted` ones; their columns must have the types of `schema`, if given.
    pub(super) fn load(
        &self,
        schema: Option<&SchemaRef>,
        wanted: &Wanted<'_>,
        storage: &dyn Storage,
    ) -> Result<RecordBatch, RestoreError> {
        let refuse = |reason: String| RestoreError { file: self.file.clone(), reason };
        let length = usize::try_from(self.length).map_err(|_| refuse("longer than memory".into()))?;
        let bytes = storage.read_at(&self.file, self.offset, length).map_err(|error| refuse(error.to_string()))?;
        if bytes.len() != length || xxh3_64(&bytes) != self.checksum {
            let from = self.offset;
            return Err(refuse(format!("damaged in the {length} bytes from {from}: the checksum does not fit")));
        }
        let panes = match self.form {
            Form::Ipc => decode(&bytes),
            Form::Parquet => cold::decode(&Bytes::from(bytes), wanted),
        };
        let panes = panes.map_err(|error| refuse(error.to_string()))?;
        let types = |schema: &SchemaRef| schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
        if schema.is_some_and(|schema| types(panes.schema_ref()) != types(schema)) {
            return Err(refuse("holds other columns than its meter's panes have".into()));
        }
        Ok(panes)
    }
}

fn decode(bytes: &[u8]) -> Result<RecordBatch, ArrowError> {
    let mut reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    reader.next().unwrap_or_else(|| Err(ArrowError::IpcError("holds no rows".into())))
}
