//! The ground under log, checkpoints and dedup runs: named files that are appended, synced, created once and read.
//!
//! # Contract (each implementation passes `tests/it/storage_conformance.rs`)
//! - Names are relative, `/`-separated, without `..`; folders appear by themselves.
//! - [`Storage::create_new`] makes a file with its whole content durable before it returns and fails with
//!   [`StorageError::Exists`] if the name is taken: nothing is ever overwritten (I10).
//! - [`Storage::open_append`] opens or makes a file; bytes written become durable only by [`AppendFile::sync`], which
//!   covers the file's name too. After a failed `sync` the file must not be written again: what the kernel dropped can't
//!   be known.
//! - [`Storage::remove`], [`Storage::truncate`] and [`Storage::rename`] are durable when they return.
//! - Reads see every earlier write of this process.
//!
//! Not here: what the bytes mean. The only module of the data plane that touches files.

pub mod local;
pub mod memory;
pub mod faulty;

use std::sync::Arc;

/// A folder of files, real or not.
pub trait Storage: Send + Sync + 'static {
    /// Writes a new file durably; never overwrites.
    fn create_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError>;
    /// Opens a file for appending at its end, making it if absent.
    fn open_append(&self, name: &str) -> Result<Box<dyn AppendFile>, StorageError>;
    /// The whole content.
    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError>;
    /// `length` bytes from `offset`; shorter only at the end of the file.
    fn read_at(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError>;
    /// Bytes in the file.
    fn size(&self, name: &str) -> Result<u64, StorageError>;
    /// Names of the files directly in `folder` (full names, sorted); empty if there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError>;
    /// Names of the folders directly in `folder` (full names, sorted); one whose last file is gone may still be named.
    fn list_folders(&self, folder: &str) -> Result<Vec<String>, StorageError>;
    /// Removes a file, durably; absent is fine.
    fn remove(&self, name: &str) -> Result<(), StorageError>;
    /// Cuts a file to `length` bytes, durably.
    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError>;
    /// Moves a file to a free name, durably.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;
}

/// A file open for appending.
pub trait AppendFile: Send {
    /// Appends all bytes or fails; after a failure the file's end is unknown until it is truncated.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError>;
    /// Makes all appended bytes and the file's name durable.
    fn sync(&mut self) -> Result<(), StorageError>;
}

/// Shared storage.
pub type SharedStorage = Arc<dyn Storage>;

/// What can go wrong with files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// No such file.
    #[error("{name}: no such file")]
    NotFound {
        /// Which file.
        name: String,
    },
    /// The name is taken.
    #[error("{name}: exists already")]
    Exists {
        /// Which file.
        name: String,
    },
    /// The disk is full, or a quota of the file system is reached; nothing was acknowledged, retry when there is space.
    #[error("{name}: no space left; free some space, work resumes by itself")]
    Full {
        /// Which file.
        name: String,
    },
    /// Anything else the operating system says.
    #[error("{name}: {message}")]
    Io {
        /// Which file.
        name: String,
        /// The operating system's words.
        message: String,
    },
}

impl StorageError {
    /// Sorts an operating system error.
    pub fn from_io(name: &str, error: &std::io::Error) -> Self {
        let name = name.to_owned();
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { name },
            std::io::ErrorKind::AlreadyExists => Self::Exists { name },
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full { name },
            _ => Self::Io { name, message: error.to_string() },
        }
    }
}

/// Refuses names that would leave the storage's folder or mean the same file under two spellings.
pub(crate) fn check_name(name: &str) -> Result<(), StorageError> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    if name.split('/').all(plain) {
        return Ok(());
    }
    Err(StorageError::Io { name: name.to_owned(), message: "not a relative name of plain parts".to_owned() })
}
