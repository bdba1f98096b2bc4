//! Marks in a hash table: the hot level, and frozen ones that are not sorted yet.
//!
//! Keys are hashes already, so they are not hashed again. Not here: sorting, files.

use hashbrown::HashTable;

use super::mark::Mark;

/// Marks by key, the last one inserted stays.
#[derive(Debug)]
pub(super) struct Table {
    marks: HashTable<Mark>,
    oldest_us: i64,
    newest_us: i64,
}

impl Default for Table {
    fn default() -> Self {
        Self { marks: HashTable::new(), oldest_us: i64::MAX, newest_us: i64::MIN }
    }
}

fn hash(key: u128) -> u64 {
    key as u64
}

impl Table {
    /// Marks held.
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    /// When the first of them was admitted.
    pub(super) fn oldest_us(&self) -> i64 {
        self.oldest_us
    }

    /// When the last of them was admitted.
    pub(super) fn newest_us(&self) -> i64 {
        self.newest_us
    }

    /// The mark of `key`.
    pub(super) fn get(&self, key: u128) -> Option<Mark> {
        self.marks.find(hash(key), |mark| mark.key() == key).copied()
    }

    /// Puts `mark` in, in place of one with its key.
    pub(super) fn insert(&mut self, mark: Mark, admitted_at_us: i64) {
        self.oldest_us = self.oldest_us.min(admitted_at_us);
        self.newest_us = self.newest_us.max(admitted_at_us);
        let key = mark.key();
        match self.marks.find_mut(hash(key), |other| other.key() == key) {
            Some(other) => *other = mark,
            None => {
                self.marks.insert_unique(hash(key), mark, |other| hash(other.key()));
            }
        }
    }

    /// Takes the mark of `key` out.
    pub(super) fn remove(&mut self, key: u128) {
        if let Ok(entry) = self.marks.find_entry(hash(key), |mark| mark.key() == key) {
            entry.remove();
        }
    }

    /// The marks in order of key.
    pub(super) fn sorted(&self) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self.marks.iter().copied().collect();
        marks.sort_unstable_by_key(Mark::key);
        marks
    }
}
