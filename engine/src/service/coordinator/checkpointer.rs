//! Writes checkpoints on a thread of its own, one after the other, while snapshots go on being cut: a checkpoint may take
//! as long as the disk wants, and what is shown stays fresh. It gives way to all others, unless they leave it so little that
//! a start after a kill would take too long.
//!
//! Each moves a limited stretch of a log that has grown too large to the lake, so that none keeps the next one waiting.
//!
//! Not here: when a checkpoint is due, and the cut that it holds.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::checkpoint::CheckpointError;
use crate::checkpoint::manifest::{FORMAT, Manifest, ShardManifest};
use crate::lake::{self, LakeError};
use crate::log::Offset;
use crate::service::{EngineError, Ground};
use crate::shard::worker::Seals;
use crate::shard::{SealedFiles, ShardStats};
use crate::snapshot::{Archive, Snapshot};
use crate::storage::StorageError;

use super::aside::aside;

/// A checkpoint that many times as far behind as it should be does not give way to anybody.
const RUSH: u64 = 2;
/// Rows that a checkpoint may move to the lake however few came since the one before.
const ARCHIVED_ROWS: u64 = 1 << 20;
/// Beyond that many times the events between two checkpoints none moves more: where the lake is slower than what comes, each
/// would take longer than the one before, and what waits for the next one is in memory.
const STRETCH: u64 = 4;

/// A cut that is to become durable, without the tenants that are erased.
pub(super) struct Job<S> {
    pub(super) snapshot: Arc<Snapshot<S>>,
    pub(super) seals: Vec<Seals>,
    pub(super) erased: BTreeSet<String>,
    pub(super) done: Sender<Result<(), EngineError>>,
}

/// What of the log is in the lake, as the newest checkpoint says.
#[derive(Clone)]
pub(super) struct CurrentArchive(Arc<RwLock<Arc<Archive>>>);

impl CurrentArchive {
    pub(super) fn new(archive: Arc<Archive>) -> Self {
        Self(Arc::new(RwLock::new(archive)))
    }

    pub(super) fn get(&self) -> Arc<Archive> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, archive: Arc<Archive>) -> Arc<Archive> {
        std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), archive)
    }
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
    pub(super) archive: CurrentArchive,
    /// Most rows that move to the lake at once: a full disk has room for some of the log beside itself, not for all of it.
    pub(super) archive_rows_max: u64,
    /// Events after which one is due.
    pub(super) checkpoint_events: u64,
    /// Cut of the last one that was written.
    pub(super) written_until: Offset,
    pub(super) failure: Arc<Mutex<Option<String>>>,
    pub(super) failures: Arc<AtomicU64>,
}

impl Checkpointer {
    /// Writes what comes until nobody can send any more.
    pub(super) fn run<S: Send + Sync>(mut self, jobs: &Receiver<Job<S>>) {
        for Job { snapshot, seals, erased, done } in jobs {
            let rushes =
                snapshot.offset.saturating_sub(self.written_until) > self.checkpoint_events.saturating_mul(RUSH);
            let write = || self.write(&snapshot, seals, &erased);
            let result = if rushes { write() } else { aside(write) };
            self.adapt(&result);
            let message = result.as_ref().err().map(|error: &EngineError| format!("checkpoint failed: {error}"));
            self.failures.fetch_add(u64::from(message.is_some()), Ordering::Relaxed);
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = message;
            // The coordinator is gone only if the process is going.
            let _ = done.send(result);
        }
    }

    /// What found no room is tried in halves; once some of the log is trimmed, in more again.
    fn adapt(&mut self, result: &Result<(), EngineError>) {
        match result {
            Ok(()) => self.archive_rows_max = self.archive_rows_max.saturating_mul(2),
            Err(
                EngineError::Lake(LakeError::Storage(StorageError::Full { .. }))
                | EngineError::Checkpoint(CheckpointError::Storage(StorageError::Full { .. })),
            ) => {
                let waiting = self.ground.log.end().saturating_sub(self.archive.get().until);
                self.archive_rows_max = (self.archive_rows_max.min(waiting) / 2).max(1);
            }
            Err(_) => {}
        }
    }

    fn write<S>(
        &mut self,
        snapshot: &Snapshot<S>,
        seals: Vec<Seals>,
        erased: &BTreeSet<String>,
    ) -> Result<(), EngineError> {
        let generation = self.generation + 1;
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
        let archive = self.archive_if_due(snapshot.offset, erased, &attempt)?;
        if let Err(error) = self.wait_for_appends(&append_failures) {
            self.discard(&archive);
            return Err(error);
        }
        let manifest = Manifest {
            format: FORMAT,
            generation,
            epoch: self.epoch,
            log_offset: snapshot.offset,
            created_at_us: self.ground.clock.now_us(),
            archive: (*archive).clone(),
            shards,
        };
        if let Err(error) = self.ground.manifests.create(&manifest) {
            // One that failed and is there all the same names these files, so they stay.
            if self.ground.manifests.next_generation() == Ok(generation) {
                self.discard(&archive);
            }
            return Err(error.into());
        }
        self.generation = generation;
        self.written_until = snapshot.offset;
        let archived_before = self.archive.replace(archive).until;
        self.ground.manifests.collect_garbage(self.checkpoints_kept)?;
        // One checkpoint late: the kept predecessor and the queries that run on it may still read what was archived now.
        self.ground.log.trim(archived_before.min(self.ground.manifests.trim_log_before()?))?;
        Ok(())
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

    fn archive_if_due(
        &self,
        until: Offset,
        erased: &BTreeSet<String>,
        attempt: &str,
    ) -> Result<Arc<Archive>, EngineError> {
        let archive = self.archive.get();
        let from = archive.until.max(self.ground.log.start());
        // A start waits for the epoch's first, which therefore takes no longer and needs no more room than it must.
        let is_large = self.attempts > 1 && self.ground.log.bytes() >= self.archive_above_bytes && from < until;
        if erased.is_empty() && !is_large {
            return Ok(archive);
        }
        let (log, storage) = (&*self.ground.log, &*self.ground.storage);
        // Who is erased must be gone from all of the log.
        let until = if erased.is_empty() { self.stretch(from, until)? } else { until };
        let prefix = format!("{}/events/{attempt}-", lake::FOLDER);
        let mut archive = (*archive).clone();
        if !erased.is_empty() {
            archive.files = self.ground.lake.erase(&archive.files, erased, storage, &prefix)?;
        }
        match self.ground.lake.archive(log, from, until, erased, storage, &prefix) {
            Ok(files) => archive.files.extend(files),
            Err(error) => {
                self.discard(&archive);
                return Err(error.into());
            }
        }
        archive.until = until;
        Ok(Arc::new(archive))
    }

    /// End of what moves to the lake now, at the beginning of a record.
    fn stretch(&self, from: Offset, until: Offset) -> Result<Offset, EngineError> {
        // Twice what came since the last checkpoint, so that the log gets smaller.
        let came = until.saturating_sub(self.written_until);
        let most = self.checkpoint_events.saturating_mul(STRETCH);
        let rows = came.saturating_mul(2).min(most).max(ARCHIVED_ROWS).min(self.archive_rows_max);
        let wanted = from.saturating_add(rows);
        if wanted >= until {
            return Ok(until);
        }
        for entry in self.ground.log.read(from)? {
            let (offset, _) = entry?;
            if offset >= wanted {
                return Ok(offset.min(until));
            }
        }
        Ok(until)
    }

    /// Removes what was written for a manifest that is not there, so that trying on a full disk does not make it fuller.
    fn discard(&self, archive: &Archive) {
        let named = self.archive.get();
        for file in archive.files.iter().filter(|file| !named.files.contains(file)) {
            if let Err(error) = self.ground.storage.remove(&file.name) {
                tracing::warn!(file = file.name, %error, "can't remove a file of a checkpoint that failed");
            }
        }
    }
}
