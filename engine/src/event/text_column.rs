//! A dictionary-encoded text column under construction.
//!
//! Arrow's own dictionary builder can't intern a text without appending it, which staging a row needs. Not here: nulls'
//! meaning.

use std::sync::Arc;

use arrow::array::{Array, ArrayBuilder, ArrayRef, DictionaryArray, Int32Builder, StringBuilder};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Texts and, per row, which one.
#[derive(Debug, Default)]
pub(super) struct TextColumn {
    values: StringBuilder,
    by_text: HashTable<i32>,
    keys: Int32Builder,
    /// Neighbours mostly share their text.
    last: Option<i32>,
}

impl TextColumn {
    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key of `text`, which joins the dictionary if it is new; no row is added.
    pub(super) fn intern(&mut self, text: &str) -> i32 {
        if let Some(key) = self.last
            && value(&self.values, key) == text.as_bytes()
        {
            return key;
        }
        let hash = xxh3_64(text.as_bytes());
        let found = self.by_text.find(hash, |&key| value(&self.values, key) == text.as_bytes()).copied();
        let key = found.unwrap_or_else(|| {
            let key = i32::try_from(self.values.len()).expect("a batch has fewer than 2^31 texts");
            self.values.append_value(text);
            self.by_text.insert_unique(hash, key, |&key| xxh3_64(value(&self.values, key)));
            key
        });
        self.last = Some(key);
        key
    }

    /// Adds a row that has the text of `key`.
    pub(super) fn append_key(&mut self, key: i32) {
        self.keys.append_value(key);
    }

    /// Adds a row.
    pub(super) fn append(&mut self, text: &str) {
        let key = self.intern(text);
        self.append_key(key);
    }

    /// Adds a row for each of `texts`.
    pub(super) fn extend<T: AsRef<str>>(&mut self, texts: impl Iterator<Item = Option<T>>) {
        for text in texts {
            match text {
                Some(text) => self.append(text.as_ref()),
                None => self.keys.append_null(),
            }
        }
    }

    /// Adds nulls up to `rows` rows.
    pub(super) fn fill(&mut self, rows: usize) {
        self.keys.append_nulls(rows - self.keys.len());
    }

    /// The column with `rows` rows; empty again.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        self.fill(rows);
        self.by_text.clear();
        self.last = None;
        let column = DictionaryArray::try_new(self.keys.finish(), Arc::new(self.values.finish()) as Arc<dyn Array>);
        Arc::new(column.expect("every key was given out by this dictionary"))
    }
}

fn value(values: &StringBuilder, key: i32) -> &[u8] {
    let offsets = values.offsets_slice();
    let at = key as usize;
    &values.values_slice()[offsets[at] as usize..offsets[at + 1] as usize]
}
