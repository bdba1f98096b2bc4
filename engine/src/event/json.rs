//! `data` as JSON again, from columns and leftovers: what exports and the `events` view show, and reading it.
//!
//! Equal to what came as far as JSON is concerned: members are in another order and numbers may be spelled another way
//! (`1.50` as `1.5`). So are the attributes that have no column.

use std::borrow::Cow;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type};

use super::batch::{EventBatch, Texts};
use super::rest;
use super::schema::{FIXED, REST};
use super::value::push_text;
use crate::units::Units;

/// The `data` of each event as JSON text, null where the event had none.
pub fn data_json(batch: &EventBatch) -> StringArray {
    let schema = batch.record_batch().schema();
    let columns = schema.fields()[FIXED..].iter().zip(&batch.record_batch().columns()[FIXED..]);
    let columns = columns.filter(|(field, _)| field.name() != REST);
    let mut columns: Vec<Column<'_>> = columns.map(|(field, array)| Column::new(field.name(), array)).collect();
    columns.sort_by(|a, b| by_member(a.pointer, b.pointer));

    let mut rows = StringBuilder::with_capacity(batch.len(), batch.len() * 64);
    let mut json = String::new();
    for row in 0..batch.len() {
        json.clear();
        let leftovers = batch.rest().filter(|column| column.is_valid(row)).map(|column| column.value(row));
        match leftovers.filter(|leftovers| rest::members(leftovers).any(|(name, _)| rest::is_data(&name))) {
            None => push_cells(&mut json, &columns, row),
            Some(leftovers) => push_mixed(&mut json, &columns, leftovers, row),
        }
        if json.is_empty() { rows.append_null() } else { rows.append_value(&json) }
    }
    rows.finish()
}

/// The attributes of each event that have no column as a JSON object, null where the event had none.
pub fn attributes_json(batch: &EventBatch) -> StringArray {
    let Some(leftovers) = batch.rest() else { return StringArray::new_null(batch.len()) };
    let attributes = leftovers.iter().map(|leftovers| {
        let mut json = String::new();
        for (name, value) in rest::members(leftovers?).filter(|(name, _)| !rest::is_data(name)) {
            json.push(if json.is_empty() { '{' } else { ',' });
            push_text(&mut json, &name);
            json.push(':');
            json.push_str(&value);
        }
        (!json.is_empty()).then(|| json + "}")
    });
    attributes.collect()
}

/// A member of `data` that has a column.
struct Column<'a> {
    pointer: &'a str,
    /// The names that lead to it, as they stand in JSON: quoted, with a colon.
    names: Vec<String>,
    array: &'a ArrayRef,
    cells: Cells<'a>,
}

enum Cells<'a> {
    Flags(&'a BooleanArray),
    Numbers(&'a Decimal128Array),
    Texts(Texts<'a>),
}

impl<'a> Column<'a> {
    fn new(pointer: &'a str, array: &'a ArrayRef) -> Self {
        let cells = match array.data_type() {
            DataType::Boolean => Cells::Flags(array.as_boolean()),
            DataType::Decimal128(..) => Cells::Numbers(array.as_primitive::<Decimal128Type>()),
            _ => Cells::Texts(Texts::new(array.as_dictionary::<Int32Type>())),
        };
        let names = pointer.split('/').skip(1).map(|escaped| {
            let mut name = String::new();
            push_name(&mut name, escaped);
            name
        });
        Self { pointer, names: names.collect(), array, cells }
    }

    fn push(&self, json: &mut String, row: usize) {
        match &self.cells {
            Cells::Flags(flags) => json.push_str(if flags.value(row) { "true" } else { "false" }),
            Cells::Numbers(numbers) => {
                write!(json, "{}", Units(numbers.value(row))).expect("a string takes all that is written");
            }
            Cells::Texts(texts) => push_text(json, texts.get(row).unwrap_or_default()),
        }
    }
}

/// Writes the cells of a row, whose columns are sorted [`by_member`]; nothing if there are none.
fn push_cells(json: &mut String, columns: &[Column<'_>], row: usize) {
    let mut last: Option<&Column<'_>> = None;
    let mut open = 0;
    for column in columns.iter().filter(|column| column.array.is_valid(row)) {
        let Some((leaf, parents)) = column.names.split_last() else {
            // All of `data` is one value.
            return column.push(json, row);
        };
        let before = last.map_or(&[][..], |last| &last.names[..open]);
        let shared = before.iter().zip(parents).take_while(|(a, b)| a == b).count();
        json.push_str(if last.is_none() { "{" } else { "" });
        (shared..open).for_each(|_| json.push('}'));
        for parent in &parents[shared..] {
            push_comma(json);
            json.push_str(parent);
            json.push('{');
        }
        push_comma(json);
        json.push_str(leaf);
        column.push(json, row);
        (open, last) = (parents.len(), Some(column));
    }
    (0..=open).filter(|_| last.is_some()).for_each(|_| json.push('}'));
}

/// The same for a row of which some members are among the leftovers.
fn push_mixed(json: &mut String, columns: &[Column<'_>], leftovers: &str, row: usize) {
    let cells = columns.iter().filter(|column| column.array.is_valid(row)).map(|column| {
        let mut json = String::new();
        column.push(&mut json, row);
        (column.pointer.to_owned(), json)
    });
    let data = rest::members(leftovers).filter(|(name, _)| rest::is_data(name));
    let data = data.map(|(name, json)| (name.into_owned(), json.into_owned()));
    let mut members: Vec<(String, String)> = cells.chain(data).collect();
    members.sort_by(|(a, _), (b, _)| by_member(a, b));
    match members.as_slice() {
        [(whole, value)] if whole.is_empty() => json.push_str(value),
        members => push_object(json, members),
    }
}

/// Levels of brackets in a JSON text that may be read. Events have fewer.
pub const LEVELS_MAX: usize = 128;

/// How many levels of brackets `text` has, if they are more than may be read: readers recurse with them. A text that is no JSON
/// has at least as many here as a reader comes upon before it notices.
pub fn levels_beyond(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if memchr::memchr2_iter(b'[', b'{', bytes).take(LEVELS_MAX + 1).count() <= LEVELS_MAX {
        return None;
    }
    let (mut open, mut most) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                open += 1;
                most = most.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    (most > LEVELS_MAX).then_some(most)
}

/// The JSON text of the member of the object `data` to which `path` leads, the outermost name first.
pub fn member<'a, N: AsRef<str>>(data: &'a str, path: &[N]) -> Option<Cow<'a, str>> {
    sonic_rs::get(data, path.iter().map(AsRef::as_ref)).ok().map(|value| value.as_raw_cow())
}

/// The JSON text of the element `at` of the array `array`, from 0; negative: from the end.
pub fn element(array: &str, at: i64) -> Option<Cow<'_, str>> {
    let count = || i64::try_from(sonic_rs::to_array_iter(array).take_while(Result::is_ok).count()).ok();
    let at = if at < 0 { count()?.checked_add(at)? } else { at };
    sonic_rs::get(array, [usize::try_from(at).ok()?]).ok().map(|value| value.as_raw_cow())
}

/// Puts the members of one object beside each other.
fn by_member(a: &str, b: &str) -> std::cmp::Ordering {
    a.split('/').cmp(b.split('/'))
}

/// Writes members, sorted [`by_member`], as nested objects.
fn push_object(json: &mut String, members: &[(String, String)]) {
    let mut open: Vec<&str> = Vec::new();
    json.push('{');
    for (pointer, value) in members {
        let mut path: Vec<&str> = pointer.split('/').skip(1).collect();
        let leaf = path.pop().unwrap_or_default();
        let shared = open.iter().zip(&path).take_while(|(a, b)| a == b).count();
        for _ in shared..open.len() {
            json.push('}');
        }
        open.truncate(shared);
        for member in &path[shared..] {
            push_comma(json);
            push_name(json, member);
            json.push('{');
            open.push(member);
        }
        push_comma(json);
        push_name(json, leaf);
        json.push_str(value);
    }
    for _ in 0..=open.len() {
        json.push('}');
    }
}

fn push_comma(json: &mut String) {
    if !json.ends_with('{') {
        json.push(',');
    }
}

fn push_name(json: &mut String, escaped: &str) {
    push_text(json, &escaped.replace("~1", "/").replace("~0", "~"));
    json.push(':');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_without_recursion_and_outside_of_texts() {
        let brackets = |count: usize| "[".repeat(count);
        assert_eq!(levels_beyond(&brackets(LEVELS_MAX)), None);
        assert_eq!(levels_beyond(&brackets(LEVELS_MAX + 1)), Some(LEVELS_MAX + 1));
        assert_eq!(levels_beyond(&brackets(1_000_000)), Some(1_000_000));
        assert_eq!(levels_beyond(&"{\"a\":".repeat(500)), Some(500));
        assert_eq!(levels_beyond(&"[],".repeat(1000)), None, "beside each other");
        assert_eq!(levels_beyond(&format!("[\"{}\"]", brackets(1000))), None, "in a text");
        assert_eq!(levels_beyond(&format!("[\"\\\"{}\"]", brackets(1000))), None, "behind an escaped quote");
        assert_eq!(levels_beyond(&format!("[\"\\\\\"{}", brackets(1000))), Some(1001), "behind a text");
    }
}
