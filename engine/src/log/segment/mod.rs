//! The embedded log: framed records in segment files, group commit, one writer thread.
//!
//! `writer` owns the active segment, `reader` streams records back, from a place that `places` knows, `recover` finds out at
//! open what survived, `mark` notices what is missing. Keeps I1
//! (a group is synced before any of its completions is called), I2 (a torn tail is cut off whole records), I8 (see
//! [`SegmentOptions`]). Not here: group commit itself (`log::group`), the bytes (`log::frame`), files (`storage`).

mod places;
mod writer;
mod mark;
mod reader;
mod recover;

use std::sync::{Arc, PoisonError};

use super::frame::OFFSET_MAX;
use super::group::GroupCommit;
use super::{Barrier, Completion, Log, LogError, Offset, Record, Records};
use crate::lock::{Held, Lock};
use crate::storage::SharedStorage;
use mark::Marks;
use places::Places;
use writer::Writer;

#[expect(
    clippy::disallowed_types,
    reason = "a turn and not data: files go one by one, and only threads of the engine trim"
)]
use std::sync::Mutex;

/// Limits of a [`SegmentLog`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentOptions {
    /// A segment that has reached this size is followed by a new one. The log is trimmed by whole segments, and the last
    /// one is checked at every open.
    pub segment_bytes: u64,
    /// Appends wait when this much waits already or is being written.
    pub in_flight_bytes_max: usize,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self { segment_bytes: 128 << 20, in_flight_bytes_max: 64 << 20 }
    }
}

/// A log in files named after their first offset.
pub struct SegmentLog {
    storage: SharedStorage,
    index: Arc<Index>,
    recovered_bytes: u64,
    #[expect(clippy::disallowed_types, reason = "see its import")]
    trimming: Mutex<()>,
    commit: GroupCommit,
}

impl SegmentLog {
    /// Opens the log in `folder`, making it if absent. A torn tail, which a crash leaves and nobody was told of, is cut off;
    /// see [`Self::recovered_bytes`].
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if bytes that had been durable are damaged, [`LogError::Missing`] if they are gone, and in both
    /// cases no file was changed; [`LogError::Storage`] if files can't be read, cut or synced.
    pub fn open(storage: SharedStorage, folder: &str, options: SegmentOptions) -> Result<Self, LogError> {
        let marks = Marks::new(Arc::clone(&storage), folder);
        let recovered = recover::recover(&storage, folder, &marks)?;
        let (recovered_bytes, index) = (recovered.recovered_bytes, Arc::new(Index::default()));
        let writer =
            Writer::open(Arc::clone(&storage), folder, options.segment_bytes, Arc::clone(&index), marks, recovered)?;
        let commit = GroupCommit::start(writer, options.in_flight_bytes_max)?;
        Ok(Self { storage, index, recovered_bytes, trimming: Default::default(), commit })
    }

    /// Bytes of torn writes that were cut off when the log was opened; none of them had been acknowledged.
    pub fn recovered_bytes(&self) -> u64 {
        self.recovered_bytes
    }

    /// Decides everything that waits and ends the writer; later appends get [`LogError::Closed`]. Dropping the log does
    /// the same.
    pub fn close(&self) {
        self.commit.close();
    }
}

impl Log for SegmentLog {
    fn append(&self, record: Record, done: Completion) {
        self.commit.append(record, done);
    }

    fn barrier(&self, reached: Barrier) {
        if let Err(reached) = self.commit.barrier(reached) {
            reached(self.end());
        }
    }

    fn start(&self) -> Offset {
        self.index.lock().start
    }

    fn end(&self) -> Offset {
        self.index.lock().end
    }

    fn read(&self, from: Offset) -> Result<Records<'_>, LogError> {
        Ok(Box::new(reader::read(&self.storage, &self.index, from)?))
    }

    fn trim(&self, before: Offset) -> Result<(), LogError> {
        let _one_at_a_time = self.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = self.index.forget_oldest(before) {
            // One by one from the oldest, and taken back if it fails: files must never have a gap between them.
            if let Err(error) = self.storage.remove(&oldest.name) {
                self.index.remember_oldest(oldest);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn roll(&self) {
        self.index.lock().roll = true;
    }

    fn bytes(&self) -> u64 {
        self.index.lock().segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// What is durable and where; shared by the writer, which extends it, and readers.
#[derive(Default)]
struct Index(Lock<IndexState>);

#[derive(Default)]
struct IndexState {
    /// In log order.
    segments: Vec<Segment>,
    start: Offset,
    end: Offset,
    /// Somebody asked for a new segment.
    roll: bool,
}

/// The durable part of one segment.
#[derive(Debug, Clone)]
struct Segment {
    /// In the storage.
    name: String,
    /// Offset of its first row.
    start: Offset,
    bytes: u64,
    places: Arc<Places>,
}

impl Index {
    #[track_caller]
    fn lock(&self) -> Held<'_, IndexState> {
        self.0.lock()
    }

    /// Takes out the oldest segment if all of it is before `before`. One that ends exactly there is kept: its last record
    /// may be one of no rows, which readers from `before` want.
    fn forget_oldest(&self, before: Offset) -> Option<Segment> {
        let mut state = self.lock();
        let next_start = state.segments.get(1)?.start;
        if next_start >= before.min(state.end) {
            return None;
        }
        state.start = next_start;
        Some(state.segments.remove(0))
    }

    fn remember_oldest(&self, segment: Segment) {
        let mut state = self.lock();
        state.start = segment.start;
        state.segments.insert(0, segment);
    }
}

/// A segment's place in the folder. Segments of no rows at all share their first offset, so an ordinal follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SegmentId {
    start: Offset,
    ordinal: u32,
}

impl SegmentId {
    /// The file name; names sort like ids.
    fn name(self, folder: &str) -> String {
        format!("{folder}/{:020}-{:06}.segment", self.start, self.ordinal)
    }

    /// The id of a file in the folder, if it is a segment.
    fn parse(name: &str) -> Option<Self> {
        let own = name.rsplit('/').next()?.strip_suffix(".segment")?;
        let (start, ordinal) = own.split_once('-')?;
        let start = start.parse().ok().filter(|start| *start <= OFFSET_MAX)?;
        Some(Self { start, ordinal: ordinal.parse().ok()? })
    }

    /// The id of the segment that follows this one when the log has reached `end`.
    fn next(self, end: Offset) -> Self {
        let ordinal = if self.start == end { self.ordinal + 1 } else { 0 };
        Self { start: end, ordinal }
    }
}
