//! Texts as small numbers, so that grouping never compares or copies text per row.

use std::sync::Arc;

use hashbrown::HashMap;
use xxhash_rust::xxh3::Xxh3Builder;

/// The code of an absent text.
pub(super) const ABSENT: u32 = 0;

/// Texts met so far; a text's code is its position, from 1.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    codes: HashMap<Arc<str>, u32, Xxh3Builder>,
    texts: Vec<Arc<str>>,
}

impl Symbols {
    /// The code of `text`, a new one if it is new.
    pub(super) fn code(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.codes.get(text) {
            return code;
        }
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        let code = u32::try_from(self.texts.len()).expect("fewer than 2^32 texts fit into memory");
        self.codes.insert(text, code);
        code
    }

    /// The text behind a code; `None` for [`ABSENT`].
    pub(super) fn text(&self, code: u32) -> Option<&str> {
        self.texts.get((code as usize).checked_sub(1)?).map(AsRef::as_ref)
    }

    /// The code of a text that was met.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.codes.get(text).copied()
    }

    /// How many texts.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Position of each code in the order of texts; absent comes last, as SQL sorts nulls.
    pub(super) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.texts.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self.texts[a as usize].cmp(&self.texts[b as usize]));
        let mut ranks = vec![self.texts.len() as u32; self.texts.len() + 1];
        for (rank, &at) in order.iter().enumerate() {
            ranks[at as usize + 1] = rank as u32;
        }
        ranks
    }
}
