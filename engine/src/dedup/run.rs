//! A run: marks sorted by key, immutable, written to a file; in memory or read from there block by block.
//!
//! A file is a sequence of blocks of 4 KiB: up to 170 marks, padding of zeros, and in the last four bytes the CRC32C of
//! the others; all blocks but the last are full; behind them the trailer of a checkpoint's file. The manifest says how many
//! marks there are. Every block is checked each time it is read, since a flipped bit would let an event count twice (I2).
//! Not here: what a run is made of (`merge`), expiry (`seal`).

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::DedupError;
use super::filter::{Filter, Probe};
use super::mark::{self, Mark};
use crate::checkpoint::file::FileWriter;
use crate::shard::operator::RestoreError;
use crate::storage::{Storage, StorageError};

const BLOCK_BYTES: usize = 4096;
const CRC_BYTES: usize = 4;
const BLOCK_MARKS: usize = (BLOCK_BYTES - CRC_BYTES) / mark::BYTES;
/// Read at once when all are.
const BLOCKS_AHEAD: usize = 256;

/// Memory of `ids` marks.
pub(super) fn marks_bytes(ids: usize) -> usize {
    ids.saturating_mul(mark::BYTES)
}

/// A run in a checkpoint's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) file: Arc<str>,
    pub(super) ids: usize,
    pub(super) oldest_us: i64,
    pub(super) newest_us: i64,
}

impl Entry {
    fn damaged(&self, block: usize) -> DedupError {
        DedupError::Damaged { file: self.file.to_string(), block }
    }
}

/// Sorted marks with what finds one of them fast.
#[derive(Debug, Clone)]
pub(super) struct Run {
    entry: Entry,
    filter: Arc<Filter>,
    /// First key of each block.
    firsts: Arc<[u128]>,
    /// `None` if they are read from the file.
    resident: Option<Arc<Vec<Mark>>>,
}

impl Run {
    /// Reads and checks the whole file of `entry`, giving each key's probe to `seen`; keeps its marks if `resident`.
    pub(super) fn open(
        entry: &Entry,
        storage: &dyn Storage,
        resident: bool,
        mut seen: impl FnMut(&Probe),
    ) -> Result<Self, RestoreError> {
        let fail = |reason: String| RestoreError { file: entry.file.to_string(), reason };
        let size = storage.size(&entry.file).map_err(|error| fail(error.to_string()))?;
        let blocks = entry.ids.div_ceil(BLOCK_MARKS);
        if size / (BLOCK_BYTES as u64) < blocks as u64 {
            return Err(fail(format!("has {size} bytes where {} ids take {blocks} blocks", entry.ids)));
        }
        let mut filter = Filter::with_capacity(entry.ids);
        let mut firsts = Vec::with_capacity(blocks);
        let mut kept = Vec::with_capacity(if resident { entry.ids } else { 0 });
        let mut last = None;
        for from in (0..blocks).step_by(BLOCKS_AHEAD) {
            let until = blocks.min(from + BLOCKS_AHEAD);
            let ahead = storage.read_at(&entry.file, (from * BLOCK_BYTES) as u64, (until - from) * BLOCK_BYTES);
            let ahead = ahead.map_err(|error| fail(error.to_string()))?;
            for (block, bytes) in (from..until).zip(ahead.chunks(BLOCK_BYTES)) {
                let marks = marks_of(entry, block, bytes).map_err(|error| fail(error.to_string()))?;
                for (at, mark) in marks.enumerate() {
                    let key = mark.key();
                    if last.is_some_and(|last| last >= key) {
                        return Err(fail(format!("keys are out of order in block {block}")));
                    }
                    if at == 0 {
                        firsts.push(key);
                    }
                    last = Some(key);
                    let probe = Probe::of(key);
                    filter.insert(&probe);
                    seen(&probe);
                    if resident {
                        kept.push(mark);
                    }
                }
            }
            if firsts.len() < until {
                return Err(fail(format!("ends in block {}", firsts.len())));
            }
        }
        let resident = resident.then(|| Arc::new(kept));
        Ok(Self { entry: entry.clone(), filter: Arc::new(filter), firsts: firsts.into(), resident })
    }

    /// The same run without its marks in memory.
    pub(super) fn on_file(&self) -> Self {
        Self { resident: None, ..self.clone() }
    }

    /// Whether the marks are in memory.
    pub(super) fn is_resident(&self) -> bool {
        self.resident.is_some()
    }

    /// What the manifest says of it.
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Marks held.
    pub(super) fn len(&self) -> usize {
        self.entry.ids
    }

    /// When the last of them was admitted.
    pub(super) fn newest_us(&self) -> i64 {
        self.entry.newest_us
    }

    /// `false` if there is no mark of the probe's key.
    #[inline]
    pub(super) fn may_contain(&self, probe: &Probe) -> bool {
        self.filter.may_contain(probe)
    }

    /// The mark of `key`; worth asking for only if there may be one.
    pub(super) fn get(&self, key: u128, storage: &dyn Storage) -> Result<Option<Mark>, DedupError> {
        let Some(block) = self.firsts.partition_point(|first| *first <= key).checked_sub(1) else { return Ok(None) };
        let find = |marks: &[Mark]| marks.binary_search_by_key(&key, Mark::key).ok().map(|at| marks[at]);
        match &self.resident {
            Some(marks) => Ok(find(&marks[block_range(block, marks.len())])),
            None => Ok(find(&read_block(&self.entry, block, storage)?)),
        }
    }

    /// The marks that come at `at` in order of key, as many as are at hand together; none behind the last.
    pub(super) fn marks_from(&self, at: usize, storage: &dyn Storage) -> Result<Cow<'_, [Mark]>, DedupError> {
        if let Some(marks) = &self.resident {
            return Ok(Cow::Borrowed(&marks[at..]));
        }
        debug_assert!(at.is_multiple_of(BLOCK_MARKS) || at == self.len(), "only whole blocks are read");
        let first = at.div_ceil(BLOCK_MARKS);
        let until = self.firsts.len().min(first + BLOCKS_AHEAD);
        let offset = (first * BLOCK_BYTES) as u64;
        let bytes = storage.read_at(&self.entry.file, offset, (until - first) * BLOCK_BYTES)?;
        if bytes.len() < (until - first) * BLOCK_BYTES {
            return Err(self.entry.damaged(first + bytes.len() / BLOCK_BYTES));
        }
        let mut marks = Vec::with_capacity((until - first) * BLOCK_MARKS);
        for (block, bytes) in (first..until).zip(bytes.chunks(BLOCK_BYTES)) {
            marks.extend(marks_of(&self.entry, block, bytes)?);
        }
        Ok(Cow::Owned(marks))
    }
}

/// A run while it is written; of its marks no more are in memory than it keeps.
pub(super) struct RunWriter {
    file: FileWriter,
    name: Arc<str>,
    ids: usize,
    filter: Filter,
    firsts: Vec<u128>,
    /// Blocks that are not appended yet; the last one may have room.
    bytes: Vec<u8>,
    kept: Option<Vec<Mark>>,
}

impl RunWriter {
    /// Begins the new file `name` for at most `ids_max` marks, and keeps them in memory too if `resident`.
    pub(super) fn create(
        name: &str,
        ids_max: usize,
        resident: bool,
        storage: &dyn Storage,
    ) -> Result<Self, StorageError> {
        Ok(Self {
            file: FileWriter::create(storage, name)?,
            name: name.into(),
            ids: 0,
            filter: Filter::with_capacity(ids_max),
            firsts: Vec::with_capacity(ids_max.div_ceil(BLOCK_MARKS)),
            bytes: Vec::with_capacity(BLOCKS_AHEAD * BLOCK_BYTES),
            kept: resident.then(|| Vec::with_capacity(ids_max)),
        })
    }

    /// Puts the mark with the next larger key behind the others.
    pub(super) fn push(&mut self, mark: Mark) -> Result<(), StorageError> {
        if self.ids.is_multiple_of(BLOCK_MARKS) {
            self.end_block();
            if self.bytes.len() == BLOCKS_AHEAD * BLOCK_BYTES {
                self.append()?;
            }
            self.firsts.push(mark.key());
        }
        self.ids += 1;
        self.filter.insert(&Probe::of(mark.key()));
        self.bytes.extend_from_slice(&mark.to_bytes());
        if let Some(kept) = &mut self.kept {
            kept.push(mark);
        }
        Ok(())
    }

    /// The run, durable; `None`, and no more than an empty file, if nothing was pushed.
    pub(super) fn finish(mut self, oldest_us: i64, newest_us: i64) -> Result<Option<Run>, StorageError> {
        self.end_block();
        self.append()?;
        self.file.finish()?;
        if self.ids == 0 {
            return Ok(None);
        }
        Ok(Some(Run {
            entry: Entry { file: self.name, ids: self.ids, oldest_us, newest_us },
            filter: Arc::new(self.filter),
            firsts: self.firsts.into(),
            resident: self.kept.map(Arc::new),
        }))
    }

    fn end_block(&mut self) {
        let content = self.bytes.len() % BLOCK_BYTES;
        if content > 0 {
            let start = self.bytes.len() - content;
            self.bytes.resize(start + BLOCK_BYTES - CRC_BYTES, 0);
            let crc = crc32c::crc32c(&self.bytes[start..]);
            self.bytes.extend_from_slice(&crc.to_le_bytes());
        }
    }

    fn append(&mut self) -> Result<(), StorageError> {
        let appended = self.file.append(&self.bytes);
        self.bytes.clear();
        appended
    }
}

fn block_range(block: usize, marks: usize) -> std::ops::Range<usize> {
    block * BLOCK_MARKS..((block + 1) * BLOCK_MARKS).min(marks)
}

fn read_block(entry: &Entry, block: usize, storage: &dyn Storage) -> Result<Vec<Mark>, DedupError> {
    let bytes = storage.read_at(&entry.file, (block * BLOCK_BYTES) as u64, BLOCK_BYTES)?;
    Ok(marks_of(entry, block, &bytes)?.collect())
}

/// The marks in the bytes of a block, if they are what was written.
fn marks_of<'a>(entry: &Entry, block: usize, bytes: &'a [u8]) -> Result<impl Iterator<Item = Mark> + 'a, DedupError> {
    let damaged = || entry.damaged(block);
    let (content, crc) = bytes.split_at_checked(BLOCK_BYTES - CRC_BYTES).ok_or_else(damaged)?;
    if crc != crc32c::crc32c(content).to_le_bytes() {
        return Err(damaged());
    }
    let marks = block_range(block, entry.ids).len();
    Ok(content.chunks_exact(mark::BYTES).take(marks).map(Mark::from_bytes))
}
