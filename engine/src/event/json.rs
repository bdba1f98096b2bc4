//! `data` as JSON again, from columns and leftovers: what exports and the `events` view show, and reading it.
//!
//! Equal to what came as far as JSON is concerned: members are in another order and numbers may be spelled another way
//! (`1.50` as `1.5`). Not here: attributes.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type};

use super::batch::{EventBatch, Texts};
use super::rest;
use super::schema::{FIXED, REST};
use super::value::push_text;
use crate::units::Units;

/// The `data` of each event as JSON text, null where the event had none.
pub fn data_json(batch: &EventBatch) -> StringArray {
    let schema = batch.record_batch().schema();
    let mut columns: Vec<(&str, &ArrayRef)> = schema.fields()[FIXED..]
        .iter()
        .zip(&batch.record_batch().columns()[FIXED..])
        .filter(|(field, _)| field.name() != REST)
        .map(|(field, column)| (field.name().as_str(), column))
        .collect();
    columns.sort_by(|(a, _), (b, _)| by_member(a, b));

    let mut rows = StringBuilder::with_capacity(batch.len(), batch.len() * 64);
    let mut json = String::new();
    for row in 0..batch.len() {
        let mut members: Vec<(String, String)> = columns
            .iter()
            .filter(|(_, column)| column.is_valid(row))
            .map(|(pointer, column)| ((*pointer).to_owned(), cell_json(column, row)))
            .collect();
        if let Some(leftovers) = batch.rest().filter(|column| column.is_valid(row)) {
            let data = rest::members(leftovers.value(row)).filter(|(name, _)| rest::is_data(name));
            let in_columns = members.len();
            members.extend(data.map(|(name, json)| (name.into_owned(), json.into_owned())));
            if members.len() > in_columns {
                members.sort_by(|(a, _), (b, _)| by_member(a, b));
            }
        }
        match members.as_slice() {
            [] => rows.append_null(),
            [(whole, json)] if whole.is_empty() => rows.append_value(json),
            members => {
                json.clear();
                push_object(&mut json, members);
                rows.append_value(&json);
            }
        }
    }
    rows.finish()
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

fn cell_json(column: &Arc<dyn Array>, row: usize) -> String {
    match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Decimal128(..) => Units(column.as_primitive::<Decimal128Type>().value(row)).to_string(),
        _ => {
            let mut json = String::new();
            push_text(&mut json, Texts::new(column.as_dictionary::<Int32Type>()).get(row).unwrap_or_default());
            json
        }
    }
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
            push_name(json, member);
            json.push('{');
            open.push(member);
        }
        push_name(json, leaf);
        json.push_str(value);
    }
    for _ in 0..=open.len() {
        json.push('}');
    }
}

fn push_name(json: &mut String, escaped: &str) {
    if !json.ends_with('{') {
        json.push(',');
    }
    push_text(json, &escaped.replace("~1", "/").replace("~0", "~"));
    json.push(':');
}
