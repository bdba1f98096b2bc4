//! Levels as one stream of marks, in order of key; of several marks with one key, the newest level's.
//!
//! Of what is on file, a stretch of blocks a level is in memory at a time (I8). Not here: which levels are merged (`seal`).

use std::borrow::Cow;

use super::mark::Mark;
use super::{DedupError, Level};
use crate::storage::Storage;

/// The marks of some levels.
pub(super) struct Merge<'a> {
    /// Oldest first; none that is at its end.
    sources: Vec<Source<'a>>,
    storage: &'a dyn Storage,
}

impl<'a> Merge<'a> {
    /// Begins with the smallest key; `levels` are oldest first.
    pub(super) fn new(levels: &'a [Level], storage: &'a dyn Storage) -> Result<Self, DedupError> {
        let mut sources = Vec::with_capacity(levels.len());
        for level in levels {
            let mut source = match level {
                Level::Table(table) => Source { level, marks: Cow::Owned(table.sorted()), at: 0, behind: table.len() },
                Level::Run(_) => Source { level, marks: Cow::Borrowed(&[]), at: 0, behind: 0 },
            };
            if source.is_there(storage)? {
                sources.push(source);
            }
        }
        Ok(Self { sources, storage })
    }

    /// The mark with the next larger key.
    pub(super) fn next(&mut self) -> Result<Option<Mark>, DedupError> {
        let keys = self.sources.iter().map(|source| source.head().key());
        // A few sources, so comparing each beats a heap.
        let Some(key) = keys.min() else { return Ok(None) };
        let mut newest = None;
        let mut ended = false;
        for source in &mut self.sources {
            if source.head().key() == key {
                newest = Some(source.head());
                source.at += 1;
                ended |= !source.is_there(self.storage)?;
            }
        }
        if ended {
            self.sources.retain(|source| source.at < source.marks.len());
        }
        Ok(newest)
    }
}

struct Source<'a> {
    level: &'a Level,
    /// Those at hand.
    marks: Cow<'a, [Mark]>,
    at: usize,
    /// How many of the level's marks lie before the end of those at hand.
    behind: usize,
}

impl Source<'_> {
    fn head(&self) -> Mark {
        self.marks[self.at]
    }

    /// Whether there is a mark at hand, after more of them were fetched if need be.
    fn is_there(&mut self, storage: &dyn Storage) -> Result<bool, DedupError> {
        if self.at == self.marks.len()
            && let Level::Run(run) = self.level
        {
            self.marks = run.marks_from(self.behind, storage)?;
            self.behind += self.marks.len();
            self.at = 0;
        }
        Ok(self.at < self.marks.len())
    }
}
