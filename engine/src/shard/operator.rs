//! What a shard computes from its events. Implemented by `pipelines`.
//!
//! Owned by the worker's thread: no locks inside. Not here: admission, durability.

use std::collections::BTreeSet;

use crate::admission::{Rejection, RejectionCount};
use crate::calendar::Interval;
use crate::definition::Definition;
use crate::event::batch::EventBatch;
use crate::fact::Billed;
use crate::log::Offset;
use crate::storage::Storage;

/// Where a batch or a fact stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Offset of its first row.
    pub offset: Offset,
    /// The shard's watermark when it was admitted; of a fact, the least of all shards that had one.
    pub watermark_us: i64,
    /// The node's clock when it was admitted.
    pub admitted_at_us: i64,
}

/// A batch at the door.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The rows.
    pub batch: &'a EventBatch,
    /// By row: whether it is still to be decided on; duplicates are not.
    pub open: &'a [bool],
    /// What passed before and is not applied yet.
    pub in_flight: &'a [&'a EventBatch],
    /// The node's clock.
    pub now_us: i64,
}

/// A deterministic fold over a shard's log with immutable snapshots (I3, I4).
///
/// # Contract
/// - State after `apply`ing a sequence of batches and facts depends on them, their offsets and their watermarks only, not on
///   how events are cut into batches nor on when `publish` or `seal` is called.
/// - [`Operator::publish`] gives an immutable snapshot of everything applied so far; it must be cheap.
/// - [`Operator::seal`] gives what makes the state so far durable; the write happens on another thread while the worker
///   goes on.
pub trait Operator: Send + 'static {
    /// What queries read.
    type Snapshot: Send + Sync + 'static;

    /// Rows that must be refused because a meter could not count them exactly, or would have to keep too much for them.
    fn vet(&mut self, arrival: &Arrival<'_>, reject: &mut dyn FnMut(usize, Rejection));

    /// The rows passed and are on their way into the log; they are applied later, unless the append fails. Called again for
    /// what is still on its way after [`Operator::configure`] and its backfill, and for what is read back after it was applied.
    fn expect(&mut self, batch: &EventBatch);

    /// See [`Measure::units`](super::Measure::units).
    fn units(&self, meter: &str, batch: &EventBatch) -> Option<Vec<i128>>;

    /// See [`Measure::used`](super::Measure::used).
    fn used(&mut self, tenant: &str, meter: &str, period: Interval) -> Option<i128>;

    /// Folds durable rows in.
    fn apply(&mut self, batch: &EventBatch, position: Position);

    /// Folds durable rejections in.
    fn reject(&mut self, counts: &[RejectionCount], position: Position);

    /// An immutable view of everything applied so far; `watermark_us` is the shard's now.
    fn publish(&mut self, watermark_us: i64) -> std::sync::Arc<Self::Snapshot>;

    /// What makes the state durable.
    fn seal(&mut self) -> Box<dyn Seal>;

    /// Takes up a state that `seal` described; before any `apply`.
    fn restore(&mut self, description: &serde_json::Value, storage: &dyn Storage) -> Result<(), RestoreError>;

    /// Whether [`Operator::configure`] with `definitions` would change nothing.
    fn follows(&self, definitions: &[Definition]) -> bool;

    /// What is computed from `position` on, or from ever on if nobody can have read anything yet. Returns the keys
    /// ([`Definition::key`]) of what is new or changed and so needs the shard's history: the engine calls
    /// [`Operator::backfill`] with all of it before the next `apply`. Nothing changes if it fails.
    fn configure(
        &mut self,
        definitions: &[Definition],
        position: Option<Position>,
    ) -> Result<Vec<String>, RestoreError>;

    /// Which periods tenants of this shard are billed by from `position` on; nothing changes if it fails.
    fn bill(&mut self, billed: &Billed, position: Position) -> Result<(), RestoreError>;

    /// Drops everything of `tenants`, as if none of their events had ever been applied, but for what a reader needs to know
    /// to do the same; nothing changes if it fails.
    fn forget(&mut self, tenants: &BTreeSet<String>, position: Position) -> Result<(), RestoreError>;

    /// Folds history into the definitions of these keys only.
    fn backfill(&mut self, keys: &[String], batch: &EventBatch, position: Position);
}

/// State on its way into a checkpoint. Runs off the worker's thread.
pub trait Seal: Send {
    /// Writes what is not yet in `storage` under new names that start with `prefix` and returns the description for the
    /// manifest; files of the lake are new ones below its folder. `files` receives every file name that the description
    /// refers to, old ones included.
    fn write(
        self: Box<Self>,
        storage: &dyn Storage,
        prefix: &str,
        files: &mut SealedFiles,
    ) -> Result<serde_json::Value, crate::storage::StorageError>;
}

/// The files that a shard's part of a checkpoint refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SealedFiles {
    /// Those of checkpoints, each made by [`checkpoint::file::write`](crate::checkpoint::file::write).
    pub checkpoint: Vec<String>,
    /// Those of the lake.
    pub lake: Vec<String>,
}

/// A checkpoint that can't be taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checkpoint file {file}: {reason}")]
pub struct RestoreError {
    /// Which file, or the manifest's part.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}
