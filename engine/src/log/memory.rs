//! A log that keeps its records in memory: for tests, and for nodes that need not survive.
//!
//! Not here: durability. It gives the same order, bounds and threads as the others, so that what passes on it passes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::lock::Lock;

use super::group::{GroupCommit, Sink};
use super::{Barrier, Completion, Log, LogError, Offset, Record, Records};

/// Appends wait when this much waits already.
const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// A log in memory.
pub struct MemoryLog {
    held: Arc<Lock<Held>>,
    commit: GroupCommit,
}

#[derive(Default)]
struct Held {
    records: VecDeque<(Offset, Arc<Record>)>,
    start: Offset,
    end: Offset,
    bytes: u64,
}

impl MemoryLog {
    /// An empty log.
    ///
    /// # Errors
    /// [`LogError::Storage`] if the operating system gives no thread.
    pub fn new() -> Result<Self, LogError> {
        let held = Arc::<Lock<Held>>::default();
        let commit = GroupCommit::start(MemorySink { held: Arc::clone(&held) }, IN_FLIGHT_BYTES_MAX)?;
        Ok(Self { held, commit })
    }

    /// Decides everything that waits and ends the log's thread; later appends get [`LogError::Closed`].
    pub fn close(&self) {
        self.commit.close();
    }
}

impl Log for MemoryLog {
    fn append(&self, record: Record, done: Completion) {
        self.commit.append(record, done);
    }

    fn barrier(&self, reached: Barrier) {
        if let Err(reached) = self.commit.barrier(reached) {
            reached(self.end());
        }
    }

    fn start(&self) -> Offset {
        self.held.lock().start
    }

    fn end(&self) -> Offset {
        self.held.lock().end
    }

    fn read(&self, from: Offset) -> Result<Records<'_>, LogError> {
        let held = self.held.lock();
        if from < held.start {
            return Err(LogError::Trimmed { asked: from, start: held.start });
        }
        let wanted = |(first, record): &&(Offset, Arc<Record>)| record.header.is_read_from(*first, from);
        let records: Vec<_> = held.records.iter().filter(wanted).cloned().collect();
        Ok(Box::new(records.into_iter().map(|(first, record)| Ok((first, Record::clone(&record))))))
    }

    fn trim(&self, before: Offset) -> Result<(), LogError> {
        let mut held = self.held.lock();
        let before = before.min(held.end);
        while let Some((first, record)) = held.records.front()
            && !record.header.is_read_from(*first, before)
        {
            let (end, bytes) = (first + Offset::from(record.header.rows), size(record));
            held.start = end;
            held.bytes -= bytes;
            held.records.pop_front();
        }
        Ok(())
    }

    /// It has no files and trims to the record.
    fn roll(&self) {}

    fn bytes(&self) -> u64 {
        self.held.lock().bytes
    }
}

struct MemorySink {
    held: Arc<Lock<Held>>,
}

impl Sink for MemorySink {
    fn commit(&mut self, records: Vec<Record>) -> Result<Offset, LogError> {
        let mut held = self.held.lock();
        let start = held.end;
        for record in records {
            let first = held.end;
            held.end += Offset::from(record.header.rows);
            held.bytes += size(&record);
            held.records.push_back((first, Arc::new(record)));
        }
        Ok(start)
    }

    fn end(&self) -> Offset {
        self.held.lock().end
    }

    fn close(&mut self, _poisoned: bool) {}
}

fn size(record: &Record) -> u64 {
    (record.payload.len() + record.notes.len()) as u64
}
