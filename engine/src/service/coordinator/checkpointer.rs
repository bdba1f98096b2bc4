//! Writes checkpoints on a thread of its own, one after the other, while snapshots go on being cut: a checkpoint may take
//! as long as the disk wants, and what is shown stays fresh. It gives way to all others, unless they leave it so little that
//! a start after a kill would take too long.
//!
//! Each says how far the archiver has come in moving the log to the lake, trims the log accordingly, and tells the archiver
//! to go on if the log is too large.
//!
//! Not here: when a checkpoint is due, and the cut that it holds; the move itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::checkpoint::CheckpointError;
use crate::checkpoint::manifest::{FORMAT, Manifest, ShardManifest};
use crate::lake::LakeError;
use crate::log::Offset;
use crate::service::{EngineError, Ground};
use crate::shard::worker::Seals;
use crate::shard::{SealedFiles, ShardStats};
use crate::snapshot::Snapshot;
use crate::storage::StorageError;

use super::archiver::{CurrentArchive, Order};
use super::aside::aside;
use super::trouble::Trouble;

/// A checkpoint that many times as far behind as it should be does not give way to anybody.
const RUSH: u64 = 2;
/// That many times the events between two checkpoints are moved to the lake for each one: a log that is too large gets
/// smaller, and no more than that is moved twice if it could not be named.
const STRETCH: u64 = 4;

/// A cut that is to become durable, without the tenants that are erased.
pub(super) struct Job<S> {
    pub(super) snapshot: Arc<Snapshot<S>>,
    pub(super) seals: Vec<Seals>,
    pub(super) erased: BTreeSet<String>,
    pub(super) done: Sender<Result<(), EngineError>>,
}

/// What writing one checkpoint leaves for the next.
pub(super) struct Checkpointer {
    pub(super) ground: Ground,
    pub(super) stats: Vec<Arc<ShardStats>>,
    pub(super) checkpoints_kept: usize,
    pub(super) archive_above_bytes: u64,
    pub(super) generation: u64,
    pub(super) attempts: u64,
    pub(super) epoch: u32,
    /// As the newest checkpoint says.
    pub(super) named: CurrentArchive,
    /// How far the archiver is.
    pub(super) moved: CurrentArchive,
    pub(super) archiver: Sender<Order>,
    /// Events after which one is due.
    pub(super) checkpoint_events: u64,
    /// Cut of the last one that was written.
    pub(super) written_until: Offset,
    pub(super) trouble: Arc<Trouble>,
}

impl Checkpointer {
    /// Writes what comes until nobody can send any more.
    pub(super) fn run<S: Send + Sync>(mut self, jobs: &Receiver<Job<S>>) {
        for Job { snapshot, seals, erased, done } in jobs {
            let rushes =
                snapshot.offset.saturating_sub(self.written_until) > self.checkpoint_events.saturating_mul(RUSH);
            let write = || self.write(&snapshot, seals, &erased);
            let result = if rushes { write() } else { aside(write) };
            self.trouble.of_checkpoint(result.as_ref().err());
            // The coordinator is gone only if the process is going.
            let _ = done.send(result);
        }
    }

    fn write<S>(
        &mut self,
        snapshot: &Snapshot<S>,
        seals: Vec<Seals>,
        erased: &BTreeSet<String>,
    ) -> Result<(), EngineError> {
        let generation = self.generation + 1;
        if !erased.is_empty() {
            // It takes back what is not named, and a manifest that failed and is there all the same names what this does not know.
            if self.ground.manifests.next_generation()? != generation {
                return Err(CheckpointError::Fenced { generation }.into());
            }
            let (done, result) = bounded(1);
            self.ask(Order::Erase { tenants: erased.clone(), until: snapshot.offset, done })?;
            result.recv().map_err(|_| gone())??;
        }
        let written = self.write_manifest(generation, snapshot, seals);
        // One that failed and is there all the same names what was moved.
        if let Err(error) = &written
            && (is_full(error) || !erased.is_empty())
            && self.ground.manifests.next_generation() == Ok(generation)
        {
            let (done, result) = bounded(1);
            self.ask(Order::TakeBack(done))?;
            result.recv().map_err(|_| gone())?;
        }
        let named_before = written?;
        self.generation = generation;
        self.written_until = snapshot.offset;
        self.ground.manifests.collect_garbage(self.checkpoints_kept)?;
        // One checkpoint late: the kept predecessor and the queries that run on it may still read what was archived now.
        self.ground.log.trim(named_before.min(self.ground.manifests.trim_log_before()?))?;
        self.move_on_if_large(snapshot.offset);
        Ok(())
    }

    /// Writes the manifest and what it names, and gives what of the log the one before said to be in the lake.
    fn write_manifest<S>(
        &mut self,
        generation: u64,
        snapshot: &Snapshot<S>,
        seals: Vec<Seals>,
    ) -> Result<Offset, EngineError> {
        // Files of an attempt that failed may be there until they are swept, so each attempt has its own names.
        self.attempts += 1;
        let attempt = format!("{generation:020}-{}-{}", self.epoch, self.attempts);
        let storage = &*self.ground.storage;
        let mut shards = Vec::with_capacity(seals.len());
        let append_failures: Vec<u64> = seals.iter().map(|seals| seals.append_failures).collect();
        for (view, seals) in snapshot.shards.iter().zip(seals) {
            let prefix = format!("checkpoints/{attempt}-{:05}-", view.shard);
            let mut files = SealedFiles::default();
            let dedup = seals.dedup.write(storage, &prefix, &mut files).map_err(LakeError::from)?;
            let operator = seals.operator.write(storage, &prefix, &mut files).map_err(LakeError::from)?;
            shards.push(ShardManifest {
                shard: view.shard,
                watermark_us: view.watermark_us,
                dedup,
                sequences: seals.sequences,
                operator,
                files: files.checkpoint,
                lake_files: files.lake,
            });
        }
        self.wait_for_appends(&append_failures)?;
        let archive = self.moved.get();
        let manifest = Manifest {
            format: FORMAT,
            generation,
            epoch: self.epoch,
            log_offset: snapshot.offset,
            created_at_us: self.ground.clock.now_us(),
            archive: (*archive).clone(),
            shards,
        };
        self.ground.manifests.create(&manifest)?;
        Ok(self.named.replace(archive).until)
    }

    /// Has the archiver move on if the log is too large, up to what is durable.
    fn move_on_if_large(&self, until: Offset) {
        let named = self.named.get().until;
        // A start needs no more room than it must, and leaves the cores to what has been waiting for it.
        let is_large = self.attempts > 1 && self.ground.log.bytes() >= self.archive_above_bytes && named < until;
        if is_large {
            let stretch = self.checkpoint_events.saturating_mul(STRETCH);
            // One that is busy with what it was told before is told again by the next checkpoint.
            let _ = self.archiver.try_send(Order::MoveOn(until.min(named.saturating_add(stretch))));
        }
    }

    fn ask(&self, order: Order) -> Result<(), EngineError> {
        self.archiver.send(order).map_err(|_| gone())
    }

    /// A seal has marks of events that were being appended. If a manifest named it and one of them never became durable, a
    /// restart would take the event's retry for a duplicate (I1).
    fn wait_for_appends(&self, sealed: &[u64]) -> Result<(), EngineError> {
        let (reached, decided) = bounded(1);
        self.ground.log.barrier(Box::new(move |_| {
            // Waits just below.
            let _ = reached.send(());
        }));
        decided.recv().map_err(|_| EngineError::Thread("log".into()))?;
        let mut failures = self.stats.iter().map(|stats| stats.append_failures.load(Ordering::Relaxed)).zip(sealed);
        if failures.all(|(now, sealed)| now == *sealed) { Ok(()) } else { Err(EngineError::Overtaken) }
    }
}

fn gone() -> EngineError {
    EngineError::Thread("archive".into())
}

fn is_full(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Lake(LakeError::Storage(StorageError::Full { .. }))
            | EngineError::Checkpoint(CheckpointError::Storage(StorageError::Full { .. }))
    )
}
