//! The coordinator: cuts a consistent snapshot every few milliseconds and a checkpoint every few seconds.
//!
//! A cut is a barrier in the log: the log calls it when everything appended before is decided, it is handed to every shard
//! in log order, and so each shard's view holds exactly the events before one offset. A checkpoint is a cut whose states
//! are sealed; the files are written by the checkpointer while everybody goes on, and count only once a manifest names them
//! (I10). A fact is a record of the log that is handed to every shard in the same way, so a cut has all of what follows from
//! it or nothing. Beside it the archiver moves old events to the lake.

mod checkpointer;
mod archiver;
mod aside;
mod trouble;
mod state;
mod erase;

pub(super) use trouble::Trouble;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::definition::Definition;
use crate::fact::Fact;
use crate::lock::Lock;
use crate::log::Offset;
use crate::shard::permits::Permits;
use crate::shard::worker::{Commit, Cut, Part, Seals};
use crate::shard::{Gate, Operator};
use crate::snapshot::Snapshot;

use self::archiver::{Archiver, CurrentArchive};
use self::checkpointer::{Checkpointer, Job};
use super::handle::{Handle, Shared};
use super::queues::Queues;
use super::recover::Recovered;
use super::wait::wait;
use super::{EngineError, EngineOptions, Ground};

/// Says which facts are to be stated, seeing what all that were before have led to.
pub(super) type Ask<S> = Box<dyn FnOnce(&Snapshot<S>) -> Vec<Fact> + Send>;

/// What the handle asks of the coordinator.
pub(super) enum Order<O: Operator> {
    Cut(Sender<Arc<Snapshot<O::Snapshot>>>),
    Checkpoint(Sender<Result<(), EngineError>>),
    State(Ask<O::Snapshot>, Sender<Result<(), EngineError>>),
    Erase(BTreeSet<String>, Sender<Result<(), EngineError>>),
    Stop,
}

struct Coordinator<O: Operator> {
    options: EngineOptions,
    ground: Ground,
    shards: Vec<Channels<O>>,
    snapshot: Arc<ArcSwap<Snapshot<O::Snapshot>>>,
    alive: Arc<AtomicBool>,
    trouble: Arc<Trouble>,
    epoch: u32,
    /// What of the log is in the lake, as the newest checkpoint says, and what the next one is to say.
    archive: CurrentArchive,
    moved: CurrentArchive,
    jobs: Sender<Job<O::Snapshot>>,
    /// The checkpoint that is being written: up to where, and what became of it.
    writing: Option<(Offset, Receiver<Result<(), EngineError>>)>,
    checkpointed_until: Option<Offset>,
    /// Where the last checkpoint was cut, written or not.
    tried_until: Offset,
}

/// A cut, and what makes it durable if that was asked for.
type Sealed<O> = (Arc<Snapshot<<O as Operator>::Snapshot>>, Vec<Seals>);

struct Channels<O: Operator> {
    commits: Sender<Commit<O>>,
    /// Ends the worker when it is dropped.
    _lives: Sender<Infallible>,
}

/// Starts the workers and the coordinator, and cuts the first snapshot and the epoch's first checkpoint.
pub(super) fn start<O: Operator, G: Gate>(
    options: EngineOptions,
    ground: Ground,
    definitions: Vec<Definition>,
    recovered: Recovered<O, G>,
) -> Result<Handle<O>, EngineError> {
    let alive = Arc::new(AtomicBool::new(true));
    let permits = Permits::new(options.flight);
    let queues = Queues::default();
    let (mut open, mut starting) = (Vec::new(), Vec::new());
    let (mut shards, mut stats, mut threads) = (Vec::new(), Vec::new(), Vec::new());
    for worker in recovered.workers {
        let (queue, parts) = bounded::<Part>(options.flight.submissions_max * 2 + 2);
        let (lives, ended) = bounded(0);
        open.push(queue);
        stats.push(Arc::clone(&worker.stats));
        shards.push(Channels { commits: worker.commits.0.clone(), _lives: lives });
        starting.push((worker, parts, ended));
    }
    // Before any worker runs: one that ends at once has to close them.
    queues.open(open);
    let ends = || Ends { alive: Arc::clone(&alive), queues: queues.clone() };
    for (worker, parts, ended) in starting {
        let name = format!("shard-{}", worker.shard);
        threads.push(spawn(name, ends(), move || worker.run(&parts, &ended))?);
    }
    let trouble = Arc::new(Trouble::default());
    let archive = CurrentArchive::new(Arc::clone(&recovered.archive));
    let moved = CurrentArchive::new(Arc::clone(&recovered.archive));
    let archiver = Archiver {
        ground: ground.clone(),
        epoch: recovered.epoch,
        above_bytes: options.archive_above_bytes,
        named: archive.clone(),
        moved: moved.clone(),
        goal: 0,
        rows_max: u64::MAX,
        attempts: 0,
        trouble: Arc::clone(&trouble),
    };
    let (orders, ordered) = bounded(1);
    let checkpointer = Checkpointer {
        ground: ground.clone(),
        stats: stats.clone(),
        checkpoints_kept: options.checkpoints_kept,
        archive_above_bytes: options.archive_above_bytes,
        generation: recovered.generation,
        attempts: 0,
        epoch: recovered.epoch,
        named: archive.clone(),
        moved: moved.clone(),
        archiver: orders,
        checkpoint_events: options.checkpoint_events,
        written_until: 0,
        trouble: Arc::clone(&trouble),
    };
    let (jobs, due) = bounded(1);
    threads.push(spawn("archive".into(), ends(), move || archiver.run(&ordered))?);
    threads.push(spawn("checkpoint".into(), ends(), move || checkpointer.run(&due))?);
    let mut coordinator = Coordinator {
        options,
        shards,
        snapshot: Arc::new(ArcSwap::from_pointee(Snapshot {
            offset: 0,
            epoch: recovered.epoch,
            published_at_us: ground.clock.now_us(),
            shards: Vec::new(),
            archive: recovered.archive,
        })),
        alive: Arc::clone(&alive),
        trouble: Arc::clone(&trouble),
        epoch: recovered.epoch,
        archive,
        moved,
        jobs,
        writing: None,
        checkpointed_until: None,
        tried_until: 0,
        ground,
    };
    if recovered.is_redefined {
        coordinator.cut(false)?;
        coordinator.state(Fact::Defined { definitions })?;
    }
    coordinator.checkpoint()?;
    let (orders, inbox) = bounded(16);
    let shared = Shared {
        log: Arc::clone(&coordinator.ground.log),
        permits,
        queues: queues.clone(),
        stats,
        snapshot: Arc::clone(&coordinator.snapshot),
        orders,
        threads: Lock::default(),
        alive: Arc::clone(&alive),
        trouble,
    };
    threads.push(spawn("coordinator".into(), ends(), move || coordinator.run(&inbox))?);
    *shared.threads.lock() = threads;
    Ok(Handle { shared: Arc::new(shared) })
}

/// What the end of a thread, by panic or otherwise, means for all: nothing is taken any more, and what waits is let go of
/// unanswered, which answers it.
struct Ends {
    alive: Arc<AtomicBool>,
    queues: Queues,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.alive.store(false, Ordering::Release);
        self.queues.close();
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
                Ok(Order::State(ask, reply)) => {
                    let (stated, is_whole) = self.state_all(ask);
                    let _ = reply.send(stated);
                    if !is_whole {
                        return self.trouble.has_stopped("the history of a meter could not be read; restart the node");
                    }
                }
                Ok(Order::Erase(tenants, reply)) => {
                    let result = self.erase(&tenants);
                    let _ = reply.send(result);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let is_due =
                        Instant::now() >= checkpoint_at || self.events_behind() >= self.options.checkpoint_events;
                    if is_due {
                        checkpoint_at = Instant::now() + self.options.checkpoint_every;
                    }
                    if self.publish(is_due).is_err() {
                        return;
                    }
                    publish_at = Instant::now() + self.options.publish_every;
                }
            }
        }
    }

    /// The newest cut. Facts are only stated here, and shown before the next one is asked for.
    fn shown(&self) -> Arc<Snapshot<O::Snapshot>> {
        self.snapshot.load_full()
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
            archive: self.archive.get(),
        });
        self.snapshot.store(Arc::clone(&snapshot));
        Ok((snapshot, seals.into_iter().flatten().collect()))
    }

    /// Cuts, and begins a checkpoint if it is due, has something to say, and the last one is written.
    fn publish(&mut self, is_due: bool) -> Result<(), EngineError> {
        self.look_at_checkpoint();
        let seal = is_due && self.writing.is_none() && self.has_news();
        let sealed = self.cut(seal)?;
        if seal { self.hand_over(sealed, BTreeSet::new()) } else { Ok(()) }
    }

    /// Whether a checkpoint has anything to say: events, what was moved to the lake, or that this is to be tried again.
    fn has_news(&self) -> bool {
        self.checkpointed_until != Some(self.ground.log.end())
            || self.moved.get().until != self.archive.get().until
            || self.trouble.is_of_move()
    }

    /// Takes note if the checkpoint that was being written is.
    fn look_at_checkpoint(&mut self) {
        if let Some((until, done)) = &self.writing
            && let Ok(result) = done.try_recv()
        {
            match result {
                Ok(()) => self.checkpointed_until = Some(*until),
                // A full disk heals; until then the log grows and recovery takes longer. The failure is shown.
                Err(error) => tracing::error!(%error, "checkpoint failed; it is tried again"),
            }
            self.writing = None;
        }
    }

    /// Since the last checkpoint that was tried: one that failed is not tried again at once.
    fn events_behind(&self) -> u64 {
        self.ground.log.end().saturating_sub(self.tried_until)
    }

    fn hand_over(&mut self, sealed: Sealed<O>, erased: BTreeSet<String>) -> Result<(), EngineError> {
        let (snapshot, seals) = sealed;
        let (done, result) = bounded(1);
        self.tried_until = snapshot.offset;
        self.writing = Some((snapshot.offset, result));
        let job = Job { snapshot, seals, erased, done };
        self.jobs.send(job).map_err(|_| EngineError::Thread("checkpoint".into()))
    }

    /// Waits until no checkpoint is being written.
    fn settle(&mut self) -> Result<(), EngineError> {
        let Some((until, done)) = self.writing.take() else { return Ok(()) };
        let result = wait(&done, &self.alive).ok_or_else(|| EngineError::Thread("checkpoint".into()))?;
        self.checkpointed_until = result.is_ok().then_some(until).or(self.checkpointed_until);
        result
    }

    /// Writes a checkpoint of what is there now, and waits for it.
    fn checkpoint(&mut self) -> Result<(), EngineError> {
        self.checkpoint_without(&BTreeSet::new())
    }

    fn checkpoint_without(&mut self, erased: &BTreeSet<String>) -> Result<(), EngineError> {
        // What became of the one before is not this one's matter; it was counted and shown.
        let _ = self.settle();
        let sealed = self.cut(true)?;
        self.hand_over(sealed, erased.clone())?;
        self.settle()
    }
}
