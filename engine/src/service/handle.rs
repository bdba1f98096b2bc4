//! The engine's handle: submit, look, configure, drain. Cheap to clone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, bounded};

use crate::admission::{Receipt, RejectionCount};
use crate::dedup::sequence::Sequence;
use crate::definition::Definition;
use crate::event::batch::EventBatch;
use crate::event::split::{shard_of, split};
use crate::fact::Fact;
use crate::lock::Lock;
use crate::log::SharedLog;
use crate::shard::answer::Gathering;
use crate::shard::permits::{NoPermit, Permit, Permits};
use crate::shard::worker::Part;
use crate::shard::{Operator, ShardStats, SubmitError};
use crate::snapshot::Snapshot;

use super::EngineError;
use super::coordinator::{Order, Trouble};
use super::queues::Queues;
use super::wait::wait;

/// When to try again if too much is in flight: a group commit or two later.
const RETRY_AFTER_MS: u64 = 50;

/// Events to be admitted, and what the door has refused already.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Events, of any tenants.
    pub batch: EventBatch,
    /// Refused at the door; made durable beside the events (I5).
    pub rejected: Vec<RejectionCount>,
    /// Which batch of which producer it is, if it is known by that and not by its events' ids.
    pub sequence: Option<Sequence>,
}

impl From<EventBatch> for Submission {
    fn from(batch: EventBatch) -> Self {
        Self { batch, rejected: Vec::new(), sequence: None }
    }
}

/// The running engine.
pub struct Handle<O: Operator> {
    pub(super) shared: Arc<Shared<O>>,
}

impl<O: Operator> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

pub(super) struct Shared<O: Operator> {
    pub(super) log: SharedLog,
    pub(super) permits: Arc<Permits>,
    pub(super) queues: Queues,
    pub(super) stats: Vec<Arc<ShardStats>>,
    pub(super) snapshot: Arc<ArcSwap<Snapshot<O::Snapshot>>>,
    pub(super) orders: Sender<Order<O>>,
    pub(super) threads: Lock<Vec<JoinHandle<()>>>,
    pub(super) alive: Arc<AtomicBool>,
    pub(super) trouble: Arc<Trouble>,
}

impl<O: Operator> Handle<O> {
    /// Takes a submission if there is room; `done` is called once, from another thread, when its answer is durable (I1).
    pub fn submit(
        &self,
        submission: Submission,
        done: impl FnOnce(Result<Receipt, SubmitError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        let permit = self.shared.permits.try_take(submission.batch.len()).map_err(refused)?;
        self.dispatch(submission, permit, Box::new(done))
    }

    /// The same, but waits for room: for importers, which have nobody to say `Overloaded` to.
    pub fn submit_when_free(
        &self,
        submission: Submission,
        done: impl FnOnce(Result<Receipt, SubmitError>) + Send + 'static,
    ) -> Result<(), SubmitError> {
        let permit = self.shared.permits.take(submission.batch.len()).map_err(refused)?;
        self.dispatch(submission, permit, Box::new(done))
    }

    /// Submits and waits for the answer.
    pub fn submit_and_wait(&self, submission: impl Into<Submission>) -> Result<Receipt, SubmitError> {
        let (send, receive) = bounded(1);
        self.submit_when_free(submission.into(), move |answer| {
            // The receiver waits just below.
            let _ = send.send(answer);
        })?;
        receive.recv().map_err(|_| SubmitError::Closed)?
    }

    fn dispatch(&self, submission: Submission, permit: Permit, done: crate::shard::Done) -> Result<(), SubmitError> {
        let Submission { batch, rejected, sequence } = submission;
        let queues = self.shared.queues.get().ok_or(SubmitError::Closed)?;
        let shards = queues.len() as u16;
        let gathering = Gathering::new(batch.len(), done, permit);
        let mut notes: Vec<Vec<RejectionCount>> = vec![Vec::new(); queues.len()];
        for count in rejected {
            notes[usize::from(shard_of(&count.tenant, shards))].push(count);
        }
        let mut parts = split(&batch, shards).into_iter().peekable();
        for (shard, (queue, rejected)) in queues.iter().zip(notes).enumerate() {
            let part = parts.next_if(|(of, ..)| usize::from(*of) == shard);
            // Every shard counts a producer's batches, whether or not it has rows of one.
            if part.is_none() && rejected.is_empty() && sequence.is_none() {
                continue;
            }
            let (batch, rows) = part.map_or_else(|| (batch.slice(0, 0), Vec::new()), |(_, batch, rows)| (batch, rows));
            let reply = gathering.part(rows);
            // A closed queue drops the part, and a dropped part answers `Closed`.
            let _ = queue.send(Part { batch, rejected, sequence: sequence.clone(), reply });
        }
        Ok(())
    }

    /// The newest cut.
    pub fn snapshot(&self) -> Arc<Snapshot<O::Snapshot>> {
        self.shared.snapshot.load_full()
    }

    /// Cuts now: everything answered before this call is in the snapshot returned.
    pub fn cut(&self) -> Result<Arc<Snapshot<O::Snapshot>>, EngineError> {
        self.order(Order::Cut)
    }

    /// Writes a checkpoint now.
    pub fn checkpoint(&self) -> Result<(), EngineError> {
        self.order(Order::Checkpoint)?
    }

    /// The definitions from now on; returns when new and changed ones have their history.
    pub fn configure(&self, definitions: Vec<Definition>) -> Result<(), EngineError> {
        self.state(|_| vec![Fact::Defined { definitions }])
    }

    /// States the facts that `ask` gives; returns when what follows from them is in the newest cut. `ask` is called when its
    /// turn has come, with a cut in which all facts are that were stated before: so what it reads elsewhere is stated in the
    /// order in which it came to be, whoever was first to ask.
    pub fn state(
        &self,
        ask: impl FnOnce(&Snapshot<O::Snapshot>) -> Vec<Fact> + Send + 'static,
    ) -> Result<(), EngineError> {
        self.order(|reply| Order::State(Box::new(ask), reply))?
    }

    /// Erases everything of `tenants`, whose events the gate must refuse already; returns when no file holds it any more.
    /// If it fails, nothing else is lost, and it can be asked for again.
    pub fn erase(&self, tenants: BTreeSet<String>) -> Result<(), EngineError> {
        self.order(|reply| Order::Erase(tenants, reply))?
    }

    fn order<T>(&self, order: impl FnOnce(Sender<T>) -> Order<O>) -> Result<T, EngineError> {
        let (reply, answer) = bounded(1);
        let gone = || EngineError::Thread("coordinator".into());
        self.shared.orders.send(order(reply)).map_err(|_| gone())?;
        wait(&answer, &self.shared.alive).ok_or_else(gone)
    }

    /// The events' log.
    pub fn log(&self) -> SharedLog {
        Arc::clone(&self.shared.log)
    }

    /// Counters by shard.
    pub fn stats(&self) -> &[Arc<ShardStats>] {
        &self.shared.stats
    }

    /// Waits until everything that was submitted is answered.
    pub fn settle(&self) {
        self.shared.permits.settle();
    }

    /// Rows without an answer yet.
    pub fn rows_in_flight(&self) -> usize {
        self.shared.permits.rows()
    }

    /// Whether every thread runs; if not, [`Handle::failure`] says why and only a restart helps.
    pub fn is_alive(&self) -> bool {
        self.shared.alive.load(Ordering::Acquire)
    }

    /// Why the engine stopped, or why the last checkpoint or move to the lake failed.
    pub fn failure(&self) -> Option<String> {
        self.shared.trouble.told()
    }

    /// Checkpoints and moves to the lake that failed since the start; each is tried again.
    pub fn checkpoint_failures(&self) -> u64 {
        self.shared.trouble.count()
    }

    /// Stops taking, answers what is in flight, checkpoints, stops. Later calls return at once.
    pub fn drain(&self) -> Result<(), EngineError> {
        self.shared.permits.close();
        let threads = std::mem::take(&mut *self.shared.threads.lock());
        if threads.is_empty() {
            return Ok(());
        }
        let checkpoint = self.checkpoint();
        self.shared.queues.close();
        // The coordinator is gone only if a thread died, which the join below reports.
        let _ = self.shared.orders.send(Order::Stop);
        for thread in threads {
            let name = thread.thread().name().unwrap_or("engine").to_owned();
            thread.join().map_err(|_| EngineError::Thread(name))?;
        }
        checkpoint
    }
}

fn refused(reason: NoPermit) -> SubmitError {
    match reason {
        NoPermit::Overloaded => SubmitError::Overloaded { retry_after_ms: RETRY_AFTER_MS },
        NoPermit::Closed => SubmitError::Closed,
    }
}
