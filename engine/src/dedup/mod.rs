//! Exact dedup: whether an event's key was admitted before, within a horizon and in bounded memory (I2, I8).
//!
//! Levels, newest first, each shadowing those behind it:
//!
//! ```text
//!  hot ──freeze──► frozen table ──seal: sort, write, merge──► run in memory ──budget spent──► run on file
//! ```
//!
//! The hot table takes what is admitted. Frozen, it is immutable and shared with the seal that writes it, off the worker's
//! thread; what the seal made of the levels it was given is taken up at the next call. A run is an array of marks sorted by
//! key with a filter in front; beyond `resident_bytes_max` the array stays in its file and only filter and index in memory.
//! There is no cache of blocks: keys are hashes, so no read makes the next one likelier. In front of all levels stands the
//! [`screen`], which knows most new ids for what they are. A remembered id takes 24 bytes on file, and in memory as many while
//! its run is resident, and 3.1 in any case: 12 bits of the screen, which grows by 24 MB at a time, 12 of its run's filter, and
//! its part of the index.
//!
//! What was remembered in vain is forgotten by a *dead* mark, which shadows and goes away in the oldest run.
//!
//! Batches of a producer that numbers them are known by their numbers instead: [`sequence`].
//!
//! Not here: hashing events (`event::fingerprint`), deciding what a duplicate is answered.

mod filter;
mod mark;
mod merge;
mod run;
mod screen;
mod seal;
mod table;
pub mod sequence;

use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;

use self::filter::Probe;
use self::mark::Mark;
use self::run::Run;
use self::screen::Screen;
use self::seal::{DedupSeal, Description, Outcome};
use self::table::Table;
use crate::shard::operator::{RestoreError, Seal};
use crate::storage::{SharedStorage, Storage, StorageError};

/// How far back ids are remembered, and in how much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupOptions {
    /// An id is remembered at least this long after it was admitted, in microseconds; at most a quarter longer, once the
    /// next seal is written.
    pub horizon_us: i64,
    /// Ids in the hot table; a full one is frozen.
    pub hot_max: usize,
    /// Memory for the marks of written runs of one shard; older ones stay on file. Filters and indexes (3.1 bytes an id)
    /// come on top, and so do ids that are not written yet.
    pub resident_bytes_max: usize,
}

impl Default for DedupOptions {
    fn default() -> Self {
        Self { horizon_us: 34 * 86_400 * 1_000_000, hot_max: 1 << 20, resident_bytes_max: 128 << 20 }
    }
}

/// What is known of one row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Never admitted.
    New,
    /// Admitted before with this payload.
    Duplicate,
    /// Admitted before with another payload.
    Conflict,
    /// Never admitted before this batch, in which an earlier row has the same key.
    Repeat {
        /// The first row with this key.
        row: u32,
        /// Whether its payload is another one.
        conflict: bool,
    },
}

/// Why a key can't be looked up; nothing is answered, since a guess would count twice or not at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// A run can't be read now.
    #[error("dedup run: {0}")]
    Storage(#[from] StorageError),
    /// A run's file is not what was written.
    #[error(
        "dedup run {file} is damaged in block {block}; restore the file from a backup, or the node from a checkpoint"
    )]
    Damaged {
        /// File name.
        file: String,
        /// Which block of 4 KiB.
        block: usize,
    },
}

/// The ids that a shard has admitted.
pub struct Dedup {
    options: DedupOptions,
    storage: SharedStorage,
    screen: Screen,
    hot: Table,
    /// Oldest first.
    levels: Vec<Level>,
    /// Of seals whose outcome is not taken up yet, oldest first.
    outcomes: Vec<Arc<OnceLock<Outcome>>>,
    /// Rows of the batch being checked, by key; reused.
    rows_by_key: HashTable<u32>,
    /// Rows of the batch being checked that no level has answered yet; reused.
    open: Vec<u32>,
}

/// One immutable level.
#[derive(Clone)]
enum Level {
    /// Not written yet.
    Table(Arc<Table>),
    /// Sorted and written.
    Run(Arc<Run>),
}

impl Level {
    fn len(&self) -> usize {
        match self {
            Self::Table(table) => table.len(),
            Self::Run(run) => run.len(),
        }
    }

    fn newest_us(&self) -> i64 {
        match self {
            Self::Table(table) => table.newest_us(),
            Self::Run(run) => run.newest_us(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Table(a), Self::Table(b)) => Arc::ptr_eq(a, b),
            (Self::Run(a), Self::Run(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Dedup {
    /// Remembers nothing yet; runs on file are read from `storage`.
    pub fn new(options: DedupOptions, storage: SharedStorage) -> Self {
        Self {
            options,
            storage,
            screen: Screen::default(),
            hot: Table::default(),
            levels: Vec::new(),
            outcomes: Vec::new(),
            rows_by_key: HashTable::new(),
            open: Vec::new(),
        }
    }

    /// Answers for each row of a batch, given its key and payload, into `out`. Remembers nothing.
    pub fn check(&mut self, keys: &[u128], payloads: &[u64], out: &mut Vec<Answer>) -> Result<(), DedupError> {
        self.take_up_outcomes();
        match self.look_up(keys, payloads, out) {
            // A seal may have replaced a run, and its file be gone, while it was being read.
            Err(_) if self.take_up_outcomes() => self.look_up(keys, payloads, out)?,
            looked_up => looked_up?,
        }
        self.find_repeats(keys, payloads, out);
        Ok(())
    }

    /// Remembers rows that are admitted.
    pub fn remember(&mut self, keys: &[u128], payloads: &[u64], admitted_at_us: i64) {
        self.take_up_outcomes();
        for (&key, &payload) in keys.iter().zip(payloads) {
            self.screen.insert(&Probe::of(key), admitted_at_us);
            self.hot.insert(Mark::live(key, payload), admitted_at_us);
        }
        if self.hot.len() >= self.options.hot_max {
            self.freeze();
        }
    }

    /// Forgets rows that were remembered but are not admitted after all, because their append failed.
    pub fn forget(&mut self, keys: &[u128]) {
        self.take_up_outcomes();
        for &key in keys {
            self.hot.remove(key);
            let probe = Probe::of(key);
            let shadowed = self.levels.iter().any(|level| match level {
                Level::Table(table) => table.get(key).is_some(),
                Level::Run(run) => run.may_contain(&probe),
            });
            if shadowed {
                let newest_us = self.newest_us();
                self.hot.insert(Mark::dead(key), newest_us);
            }
        }
    }

    /// How many ids are remembered (those forgotten but not merged away yet included).
    pub fn len(&self) -> u64 {
        (self.hot.len() + self.levels.iter().map(Level::len).sum::<usize>()) as u64
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What makes everything remembered so far durable, merges runs and lets go of those beyond the horizon, seen from
    /// `now_us`.
    ///
    /// Seals must be written in the order they were made. Files of an earlier checkpoint may be removed once a later one
    /// that does not list them is committed.
    pub fn seal(&mut self, now_us: i64) -> Box<dyn Seal> {
        self.take_up_outcomes();
        self.freeze();
        // A seal that was dropped or failed leaves its cell empty for ever.
        self.outcomes.retain(|outcome| Arc::strong_count(outcome) > 1);
        let outcome = Arc::new(OnceLock::new());
        let expired_before_us = now_us.saturating_sub(self.options.horizon_us);
        self.screen.expire(expired_before_us);
        let seal = DedupSeal {
            options: self.options,
            levels: self.levels.clone(),
            earlier: self.outcomes.clone(),
            expired_before_us,
            outcome: Arc::clone(&outcome),
        };
        self.outcomes.push(outcome);
        Box::new(seal)
    }

    /// Takes up what a seal described; before anything is remembered.
    pub fn restore(&mut self, description: &serde_json::Value, storage: &dyn Storage) -> Result<(), RestoreError> {
        let description = Description::parse(description)?;
        let mut budget = self.options.resident_bytes_max;
        let mut runs = Vec::with_capacity(description.runs.len());
        let mut screen = Screen::default();
        for entry in description.runs.iter().rev() {
            let resident = run::marks_bytes(entry.ids) <= budget;
            let run = Run::open(entry, storage, resident, |probe| screen.insert(probe, entry.newest_us))?;
            if resident {
                budget -= run::marks_bytes(entry.ids);
            }
            runs.push(Level::Run(Arc::new(run)));
        }
        runs.reverse();
        self.screen = screen;
        self.hot = Table::default();
        self.levels = runs;
        self.outcomes.clear();
        Ok(())
    }

    fn newest_us(&self) -> i64 {
        self.levels.iter().map(Level::newest_us).fold(self.hot.newest_us(), i64::max)
    }

    fn freeze(&mut self) {
        if self.hot.len() > 0 {
            // The next one will be as large, and growing to that would cost as much as filling it.
            let next = Table::with_capacity(self.hot.len());
            self.levels.push(Level::Table(Arc::new(std::mem::replace(&mut self.hot, next))));
        }
    }

    /// Whether any seal's outcome changed the levels.
    fn take_up_outcomes(&mut self) -> bool {
        let mut changed = false;
        while let Some(outcome) = self.outcomes.first().and_then(|cell| cell.get()) {
            changed |= outcome.apply(&mut self.levels);
            self.outcomes.remove(0);
        }
        changed
    }

    /// Only what passes the screen is looked up. Tables level by level, so that the processor waits for several rows' memory at
    /// once; runs, of which there are more, row by row, since the bits of a key are the same in all their filters.
    fn look_up(&mut self, keys: &[u128], payloads: &[u64], out: &mut Vec<Answer>) -> Result<(), DedupError> {
        debug_assert_eq!(keys.len(), payloads.len(), "one payload a key");
        out.clear();
        out.resize(keys.len(), Answer::New);
        let mut open = std::mem::take(&mut self.open);
        self.screen.passing(keys, &mut open);

        let mut answer = |row: u32, mark: Option<Mark>| {
            let Some(mark) = mark else { return true };
            out[row as usize] = mark.answer(payloads[row as usize]);
            false
        };
        if self.hot.len() > 0 {
            open.retain(|&row| answer(row, self.hot.get(keys[row as usize])));
        }
        let mut runs = Vec::with_capacity(self.levels.len());
        for level in self.levels.iter().rev() {
            match level {
                // Newer than any run.
                Level::Table(table) => open.retain(|&row| answer(row, table.get(keys[row as usize]))),
                Level::Run(run) => runs.push(&**run),
            }
        }
        let mut failed = None;
        if !runs.is_empty() {
            open.retain(|&row| match self.in_runs(&runs, keys[row as usize]) {
                Ok(mark) => answer(row, mark),
                Err(error) => {
                    failed = Some(error);
                    true
                }
            });
        }
        self.open = open;
        failed.map_or(Ok(()), Err)
    }

    /// The newest mark of `key` in `runs`, which are newest first.
    fn in_runs(&self, runs: &[&Run], key: u128) -> Result<Option<Mark>, DedupError> {
        let probe = Probe::of(key);
        for run in runs.iter().filter(|run| run.may_contain(&probe)) {
            if let Some(mark) = run.get(key, &*self.storage)? {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    fn find_repeats(&mut self, keys: &[u128], payloads: &[u64], out: &mut [Answer]) {
        self.rows_by_key.clear();
        let hash = |row: u32| keys[row as usize] as u64;
        for row in 0..keys.len() as u32 {
            if out[row as usize] != Answer::New {
                continue;
            }
            let key = keys[row as usize];
            let entry = self.rows_by_key.entry(hash(row), |&other| keys[other as usize] == key, |&other| hash(other));
            match entry {
                hashbrown::hash_table::Entry::Vacant(vacant) => {
                    vacant.insert(row);
                }
                hashbrown::hash_table::Entry::Occupied(first) => {
                    let first = *first.get();
                    let conflict = payloads[first as usize] != payloads[row as usize];
                    out[row as usize] = Answer::Repeat { row: first, conflict };
                }
            }
        }
    }
}
