//! Texts that repeat, as codes: what makes building a batch cheap.
//!
//! For sources that know all their texts beforehand, as a trace knows its functions; those that meet them row by row use
//! the engine's builder.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::buffer::ScalarBuffer;
use arrow::error::ArrowError;

/// Texts numbered from 0.
///
/// A column shares the whole vocabulary if it has no more texts than the column has rows; otherwise it gets a dictionary
/// of only what it uses, because whoever writes a batch writes its dictionaries too.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    texts: Arc<StringArray>,
    /// Code to key of the column being built, `-1` if it has none; allocated on first need.
    keys: Vec<i32>,
}

impl Vocabulary {
    pub(crate) fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts = StringArray::from_iter_values(texts);
        Self { texts: Arc::new(texts), keys: Vec::new() }
    }

    /// The column whose rows are `codes`, each below the vocabulary's length.
    pub(crate) fn column(&mut self, codes: impl ExactSizeIterator<Item = u32>) -> Result<ArrayRef, ArrowError> {
        if self.texts.len() <= codes.len() {
            let keys: ScalarBuffer<i32> = codes.map(|code| code as i32).collect();
            return Ok(Arc::new(DictionaryArray::try_new(Int32Array::new(keys, None), Arc::clone(&self.texts) as _)?));
        }
        self.keys.resize(self.texts.len(), -1);
        let mut used = Vec::new();
        let keys: ScalarBuffer<i32> = codes
            .map(|code| {
                let key = &mut self.keys[code as usize];
                if *key < 0 {
                    *key = used.len() as i32;
                    used.push(code);
                }
                *key
            })
            .collect();
        let texts = StringArray::from_iter_values(used.iter().map(|code| self.texts.value(*code as usize)));
        for code in used {
            self.keys[code as usize] = -1;
        }
        Ok(Arc::new(DictionaryArray::try_new(Int32Array::new(keys, None), Arc::new(texts))?))
    }
}

/// Gives texts numbers as they come, for a [`Vocabulary`].
#[derive(Debug, Default)]
pub(crate) struct Interner {
    codes: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Interner {
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        let code = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.codes.insert(text.to_owned(), code);
        code
    }

    pub(crate) fn finish(self) -> Vocabulary {
        Vocabulary::new(self.texts)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int32Type;
    use engine::event::batch::Texts;

    use super::*;

    #[test]
    fn a_column_carries_only_texts_it_may_need() {
        let known = ["a", "b", "c", "d"];
        let mut vocabulary = Vocabulary::new(known);
        for (codes, dictionary) in [(vec![3, 1, 3], 2), (vec![0, 1, 2, 3, 0], 4), (vec![1, 1], 1)] {
            let column = vocabulary.column(codes.iter().copied()).unwrap();
            let texts = Texts::new(column.as_dictionary::<Int32Type>());
            assert_eq!(texts.values.len(), dictionary);
            for (row, code) in codes.iter().enumerate() {
                assert_eq!(texts.get(row), Some(known[*code as usize]));
            }
        }
    }
}
