//! The writer: owns the active segment, appends groups to it, starts the next one when it is full.
//!
//! One write and one sync a group; only large payloads are written from where they are. A failed write is cut off again
//! before anything else is written, so that what is durable is always a prefix of whole frames (I1, I2).

use std::sync::Arc;

use super::mark::Marks;
use super::places::{Place, Places, STEP_BYTES};
use super::recover::Recovered;
use super::{Index, Segment, SegmentId};
use crate::log::frame::{Frame, encode_segment_header};
use crate::log::group::Sink;
use crate::log::{LogError, Offset, Record};
use crate::storage::{AppendFile, SharedStorage, StorageError};

/// Frames are gathered up to this size before they are written.
const BUFFER_BYTES: usize = 256 << 10;
/// A payload of this size is written from where it is: a second write costs less than copying it.
const DIRECT_BYTES: usize = 64 << 10;

pub(super) struct Writer {
    storage: SharedStorage,
    folder: String,
    segment_bytes: u64,
    index: Arc<Index>,
    marks: Marks,
    active: Active,
    end: Offset,
    buffer: Vec<u8>,
}

/// The segment that is written.
struct Active {
    id: SegmentId,
    name: String,
    file: Box<dyn AppendFile>,
    durable_bytes: u64,
    /// A failed write may have left bytes behind the durable ones.
    torn: bool,
    /// The last durable frame is a seal, or there is none to seal.
    sealed: bool,
    /// Where its durable records begin; `begun` has those that are being written.
    places: Arc<Places>,
    begun: Vec<Place>,
}

impl Active {
    fn open(storage: &SharedStorage, folder: &str, id: SegmentId) -> Result<Self, StorageError> {
        let name = id.name(folder);
        let file = storage.open_append(&name)?;
        let (places, begun) = (Arc::default(), Vec::new());
        Ok(Self { id, name, file, durable_bytes: 0, torn: false, sealed: true, places, begun })
    }
}

impl Writer {
    /// Goes on where `recovered` ends and fills the index.
    pub(super) fn open(
        storage: SharedStorage,
        folder: &str,
        segment_bytes: u64,
        index: Arc<Index>,
        marks: Marks,
        recovered: Recovered,
    ) -> Result<Self, LogError> {
        let mut active = Active::open(&storage, folder, recovered.active)?;
        if let Some(last) = recovered.segments.last() {
            active.durable_bytes = last.bytes;
            active.sealed = recovered.sealed;
            active.places = Arc::clone(&last.places);
            // A process that was killed may have written these bytes without syncing them; readers get them from now on.
            active.file.sync()?;
        }
        {
            let mut state = index.lock();
            state.start = recovered.segments.first().map_or(recovered.end, |segment| segment.start);
            state.end = recovered.end;
            state.segments = recovered.segments;
        }
        let (folder, end) = (folder.to_owned(), recovered.end);
        let writer = Self {
            storage,
            folder,
            segment_bytes,
            index,
            marks,
            active,
            end,
            buffer: Vec::with_capacity(BUFFER_BYTES),
        };
        writer.mark_if_due();
        Ok(writer)
    }

    fn cut_torn(&mut self) -> Result<(), StorageError> {
        if self.active.torn {
            self.storage.truncate(&self.active.name, self.active.durable_bytes)?;
            self.active.torn = false;
        }
        Ok(())
    }

    fn roll_if_due(&mut self) -> Result<(), StorageError> {
        let is_asked = std::mem::take(&mut self.index.lock().roll);
        // An empty segment is a new one already.
        if self.active.durable_bytes == 0 || (!is_asked && self.active.durable_bytes < self.segment_bytes) {
            return Ok(());
        }
        let next = self.active.id.next(self.end);
        self.active = Active::open(&self.storage, &self.folder, next)?;
        Ok(())
    }

    /// Writes the group; gives the bytes written and the end of the log behind it.
    fn write(&mut self, records: &[Record]) -> Result<(u64, Offset), StorageError> {
        let group = self.active.durable_bytes;
        let (mut written, mut end) = (0, self.end);
        self.buffer.clear();
        self.active.begun.clear();
        if group == 0 {
            self.buffer.extend_from_slice(&encode_segment_header(self.active.id.start));
            written += self.buffer.len() as u64;
        }
        for record in records {
            let frame = Frame::of(record, end, group);
            let place = Place { offset: end, position: group + written };
            if self.active.begun.last().is_none_or(|last| place.position >= last.position + STEP_BYTES) {
                self.active.begun.push(place);
            }
            self.buffer.extend_from_slice(&frame.encode());
            if record.payload.len() >= DIRECT_BYTES {
                self.flush()?;
                self.active.file.append(&record.payload)?;
            } else {
                self.buffer.extend_from_slice(&record.payload);
            }
            self.buffer.extend_from_slice(&record.notes);
            if self.buffer.len() >= BUFFER_BYTES {
                self.flush()?;
            }
            written += frame.frame_bytes();
            end = frame.end();
        }
        self.flush()?;
        Ok((written, end))
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        if !self.buffer.is_empty() {
            self.active.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Vouches for what is durable. Records are so without it, so a failure is tried again with the next group.
    fn mark_if_due(&self) {
        let bytes = self.active.durable_bytes;
        if bytes > 0 && self.marks.is_due(bytes) {
            self.mark();
        }
    }

    fn mark(&self) {
        let Active { name, durable_bytes, .. } = &self.active;
        if let Err(error) = self.marks.set(self.end, name, *durable_bytes) {
            tracing::warn!(segment = name, %error, "can't mark how far the log reaches; the next write tries again");
        }
    }

    /// Tells readers.
    fn publish(&mut self, written: u64, end: Offset) {
        self.active.durable_bytes += written;
        self.end = end;
        self.active.begun.drain(..).for_each(|place| self.active.places.note(place));
        let mut state = self.index.lock();
        state.end = end;
        match state.segments.last_mut() {
            Some(last) if last.name == self.active.name => last.bytes = self.active.durable_bytes,
            _ => {
                let (name, start, places) =
                    (self.active.name.clone(), self.active.id.start, Arc::clone(&self.active.places));
                state.segments.push(Segment { name, start, bytes: self.active.durable_bytes, places });
            }
        }
    }
}

impl Sink for Writer {
    fn commit(&mut self, records: Vec<Record>) -> Result<Offset, LogError> {
        self.cut_torn()?;
        self.roll_if_due()?;
        let (written, end) = match self.write(&records) {
            Ok(written) => written,
            Err(error) => {
                self.active.torn = true;
                if let Err(later) = self.cut_torn() {
                    tracing::warn!(segment = self.active.name, %later, "can't cut off a failed write yet");
                }
                return Err(error.into());
            }
        };
        self.active.file.sync().map_err(|error| LogError::Poisoned(error.to_string()))?;
        let first = self.end;
        self.publish(written, end);
        self.active.sealed = false;
        self.mark_if_due();
        Ok(first)
    }

    fn end(&self) -> Offset {
        self.end
    }

    /// Seals the segment, so that the next open can tell any damage from a torn tail.
    fn close(&mut self, poisoned: bool) {
        if poisoned || self.active.sealed || self.cut_torn().is_err() {
            return;
        }
        let seal = Frame::seal(self.end, self.active.durable_bytes);
        let written = self.active.file.append(&seal.encode()).and_then(|()| self.active.file.sync());
        match written {
            Ok(()) => {
                self.publish(seal.frame_bytes(), self.end);
                self.mark();
            }
            // Nothing is lost: the next open finds a log that looks killed instead of closed.
            Err(error) => tracing::warn!(segment = self.active.name, %error, "can't seal the log"),
        }
    }
}
