//! The one writer of a shard: a thread that admits, appends, waits, answers and applies, in that order.
//!
//! Batches overlap: while one waits for its group commit the next is admitted. What is in flight is applied in log order,
//! because the log calls back in that order. If an append fails, whatever was judged while it was in flight is answered
//! with the failure too: its duplicates might be of events that are not there (I1); what of it became durable is applied,
//! and a retry finds it as duplicates (I2).
//!
//! Facts come in the same order, between the batches: what they change is changed for all that is behind them.
//!
//! Not here: splitting, gathering, writing checkpoints.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, select_biased};

use crate::admission::{Receipt, RejectionCount};
use crate::clock::Clock;
use crate::dedup::Dedup;
use crate::dedup::sequence::{Sequence, Sequences, Turn};
use crate::event::batch::EventBatch;
use crate::event::{fingerprint, ipc};
use crate::fact::Fact;
use crate::log::{Header, LogError, Offset, Record, SharedLog};
use crate::snapshot::ShardView;
use crate::watermark::Watermark;

use super::admit::{Decision, Ground, Scratch, admit};
use super::answer::{Reply, SubmitError};
use super::gate::Gate;
use super::notes::Notes;
use super::operator::{Operator, Position, RestoreError, Seal};

/// Appends that may wait for their commit at once; enough to keep the disk busy while the next batch is admitted.
const IN_FLIGHT_MAX: usize = 16;
/// Commits and barriers that may wait for the worker: every append in flight, and one cut.
pub(crate) const COMMITS_MAX: usize = IN_FLIGHT_MAX + 2;

/// A part of a submission that belongs to one shard.
pub(crate) struct Part {
    pub(crate) batch: EventBatch,
    pub(crate) rejected: Vec<RejectionCount>,
    pub(crate) sequence: Option<Sequence>,
    pub(crate) reply: Reply,
}

/// What the log tells the worker, in log order.
pub(crate) enum Commit<O: Operator> {
    Appended(Result<Offset, LogError>),
    Barrier { offset: Offset, seal: bool, views: Sender<Cut<O>> },
    Stated(Stated),
}

/// A fact and where it stands, as far as it concerns the shard. One message does both halves, so that no event falls between
/// what is backfilled and what is applied: the worker answers with the keys that need history, then takes all of it.
pub(crate) struct Stated {
    pub(crate) fact: Fact,
    pub(crate) position: Position,
    pub(crate) answer: Sender<Result<Vec<String>, RestoreError>>,
    pub(crate) history: Receiver<(EventBatch, Position)>,
}

/// A worker's share of a cut.
pub(crate) struct Cut<O: Operator> {
    pub(crate) view: ShardView<O::Snapshot>,
    pub(crate) seals: Option<Seals>,
}

/// A worker's share of a checkpoint.
pub(crate) struct Seals {
    /// With the marks of what is being appended.
    pub(crate) dedup: Box<dyn Seal>,
    /// With the batches that are being appended.
    pub(crate) sequences: Sequences,
    pub(crate) operator: Box<dyn Seal>,
    /// The failed appends whose marks are forgotten in it.
    pub(crate) append_failures: u64,
}

/// Counters that metrics read while the worker runs.
#[derive(Debug, Default)]
pub struct ShardStats {
    /// Rows admitted, late ones included.
    pub admitted: AtomicU64,
    /// Rows admitted behind the watermark.
    pub late: AtomicU64,
    /// Rows seen before.
    pub duplicate: AtomicU64,
    /// Rows refused.
    pub rejected: AtomicU64,
    /// Appends that failed, as soon as the log knows.
    pub append_failures: AtomicU64,
}

/// What a worker works with.
pub(crate) struct Worker<O: Operator, G: Gate> {
    pub(crate) shard: u16,
    pub(crate) epoch: u32,
    pub(crate) seed: u64,
    pub(crate) log: SharedLog,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) operator: O,
    pub(crate) gate: G,
    pub(crate) dedup: Dedup,
    pub(crate) sequences: Sequences,
    /// How long a producer is remembered, in microseconds.
    pub(crate) horizon_us: i64,
    pub(crate) watermark: Watermark,
    pub(crate) applied: Offset,
    pub(crate) stats: Arc<ShardStats>,
    pub(crate) commits: (Sender<Commit<O>>, Receiver<Commit<O>>),
    pub(crate) in_flight: VecDeque<InFlight<G::Spend>>,
    /// Appends whose failure the worker has dealt with.
    pub(crate) append_failures: u64,
    pub(crate) scratch: Scratch,
}

/// A batch between admission and commit.
pub(crate) struct InFlight<S> {
    batch: EventBatch,
    keys: Vec<u128>,
    spend: S,
    rejected: Vec<RejectionCount>,
    sequence: Option<Sequence>,
    receipt: Receipt,
    reply: Reply,
    header: Header,
    /// Judged while an append was in flight that failed since.
    suspect: Option<LogError>,
    /// Nothing to append; waits for what its duplicates may refer to.
    appended: bool,
}

impl<O: Operator, G: Gate> Worker<O, G> {
    /// Folds a durable record in again, as it was applied the first time.
    pub(crate) fn recover(&mut self, offset: Offset, record: &Record) -> Result<(), String> {
        let header = record.header;
        let position = position(offset, &header);
        let (sequence, rejected) = match Notes::decode(&record.notes)? {
            Notes::Rejected(rejected) => (None, rejected),
            Notes::Sequenced { sequence, rejected } => (Some(sequence), rejected),
            Notes::Fact { .. } => return Err("a fact is not one shard's".into()),
        };
        if let Some(sequence) = &sequence {
            self.sequences.record(sequence, header.admitted_at_us);
        }
        if !record.payload.is_empty() {
            let batch = ipc::decode(&record.payload).map_err(|error| error.to_string())?;
            if sequence.is_none() {
                let keys = fingerprint::keys(&batch, self.seed);
                let payloads = fingerprint::payloads(&batch, self.seed);
                self.dedup.remember(&keys, &payloads, header.admitted_at_us);
            }
            self.observe(&batch, header.admitted_at_us);
            self.operator.apply(&batch, position);
            self.operator.expect(&batch);
        }
        if !rejected.is_empty() {
            self.operator.reject(&rejected, position);
        }
        self.watermark.restore(header.watermark_us);
        self.applied = offset + u64::from(header.rows);
        Ok(())
    }

    /// Runs until the coordinator has ended.
    pub(crate) fn run(mut self, parts: &Receiver<Part>, coordinator: &Receiver<Infallible>) {
        let commits = self.commits.1.clone();
        let never_parts = crossbeam_channel::never();
        let mut open = true;
        loop {
            let parts = if open && self.in_flight.len() < IN_FLIGHT_MAX { parts } else { &never_parts };
            select_biased! {
                recv(commits) -> commit => match commit {
                    Ok(commit) => self.commit(commit),
                    Err(_) => return,
                },
                recv(coordinator) -> gone => match gone {
                    Ok(never) => match never {},
                    Err(_) => return,
                },
                recv(parts) -> part => match part {
                    Ok(part) => self.take(part),
                    Err(_) => open = false,
                },
            }
        }
    }

    fn take(&mut self, part: Part) {
        let Part { batch, rejected: refused, sequence, reply } = part;
        let admitted_at_us = self.clock.now_us();
        let turn = match &sequence {
            None => None,
            Some(sequence) => match self.sequences.take(sequence, admitted_at_us) {
                Ok(turn) => Some(turn),
                Err(error) => return reply.send(Err(SubmitError::Sequence(error))),
            },
        };
        let header = Header {
            shard: self.shard,
            epoch: self.epoch,
            rows: 0,
            watermark_us: self.watermark.value_us(),
            admitted_at_us,
        };
        let waiting: Vec<&EventBatch> = self.in_flight.iter().map(|entry| &entry.batch).collect();
        let ground = Ground {
            seed: self.seed,
            watermark_us: header.watermark_us,
            now_us: admitted_at_us,
            turn,
            dedup: &mut self.dedup,
            gate: &mut self.gate,
            operator: &mut self.operator,
            in_flight: &waiting,
            scratch: &mut self.scratch,
        };
        let Decision { receipt, admitted, keys, payloads, spend, mut rejected, is_repeat } = match admit(batch, ground)
        {
            Ok(decision) => decision,
            Err(error) => return reply.send(Err(SubmitError::Dedup(error))),
        };
        // What was refused of a batch that was taken before became durable then.
        let sequence = sequence.filter(|_| turn == Some(Turn::New));
        if turn != Some(Turn::Taken) {
            for mut counted in refused {
                // A door does not know who exists, and a name that nobody has is worth no place of its own.
                if !self.gate.knows(&counted.tenant) {
                    counted.tenant.clear();
                }
                rejected.add_count(&counted);
            }
        }
        let rejected = rejected.into_counts();
        // A record of rejections only takes one offset too: its place in the log says whether a checkpoint contains it.
        let header = Header { rows: admitted.len().max(1) as u32, ..header };
        let nothing_to_append = admitted.is_empty() && rejected.is_empty() && sequence.is_none();
        let mut entry = InFlight {
            batch: admitted,
            keys,
            spend,
            rejected,
            sequence,
            receipt,
            reply,
            header,
            suspect: None,
            appended: !nothing_to_append,
        };
        if nothing_to_append {
            if self.in_flight.is_empty() || !is_repeat {
                return self.finish(entry, Ok(self.applied));
            }
            self.in_flight.push_back(entry);
            return;
        }
        let record = match encode(&entry) {
            Ok(record) => record,
            Err(message) => {
                entry.keys.clear();
                let error = LogError::Poisoned(message);
                return self.finish(entry, Err(error));
            }
        };
        self.dedup.remember(&entry.keys, &payloads, admitted_at_us);
        self.observe(&entry.batch, admitted_at_us);
        self.operator.expect(&entry.batch);
        self.in_flight.push_back(entry);
        let (commits, stats) = (self.commits.0.clone(), Arc::clone(&self.stats));
        self.log.append(
            record,
            Box::new(move |result| {
                stats.append_failures.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
                // The worker is gone only if the process is going; then nobody waits for the answer.
                let _ = commits.send(Commit::Appended(result));
            }),
        );
    }

    fn observe(&mut self, batch: &EventBatch, now_us: i64) {
        if let Some(time_max_us) = arrow::compute::max(batch.times()) {
            self.watermark.observe(time_max_us, now_us);
        }
    }

    fn commit(&mut self, commit: Commit<O>) {
        match commit {
            Commit::Appended(result) => {
                let entry = self.in_flight.pop_front().expect("the log completes only what was appended, in order");
                if let Err(error) = &result {
                    self.append_failures += 1;
                    for behind in &mut self.in_flight {
                        behind.suspect.get_or_insert_with(|| error.clone());
                    }
                }
                self.finish(entry, result);
                while self.in_flight.front().is_some_and(|entry| !entry.appended) {
                    let entry = self.in_flight.pop_front().expect("there is a front");
                    self.finish(entry, Ok(self.applied));
                }
            }
            Commit::Barrier { offset, seal, views } => {
                self.watermark.tick(self.clock.now_us());
                let now_us = self.clock.now_us();
                if seal {
                    self.sequences.expire(now_us.saturating_sub(self.horizon_us));
                }
                let seals = seal.then(|| Seals {
                    dedup: self.dedup.seal(now_us),
                    sequences: self.sequences.clone(),
                    operator: self.operator.seal(),
                    append_failures: self.append_failures,
                });
                let view = ShardView {
                    shard: self.shard,
                    applied: self.applied.min(offset),
                    watermark_us: self.watermark.value_us(),
                    admitted: self.stats.admitted.load(Ordering::Relaxed),
                    lag: self.in_flight.iter().map(|entry| entry.batch.len() as u64).sum(),
                    remembered_ids: self.dedup.len(),
                    state: self.operator.publish(self.watermark.value_us()),
                };
                // The service is gone only if the process is going.
                let _ = views.send(Cut { view, seals });
            }
            Commit::Stated(stated) => self.take_up(&stated),
        }
    }

    /// Answers, then applies: the answer needs durability only.
    fn finish(&mut self, entry: InFlight<G::Spend>, result: Result<Offset, LogError>) {
        let offset = match result {
            Ok(offset) => offset,
            Err(error) => {
                self.dedup.forget(&entry.keys);
                if let Some(sequence) = &entry.sequence {
                    self.sequences.give_back(sequence);
                }
                self.gate.refund(entry.spend);
                return entry.reply.send(Err(SubmitError::Log(error)));
            }
        };
        match entry.suspect {
            Some(error) => entry.reply.send(Err(SubmitError::Log(error))),
            None => {
                let tally = entry.receipt.tally();
                self.stats.admitted.fetch_add(tally.admitted, Ordering::Relaxed);
                self.stats.late.fetch_add(tally.late, Ordering::Relaxed);
                self.stats.duplicate.fetch_add(tally.duplicate, Ordering::Relaxed);
                self.stats.rejected.fetch_add(tally.rejected, Ordering::Relaxed);
                entry.reply.send(Ok(entry.receipt));
            }
        }
        let position = position(offset, &entry.header);
        if !entry.batch.is_empty() {
            self.operator.apply(&entry.batch, position);
        }
        if !entry.rejected.is_empty() {
            self.operator.reject(&entry.rejected, position);
        }
        self.gate.settle(entry.spend);
        if entry.appended {
            self.applied = offset + u64::from(entry.header.rows);
        }
    }

    /// Everything before the fact is applied, and nothing behind it.
    pub(crate) fn take_up(&mut self, stated: &Stated) {
        let position = stated.position;
        self.applied = self.applied.max(position.offset + 1);
        let changed = match &stated.fact {
            Fact::Defined { definitions } => self.operator.configure(definitions, Some(position)),
            Fact::Billed(billed) => self.operator.bill(billed, position).map(|()| Vec::new()),
            Fact::Erased { tenants } => {
                self.sequences.forget(tenants);
                self.operator.forget(tenants, position).map(|()| Vec::new())
            }
        };
        // The service is gone only if the process is going.
        let _ = stated.answer.send(changed.clone());
        let Ok(changed) = changed else { return };
        for (batch, position) in &stated.history {
            self.operator.backfill(&changed, &batch, position);
        }
        self.gate.recount();
        // What is in flight was expected by the definitions before.
        self.in_flight.iter().for_each(|entry| self.operator.expect(&entry.batch));
    }
}

/// Where a record stands.
pub(crate) fn position(offset: Offset, header: &Header) -> Position {
    Position { offset, watermark_us: header.watermark_us, admitted_at_us: header.admitted_at_us }
}

fn encode<S>(entry: &InFlight<S>) -> Result<Record, String> {
    let payload = match entry.batch.is_empty() {
        true => Vec::new(),
        false => ipc::encode(&entry.batch).map_err(|error| error.to_string())?,
    };
    let rejected = entry.rejected.clone();
    let notes = match &entry.sequence {
        None => Notes::Rejected(rejected),
        Some(sequence) => Notes::Sequenced { sequence: sequence.clone(), rejected },
    };
    let notes = notes.encode()?;
    Ok(Record { header: entry.header, payload, notes })
}
