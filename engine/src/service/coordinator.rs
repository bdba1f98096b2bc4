//! The coordinator: cuts a consistent snapshot every few milliseconds, a checkpoint every few seconds, and moves old
//! events to the lake.
//!
//! A cut is a barrier in the log: the log calls it when everything appended before is decided, it is handed to every shard
//! in log order, and so each shard's view holds exactly the events before one offset. A checkpoint is a cut whose states
//! are sealed; the files are written here while the workers go on, and count only once a manifest names them (I10).

mod erase;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::checkpoint::manifest::{FORMAT, Manifest, ShardManifest};
use crate::lake::{self, LakeError};
use crate::log::Offset;
use crate::meter::Meter;
use crate::shard::permits::Permits;
use crate::shard::worker::{Commit, Configure, Cut, Part, Seals};
use crate::shard::{Gate, Operator, SealedFiles};
use crate::snapshot::{Archive, Snapshot};

use super::handle::{Handle, Shared};
use super::recover::Recovered;
use super::wait::wait;
use super::{EngineError, EngineOptions, Ground, history};

/// Batches of history that may wait for a shard.
const HISTORY_MAX: usize = 64;

/// What the handle asks of the coordinator.
pub(super) enum Order<O: Operator> {
    Cut(Sender<Arc<Snapshot<O::Snapshot>>>),
    Checkpoint(Sender<Result<(), EngineError>>),
    Configure(Vec<Meter>, Sender<Result<(), EngineError>>),
    Erase(BTreeSet<String>, Sender<Result<(), EngineError>>),
    Stop,
}

struct Coordinator<O: Operator> {
    options: EngineOptions,
    ground: Ground,
    shards: Vec<Channels<O>>,
    snapshot: Arc<RwLock<Arc<Snapshot<O::Snapshot>>>>,
    alive: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<String>>>,
    checkpoint_failures: Arc<AtomicU64>,
    generation: u64,
    attempts: u64,
    epoch: u32,
    archive: Arc<Archive>,
    checkpointed_until: Option<Offset>,
}

/// A cut, and what makes it durable if that was asked for.
type Sealed<O> = (Arc<Snapshot<<O as Operator>::Snapshot>>, Vec<Seals>);

struct Channels<O: Operator> {
    commits: Sender<Commit<O>>,
    configures: Sender<Configure>,
}

/// Starts the workers and the coordinator, and cuts the first snapshot and the epoch's first checkpoint.
pub(super) fn start<O: Operator, G: Gate>(
    options: EngineOptions,
    ground: Ground,
    recovered: Recovered<O, G>,
) -> Result<Handle<O>, EngineError> {
    let alive = Arc::new(AtomicBool::new(true));
    let permits = Permits::new(options.flight);
    let queues = Arc::new(RwLock::new(Vec::new()));
    let (mut shards, mut stats, mut threads) = (Vec::new(), Vec::new(), Vec::new());
    for worker in recovered.workers {
        let (queue, parts) = bounded::<Part>(options.flight.submissions_max * 2 + 2);
        let (configures, orders) = bounded(1);
        queues.write().unwrap_or_else(PoisonError::into_inner).push(queue);
        stats.push(Arc::clone(&worker.stats));
        shards.push(Channels { commits: worker.commits.0.clone(), configures });
        let name = format!("shard-{}", worker.shard);
        let ends = Ends { alive: Arc::clone(&alive), queues: Arc::clone(&queues) };
        threads.push(spawn(name, ends, move || worker.run(&parts, &orders))?);
    }
    let failure = Arc::new(Mutex::new(None));
    let checkpoint_failures = Arc::new(AtomicU64::new(0));
    let mut coordinator = Coordinator {
        options,
        shards,
        snapshot: Arc::new(RwLock::new(Arc::new(Snapshot {
            offset: 0,
            epoch: recovered.epoch,
            published_at_us: ground.clock.now_us(),
            shards: Vec::new(),
            archive: Arc::clone(&recovered.archive),
        }))),
        alive: Arc::clone(&alive),
        failure: Arc::clone(&failure),
        checkpoint_failures: Arc::clone(&checkpoint_failures),
        generation: recovered.generation,
        attempts: 0,
        epoch: recovered.epoch,
        archive: recovered.archive,
        checkpointed_until: None,
        ground,
    };
    coordinator.checkpoint()?;
    let (orders, inbox) = bounded(16);
    let shared = Shared {
        log: Arc::clone(&coordinator.ground.log),
        permits,
        queues: Arc::clone(&queues),
        stats,
        snapshot: Arc::clone(&coordinator.snapshot),
        orders,
        threads: Mutex::new(Vec::new()),
        alive: Arc::clone(&alive),
        failure,
        checkpoint_failures,
    };
    threads.push(spawn("coordinator".into(), Ends { alive, queues }, move || coordinator.run(&inbox))?);
    *shared.threads.lock().unwrap_or_else(PoisonError::into_inner) = threads;
    Ok(Handle { shared: Arc::new(shared) })
}

/// What the end of a thread, by panic or otherwise, means for all: nothing is taken any more, and what waits is let go of
/// unanswered, which answers it.
struct Ends {
    alive: Arc<AtomicBool>,
    queues: Arc<RwLock<Vec<Sender<Part>>>>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Release);
        self.queues.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A thread whose end is noticed.
fn spawn(
    name: String,
    ends: Ends,
    body: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, EngineError> {
    let thread = std::thread::Builder::new().name(name.clone());
    thread
        .spawn(move || {
            let _ends = ends;
            body();
        })
        .map_err(|_| EngineError::Thread(name))
}

impl<O: Operator> Coordinator<O> {
    fn run(mut self, inbox: &Receiver<Order<O>>) {
        let mut checkpoint_at = Instant::now() + self.options.checkpoint_every;
        let mut publish_at = Instant::now() + self.options.publish_every;
        loop {
            match inbox.recv_deadline(publish_at) {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Order::Cut(reply)) => match self.cut(false) {
                    // A caller that gave up has no use for the answer, here and below.
                    Ok((snapshot, _)) => drop(reply.send(snapshot)),
                    Err(_) => return,
                },
                Ok(Order::Checkpoint(reply)) => {
                    let result = self.checkpoint();
                    let _ = reply.send(result);
                }
                Ok(Order::Configure(meters, reply)) => {
                    let backfilled = self.configure(meters);
                    let is_whole = backfilled.is_ok();
                    let _ = reply.send(backfilled.and_then(|()| self.checkpoint()));
                    if !is_whole {
                        // Half a history must not get into a checkpoint. The next start reads all of it again.
                        return self.fail("the history of a meter could not be read; restart the node");
                    }
                }
                Ok(Order::Erase(tenants, reply)) => {
                    let result = self.erase(&tenants);
                    let _ = reply.send(result);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if Instant::now() >= checkpoint_at {
                        if self.is_behind() {
                            // A full disk heals; until then the log grows and recovery takes longer. The failure is shown.
                            if let Err(error) = self.checkpoint() {
                                tracing::error!(%error, "checkpoint failed; it is tried again");
                            }
                        }
                        checkpoint_at = Instant::now() + self.options.checkpoint_every;
                    } else if self.cut(false).is_err() {
                        return;
                    }
                    publish_at = Instant::now() + self.options.publish_every;
                }
            }
        }
    }

    fn is_behind(&self) -> bool {
        self.checkpointed_until != Some(self.ground.log.end())
    }

    fn cut(&mut self, seal: bool) -> Result<Sealed<O>, EngineError> {
        let (views, arrived) = bounded(self.shards.len());
        let (reached, offset) = bounded(1);
        let commits: Vec<Sender<Commit<O>>> = self.shards.iter().map(|shard| shard.commits.clone()).collect();
        self.ground.log.barrier(Box::new(move |offset| {
            for commits in commits {
                // A worker that is gone leaves the cut incomplete, which is noticed below.
                let _ = commits.send(Commit::Barrier { offset, seal, views: views.clone() });
            }
            let _ = reached.send(offset);
        }));
        let offset = wait(&offset, &self.alive).ok_or_else(|| EngineError::Thread("log".into()))?;
        let mut cuts: Vec<Cut<O>> = Vec::with_capacity(self.shards.len());
        for _ in 0..self.shards.len() {
            cuts.push(wait(&arrived, &self.alive).ok_or_else(|| EngineError::Thread("shard".into()))?);
        }
        cuts.sort_by_key(|cut| cut.view.shard);
        let (views, seals): (Vec<_>, Vec<_>) = cuts.into_iter().map(|cut| (cut.view, cut.seals)).unzip();
        let snapshot = Arc::new(Snapshot {
            offset,
            epoch: self.epoch,
            published_at_us: self.ground.clock.now_us(),
            shards: views,
            archive: Arc::clone(&self.archive),
        });
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&snapshot);
        Ok((snapshot, seals.into_iter().flatten().collect()))
    }

    fn checkpoint(&mut self) -> Result<(), EngineError> {
        self.checkpoint_without(&BTreeSet::new())
    }

    fn checkpoint_without(&mut self, erased: &BTreeSet<String>) -> Result<(), EngineError> {
        let result = self.write_checkpoint(erased);
        let message = result.as_ref().err().map(|error: &EngineError| format!("checkpoint failed: {error}"));
        self.checkpoint_failures.fetch_add(u64::from(message.is_some()), Ordering::Relaxed);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = message;
        result
    }

    fn write_checkpoint(&mut self, erased: &BTreeSet<String>) -> Result<(), EngineError> {
        let (snapshot, seals) = self.cut(true)?;
        let generation = self.generation + 1;
        // Files of an attempt that failed may be there until they are swept, so each attempt has its own names.
        self.attempts += 1;
        let attempt = format!("{generation:020}-{}-{}", self.epoch, self.attempts);
        let storage = &*self.ground.storage;
        let mut shards = Vec::with_capacity(seals.len());
        for (view, seals) in snapshot.shards.iter().zip(seals) {
            let prefix = format!("checkpoints/{attempt}-{:05}-", view.shard);
            let mut files = SealedFiles::default();
            let dedup = seals.dedup.write(storage, &prefix, &mut files).map_err(LakeError::from)?;
            let operator = seals.operator.write(storage, &prefix, &mut files).map_err(LakeError::from)?;
            shards.push(ShardManifest {
                shard: view.shard,
                watermark_us: view.watermark_us,
                dedup,
                operator,
                files: files.checkpoint,
                lake_files: files.lake,
            });
        }
        let archive = self.archive_if_due(snapshot.offset, erased, &attempt)?;
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
        let archived_before = std::mem::replace(&mut self.archive, archive).until;
        self.checkpointed_until = Some(snapshot.offset);
        self.ground.manifests.collect_garbage(self.options.checkpoints_kept)?;
        // One checkpoint late: the kept predecessor and the queries that run on it may still read what was archived now.
        self.ground.log.trim(archived_before.min(self.ground.manifests.trim_log_before()?))?;
        Ok(())
    }

    fn archive_if_due(
        &self,
        until: Offset,
        erased: &BTreeSet<String>,
        attempt: &str,
    ) -> Result<Arc<Archive>, EngineError> {
        let from = self.archive.until.max(self.ground.log.start());
        let is_large = self.ground.log.bytes() >= self.options.archive_above_bytes && from < until;
        if erased.is_empty() && !is_large {
            return Ok(Arc::clone(&self.archive));
        }
        let (log, storage) = (&*self.ground.log, &*self.ground.storage);
        let prefix = format!("{}/events/{attempt}-", lake::FOLDER);
        let mut archive = (*self.archive).clone();
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

    /// Removes what was written for a manifest that is not there, so that trying on a full disk does not make it fuller.
    fn discard(&self, archive: &Archive) {
        for file in archive.files.iter().filter(|file| !self.archive.files.contains(file)) {
            if let Err(error) = self.ground.storage.remove(&file.name) {
                tracing::warn!(file = file.name, %error, "can't remove a file of a checkpoint that failed");
            }
        }
    }

    fn configure(&mut self, meters: Vec<Meter>) -> Result<(), EngineError> {
        let meters = Arc::new(meters);
        let mut waiting = Vec::with_capacity(self.shards.len());
        for (shard, channels) in self.shards.iter().enumerate() {
            let (changed, answer) = bounded(1);
            let (feed, history) = bounded(HISTORY_MAX);
            let gone = |_| EngineError::Thread(format!("shard {shard}"));
            channels.configures.send(Configure { meters: Arc::clone(&meters), changed, history }).map_err(gone)?;
            waiting.push((shard as u16, answer, feed));
        }
        history::feed(&self.ground, &self.archive, waiting, &self.alive)
    }

    fn fail(&self, reason: &str) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }
}
