//! A Parquet file in the node's storage, read piecewise: footer first, then only the column chunks that are needed.

use bytes::Bytes;
use bytes::buf::{Buf, Reader};
use engine::storage::{SharedStorage, StorageError};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// One file.
pub(super) struct StoredFile {
    storage: SharedStorage,
    name: String,
    bytes: u64,
}

impl StoredFile {
    pub(super) fn open(storage: &SharedStorage, name: &str) -> Result<Self, StorageError> {
        Ok(Self { storage: SharedStorage::clone(storage), name: name.to_owned(), bytes: storage.size(name)? })
    }
}

impl Length for StoredFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for StoredFile {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let rest = usize::try_from(self.bytes.saturating_sub(start)).unwrap_or(usize::MAX);
        Ok(self.get_bytes(start, rest)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.storage.read_at(&self.name, start, length).map_err(|e| ParquetError::External(Box::new(e)))?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes wanted at {start}, {} there", bytes.len())));
        }
        Ok(Bytes::from(bytes))
    }
}
