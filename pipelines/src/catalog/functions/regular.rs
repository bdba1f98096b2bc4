//! Regular expressions that give parts of a text: `regexp_matches`, `regexp_split_to_array` and `substring(text FROM pattern)`.
//!
//! Expressions are those of Rust: no look-around and no back references, which are errors, and the first alternative that
//! fits. A point stands for every character, a line's end too. Not here: whether a text matches ([`crate::catalog::similar`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use regex::{Captures, Regex, RegexBuilder};

use super::defined::{Call, Definition};

/// All matches, each as the texts of its groups.
pub(super) const MATCHES: Definition = Definition::new(
    "_regexp_matches",
    |of| takes("regexp_matches", of),
    |_| Ok(DataType::new_list(DataType::new_list(DataType::Utf8, true), true)),
    matches,
);
pub(super) const SPLIT: Definition = Definition::new(
    "regexp_split_to_array",
    |of| takes("regexp_split_to_array", of),
    |_| Ok(DataType::new_list(DataType::Utf8, true)),
    split,
);
/// The first match, or its first group.
pub(super) const SUBSTRING: Definition =
    Definition::new("_regexp_substring", |of| takes("substring", of), |_| Ok(DataType::Utf8), substring);

/// Bytes that a compiled expression may take.
const COMPILED_BYTES_MAX: usize = 1 << 20;

fn takes(name: &str, arguments: &[DataType]) -> Result<Vec<DataType>> {
    let are_texts = arguments.iter().all(|of| of.is_string() || of.is_null());
    if !(2..=3).contains(&arguments.len()) || !are_texts {
        return plan_err!("{name} takes a text and a regular expression");
    }
    Ok(vec![DataType::Utf8; arguments.len()])
}

/// An expression, and whether all matches are wanted.
struct Expression {
    regex: Regex,
    is_global: bool,
}

impl Expression {
    fn of(pattern: &str, flags: &str) -> Result<Self> {
        let (mut is_global, mut ignores_case, mut minds_lines, mut is_spaced) = (false, false, false, false);
        for flag in flags.chars() {
            match flag {
                'g' => is_global = true,
                'i' => ignores_case = true,
                'c' => ignores_case = false,
                's' => minds_lines = false,
                'n' | 'm' => minds_lines = true,
                'x' => is_spaced = true,
                't' => {}
                other => return exec_err!("invalid regular expression option: \"{other}\""),
            }
        }
        let mut builder = RegexBuilder::new(pattern);
        builder.case_insensitive(ignores_case).ignore_whitespace(is_spaced);
        builder.multi_line(minds_lines).dot_matches_new_line(!minds_lines).size_limit(COMPILED_BYTES_MAX);
        match builder.build() {
            Ok(regex) => Ok(Self { regex, is_global }),
            Err(error) => exec_err!("invalid regular expression: {error}"),
        }
    }

    /// The matches one after the other, the empty ones too.
    fn found<'a>(&self, text: &'a str) -> impl Iterator<Item = Captures<'a>> {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let found = self.regex.captures_at(text, from?)?;
            let whole = found.get(0)?;
            let after = text[whole.end()..].chars().next().map(|next| whole.end() + next.len_utf8());
            from = if whole.is_empty() { after } else { Some(whole.end()) };
            Some(found)
        })
    }
}

/// A row's text with its expression, the last of which is kept; `None` if one is missing.
struct Rows<'a> {
    texts: &'a StringArray,
    patterns: &'a StringArray,
    flags: Option<&'a StringArray>,
    last: Option<(&'a str, &'a str, Expression)>,
}

impl<'a> Rows<'a> {
    fn of(call: &'a Call<'_>) -> Self {
        let column = |at: usize| call.columns.get(at).map(|column| column.as_string::<i32>());
        let (texts, patterns) = (call.columns[0].as_string::<i32>(), call.columns[1].as_string::<i32>());
        Self { texts, patterns, flags: column(2), last: None }
    }

    fn at(&mut self, row: usize) -> Result<Option<(&'a str, &Expression)>> {
        let is_missing = |column: &StringArray| column.is_null(row);
        if is_missing(self.texts) || is_missing(self.patterns) || self.flags.is_some_and(is_missing) {
            return Ok(None);
        }
        let (pattern, flags) = (self.patterns.value(row), self.flags.map_or("", |flags| flags.value(row)));
        if self.last.as_ref().is_none_or(|(known, with, _)| (*known, *with) != (pattern, flags)) {
            self.last = Some((pattern, flags, Expression::of(pattern, flags)?));
        }
        Ok(self.last.as_ref().map(|(.., expression)| (self.texts.value(row), expression)))
    }
}

fn matches(call: &Call<'_>) -> Result<ArrayRef> {
    let mut rows = Rows::of(call);
    let mut lists = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    for row in 0..call.rows {
        let Some((text, expression)) = rows.at(row)? else {
            lists.append_null();
            continue;
        };
        let wanted = if expression.is_global { usize::MAX } else { 1 };
        for found in expression.found(text).take(wanted) {
            // Without groups the whole is one.
            let groups = if found.len() > 1 { 1..found.len() } else { 0..1 };
            for group in groups {
                lists.values().values().append_option(found.get(group).map(|of| of.as_str()));
            }
            lists.values().append(true);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn split(call: &Call<'_>) -> Result<ArrayRef> {
    let mut rows = Rows::of(call);
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..call.rows {
        let Some((text, expression)) = rows.at(row)? else {
            lists.append_null();
            continue;
        };
        if expression.is_global {
            return exec_err!("regexp_split_to_array() does not support the \"global\" option");
        }
        let (mut end, mut piece) = (0, 0);
        for found in expression.found(text) {
            let Some(whole) = found.get(0) else { continue };
            // An empty one at the beginning, at the end or behind another parts nothing.
            if whole.start() < text.len() && whole.end() > end {
                lists.values().append_value(&text[piece..whole.start()]);
                piece = whole.end();
            }
            end = whole.end();
        }
        lists.values().append_value(&text[piece..]);
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn substring(call: &Call<'_>) -> Result<ArrayRef> {
    let mut rows = Rows::of(call);
    let mut texts = StringBuilder::new();
    for row in 0..call.rows {
        let found = rows.at(row)?.and_then(|(text, expression)| {
            let found = expression.regex.captures(text)?;
            found.get(usize::from(found.len() > 1)).map(|of| of.as_str())
        });
        texts.append_option(found);
    }
    Ok(Arc::new(texts.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_matches_part_letters() {
        let pieces = |pattern: &str, text: &str| {
            let columns = [text, pattern].map(|of| Arc::new(StringArray::from(vec![of])) as ArrayRef);
            let lists = split(&Call { columns: columns.into(), rows: 1, zone: "UTC" }).unwrap();
            let list = lists.as_list::<i32>().value(0);
            list.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join("|")
        };
        assert_eq!(pieces("\\s+", "hello  world"), "hello|world");
        assert_eq!(pieces("\\s*", "ab c"), "a|b|c");
        assert_eq!(pieces("b", "abc"), "a|c");
        assert_eq!(pieces("x", ""), "");
        assert_eq!(pieces("a", "aba"), "|b|");
    }
}
