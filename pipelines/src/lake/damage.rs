//! What keeps a damaged file of events from being believed: checksums, and a fence around the Parquet reader.
//!
//! A footer that is damaged makes the reader panic or, worse, agree: it would skip row groups that hold what was asked
//! for. So no byte of it is parsed before its checksum fits, and who reads a file whole checks the whole. A query reads
//! only the column chunks it needs, whose checksums the footer holds (`chunks`). In a file of an older version they have
//! none: damage there is noticed as far as decoding fails, and a panic while it does is an error like any other. Not here:
//! where checksums are kept (the manifest).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::error::ArrowError;
use bytes::Bytes;
use engine::snapshot::{ArchiveFile, FileChecksums};
use engine::storage::Storage;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::FOOTER_SIZE;
use parquet::file::metadata::{FooterTail, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;
use xxhash_rust::xxh3::xxh3_64;

use super::LakeError;

const UNFIT: &str = "the checksum does not fit";

/// The checksums of a file whose content is `bytes`.
///
/// # Errors
/// Not a Parquet file.
pub(super) fn checksums(bytes: &Bytes) -> Result<FileChecksums, ArrowError> {
    Ok(FileChecksums { whole: xxh3_64(bytes), footer: xxh3_64(&footer(bytes)?) })
}

/// All of a file, checked.
pub(super) fn read_whole(storage: &dyn Storage, file: &ArchiveFile) -> Result<Bytes, LakeError> {
    let bytes = storage.read(&file.name)?;
    if file.checksums.is_some_and(|checksums| checksums.whole != xxh3_64(&bytes)) {
        return Err(LakeError::Damaged { file: file.name.clone(), reason: UNFIT.to_owned() });
    }
    Ok(Bytes::from(bytes))
}

/// What the footer of `file`, whose content is `bytes`, says; checked.
pub(super) fn metadata(bytes: &impl ChunkReader, file: &ArchiveFile) -> Result<ArrowReaderMetadata, ArrowError> {
    let footer = footer(bytes)?;
    if file.checksums.is_some_and(|checksums| checksums.footer != xxh3_64(&footer)) {
        return Err(ArrowError::ParquetError(format!("{UNFIT} its footer")));
    }
    let metadata = ParquetMetaDataReader::decode_metadata(&footer[..footer.len() - FOOTER_SIZE])?;
    Ok(ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())?)
}

/// The metadata and the eight bytes behind it.
fn footer(bytes: &impl ChunkReader) -> Result<Bytes, ArrowError> {
    let cut = || ArrowError::ParquetError("it is cut short".to_owned());
    let tail_at = bytes.len().checked_sub(FOOTER_SIZE as u64).ok_or_else(cut)?;
    let tail = FooterTail::try_from(bytes.get_bytes(tail_at, FOOTER_SIZE)?.as_ref())?;
    let start = tail_at.checked_sub(tail.metadata_length() as u64).ok_or_else(cut)?;
    Ok(bytes.get_bytes(start, tail.metadata_length() + FOOTER_SIZE)?)
}

/// Runs `read`; a panic in it is an error, and what panicked is not to be used again.
pub(super) fn contained<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(ArrowError::ParquetError("the reader panicked, so something in it is damaged".to_owned()))
    })
}
