//! Column chunks of a lake file, each checked before any page of it is parsed (I14).
//!
//! The writer notes the checksum of every chunk in the file's footer, which the manifest vouches for in turn; so a query that
//! reads a few chunks of a large file believes none that is not what was written. A chunk is read whole, since its checksum
//! is of the whole, and kept while its pages are decoded. Files of older versions have no such notes: theirs are believed as
//! far as they decode. Not here: the footer's own checksum (`damage`).

use std::collections::VecDeque;

use bytes::Bytes;
use bytes::buf::{Buf, Reader};
use engine::lock::Lock;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{KeyValue, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use xxhash_rust::xxh3::xxh3_64;

/// Where the footer has the checksums: hexadecimal, in the order of row groups and their columns.
const KEY: &str = "tenantry.chunks";

/// What the footer says of the chunks of `groups`, whose file begins with `bytes`.
pub(super) fn note(groups: &[RowGroupMetaData], bytes: &[u8]) -> KeyValue {
    let chunks = groups.iter().flat_map(RowGroupMetaData::columns).map(|chunk| {
        let (start, length) = chunk.byte_range();
        format!("{:016x}", xxh3_64(&bytes[start as usize..(start + length) as usize]))
    });
    KeyValue::new(KEY.to_owned(), chunks.collect::<Vec<_>>().join(","))
}

/// A file whose chunks are checked as they are read.
pub(super) struct Chunks<R> {
    file: R,
    /// By place in the file.
    chunks: Vec<Chunk>,
    columns: usize,
    /// Those that were read last, as many as a row group has columns: readers of different columns take turns.
    recent: Lock<VecDeque<(u64, Bytes)>>,
}

struct Chunk {
    start: u64,
    length: usize,
    /// Absent in files of older versions.
    checksum: Option<u64>,
}

impl<R: ChunkReader> Chunks<R> {
    /// Those of `file`, as its checked footer tells of them.
    ///
    /// # Errors
    /// A note that does not fit the chunks.
    pub(super) fn new(file: R, footer: &ParquetMetaData) -> Result<Self> {
        let groups = footer.row_groups();
        let ranges = groups.iter().flat_map(RowGroupMetaData::columns).map(|chunk| chunk.byte_range());
        let mut chunks: Vec<Chunk> =
            ranges.map(|(start, length)| Chunk { start, length: length as usize, checksum: None }).collect();
        let noted = footer.file_metadata().key_value_metadata().into_iter().flatten();
        if let Some(noted) = noted.filter(|pair| pair.key == KEY).find_map(|pair| pair.value.as_deref()) {
            let checksums = noted.split(',').map(|checksum| u64::from_str_radix(checksum, 16));
            let checksums: Vec<u64> =
                checksums.collect::<std::result::Result<_, _>>().map_err(|_| unfit("its note"))?;
            if checksums.len() != chunks.len() {
                return Err(unfit("the number of its chunks"));
            }
            chunks.iter_mut().zip(checksums).for_each(|(chunk, checksum)| chunk.checksum = Some(checksum));
        }
        chunks.sort_unstable_by_key(|chunk| chunk.start);
        let columns = groups.first().map_or(0, RowGroupMetaData::num_columns);
        Ok(Self { file, chunks, columns, recent: Lock::default() })
    }

    /// What is in the file from `start` to the end of the chunk there.
    fn rest(&self, start: u64) -> Result<Bytes> {
        let behind = self.chunks.partition_point(|chunk| chunk.start <= start);
        let chunk = behind.checked_sub(1).map(|at| &self.chunks[at]).ok_or_else(|| outside(start))?;
        let within = usize::try_from(start - chunk.start).map_err(|_| outside(start))?;
        let bytes = self.checked(chunk)?;
        if within > bytes.len() { Err(outside(start)) } else { Ok(bytes.slice(within..)) }
    }

    fn checked(&self, chunk: &Chunk) -> Result<Bytes> {
        let known = |(start, bytes): &(u64, Bytes)| (*start == chunk.start).then(|| bytes.clone());
        if let Some(bytes) = self.recent.lock().iter().find_map(known) {
            return Ok(bytes);
        }
        let bytes = self.file.get_bytes(chunk.start, chunk.length)?;
        if chunk.checksum.is_some_and(|checksum| checksum != xxh3_64(&bytes)) {
            return Err(unfit(&format!("its {} bytes at {}", chunk.length, chunk.start)));
        }
        let mut recent = self.recent.lock();
        if recent.len() >= self.columns {
            recent.pop_front();
        }
        recent.push_back((chunk.start, bytes.clone()));
        Ok(bytes)
    }
}

fn unfit(what: &str) -> ParquetError {
    ParquetError::General(format!("the checksum does not fit {what}"))
}

fn outside(start: u64) -> ParquetError {
    ParquetError::General(format!("byte {start} is in no column chunk"))
}

impl<R: ChunkReader> Length for Chunks<R> {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl<R: ChunkReader> ChunkReader for Chunks<R> {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.rest(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let rest = self.rest(start)?;
        if length > rest.len() { Err(outside(start + length as u64)) } else { Ok(rest.slice(..length)) }
    }
}
