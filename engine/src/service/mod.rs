//! The engine as a service: `EngineOptions` → [`open`] → a cheap [`Handle`].
//!
//! Opening takes up the newest checkpoint, folds the tail of the log in again, and starts one worker thread per shard and
//! one coordinator thread that cuts snapshots, writes checkpoints and feeds the lake. Every thread has an owner: when one
//! dies, submissions are answered `Closed` and [`Handle::is_alive`] says so.
//!
//! Not here: what is computed, who may send.

mod options;
mod recover;
mod wait;
mod queues;
mod coordinator;
mod history;
mod handle;

pub use handle::{Handle, Submission};
pub use options::EngineOptions;

use std::sync::Arc;

use crate::checkpoint::CheckpointError;
use crate::checkpoint::manifest::Manifests;
use crate::clock::Clock;
use crate::definition::Definition;
use crate::lake::{Lake, LakeError};
use crate::log::{LogError, SharedLog};
use crate::shard::{Gate, Operator, RestoreError};
use crate::storage::SharedStorage;

/// What the engine stands on.
#[derive(Clone)]
pub struct Ground {
    /// Files.
    pub storage: SharedStorage,
    /// The events' log.
    pub log: SharedLog,
    /// Checkpoints.
    pub manifests: Arc<Manifests>,
    /// History beyond the log.
    pub lake: Arc<dyn Lake>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How many shards this data has; fixed when it was made.
    pub shards: u16,
    /// Secret of the fingerprints; fixed when the data was made.
    pub seed: u64,
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// No checkpoint can be taken up.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint's state can't be taken up.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// History can't be read for a new meter.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A record of the log is not what was written.
    #[error("record at offset {offset} of the log: {reason}")]
    Record {
        /// Its first offset.
        offset: u64,
        /// What does not fit.
        reason: String,
    },
    /// The log ends before the checkpoint: its end was cut off from outside.
    #[error(
        "the log ends at {log_end}, before the checkpoint at {checkpoint}: its newest segments are missing; restore them from a backup"
    )]
    LogBehind {
        /// End of the log.
        log_end: u64,
        /// Offset that the checkpoint was taken at.
        checkpoint: u64,
    },
    /// What was to be stated did not get into the log; nothing happened.
    #[error("nothing happened: {0}")]
    Append(LogError),
    /// An append failed while a checkpoint was written that has its marks; the next one has not.
    #[error("an append failed while the checkpoint was written")]
    Overtaken,
    /// A thread could not be started or died.
    #[error("thread {0} could not be started or died")]
    Thread(String),
}

/// Opens the engine: recovers, then runs.
pub fn open<O: Operator, G: Gate>(
    options: EngineOptions,
    ground: Ground,
    definitions: Vec<Definition>,
    operator: impl Fn(u16) -> O,
    gate: impl Fn(u16, u32) -> G,
) -> Result<Handle<O>, EngineError> {
    let recovered = recover::recover(&options, &ground, &definitions, operator, gate)?;
    coordinator::start(options, ground, definitions, recovered)
}
