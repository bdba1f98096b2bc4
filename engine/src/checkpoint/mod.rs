//! Checkpoints: state, offset, dedup marks and watermarks of all shards in one manifest that is never overwritten (I10).
//!
//! `folder` is the node's data folder and says who may use it, `file` is one checksummed file of a checkpoint, `manifest`
//! ties them together. Not here: when checkpoints are taken (the service), what is in the files (dedup, operators).

pub mod folder;
pub mod file;
pub mod manifest;

use crate::log::Offset;
use crate::shard::operator::RestoreError;
use crate::storage::StorageError;

/// Why a checkpoint can't be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The storage failed; nothing of the new checkpoint counts, try again.
    #[error("checkpoint: {0}")]
    Storage(#[from] StorageError),
    /// Bytes that are not what was written, and no earlier checkpoint that the log could bring up to date.
    #[error(
        "checkpoint file {file} is damaged: {reason}; restore it from a backup, or, if the log still reaches back to its first event, move all manifests away to rebuild everything from the log"
    )]
    Corrupt {
        /// File name.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// The log begins behind what the newest manifest holds: segments or manifests are missing.
    #[error(
        "the log begins at offset {log_start}, but the newest manifest in {folder} needs it from {needed}: segments of the log or manifests are missing; restore them from a backup, nothing was changed"
    )]
    Gap {
        /// Folder of the manifests.
        folder: String,
        /// First offset that is needed; 0 without a manifest.
        needed: Offset,
        /// First offset that is there.
        log_start: Offset,
    },
    /// Someone else wrote a checkpoint: this node no longer owns the data and must stop.
    #[error(
        "checkpoint {generation} exists already: another node owns this data, or did meanwhile; stop this one and start it again"
    )]
    Fenced {
        /// The manifest that was to be created.
        generation: u64,
    },
}

impl From<CheckpointError> for RestoreError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Corrupt { file, reason } => Self { file, reason },
            CheckpointError::Storage(StorageError::NotFound { name }) => {
                Self { file: name, reason: "it is missing".into() }
            }
            other => Self { file: "checkpoint".to_owned(), reason: other.to_string() },
        }
    }
}

/// A JSON document and, in its last line, the CRC32C of what is before that line.
fn encode_json(document: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document).expect("manifests have text keys only");
    bytes.push(b'\n');
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(format!("crc32c {crc:08x}\n").as_bytes());
    bytes
}

/// What [`encode_json`] wrote, or what is wrong with it.
fn decode_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    const LAST_LINE_BYTES: usize = "crc32c 00000000\n".len();
    let split = bytes.len().checked_sub(LAST_LINE_BYTES).ok_or("it is cut short")?;
    let (document, last_line) = bytes.split_at(split);
    if last_line != format!("crc32c {:08x}\n", crc32c::crc32c(document)).as_bytes() {
        return Err("it does not fit the checksum in its last line".to_owned());
    }
    serde_json::from_slice(document).map_err(|error| error.to_string())
}
