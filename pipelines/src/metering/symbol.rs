//! Texts as small numbers, so that grouping never compares or copies text per row.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// The code of an absent text.
pub(super) const ABSENT: u32 = 0;

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
        let hash = spread(xxh3_64(text.as_bytes()));
        if let Some(code) = self.find_hashed(text, hash) {
            return code;
        }
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        let code = u32::try_from(self.ends.len()).expect("fewer than 2^32 texts fit into memory");
        self.codes.insert_unique(widened(hash), (hash, code), |&(hash, _)| widened(hash));
        code
    }

    /// The code of a text that was met.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.find_hashed(text, spread(xxh3_64(text.as_bytes())))
    }

    fn find_hashed(&self, text: &str, hash: u32) -> Option<u32> {
        let is = |&(of, code): &(u32, u32)| of == hash && self.text(code) == Some(text);
        self.codes.find(widened(hash), is).map(|&(_, code)| code)
    }

    /// The text behind a code; `None` for [`ABSENT`].
    pub(super) fn text(&self, code: u32) -> Option<&str> {
        let at = (code as usize).checked_sub(1)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.texts.get(start..*self.ends.get(at)?)
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

/// The half of a hash that is kept.
fn spread(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A hash again: the table takes its place from the lower bits and its tag from the upper ones.
fn widened(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}
