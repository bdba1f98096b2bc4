//! Pane rows in a checkpoint's file: where, how to write them, how to read them back.
//!
//! Every stretch carries a checksum: damage is an error that names the file, never a wrong number. Not here: which rows
//! are written when.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use engine::shard::operator::RestoreError;
use engine::storage::Storage;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A stretch of a checkpoint's file: one Arrow IPC stream of one batch.
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
    /// Whether it is read only on demand.
    pub(super) is_cold: bool,
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
        })
    }

    /// Reads the rows back; their columns must have the types of `schema`, if given.
    pub(super) fn load(&self, schema: Option<&SchemaRef>, storage: &dyn Storage) -> Result<RecordBatch, RestoreError> {
        let refuse = |reason: String| RestoreError { file: self.file.clone(), reason };
        let length = usize::try_from(self.length).map_err(|_| refuse("longer than memory".into()))?;
        let bytes = storage.read_at(&self.file, self.offset, length).map_err(|error| refuse(error.to_string()))?;
        if bytes.len() != length || xxh3_64(&bytes) != self.checksum {
            let from = self.offset;
            return Err(refuse(format!("damaged in the {length} bytes from {from}: the checksum does not fit")));
        }
        let panes = decode(&bytes).map_err(|error| refuse(error.to_string()))?;
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
