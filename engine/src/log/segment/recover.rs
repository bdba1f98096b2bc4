//! Opening a log after whatever happened to it: cut off what was torn, refuse what is damaged.
//!
//! Only the last segment is checked here, since the others were durable before it was begun; readers check them on the
//! way. Bytes at the end that do not fit are a torn write, unless a later frame says that they had been durable: then they
//! were acknowledged, and going on without them would lose events silently (I1, I5). The same holds for a log that ends before
//! its mark (I14). No file is changed in either case.

use std::sync::Arc;

use super::mark::Marks;
use super::places::{Place, Places};
use super::reader::{Cursor, ReadError};
use super::{Segment, SegmentId};
use crate::log::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, Frame, Kind};
use crate::log::{LogError, Offset};
use crate::storage::{SharedStorage, StorageError};

/// Searched at once for frames behind damage.
const SEARCH_BYTES: usize = 1 << 20;

/// What survived.
pub(super) struct Recovered {
    /// In log order.
    pub(super) segments: Vec<Segment>,
    /// The segment to go on with: the last one, or a new one if there is none.
    pub(super) active: SegmentId,
    /// End of the log.
    pub(super) end: Offset,
    /// The last frame is a seal.
    pub(super) sealed: bool,
    /// Bytes cut off.
    pub(super) recovered_bytes: u64,
}

pub(super) fn recover(storage: &SharedStorage, folder: &str, marks: &Marks) -> Result<Recovered, LogError> {
    let mut ids: Vec<SegmentId> = storage.list(folder)?.iter().filter_map(|name| SegmentId::parse(name)).collect();
    ids.sort_unstable();
    let (mut torn, mut cuts) = (None, Vec::new());
    let last = loop {
        let Some(id) = ids.last().copied() else { break None };
        let name = id.name(folder);
        let size = storage.size(&name)?;
        let tail = scan(storage, &name, size, id, torn)?;
        if size > tail.valid_bytes || tail.valid_bytes == 0 {
            cuts.push(Cut { name: name.clone(), kept_bytes: tail.valid_bytes, cut_bytes: size - tail.valid_bytes });
        }
        if tail.valid_bytes > 0 {
            break Some((id, name, tail));
        }
        // Not even its header was durable: the log ends with the segment before.
        torn = Some(id);
        ids.pop();
    };
    let active = torn.unwrap_or(SegmentId { start: 0, ordinal: 0 });
    marks.check(last.as_ref().map_or(active.start, |(.., tail)| tail.end))?;
    // Nothing is changed before all is known to be there.
    cuts.iter().try_for_each(|cut| cut.carry_out(storage))?;
    let recovered_bytes = cuts.iter().map(|cut| cut.cut_bytes).sum();
    let Some((id, name, tail)) = last else {
        return Ok(Recovered { segments: Vec::new(), active, end: active.start, sealed: true, recovered_bytes });
    };
    let mut segments = Vec::with_capacity(ids.len());
    for older in &ids[..ids.len() - 1] {
        let name = older.name(folder);
        let bytes = storage.size(&name)?;
        segments.push(Segment { name, start: older.start, bytes, places: Arc::default() });
    }
    segments.push(Segment { name, start: id.start, bytes: tail.valid_bytes, places: tail.places });
    Ok(Recovered { segments, active: id, end: tail.end, sealed: tail.sealed, recovered_bytes })
}

/// A torn write that is to be cut off.
struct Cut {
    name: String,
    kept_bytes: u64,
    cut_bytes: u64,
}

impl Cut {
    fn carry_out(&self, storage: &SharedStorage) -> Result<(), StorageError> {
        let Self { name, kept_bytes, cut_bytes } = self;
        if *cut_bytes > 0 {
            tracing::warn!(segment = name, kept_bytes, cut_bytes, "cutting off a torn write that nobody was told of");
        }
        if *kept_bytes == 0 { storage.remove(name) } else { storage.truncate(name, *kept_bytes) }
    }
}

/// The readable part of a segment.
struct Tail {
    valid_bytes: u64,
    end: Offset,
    sealed: bool,
    places: Arc<Places>,
}

/// Checks the segment from its start. `next` is the segment that was begun behind it, so that it must be whole.
fn scan(
    storage: &SharedStorage,
    name: &str,
    size: u64,
    id: SegmentId,
    next: Option<SegmentId>,
) -> Result<Tail, LogError> {
    let mut cursor = Cursor::new(Arc::clone(storage), name.to_owned(), size);
    let mut tail = Tail { valid_bytes: 0, end: id.start, sealed: false, places: Arc::default() };
    let stopped = loop {
        match step(&mut cursor, &mut tail) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
    };
    match stopped {
        None => {}
        Some(ReadError::Damaged { reason, resume_at }) => {
            let search = Search { storage, name, damaged_at: cursor.position, size };
            if next.is_some() || search.finds_later_group(resume_at)? {
                return Err(cursor.corrupt(cursor.position, reason));
            }
        }
        Some(other) => return Err(cursor.explain(other)),
    }
    if let Some(next) = next.filter(|next| next.start != tail.end) {
        let reason = format!("it ends at offset {}, but the next segment was begun at {}", tail.end, next.start);
        return Err(cursor.corrupt(tail.valid_bytes, reason));
    }
    Ok(tail)
}

/// Takes one more frame, or the segment's header, into the tail; `false` at the end.
fn step(cursor: &mut Cursor, tail: &mut Tail) -> Result<bool, ReadError> {
    if tail.valid_bytes == 0 {
        let start = cursor.segment_header()?;
        if start != tail.end {
            return Err(ReadError::Misplaced { found: start, expected: tail.end });
        }
        tail.valid_bytes = cursor.position;
        return Ok(true);
    }
    let Some(frame) = cursor.frame()? else { return Ok(false) };
    if frame.first != tail.end {
        return Err(ReadError::Misplaced { found: frame.first, expected: tail.end });
    }
    let place = Place { offset: frame.first, position: cursor.position };
    cursor.body(&frame)?;
    tail.places.note(place);
    (tail.valid_bytes, tail.end, tail.sealed) = (cursor.position, frame.end(), frame.kind == Kind::Seal);
    Ok(true)
}

/// Looks behind damage for a frame that proves the damaged byte to have been durable.
struct Search<'a> {
    storage: &'a SharedStorage,
    name: &'a str,
    damaged_at: u64,
    size: u64,
}

impl Search<'_> {
    /// `from` is behind what the damaged frame holds if its header could be read: payloads are not ours, and may look like
    /// frames.
    fn finds_later_group(&self, from: u64) -> Result<bool, StorageError> {
        let mut at = from;
        while at + FRAME_HEADER_BYTES as u64 <= self.size {
            let window = self.storage.read_at(self.name, at, SEARCH_BYTES)?;
            let Some(last) = window.len().checked_sub(FRAME_HEADER_BYTES) else { return Ok(false) };
            for start in 0..=last {
                let position = at + start as u64;
                let proves = |frame: Frame| frame.group > self.damaged_at && frame.group <= position;
                if window[start..].starts_with(&FRAME_MAGIC) && Frame::decode(&window[start..]).is_some_and(proves) {
                    return Ok(true);
                }
            }
            at += last as u64 + 1;
        }
        Ok(false)
    }
}
