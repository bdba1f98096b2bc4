//! The lake: history that has left the log. The engine knows only when to archive and when to read back.
//!
//! Implemented by `pipelines` (Parquet). Not here: file formats.

use std::collections::BTreeSet;

use crate::event::batch::EventBatch;
use crate::log::{Log, Offset};
use crate::shard::Position;
use crate::snapshot::ArchiveFile;
use crate::storage::Storage;

/// The folder of the node's storage that holds everything of the lake. What is Parquet in it and in no manifest is garbage.
pub const FOLDER: &str = "lake";
/// How the names of its files end.
pub const EXTENSION: &str = ".parquet";

/// Where events go when the log forgets them.
///
/// # Contract
/// - [`Lake::archive`] writes every event of the log in `from .. until` into new files and returns them; files become part
///   of the truth only when a manifest names them, so a crash in between leaves garbage and loses nothing (I10). If it
///   fails it removes what it wrote.
/// - [`Lake::archive`] leaves out the events of `erased`; [`Lake::erase`] gives the same files without them: those that
///   hold none as they are, the others rewritten under new names. It too removes what it wrote if it fails.
/// - [`Lake::read`] gives the events of `files` that belong to `shard`, in offset order.
pub trait Lake: Send + Sync + 'static {
    /// Moves a stretch of the log into files whose names start with `prefix`.
    fn archive(
        &self,
        log: &dyn Log,
        from: Offset,
        until: Offset,
        erased: &BTreeSet<String>,
        storage: &dyn Storage,
        prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError>;

    /// Takes the events of `erased` out of `files`.
    fn erase(
        &self,
        files: &[ArchiveFile],
        erased: &BTreeSet<String>,
        storage: &dyn Storage,
        prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError>;

    /// Reads back the events of one shard, in offset order.
    fn read(
        &self,
        files: &[ArchiveFile],
        shard: u16,
        storage: &dyn Storage,
        each: &mut dyn FnMut(EventBatch, Position),
    ) -> Result<(), LakeError>;
}

/// Why history can't be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// A file could not be written or read.
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// A file is not what was written.
    #[error("lake file {file} is damaged: {reason}; restore it from a backup")]
    Corrupt {
        /// Which file.
        file: String,
        /// What does not fit.
        reason: String,
    },
}
