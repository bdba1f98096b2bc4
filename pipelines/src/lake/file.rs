//! A Parquet file in the node's storage, read piecewise: footer first, then only the column chunks that are needed.

use std::io::{self, Read};

use bytes::Bytes;
use engine::storage::{SharedStorage, StorageError};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Bytes fetched at once while a page header of unknown length is read.
const READ_AHEAD_BYTES: usize = 16 << 10;

/// One file.
#[derive(Clone)]
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
    type T = Reader;

    fn get_read(&self, start: u64) -> Result<Reader> {
        Ok(Reader { file: self.clone(), at: start, ahead: Vec::new(), used: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.storage.read_at(&self.name, start, length).map_err(|e| ParquetError::External(Box::new(e)))?;
        if bytes.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes wanted at {start}, {} there", bytes.len())));
        }
        Ok(Bytes::from(bytes))
    }
}

/// Reads on from a position.
pub(super) struct Reader {
    file: StoredFile,
    at: u64,
    ahead: Vec<u8>,
    used: usize,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.used == self.ahead.len() {
            self.ahead =
                self.file.storage.read_at(&self.file.name, self.at, READ_AHEAD_BYTES).map_err(io::Error::other)?;
            self.used = 0;
            self.at += self.ahead.len() as u64;
        }
        let count = into.len().min(self.ahead.len() - self.used);
        into[..count].copy_from_slice(&self.ahead[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}
