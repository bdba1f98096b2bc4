//! Marks in a hash table: the hot level, and frozen ones that are not sorted yet.
//!
//! Keys are hashes already, so they are not hashed again. Not here: sorting, files.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::mark::Mark;

/// Marks that share a slot when they are sorted, on average at most.
const SLOT_MARKS: usize = 16;

/// Marks by key, the last one inserted stays.
#[derive(Debug)]
pub(super) struct Table {
    marks: HashTable<Mark>,
    oldest_us: i64,
    newest_us: i64,
}

impl Default for Table {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

fn hash(key: u128) -> u64 {
    key as u64
}

impl Table {
    /// An empty one with room for `marks`.
    pub(super) fn with_capacity(marks: usize) -> Self {
        Self { marks: HashTable::with_capacity(marks), oldest_us: i64::MAX, newest_us: i64::MIN }
    }

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
        match self.marks.entry(hash(key), |other| other.key() == key, |other| hash(other.key())) {
            Entry::Occupied(mut entry) => *entry.get_mut() = mark,
            Entry::Vacant(entry) => {
                entry.insert(mark);
            }
        }
    }

    /// Takes the mark of `key` out.
    pub(super) fn remove(&mut self, key: u128) {
        if let Ok(entry) = self.marks.find_entry(hash(key), |mark| mark.key() == key) {
            entry.remove();
        }
    }

    /// The marks in order of key. Keys are hashes and so spread evenly: put into narrow slots by their first bits, only
    /// neighbours are left to be sorted.
    pub(super) fn sorted(&self) -> Vec<Mark> {
        let bits = (self.len() / SLOT_MARKS).max(1).ilog2() + 1;
        let slot = |mark: &Mark| (mark.key() >> (u128::BITS - bits)) as usize;
        let mut ends = vec![0usize; 1 << bits];
        self.marks.iter().for_each(|mark| ends[slot(mark)] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut marks = vec![Mark::dead(0); self.len()];
        for mark in &self.marks {
            let at = &mut ends[slot(mark)];
            marks[*at] = *mark;
            *at += 1;
        }
        let mut start = 0;
        for end in ends {
            marks[start..end].sort_unstable_by_key(Mark::key);
            start = end;
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    #[test]
    fn marks_are_sorted_whether_their_keys_are_spread_or_not() {
        for marks in [0u128, 1, 2, 1000] {
            for spread in [true, false] {
                let mut table = Table::default();
                for n in 0..marks {
                    let key = if spread { xxh3_128(&n.to_le_bytes()) } else { n << 3 };
                    table.insert(Mark::live(key, 1), 0);
                }
                let keys: Vec<u128> = table.sorted().iter().map(Mark::key).collect();
                assert!(keys.len() == marks as usize && keys.is_sorted());
            }
        }
    }
}
