//! Texts as small numbers, so that grouping never compares or copies text per row.

use std::hint::black_box;

use arrow::array::{Array, StringArray};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// The code of an absent text.
pub(super) const ABSENT: u32 = 0;
/// In place of a code that is being looked up.
const ASKED: u32 = u32::MAX;
/// Texts whose memory is waited for at once.
const AT_ONCE: usize = 64;

/// Texts met so far; a text's code is its position, from 1.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    /// With the upper half of their hashes, so that growing does not look at texts.
    codes: HashTable<(u32, u32)>,
    /// All texts, one behind the other.
    texts: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Symbols {
    /// The code of `text`, a new one if it is new.
    pub(super) fn code(&mut self, text: &str) -> u32 {
        let hash = hash(text);
        if let Some(code) = self.find_hashed(text, hash) {
            return code;
        }
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        let code = u32::try_from(self.ends.len()).expect("fewer than 2^32 texts fit into memory");
        self.codes.insert_unique(widened(hash), (hash, code), |&(hash, _)| widened(hash));
        code
    }

    /// Puts the code of each of `values` that `keys` name into its place in `known`, where it is not yet.
    pub(super) fn codes(&mut self, values: &StringArray, keys: impl Iterator<Item = usize>, known: &mut Vec<u32>) {
        known.resize(values.len(), ABSENT);
        let mut asked = Vec::with_capacity(AT_ONCE);
        for key in keys {
            if known[key] != ABSENT {
                continue;
            }
            known[key] = ASKED;
            asked.push((key, hash(values.value(key))));
            if asked.len() == AT_ONCE {
                self.answer(values, &mut asked, known);
            }
        }
        self.answer(values, &mut asked, known);
    }

    /// Among very many texts each look into the table, for the text and at it is a wait for memory. So all take one step
    /// before any takes the next.
    fn answer(&mut self, values: &StringArray, asked: &mut Vec<(usize, u32)>, known: &mut [u32]) {
        for &(key, hash) in asked.iter() {
            let candidate = self.codes.find(widened(hash), |&(of, _)| of == hash);
            known[key] = candidate.map_or(ABSENT, |&(_, code)| code);
        }
        let starts = asked.iter().filter_map(|&(key, _)| self.start(known[key]));
        let starts: Vec<usize> = starts.collect();
        let texts = self.texts.as_bytes();
        black_box(starts.iter().fold(0, |touched, start| touched | texts.get(*start).copied().unwrap_or(0)));
        for (key, _) in asked.drain(..) {
            let text = values.value(key);
            if self.text(known[key]) != Some(text) {
                known[key] = self.code(text);
            }
        }
    }

    /// The code of a text that was met.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.find_hashed(text, hash(text))
    }

    fn find_hashed(&self, text: &str, hash: u32) -> Option<u32> {
        let is = |&(of, code): &(u32, u32)| of == hash && self.text(code) == Some(text);
        self.codes.find(widened(hash), is).map(|&(_, code)| code)
    }

    /// The text behind a code; `None` for [`ABSENT`].
    pub(super) fn text(&self, code: u32) -> Option<&str> {
        self.texts.get(self.start(code)?..*self.ends.get(code as usize - 1)?)
    }

    fn start(&self, code: u32) -> Option<usize> {
        match code {
            ABSENT => None,
            1 => Some(0),
            _ => self.ends.get(code as usize - 2).copied(),
        }
    }

    /// How many texts.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Forgets all texts and keeps the room for as many.
    pub(super) fn clear(&mut self) {
        self.codes.clear();
        self.texts.clear();
        self.ends.clear();
    }

    /// Position of each code in the order of texts; absent comes last, as SQL sorts nulls.
    pub(super) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (1..=self.len() as u32).collect();
        order.sort_unstable_by_key(|&code| self.text(code));
        let mut ranks = vec![self.len() as u32; self.len() + 1];
        for (rank, &code) in order.iter().enumerate() {
            ranks[code as usize] = rank as u32;
        }
        ranks
    }
}

/// The half that is kept of the hash of `text`.
fn hash(text: &str) -> u32 {
    (xxh3_64(text.as_bytes()) >> 32) as u32
}

/// A hash again: the table takes its place from the lower bits and its tag from the upper ones.
fn widened(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_get_the_codes_that_each_alone_gets() {
        let values = StringArray::from_iter_values((0..500).map(|n| format!("text {}", n % 300)));
        let (mut many, mut each) = (Symbols::default(), Symbols::default());
        for from in [0, 100, 0] {
            let keys = (from..500).filter(|key| key % 3 > 0).chain(from..from + 5);
            let mut known = Vec::new();
            many.codes(&values, keys.clone(), &mut known);
            for key in keys {
                let text = values.value(key);
                assert_eq!((known[key], many.text(known[key])), (each.code(text), Some(text)));
            }
            assert_eq!(known.len(), 500);
            let mut others = (from + 5..500).filter(|key| key % 3 == 0);
            assert!(others.all(|key| known[key] == ABSENT), "what was not asked for");
        }
        assert_eq!(many.len(), each.len());
    }
}
