//! History for definitions that are new or changed: lake first, then log, in offset order, up to where each shard stands.

use std::sync::atomic::AtomicBool;

use crossbeam_channel::{Receiver, Sender};

use crate::event::batch::EventBatch;
use crate::event::ipc;
use crate::log::Offset;
use crate::shard::{Position, RestoreError};
use crate::snapshot::Archive;

use super::wait::wait;
use super::{EngineError, Ground};

/// A shard that has been told a fact: where its answer comes from and where its history goes.
pub(super) type Waiting = (u16, Receiver<Result<Vec<String>, RestoreError>>, Feed);

/// Where a shard's history goes.
type Feed = Sender<(EventBatch, Position)>;

/// Waits for each shard's answer and feeds those that need it what is before `until`; returns when all are fed.
pub(super) fn feed(
    ground: &Ground,
    archive: &Archive,
    until: Offset,
    waiting: Vec<Waiting>,
    alive: &AtomicBool,
) -> Result<(), EngineError> {
    let mut hungry: Vec<(u16, Feed)> = Vec::new();
    let mut failed = Ok(());
    for (shard, answer, feed) in waiting {
        let changed = wait(&answer, alive).ok_or_else(|| EngineError::Thread(format!("shard {shard}")))?;
        match changed {
            Ok(changed) if !changed.is_empty() => hungry.push((shard, feed)),
            Ok(_) => {}
            Err(error) => failed = Err(error),
        }
    }
    failed?;
    if hungry.is_empty() {
        return Ok(());
    }
    for (shard, feed) in &hungry {
        ground.lake.read(&archive.files, *shard, &*ground.storage, &mut |batch, position| {
            if position.offset < until {
                // A shard that is gone is noticed by the service; its history has nowhere to go.
                let _ = feed.send((batch, position));
            }
        })?;
    }
    for entry in ground.log.read(archive.until.max(ground.log.start()))? {
        let (offset, record) = entry?;
        if offset >= until {
            break;
        }
        let header = record.header;
        let Some((_, feed)) = hungry.iter().find(|(shard, _)| *shard == header.shard && !record.payload.is_empty())
        else {
            continue;
        };
        let batch =
            ipc::decode(&record.payload).map_err(|error| EngineError::Record { offset, reason: error.to_string() })?;
        let position = Position { offset, watermark_us: header.watermark_us, admitted_at_us: header.admitted_at_us };
        let _ = feed.send((batch, position));
    }
    Ok(())
}
