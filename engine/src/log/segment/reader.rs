//! Reading segments as a stream: chunks in, checked records out.
//!
//! Memory is one chunk or one large record, whatever the size of a segment (I8). A byte that does not fit its checksum is
//! read once more before it is called damaged: only the disk's second word counts.

use std::sync::Arc;

use super::places::{Place, Places};
use super::{Index, Segment};
use crate::log::frame::{
    FRAME_HEADER_BYTES, Frame, Kind, SEGMENT_HEADER_BYTES, SegmentHeaderError, body_crc, decode_segment_header,
};
use crate::log::{LogError, Offset, Record};
use crate::storage::{SharedStorage, StorageError};

/// Read at once, at first and at most: who wants one record reads little, who reads on reads more at a time.
const FIRST_CHUNK_BYTES: usize = 64 << 10;
const CHUNK_BYTES: usize = 1 << 20;

/// Records from `from` up to the committed end at this call.
pub(super) fn read(
    storage: &SharedStorage,
    index: &Arc<Index>,
    from: Offset,
) -> Result<impl Iterator<Item = Result<(Offset, Record), LogError>> + Send + 'static, LogError> {
    let state = index.lock();
    if from < state.start {
        return Err(LogError::Trimmed { asked: from, start: state.start });
    }
    // The segment before the first one that starts at `from` or behind may reach beyond `from`, or end with records of no
    // rows at it.
    let first = state.segments.partition_point(|segment| segment.start < from).saturating_sub(1);
    let segments = state.segments[first..].to_vec();
    let until = state.end;
    drop(state);
    let expected = segments.first().map_or(until, |segment| segment.start);
    let (storage, index, segments) = (Arc::clone(storage), Arc::clone(index), segments.into_iter());
    let mut records = SegmentRecords { storage, index, segments, cursor: None, from, expected, until, ended: false };
    records.jump();
    Ok(records)
}

struct SegmentRecords {
    storage: SharedStorage,
    index: Arc<Index>,
    segments: std::vec::IntoIter<Segment>,
    /// In the segment that it belongs to.
    cursor: Option<(Cursor, Arc<Places>)>,
    from: Offset,
    /// Offset of the next frame.
    expected: Offset,
    until: Offset,
    ended: bool,
}

impl SegmentRecords {
    /// Begins behind the first records of the first segment, as far as places are known.
    fn jump(&mut self) {
        let Some(segment) = self.segments.as_slice().first() else { return };
        let Some(place) = segment.places.before(self.from) else { return };
        let mut cursor = Cursor::new(Arc::clone(&self.storage), segment.name.clone(), segment.bytes);
        (cursor.position, self.expected) = (place.position, place.offset);
        self.cursor = Some((cursor, Arc::clone(&segment.places)));
        self.segments.next();
    }

    fn advance(&mut self) -> Result<Option<(Offset, Record)>, LogError> {
        loop {
            let Some((cursor, places)) = &mut self.cursor else {
                let Some(segment) = self.segments.next() else { return Ok(None) };
                let mut cursor = Cursor::new(Arc::clone(&self.storage), segment.name, segment.bytes);
                let start = cursor.segment_header().map_err(|error| cursor.explain(error))?;
                if start != self.expected {
                    return Err(cursor.explain(ReadError::Misplaced { found: start, expected: self.expected }));
                }
                self.cursor = Some((cursor, segment.places));
                continue;
            };
            let Some(frame) = cursor.frame().map_err(|error| cursor.explain(error))? else {
                let next_start = self.segments.as_slice().first().map_or(self.until, |segment| segment.start);
                if self.expected != next_start {
                    let reason = format!("it ends at offset {} instead of {next_start}", self.expected);
                    return Err(cursor.corrupt(cursor.position, reason));
                }
                self.cursor = None;
                continue;
            };
            if frame.first != self.expected {
                return Err(cursor.explain(ReadError::Misplaced { found: frame.first, expected: self.expected }));
            }
            places.note(Place { offset: frame.first, position: cursor.position });
            self.expected = frame.end();
            if frame.kind == Kind::Seal || !frame.header.is_read_from(frame.first, self.from) {
                cursor.skip(&frame);
                continue;
            }
            let (payload, notes) = cursor.body(&frame).map_err(|error| cursor.explain(error))?;
            return Ok(Some((frame.first, Record { header: frame.header, payload, notes })));
        }
    }

    /// A file that is gone because the log was trimmed while it was read is no failure of the disk.
    fn or_trimmed(&self, error: LogError) -> LogError {
        let start = self.index.lock().start;
        let gone = matches!(error, LogError::Storage(StorageError::NotFound { .. }));
        if gone && start > self.from { LogError::Trimmed { asked: self.from, start } } else { error }
    }
}

impl Iterator for SegmentRecords {
    type Item = Result<(Offset, Record), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().map_err(|error| self.or_trimmed(error)).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Why a cursor can't go on.
#[derive(Debug)]
pub(super) enum ReadError {
    Storage(StorageError),
    /// The bytes at the cursor are not what was written; nothing valid can start before `resume_at`.
    Damaged {
        reason: String,
        resume_at: u64,
    },
    /// Valid bytes in the wrong place: no crash does that.
    Misplaced {
        found: Offset,
        expected: Offset,
    },
    Version(u32),
}

impl From<StorageError> for ReadError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Walks the frames of one segment, verifying what it hands out.
pub(super) struct Cursor {
    storage: SharedStorage,
    name: String,
    /// Of the next frame.
    pub(super) position: u64,
    end: u64,
    chunk: Vec<u8>,
    chunk_at: u64,
    /// Bytes of the next chunk.
    chunk_bytes: usize,
}

impl Cursor {
    /// At the start of the first `end` bytes of a segment.
    pub(super) fn new(storage: SharedStorage, name: String, end: u64) -> Self {
        Self { storage, name, position: 0, end, chunk: Vec::new(), chunk_at: 0, chunk_bytes: FIRST_CHUNK_BYTES }
    }

    /// Offset of the segment's first row; moves to the first frame.
    pub(super) fn segment_header(&mut self) -> Result<Offset, ReadError> {
        let mut header = decode_segment_header(self.bytes(0, SEGMENT_HEADER_BYTES)?);
        if header.is_err() {
            self.chunk.clear();
            header = decode_segment_header(self.bytes(0, SEGMENT_HEADER_BYTES)?);
        }
        let start = header.map_err(|error| match error {
            SegmentHeaderError::Damaged => self.damaged("the segment header does not fit its checksum", 1),
            SegmentHeaderError::Version(version) => ReadError::Version(version),
        })?;
        self.position = SEGMENT_HEADER_BYTES as u64;
        Ok(start)
    }

    /// The frame here, without moving; none at the end.
    pub(super) fn frame(&mut self) -> Result<Option<Frame>, ReadError> {
        if self.position == self.end {
            return Ok(None);
        }
        let mut frame = Frame::decode(self.bytes(self.position, FRAME_HEADER_BYTES)?);
        if frame.is_none() {
            self.chunk.clear();
            frame = Frame::decode(self.bytes(self.position, FRAME_HEADER_BYTES)?);
        }
        let frame = frame.ok_or_else(|| self.damaged("a record header does not fit its checksum", 1))?;
        if self.position + frame.frame_bytes() > self.end {
            return Err(self.damaged("a record is cut short", frame.frame_bytes()));
        }
        Ok(Some(frame))
    }

    /// Moves behind `frame`, which is the one here.
    pub(super) fn skip(&mut self, frame: &Frame) {
        self.position += frame.frame_bytes();
    }

    /// Payload and notes of `frame`, which is the one here; moves behind it.
    pub(super) fn body(&mut self, frame: &Frame) -> Result<(Vec<u8>, Vec<u8>), ReadError> {
        let mut body = self.unchecked_body(frame)?;
        if body_crc(&body.0, &body.1) != frame.body_crc {
            self.chunk.clear();
            body = self.unchecked_body(frame)?;
        }
        if body_crc(&body.0, &body.1) != frame.body_crc {
            return Err(self.damaged("a record does not fit its checksum", frame.frame_bytes()));
        }
        self.skip(frame);
        Ok(body)
    }

    fn unchecked_body(&mut self, frame: &Frame) -> Result<(Vec<u8>, Vec<u8>), ReadError> {
        let at = self.position + FRAME_HEADER_BYTES as u64;
        let (payload_bytes, notes_bytes) = (frame.payload_bytes as usize, frame.notes_bytes as usize);
        if payload_bytes < CHUNK_BYTES {
            let (payload, notes) = self.bytes(at, payload_bytes + notes_bytes)?.split_at(payload_bytes);
            return Ok((payload.to_vec(), notes.to_vec()));
        }
        let payload = self.storage.read_at(&self.name, at, payload_bytes)?;
        let notes = self.storage.read_at(&self.name, at + u64::from(frame.payload_bytes), notes_bytes)?;
        Ok((payload, notes))
    }

    /// `length` bytes from `at`, through the chunk.
    fn bytes(&mut self, at: u64, length: usize) -> Result<&[u8], ReadError> {
        let held = self.chunk_at..self.chunk_at + self.chunk.len() as u64;
        if at < held.start || at + length as u64 > held.end {
            let rest = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
            self.chunk = self.storage.read_at(&self.name, at, length.max(self.chunk_bytes).min(rest))?;
            self.chunk_at = at;
            self.chunk_bytes = (self.chunk_bytes * 2).min(CHUNK_BYTES);
        }
        let skipped = usize::try_from(at - self.chunk_at).expect("the chunk is in memory");
        match self.chunk.get(skipped..skipped + length) {
            Some(_) => Ok(&self.chunk[skipped..skipped + length]),
            None => Err(self.damaged("the file ends within a record", self.end.saturating_sub(self.position))),
        }
    }

    fn damaged(&self, reason: &str, skipped_bytes: u64) -> ReadError {
        ReadError::Damaged { reason: reason.to_owned(), resume_at: self.position + skipped_bytes }
    }

    /// The error for the log's caller.
    pub(super) fn explain(&self, error: ReadError) -> LogError {
        match error {
            ReadError::Storage(error) => error.into(),
            ReadError::Damaged { reason, .. } => self.corrupt(self.position, reason),
            ReadError::Misplaced { found, expected } => {
                self.corrupt(self.position, format!("offset {found} stands where {expected} belongs"))
            }
            ReadError::Version(version) => {
                self.corrupt(0, format!("it has format version {version}, which this program does not read"))
            }
        }
    }

    pub(super) fn corrupt(&self, position: u64, reason: String) -> LogError {
        LogError::Corrupt { segment: self.name.clone(), position, reason }
    }
}
