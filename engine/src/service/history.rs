//! History for definitions that are new or changed: lake first, then log, in offset order, up to where each shard stands.

use std::sync::atomic::AtomicBool;

use crossbeam_channel::{Receiver, Sender};

use crate::event::batch::EventBatch;
use crate::event::ipc;
use crate::log::Offset;
use crate::shard::Position;
use crate::snapshot::Archive;

use super::wait::wait;
use super::{EngineError, Ground};

/// A shard that has been asked to configure itself: where its answer comes from and where its history goes.
pub(super) type Waiting = (u16, Receiver<(Vec<String>, Offset)>, Feed);

/// Where a shard's history goes.
type Feed = Sender<(EventBatch, Position)>;

/// Waits for each shard's answer and feeds those that need it; returns when all are fed.
pub(super) fn feed(
    ground: &Ground,
    archive: &Archive,
    waiting: Vec<Waiting>,
    alive: &AtomicBool,
) -> Result<(), EngineError> {
    let mut hungry: Vec<(u16, Offset, Feed)> = Vec::new();
    for (shard, answer, feed) in waiting {
        let (changed, until) = wait(&answer, alive).ok_or_else(|| EngineError::Thread(format!("shard {shard}")))?;
        if !changed.is_empty() && until > 0 {
            hungry.push((shard, until, feed));
        }
    }
    let Some(until_max) = hungry.iter().map(|(_, until, _)| *until).max() else { return Ok(()) };
    for (shard, until, feed) in &hungry {
        ground.lake.read(&archive.files, *shard, &*ground.storage, &mut |batch, position| {
            if position.offset < *until {
                // A shard that is gone is noticed by the service; its history has nowhere to go.
                let _ = feed.send((batch, position));
            }
        })?;
    }
    for entry in ground.log.read(archive.until.max(ground.log.start()))? {
        let (offset, record) = entry?;
        if offset >= until_max {
            break;
        }
        let header = record.header;
        let Some((_, _, feed)) = hungry
            .iter()
            .find(|(shard, until, _)| *shard == header.shard && offset < *until && !record.payload.is_empty())
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
