//! One dictionary for the text columns of many batches: exactly the texts in use, sorted, as every delta has it.
//!
//! Codes into it are in the order of the texts; null comes behind all, as SQL sorts it. Not here: what codes are for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;
use engine::event::batch::Texts;

/// A column's texts over several batches.
pub(super) struct Unified {
    values: StringArray,
    /// A code for each row of each batch, one batch after the other.
    pub(super) codes: Vec<u32>,
}

/// A text that is in use.
struct Used<'a> {
    /// Its first bytes, as a number that sorts as they do: mostly there is no need to look further.
    prefix: u64,
    text: &'a str,
    part: usize,
    key: usize,
}

impl Unified {
    /// Of columns whose dictionaries are Utf8.
    pub(super) fn of<'a>(columns: impl Iterator<Item = &'a DictionaryArray<Int32Type>>) -> Self {
        let parts: Vec<Texts<'a>> = columns.map(Texts::new).collect();
        let mut used: Vec<Used<'_>> = Vec::new();
        for (part, texts) in parts.iter().enumerate() {
            let mut is_used = vec![false; texts.values.len()];
            (0..texts.array.len()).filter_map(|row| texts.key(row)).for_each(|key| is_used[key] = true);
            let keys = is_used.iter().enumerate().filter(|(_, is_used)| **is_used).map(|(key, _)| key);
            used.extend(keys.map(|key| Used::new(texts.values.value(key), part, key)));
        }
        // A sort that finds what is sorted already: dictionaries of deltas are.
        used.sort_by(|a, b| (a.prefix, a.text).cmp(&(b.prefix, b.text)));

        let mut code_of: Vec<Vec<u32>> = parts.iter().map(|texts| vec![0; texts.values.len()]).collect();
        let mut distinct: Vec<&str> = Vec::new();
        for Used { text, part, key, .. } in used {
            if distinct.last() != Some(&text) {
                distinct.push(text);
            }
            code_of[part][key] = (distinct.len() - 1) as u32;
        }
        let null = distinct.len() as u32;
        let mut codes = Vec::with_capacity(parts.iter().map(|texts| texts.array.len()).sum());
        for (texts, code_of) in parts.iter().zip(&code_of) {
            codes.extend((0..texts.array.len()).map(|row| texts.key(row).map_or(null, |key| code_of[key])));
        }
        Self { values: StringArray::from_iter_values(distinct), codes }
    }

    /// The column that has these codes; all texts must be among them.
    pub(super) fn column(&self, codes: &[u32]) -> ArrayRef {
        let null = self.values.len() as u32;
        let keys = codes.iter().map(|&code| (code != null).then_some(code as i32));
        Arc::new(DictionaryArray::new(keys.collect::<Int32Array>(), Arc::new(self.values.clone())))
    }
}

impl<'a> Used<'a> {
    fn new(text: &'a str, part: usize, key: usize) -> Self {
        let mut first = [0; 8];
        let length = text.len().min(first.len());
        first[..length].copy_from_slice(&text.as_bytes()[..length]);
        Self { prefix: u64::from_be_bytes(first), text, part, key }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::*;

    #[test]
    fn texts_in_use_are_sorted_and_nulls_come_last() {
        let column = |texts: &[Option<&str>]| texts.iter().copied().collect::<DictionaryArray<Int32Type>>();
        let long = ["prefix-that-is-long-b", "prefix-that-is-long-a"];
        let parts = [
            column(&[Some(long[0]), None, Some("b")]),
            // Its dictionary still holds a text that no row has.
            column(&[Some("unused"), Some("b"), Some("")]).slice(1, 2),
            column(&[Some(long[1]), Some("b\0")]),
        ];
        let unified = Unified::of(parts.iter());
        let values: Vec<_> = unified.values.iter().flatten().collect();
        assert_eq!(values, ["", "b", "b\0", long[1], long[0]]);
        assert_eq!(unified.codes, [4, 5, 1, 1, 0, 3, 2]);
        let all = unified.column(&unified.codes);
        let texts: Vec<_> = (0..7).map(|row| Texts::new(all.as_dictionary()).get(row).map(str::to_owned)).collect();
        let expect: Vec<_> = parts
            .iter()
            .flat_map(|part| (0..part.len()).map(|row| Texts::new(part).get(row).map(str::to_owned)))
            .collect();
        assert_eq!(texts, expect);
    }
}
