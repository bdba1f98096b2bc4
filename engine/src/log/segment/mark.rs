//! Marks: how far a log is known to reach, kept apart from its segments, so that the next open tells a log that lost
//! acknowledged records from one that a crash left with a torn write.
//!
//! A mark is a small file whose name ends with an offset that was durable when it was written (I1). Marks grow apart as a
//! segment grows (see [`Marks::is_due`]), so they cost a handful of files a segment, and what can vanish unnoticed is at most
//! a fifth of the last segment, by damage that looks exactly like a torn write. Keeps I14. A failed mark fails nothing: the
//! records that it would vouch for are durable without it. Not here: damage inside segments (`recover`, `reader`).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::log::{LogError, Offset};
use crate::storage::{SharedStorage, StorageError};

/// The folder of all logs' marks, outside of the logs' own, so that losing a whole log is noticed too.
const FOLDER: &str = "marks";

/// A new mark is due when the segment has grown by this part of itself.
const GROWTH: u64 = 4;

/// The marks of one log.
pub(super) struct Marks {
    storage: SharedStorage,
    /// What the names of this log's marks begin with.
    prefix: String,
    /// Bytes of the active segment at the newest mark.
    marked_bytes: AtomicU64,
}

impl Marks {
    /// Those of the log in `folder`.
    pub(super) fn new(storage: SharedStorage, folder: &str) -> Self {
        let log = folder.rsplit('/').next().unwrap_or(folder);
        Self { storage, prefix: format!("{FOLDER}/{log}-"), marked_bytes: AtomicU64::new(0) }
    }

    /// Compares the newest mark with where the log ends now.
    ///
    /// # Errors
    /// [`LogError::Missing`] if the log once reached further; [`LogError::Storage`] if marks can't be listed.
    pub(super) fn check(&self, end: Offset) -> Result<(), LogError> {
        let Some(reached) = self.offsets()?.into_iter().max().filter(|reached| *reached > end) else { return Ok(()) };
        let mark = self.name(reached);
        // What it says is for people; its name alone vouches.
        let segment = self.storage.read(&mark).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        let segment = segment.unwrap_or_else(|_| "unknown".to_owned());
        Err(LogError::Missing { reached, segment, end, mark })
    }

    /// Whether a segment of `segment_bytes` wants a new mark.
    pub(super) fn is_due(&self, segment_bytes: u64) -> bool {
        let marked = self.marked_bytes.load(Ordering::Relaxed);
        segment_bytes < marked || segment_bytes >= marked.saturating_add(marked / GROWTH).max(1)
    }

    /// Marks that everything before `end` is durable and that the last of it is in `segment`.
    pub(super) fn set(&self, end: Offset, segment: &str, segment_bytes: u64) -> Result<(), StorageError> {
        match self.storage.create_new(&self.name(end), segment.as_bytes()) {
            Ok(()) | Err(StorageError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
        self.marked_bytes.store(segment_bytes, Ordering::Relaxed);
        for older in self.offsets()?.into_iter().filter(|offset| *offset < end) {
            self.storage.remove(&self.name(older))?;
        }
        Ok(())
    }

    fn offsets(&self) -> Result<Vec<Offset>, StorageError> {
        let names = self.storage.list(FOLDER)?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(&self.prefix)?.parse().ok()).collect())
    }

    fn name(&self, end: Offset) -> String {
        format!("{}{end:020}", self.prefix)
    }
}
