//! The lake: sealed history of events as Parquet, and how it is read together with what is still in the log.
//!
//! Files are written once under new names, sorted by tenant and time, one day of event time and one shard each; which of
//! them count is said by the engine's manifest ([`Archive`](engine::snapshot::Archive)), never by listing a folder (I10).
//! What is read back equals what the log said (I3): both go through [`rows`].
//!
//! Cold panes are files of the lake as well: they are written as events are (`write`), and read by `metering`.
//!
//! Not here: when to archive and when to trim the log (the engine), SQL (`views`).

pub mod rows;
pub(crate) mod write;
pub mod archive;
mod erase;
mod file;
mod chunks;
mod damage;
pub mod read;
pub mod history;
pub mod replay;

pub use archive::archive_events;
use erase::erase_events;
pub use history::history;
pub use read::Selection;
pub use replay::replay;

use std::collections::BTreeSet;

use arrow::error::ArrowError;
use engine::event::batch::EventBatch;
use engine::lake::{Lake, LakeError as EngineLakeError};
use engine::log::{Log, LogError, Offset};
use engine::shard::Position;
use engine::snapshot::ArchiveFile;
use engine::storage::{Storage, StorageError};

/// The engine's [`Lake`] as Parquet files.
#[derive(Debug, Default, Clone, Copy)]
pub struct ParquetLake;

impl Lake for ParquetLake {
    fn archive(
        &self,
        log: &dyn Log,
        from: Offset,
        until: Offset,
        erased: &BTreeSet<String>,
        storage: &dyn Storage,
        prefix: &str,
    ) -> Result<Vec<ArchiveFile>, EngineLakeError> {
        Ok(archive_events(log.read(from)?, from..until, erased, storage, prefix)?)
    }

    fn erase(
        &self,
        files: &[ArchiveFile],
        erased: &BTreeSet<String>,
        storage: &dyn Storage,
        prefix: &str,
    ) -> Result<Vec<ArchiveFile>, EngineLakeError> {
        Ok(erase_events(files, erased, storage, prefix)?)
    }

    fn read(
        &self,
        files: &[ArchiveFile],
        shard: u16,
        storage: &dyn Storage,
        each: &mut dyn FnMut(EventBatch, Position),
    ) -> Result<(), EngineLakeError> {
        Ok(replay(files, shard, storage, each)?)
    }
}

/// Why the lake can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The storage below.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log that is archived or read on from.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Columns that do not fit together.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// A file that is not what was written.
    #[error("lake file {file} can't be read: {reason}; restore it from a backup")]
    Damaged {
        /// Its name in the storage.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// A record of the log that is not a batch of events.
    #[error("the log's record at offset {offset} can't be read: {reason}")]
    Record {
        /// Its first offset.
        offset: u64,
        /// What does not fit.
        reason: String,
    },
    /// The log has forgotten events that the archive does not hold yet; a moment later it does.
    #[error("history is just moving from the log to the lake; run the query again")]
    Moved,
}

impl From<LakeError> for EngineLakeError {
    fn from(error: LakeError) -> Self {
        match error {
            LakeError::Storage(error) => Self::Storage(error),
            LakeError::Log(error) => Self::Log(error),
            LakeError::Damaged { file, reason } => Self::Corrupt { file, reason },
            LakeError::Record { offset, .. } => {
                Self::Corrupt { file: format!("with the event at offset {offset}"), reason: error.to_string() }
            }
            other => Self::Corrupt { file: "in memory".into(), reason: other.to_string() },
        }
    }
}
