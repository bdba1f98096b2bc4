//! The node's data folder: what it is, and that one process at a time uses it.
//!
//! The lock is the operating system's and vanishes with its process, kill -9 included, so that nothing has to be cleaned up
//! after a crash. Keeps I12 (nobody but the owner's account reads the folder) and I14 (a folder of files without `node.json`
//! is damaged, not new). Not here: what is in the folder besides `node.json` and `node.lock`.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{decode_json, encode_json};
use crate::storage::local::LocalStorage;
use crate::storage::{SharedStorage, Storage, StorageError};

/// The folder format that this program writes, and the only one it reads.
pub const FORMAT: u32 = 1;

const NODE: &str = "node.json";
const LOCK: &str = "node.lock";
/// Folders that a node makes after its `node.json`.
const MADE_LATER: [&str; 5] = ["log", "marks", "checkpoints", "lake", "cache"];
/// The owner's account and nobody else.
const MODE: u32 = 0o700;

/// What a data folder is from its first day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// [`FORMAT`].
    pub format: u32,
    /// Shards that tenants are hashed to.
    pub shards: u16,
    /// The node's random number, for everything that must differ between nodes but not between restarts.
    pub seed: u64,
    /// The clock when it was made, microseconds.
    pub created_at_us: i64,
}

impl Node {
    /// A node that begins now; `seed` is random, `created_at_us` the clock.
    pub fn new(shards: u16, seed: u64, created_at_us: i64) -> Self {
        Self { format: FORMAT, shards, seed, created_at_us }
    }
}

/// A data folder that this process owns until the value is dropped.
pub struct DataFolder {
    path: PathBuf,
    node: Node,
    is_new: bool,
    storage: SharedStorage,
    /// Held open: closing it gives up the lock.
    _lock: File,
}

/// Why a data folder can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// It is not there, and was not to be made.
    #[error("there is no data folder at {folder}")]
    Absent {
        /// Which folder.
        folder: PathBuf,
    },
    /// A folder of something else, and no node was to be made in it.
    #[error("{folder} is not a data folder: it has no {NODE}")]
    NotOne {
        /// Which folder.
        folder: PathBuf,
    },
    /// Another process has it.
    #[error("data folder {folder} is in use by process {owner}; stop that one, or use another folder")]
    InUse {
        /// Which folder.
        folder: PathBuf,
        /// Process id as the owner wrote it; a question mark if it had no time to.
        owner: String,
    },
    /// `node.json` is not what was written.
    #[error(
        "{file} is damaged: {reason}; restore it from a backup, since the number of shards it holds decides where tenants are"
    )]
    Corrupt {
        /// Which file.
        file: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// `node.json` is gone from a folder that a node has used.
    #[error(
        "{file} is missing, though {folder} is there: restore it from a backup, since a new one would count events again and look for tenants in other shards"
    )]
    Missing {
        /// Which file.
        file: PathBuf,
        /// What shows that a node has used the folder.
        folder: PathBuf,
    },
    /// Made by another version.
    #[error("data folder {folder} has format {found}, this program reads {supported}; use the version that made it")]
    Format {
        /// Which folder.
        folder: PathBuf,
        /// Its format.
        found: u32,
        /// [`FORMAT`].
        supported: u32,
    },
    /// The operating system failed.
    #[error("data folder {folder}: {error}")]
    Storage {
        /// Which folder.
        folder: PathBuf,
        /// What it said.
        error: StorageError,
    },
}

impl DataFolder {
    /// Takes the folder. If it is absent, `new` describes the one that is made; without `new` nothing is made. An existing
    /// folder is what it was made as, so look at [`Self::node`].
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn open(path: &Path, new: Option<Node>) -> Result<Self, FolderError> {
        let failed = |error| FolderError::Storage { folder: path.to_owned(), error };
        let is_there = path.join(NODE).exists() || MADE_LATER.iter().any(|made| path.join(made).exists());
        if new.is_none() && !is_there {
            let folder = path.to_owned();
            return Err(if path.exists() { FolderError::NotOne { folder } } else { FolderError::Absent { folder } });
        }
        make_private(path).map_err(|error| failed(StorageError::from_io(".", &error)))?;
        let lock = lock(path)?;
        if !path.join(NODE).exists()
            && let Some(made) = MADE_LATER.iter().find(|made| path.join(made).exists())
        {
            return Err(FolderError::Missing { file: path.join(NODE), folder: path.join(made) });
        }
        let storage = LocalStorage::open(path).map_err(failed)?;
        let is_new = match new.map(|new| storage.create_new(NODE, &encode_json(&new))) {
            Some(Ok(())) => true,
            None | Some(Err(StorageError::Exists { .. })) => false,
            Some(Err(error)) => return Err(failed(error)),
        };
        let bytes = storage.read(NODE).map_err(failed)?;
        let node: Node =
            decode_json(&bytes).map_err(|reason| FolderError::Corrupt { file: path.join(NODE), reason })?;
        if node.format != FORMAT {
            return Err(FolderError::Format { folder: path.to_owned(), found: node.format, supported: FORMAT });
        }
        Ok(Self { path: path.to_owned(), node, is_new, storage: Arc::new(storage), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Whether it was made by this opening.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Its files.
    pub fn storage(&self) -> SharedStorage {
        Arc::clone(&self.storage)
    }

    /// The folder `name` in it for files of this process alone, empty: what a killed one left there is removed.
    ///
    /// # Errors
    /// [`FolderError::Storage`].
    pub fn scratch(&self, name: &str) -> Result<PathBuf, FolderError> {
        let path = self.path.join(name);
        let emptied = match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => make_private(&path),
        };
        let failed =
            |error| FolderError::Storage { folder: self.path.clone(), error: StorageError::from_io(name, &error) };
        emptied.map(|()| path).map_err(failed)
    }
}

/// Makes the folder if it is absent, and keeps other accounts out of it.
fn make_private(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(MODE).create(path)?;
    let permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o777 != MODE {
        std::fs::set_permissions(path, Permissions::from_mode(MODE))?;
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, FolderError> {
    let failed = |error| FolderError::Storage { folder: folder.to_owned(), error: StorageError::from_io(LOCK, &error) };
    let mut options = OpenOptions::new();
    // Not truncated at opening: until the lock is held, the owner's number in it is someone else's.
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(folder.join(LOCK)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            file.read_to_string(&mut owner).map_err(failed)?;
            let owner = if owner.trim().is_empty() { "?".to_owned() } else { owner.trim().to_owned() };
            return Err(FolderError::InUse { folder: folder.to_owned(), owner });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let owner = format!("{}\n", std::process::id());
    // Only to be told apart by people: a full disk must not keep the node from starting.
    if let Err(error) = file.set_len(0).and_then(|()| file.write_all(owner.as_bytes())) {
        tracing::warn!(%error, "can't note the process in {LOCK}");
    }
    Ok(file)
}
