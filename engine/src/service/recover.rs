//! From what is durable to running workers: newest manifest, tail of the log, and at each fact in it what it was when it was
//! stated, history included (I4, I10).
//!
//! Shards recover in parallel: one reader walks the log and hands each record to its shard's thread, which stops at a fact.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::ScopedJoinHandle;

use crossbeam_channel::{Sender, bounded};

use crate::checkpoint::manifest::Manifest;
use crate::dedup::Dedup;
use crate::dedup::sequence::Sequences;
use crate::definition::Definition;
use crate::fact::Fact;
use crate::log::{Offset, Record};
use crate::shard::admit::Scratch;
use crate::shard::notes::Notes;
use crate::shard::operator::RestoreError;
use crate::shard::worker::{COMMITS_MAX, ShardStats, Stated, Worker, position};
use crate::shard::{Gate, Operator, Position};
use crate::snapshot::Archive;
use crate::watermark::Watermark;

use super::{EngineError, EngineOptions, Ground, history};

/// Records read ahead of a recovering shard.
const READ_AHEAD_MAX: usize = 64;

/// Workers with the state of the log's end, and what the next checkpoint builds on.
pub(super) struct Recovered<O: Operator, G: Gate> {
    pub(super) workers: Vec<Worker<O, G>>,
    pub(super) archive: Arc<Archive>,
    pub(super) generation: u64,
    pub(super) epoch: u32,
    /// Whether the definitions asked for are others than the log knows of, which is a fact that is to be stated.
    pub(super) is_redefined: bool,
}

pub(super) fn recover<O: Operator, G: Gate>(
    options: &EngineOptions,
    ground: &Ground,
    definitions: &[Definition],
    operator: impl Fn(u16) -> O,
    gate: impl Fn(u16, u32) -> G,
) -> Result<Recovered<O, G>, EngineError> {
    let manifest = ground.manifests.latest(ground.log.start())?;
    let epoch = manifest.as_ref().map_or(1, |manifest| manifest.epoch + 1);
    let generation = ground.manifests.next_generation()? - 1;
    let from = manifest.as_ref().map_or(0, |manifest| manifest.log_offset);
    let archive = Arc::new(manifest.as_ref().map(|manifest| manifest.archive.clone()).unwrap_or_default());

    if from > ground.log.end() {
        return Err(EngineError::LogBehind { log_end: ground.log.end(), checkpoint: from });
    }

    let fresh = |shard| worker(options, ground, shard, epoch, from, operator(shard), gate(shard, epoch));
    let mut workers: Vec<Worker<O, G>> = (0..ground.shards).map(fresh).collect();
    if let Some(manifest) = &manifest {
        restore(ground, manifest, &mut workers)?;
    }
    replay(ground, &archive, from, &mut workers)?;
    ground.manifests.remove_orphans()?;
    // Nobody can have read anything yet.
    if ground.log.end() == 0 {
        for worker in &mut workers {
            worker.operator.configure(definitions, None)?;
        }
    }
    let is_redefined = workers.iter().any(|worker| !worker.operator.follows(definitions));
    Ok(Recovered { workers, archive, generation, epoch, is_redefined })
}

/// A worker that knows nothing yet.
fn worker<O: Operator, G: Gate>(
    options: &EngineOptions,
    ground: &Ground,
    shard: u16,
    epoch: u32,
    applied: Offset,
    operator: O,
    gate: G,
) -> Worker<O, G> {
    Worker {
        shard,
        epoch,
        seed: ground.seed,
        log: Arc::clone(&ground.log),
        clock: Arc::clone(&ground.clock),
        operator,
        gate,
        dedup: Dedup::new(options.dedup, Arc::clone(&ground.storage)),
        sequences: Sequences::default(),
        horizon_us: options.dedup.horizon_us,
        watermark: Watermark::new(options.watermark, ground.clock.now_us()),
        applied,
        stats: Arc::new(ShardStats::default()),
        commits: bounded(COMMITS_MAX),
        in_flight: VecDeque::new(),
        append_failures: 0,
        scratch: Scratch::default(),
    }
}

/// Takes up the checkpoint. Reading what was remembered is most of a start, so shards do it beside each other.
fn restore<O: Operator, G: Gate>(
    ground: &Ground,
    manifest: &Manifest,
    workers: &mut [Worker<O, G>],
) -> Result<(), EngineError> {
    std::thread::scope(|scope| {
        let mut threads: Vec<ScopedJoinHandle<'_, Result<(), EngineError>>> = Vec::new();
        for worker in workers {
            let shard = worker.shard;
            let state = manifest.shards.iter().find(|state| state.shard == shard).ok_or_else(|| RestoreError {
                file: format!("manifest of generation {}", manifest.generation),
                reason: format!("it has no state of shard {shard}; restore a whole one from a backup"),
            })?;
            threads.push(scope.spawn(move || {
                worker.operator.restore(&state.operator, &*ground.storage)?;
                worker.dedup.restore(&state.dedup, &*ground.storage)?;
                worker.sequences = state.sequences.clone();
                worker.watermark.restore(state.watermark_us);
                Ok(())
            }));
        }
        for thread in threads {
            thread.join().map_err(|_| EngineError::Thread("recovery".into()))??;
        }
        Ok(())
    })
}

/// Folds the log in from `from` on, stretch by stretch between facts.
fn replay<O: Operator, G: Gate>(
    ground: &Ground,
    archive: &Archive,
    mut from: Offset,
    workers: &mut [Worker<O, G>],
) -> Result<(), EngineError> {
    while let Some((fact, position)) = replay_stretch(ground, from, workers)? {
        state(ground, archive, &fact, position, workers)?;
        from = position.offset + 1;
    }
    Ok(())
}

/// Does again what followed from a fact.
fn state<O: Operator, G: Gate>(
    ground: &Ground,
    archive: &Archive,
    fact: &Fact,
    position: Position,
    workers: &mut [Worker<O, G>],
) -> Result<(), EngineError> {
    std::thread::scope(|scope| {
        let mut waiting = Vec::new();
        for worker in workers {
            let (answer, changed) = bounded(1);
            let (feed, history) = bounded(READ_AHEAD_MAX);
            let stated = Stated { fact: fact.of_shard(worker.shard, ground.shards), position, answer, history };
            let shard = worker.shard;
            scope.spawn(move || worker.take_up(&stated));
            waiting.push((shard, changed, feed));
        }
        // A thread that dies here takes its sender along.
        history::feed(ground, archive, position.offset, waiting, &AtomicBool::new(true))
    })
}

/// Folds the log in up to the next fact, and gives that.
fn replay_stretch<O: Operator, G: Gate>(
    ground: &Ground,
    from: Offset,
    workers: &mut [Worker<O, G>],
) -> Result<Option<(Fact, Position)>, EngineError> {
    std::thread::scope(|scope| {
        let mut queues = Vec::new();
        let mut threads: Vec<ScopedJoinHandle<'_, Result<(), EngineError>>> = Vec::new();
        for worker in workers {
            let (queue, records) = bounded::<(Offset, Record)>(READ_AHEAD_MAX);
            queues.push(queue);
            threads.push(scope.spawn(move || {
                for (offset, record) in records {
                    worker.recover(offset, &record).map_err(|reason| EngineError::Record { offset, reason })?;
                }
                Ok(())
            }));
        }
        let read = hand_out(ground, from, &queues);
        drop(queues);
        for thread in threads {
            thread.join().map_err(|_| EngineError::Thread("recovery".into()))??;
        }
        read
    })
}

/// Gives each record to its shard's queue, up to the next fact, which is returned.
fn hand_out(
    ground: &Ground,
    from: Offset,
    queues: &[Sender<(Offset, Record)>],
) -> Result<Option<(Fact, Position)>, EngineError> {
    for entry in ground.log.read(from)? {
        let (offset, record) = entry?;
        if let Some(fact) = Notes::fact(&record).map_err(|reason| EngineError::Record { offset, reason })? {
            return Ok(Some((fact, position(offset, &record.header))));
        }
        match queues.get(usize::from(record.header.shard)) {
            Some(queue) if queue.send((offset, record)).is_ok() => {}
            // A closed queue means that the shard's thread has failed; its error is what is returned.
            Some(_) => break,
            None => {
                return Err(EngineError::Record {
                    offset,
                    reason: "it names a shard that this folder does not have".into(),
                });
            }
        }
    }
    Ok(None)
}
