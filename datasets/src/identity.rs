//! Ids of rows that have none: what a row says, and how many rows of the file said the same before it.
//!
//! An id is 32 hex digits, xxh3-128 of the row's cells by their columns' names, and `-2`, `-3` … for further rows of the same
//! cells. It does not depend on the order of columns, on columns without a value, on how a number is spelled, nor on other
//! rows: importing a file again that was re-saved, re-ordered or mended gives the same ids to what it says again (I2). Of
//! equal rows in two files as many events are made as the file with more of them has.
//!
//! All columns count, whether or not the mapping takes them: with another mapping a row is another event of the same id,
//! which admission answers as a conflict instead of counting it twice. Not here: rows that can't be read.

use std::borrow::Cow;
use std::collections::HashMap;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

use crate::rows::is_plain_number;

/// Most rows that say different things of one file whose rows have no ids; each is remembered in about 16 bytes (I8).
const ROWS_MAX: usize = 1 << 25;

/// A file with more rows than are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {ROWS_MAX} rows without an id; name a column of ids (id_column), or split the file where no two parts \
     have equal rows"
)]
pub(crate) struct TooManyRows;

/// Derives ids of one file's rows, in their order.
#[derive(Debug)]
pub(crate) struct RowIds {
    /// Places of the columns, by their names.
    columns: Vec<(String, usize)>,
    said: Vec<u8>,
    /// What was said once, cut to 64 bits: among 2²⁵ rows, two share one with a probability of 10⁻⁵.
    seen: HashTable<u64>,
    /// How often, if more than once.
    repeated: HashMap<u128, u32>,
    id: String,
}

impl RowIds {
    /// Ids of rows that have these columns.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut columns: Vec<_> = columns.into_iter().map(|(name, at)| (name.to_owned(), at)).collect();
        columns.sort();
        Self { columns, said: Vec::new(), seen: HashTable::new(), repeated: HashMap::new(), id: String::new() }
    }

    /// The id of the next row, whose cells `text` gives by their place.
    pub(crate) fn next<'a>(&mut self, text: impl Fn(usize) -> Option<Cow<'a, str>>) -> Result<&str, TooManyRows> {
        self.said.clear();
        for (name, at) in &self.columns {
            let Some(text) = text(*at) else { continue };
            for part in [name.as_str(), spelled_one_way(&text)] {
                self.said.extend_from_slice(&(part.len() as u64).to_le_bytes());
                self.said.extend_from_slice(part.as_bytes());
            }
        }
        let hash = xxh3_128(&self.said);
        let before = self.count(hash)?;
        self.id = match before {
            0 => format!("{hash:032x}"),
            _ => format!("{hash:032x}-{}", before + 1),
        };
        Ok(&self.id)
    }

    /// How many rows said the same before.
    fn count(&mut self, hash: u128) -> Result<u32, TooManyRows> {
        let short = hash as u64;
        if self.seen.find(short, |other| *other == short).is_none() {
            if self.seen.len() == ROWS_MAX {
                return Err(TooManyRows);
            }
            self.seen.insert_unique(short, short, |short| *short);
            return Ok(0);
        }
        if self.repeated.len() == ROWS_MAX {
            return Err(TooManyRows);
        }
        let before = self.repeated.entry(hash).or_default();
        *before += 1;
        Ok(*before)
    }
}

/// `text`, if it is a number without the zeros that say nothing.
fn spelled_one_way(text: &str) -> &str {
    if !is_plain_number(text) {
        return text;
    }
    let short = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    if short == "-0" { "0" } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(columns: &[&str], rows: &[&[&str]]) -> Vec<String> {
        let mut ids = RowIds::new(columns.iter().copied().zip(0..));
        let cell = |text: &'static str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        rows.iter()
            .map(|row| {
                let row: Vec<&'static str> = row.iter().map(|text| &*text.to_string().leak()).collect();
                ids.next(|at| cell(row[at])).unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn an_id_is_what_the_row_says_and_which_of_its_kind_it_is() {
        let first = ids(&["a", "b"], &[&["1", "x"], &["2", "y"], &["1", "x"], &["1", "x"]]);
        assert_eq!(first[2], format!("{}-2", first[0]));
        assert_eq!(first[3], format!("{}-3", first[0]));
        let again = ids(&["b", "c", "a"], &[&["x", "", "1.0"], &["x", "", "1"], &["x", "", "1.00"], &["y", "", "2"]]);
        assert_eq!(again, [&first[0], &first[2], &first[3], &first[1]].map(String::clone));
        let others = ids(&["a", "b"], &[&["1", "y"], &["x", "1"], &["1x", ""], &["", "1x"], &["01", "x"]]);
        assert!(others.iter().all(|id| !first.contains(id)), "{others:?}");
    }

    #[test]
    fn numbers_are_spelled_one_way_and_texts_as_they_are() {
        for (text, expect) in
            [("1.50", "1.5"), ("2.0", "2"), ("-0.0", "0"), ("100", "100"), ("007", "007"), ("1.0a", "1.0a")]
        {
            assert_eq!(spelled_one_way(text), expect);
        }
    }
}
