//! From what is durable to running workers: newest manifest, history for what it does not know, tail of the log (I10).
//!
//! Shards recover in parallel: one reader walks the log and hands each record to its shard's thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::ScopedJoinHandle;

use crossbeam_channel::bounded;

use crate::checkpoint::manifest::Manifest;
use crate::dedup::Dedup;
use crate::dedup::sequence::Sequences;
use crate::definition::Definition;
use crate::log::{Offset, Record};
use crate::shard::admit::Scratch;
use crate::shard::operator::RestoreError;
use crate::shard::worker::{COMMITS_MAX, Configure, ShardStats, Worker};
use crate::shard::{Gate, Operator};
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
    configure(ground, &archive, definitions, &mut workers)?;
    replay(ground, from, &mut workers)?;
    ground.manifests.remove_orphans()?;
    Ok(Recovered { workers, archive, generation, epoch })
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

/// Meters that the checkpoint does not hold as they are now get their history up to it.
fn configure<O: Operator, G: Gate>(
    ground: &Ground,
    archive: &Archive,
    definitions: &[Definition],
    workers: &mut [Worker<O, G>],
) -> Result<(), EngineError> {
    let definitions = Arc::new(definitions.to_vec());
    std::thread::scope(|scope| {
        let mut waiting = Vec::new();
        for worker in workers {
            let (changed, answer) = bounded(1);
            let (feed, history) = bounded(READ_AHEAD_MAX);
            let shard = worker.shard;
            let configure = Configure { definitions: Arc::clone(&definitions), changed, history };
            scope.spawn(move || worker.configure(&configure));
            waiting.push((shard, answer, feed));
        }
        // A thread that dies here takes its sender along.
        history::feed(ground, archive, waiting, &AtomicBool::new(true))
    })
}

fn replay<O: Operator, G: Gate>(
    ground: &Ground,
    from: Offset,
    workers: &mut [Worker<O, G>],
) -> Result<(), EngineError> {
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
        let mut read = Ok(());
        for entry in ground.log.read(from)? {
            match entry {
                // A closed queue means that the shard's thread has failed; its error is collected below.
                Ok((offset, record)) => match queues.get(usize::from(record.header.shard)) {
                    Some(queue) if queue.send((offset, record)).is_ok() => {}
                    Some(_) => break,
                    None => {
                        read = Err(EngineError::Record { offset, reason: "of a shard that there is not".into() });
                        break;
                    }
                },
                Err(error) => {
                    read = Err(error.into());
                    break;
                }
            }
        }
        drop(queues);
        for thread in threads {
            thread.join().map_err(|_| EngineError::Thread("recovery".into()))??;
        }
        read
    })
}
