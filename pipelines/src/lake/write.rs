//! How files of the lake are written, those of events and those of panes: the Parquet properties and the free name.
//!
//! Not here: what is in them.

use arrow::array::RecordBatch;
use engine::lake;
use engine::snapshot::ArchiveFile;
use engine::storage::{Storage, StorageError};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::chunks;
use super::rows::{ATTRIBUTES, DATA};

/// Bytes of different values of a column, in a row group, beyond which they are not looked up any more but written as they
/// are: ids and bodies hardly repeat, and looking each of them up was a quarter of what writing a file cost.
const DICTIONARY_BYTES_MAX: usize = 64 << 10;
/// Names tried when files of a checkpoint that was cut short are in the way.
const NAMES_MAX: u32 = 1000;

/// `rows` as a Parquet file with row groups of at most `group_rows` rows: the grain at which readers skip.
pub(crate) fn encode(rows: &RecordBatch, group_rows: usize) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        // At its fastest level: half the size of snappy at a speed above the disk's.
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_max_row_group_row_count(Some(group_rows))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Nobody skips rows by the least of some bodies.
        .set_column_statistics_enabled(DATA.into(), EnabledStatistics::None)
        .set_column_statistics_enabled(ATTRIBUTES.into(), EnabledStatistics::None)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.flush()?;
    writer.sync()?;
    let chunks = chunks::note(writer.flushed_row_groups(), writer.inner());
    writer.append_key_value_metadata(chunks);
    writer.into_inner()
}

/// Removes files that were written for something that failed, so that trying again on a full disk does not make it fuller.
pub(super) fn take_back(files: &[ArchiveFile], storage: &dyn Storage) {
    for file in files {
        if let Err(error) = storage.remove(&file.name) {
            tracing::warn!(file = file.name, %error, "can't remove a file of an archiving that failed");
        }
    }
}

/// Writes `bytes` durably under the first free name that starts with `stem`, and gives the name.
pub(crate) fn create(storage: &dyn Storage, stem: &str, bytes: &[u8]) -> Result<String, StorageError> {
    for attempt in 0..NAMES_MAX {
        let ordinal = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        let name = format!("{stem}{ordinal}{}", lake::EXTENSION);
        match storage.create_new(&name, bytes) {
            Err(StorageError::Exists { .. }) => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(name),
        }
    }
    Err(StorageError::Exists { name: stem.to_owned() })
}
