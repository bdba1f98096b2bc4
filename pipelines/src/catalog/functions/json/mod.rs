//! What is asked of JSON texts: paths, keys, whether one is in another, how many elements there are and which.
//!
//! Those of `json` keep what is written, those of `jsonb` its one form. A text that is no JSON is an error. Values become JSON in
//! [`encode`], objects and arrays are built in [`build`]. Not here: `->` and `->>` ([`crate::catalog::json_get`]), the operators'
//! syntax (`server::postgres::dialect`).

mod value;
mod rules;
mod encode;
mod build;
mod arguments;
mod syntax;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::Expr;
use serde_json::value::RawValue;

use super::defined::{Call, Definition};
use super::marks::Mark;
use value::{Json, Members, checked, read};

pub(in crate::catalog) use arguments::Arguments;
pub(in crate::catalog) use rules::Contains;
pub(in crate::catalog) use syntax::{Tables, rewritten};

/// All of them.
pub(in crate::catalog::functions) fn all() -> impl Iterator<Item = Definition> {
    ASKED.into_iter().chain(AS_TEXT).chain(encode::ALL).chain(build::ALL)
}

const ASKED: [Definition; 20] = [
    Definition::new("json_array_length", one, |_| Ok(DataType::Int32), length),
    Definition::new("jsonb_array_length", one, |_| Ok(DataType::Int32), length),
    Definition::new("json_typeof", one, |_| Ok(DataType::Utf8), kind),
    Definition::new("jsonb_typeof", one, |_| Ok(DataType::Utf8), kind),
    Definition::new("_json_path", path, |_| Ok(DataType::Utf8), |call| at_path(call, false)).like_first(),
    Definition::new("_json_path_text", path, |_| Ok(DataType::Utf8), |call| at_path(call, true)),
    Definition::new("_jsonb_has", key, |_| Ok(DataType::Boolean), has),
    Definition::new("_jsonb_has_any", keys, |_| Ok(DataType::Boolean), |call| has_keys(call, false)),
    Definition::new("_jsonb_has_all", keys, |_| Ok(DataType::Boolean), |call| has_keys(call, true)),
    CONTAINS,
    Definition::new("_json_elements", one, list, |call| lists(call, |text| elements(text, false, false))),
    Definition::new("_jsonb_elements", one, list, |call| lists(call, |text| elements(text, true, false))),
    Definition::new("_json_elements_text", one, list, |call| lists(call, |text| elements(text, false, true))),
    Definition::new("_jsonb_elements_text", one, list, |call| lists(call, |text| elements(text, true, true))),
    Definition::new("_json_keys", one, list, |call| lists(call, |text| names(text, false))),
    Definition::new("_jsonb_keys", one, list, |call| lists(call, |text| names(text, true))),
    Definition::new("_json_values", one, list, |call| lists(call, |text| values(text, false, false))),
    Definition::new("_jsonb_values", one, list, |call| lists(call, |text| values(text, true, false))),
    Definition::new("_known_json", one, |_| Ok(DataType::Utf8), |call| Ok(Arc::clone(&call.columns[0])))
        .marked(Mark::Json),
    Definition::new("_known_jsonb", one, |_| Ok(DataType::Utf8), |call| Ok(Arc::clone(&call.columns[0])))
        .marked(Mark::Jsonb),
];
/// Those of members as texts.
const AS_TEXT: [Definition; 2] = [
    Definition::new("_json_values_text", one, list, |call| lists(call, |text| values(text, false, true))),
    Definition::new("_jsonb_values_text", one, list, |call| lists(call, |text| values(text, true, true))),
];
/// Whether the second is in the first.
pub(super) const CONTAINS: Definition = Definition::new("_jsonb_contains", key, |_| Ok(DataType::Boolean), contains);

fn one(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of] if of.is_string() || of.is_null() => Ok(vec![DataType::Utf8]),
        _ => plan_err!("one JSON text is wanted"),
    }
}

fn key(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of, key] if [of, key].iter().all(|of| of.is_string() || of.is_null()) => Ok(vec![DataType::Utf8; 2]),
        _ => plan_err!("a JSON text and a text are wanted"),
    }
}

fn keys(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of, DataType::List(_) | DataType::Null] if of.is_string() || of.is_null() => Ok(vec![DataType::Utf8, texts()]),
        _ => plan_err!("a JSON text and an array of texts are wanted"),
    }
}

/// A path is an array of texts, or one as it is written.
fn path(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of, path] if path.is_string() && (of.is_string() || of.is_null()) => Ok(vec![DataType::Utf8; 2]),
        _ => keys(arguments),
    }
}

fn texts() -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

fn list(_: &[DataType]) -> Result<DataType> {
    Ok(texts())
}

fn each<T>(call: &Call<'_>, of: impl Fn(&str) -> Result<T>) -> impl Iterator<Item = Result<Option<T>>> {
    call.columns[0].as_string::<i32>().iter().map(move |text| text.map(&of).transpose())
}

fn length(call: &Call<'_>) -> Result<ArrayRef> {
    let length = |text: &str| {
        let raw = checked(text)?;
        match raw.get().as_bytes().first() {
            Some(b'[') => Ok(i32::try_from(read::<Vec<&RawValue>>(raw.get())?.len()).unwrap_or(i32::MAX)),
            Some(b'{') => exec_err!("cannot get array length of a non-array"),
            _ => exec_err!("cannot get array length of a scalar"),
        }
    };
    Ok(Arc::new(each(call, length).collect::<Result<Int32Array>>()?))
}

fn kind(call: &Call<'_>) -> Result<ArrayRef> {
    let kind = |text: &str| {
        Ok(match checked(text)?.get().as_bytes().first() {
            Some(b'{') => Json::Object(Vec::new()).kind(),
            Some(b'[') => Json::Array(Vec::new()).kind(),
            Some(b'"') => Json::Text(String::new()).kind(),
            Some(b't' | b'f') => Json::Bool(true).kind(),
            Some(b'n') => Json::Null.kind(),
            _ => Json::Number(String::new()).kind(),
        })
    };
    Ok(Arc::new(each(call, kind).collect::<Result<StringArray>>()?))
}

fn at_path(call: &Call<'_>, as_text: bool) -> Result<ArrayRef> {
    let (texts, paths) = (call.columns[0].as_string::<i32>(), &call.columns[1]);
    let of = |row: usize| {
        if texts.is_null(row) || paths.is_null(row) {
            return Ok(None);
        }
        let steps = match paths.data_type() {
            DataType::List(_) => {
                let steps = paths.as_list::<i32>().value(row);
                steps.as_string::<i32>().iter().map(|step| step.map(str::to_owned)).collect()
            }
            _ => written_steps(paths.as_string::<i32>().value(row))?,
        };
        let Some(steps) = steps.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
        let mut at = checked(texts.value(row))?;
        for step in steps {
            match step_to(at, &step)? {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        given(at, as_text)
    };
    Ok(Arc::new((0..call.rows).map(of).collect::<Result<StringArray>>()?))
}

fn step_to<'a>(at: &'a RawValue, step: &str) -> Result<Option<&'a RawValue>> {
    Ok(match at.get().as_bytes().first() {
        Some(b'{') => {
            let Members(members) = read(at.get())?;
            members.into_iter().rev().find(|(name, _)| name == step).map(|(_, value)| value)
        }
        Some(b'[') => {
            let Ok(number) = step.trim().parse::<i64>() else { return Ok(None) };
            let elements = read::<Vec<&RawValue>>(at.get())?;
            let number = if number < 0 { number + elements.len() as i64 } else { number };
            usize::try_from(number).ok().and_then(|number| elements.get(number).copied())
        }
        _ => None,
    })
}

/// A part of a JSON text: as JSON, or as a text, where JSON's `null` is SQL's NULL.
fn given(raw: &RawValue, as_text: bool) -> Result<Option<String>> {
    match raw.get().as_bytes().first() {
        Some(b'n') if as_text => Ok(None),
        Some(b'"') if as_text => read(raw.get()).map(Some),
        _ => Ok(Some(raw.get().to_owned())),
    }
}

/// The entries of an array of texts as it is written: `{a,"b c",NULL}`.
fn written_steps(text: &str) -> Result<Vec<Option<String>>> {
    let Some(inner) = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return exec_err!("malformed array literal: \"{text}\"");
    };
    let mut steps = Vec::new();
    if inner.trim().is_empty() {
        return Ok(steps);
    }
    let (mut step, mut is_quoted, mut was_quoted) = (String::new(), false, false);
    let mut letters = inner.chars();
    loop {
        match letters.next() {
            Some('"') => {
                is_quoted = !is_quoted;
                was_quoted = true;
            }
            Some('\\') => step.extend(letters.next()),
            Some('{' | '}') if !is_quoted => return exec_err!("malformed array literal: \"{text}\""),
            Some(letter) if is_quoted || letter != ',' => step.push(letter),
            end => {
                let found = if was_quoted { step.clone() } else { step.trim().to_owned() };
                if found.is_empty() && !was_quoted || is_quoted {
                    return exec_err!("malformed array literal: \"{text}\"");
                }
                let is_null = !was_quoted && found.eq_ignore_ascii_case("null");
                steps.push((!is_null).then_some(found));
                step.clear();
                was_quoted = false;
                if end.is_none() {
                    return Ok(steps);
                }
            }
        }
    }
}

/// Whether `key` is a member, or an element that is a text, or the text itself.
fn has_key(value: &Json, key: &str) -> bool {
    match value {
        Json::Object(_) => value.member(key).is_some(),
        Json::Array(elements) => elements.iter().any(|element| matches!(element, Json::Text(text) if text == key)),
        Json::Text(text) => text == key,
        _ => false,
    }
}

fn has(call: &Call<'_>) -> Result<ArrayRef> {
    pairs(call, |text, key| Ok(has_key(&Json::of(text)?, key)))
}

fn contains(call: &Call<'_>) -> Result<ArrayRef> {
    pairs(call, |one, other| Json::of(one)?.contains(&Json::of(other)?))
}

fn pairs(call: &Call<'_>, of: impl Fn(&str, &str) -> Result<bool>) -> Result<ArrayRef> {
    let pairs = call.columns[0].as_string::<i32>().iter().zip(call.columns[1].as_string::<i32>());
    let found = pairs.map(|pair| match pair {
        (Some(one), Some(other)) => of(one, other).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(found.collect::<Result<BooleanArray>>()?))
}

fn has_keys(call: &Call<'_>, all: bool) -> Result<ArrayRef> {
    let (texts, lists) = (call.columns[0].as_string::<i32>(), call.columns[1].as_list::<i32>());
    let of = |row: usize| {
        if texts.is_null(row) || lists.is_null(row) {
            return Ok(None);
        }
        let (value, keys) = (Json::of(texts.value(row))?, lists.value(row));
        let mut keys = keys.as_string::<i32>().iter().flatten();
        Ok(Some(if all { keys.all(|key| has_key(&value, key)) } else { keys.any(|key| has_key(&value, key)) }))
    };
    Ok(Arc::new((0..call.rows).map(of).collect::<Result<BooleanArray>>()?))
}

fn lists(call: &Call<'_>, of: impl Fn(&str) -> Result<Vec<Option<String>>>) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in call.columns[0].as_string::<i32>() {
        match text {
            Some(text) => {
                for entry in of(text)? {
                    lists.values().append_option(entry);
                }
                lists.append(true);
            }
            None => lists.append_null(),
        }
    }
    Ok(Arc::new(lists.finish()))
}

/// `text` in the form of its type.
fn formed(text: &str, is_binary: bool) -> Result<String> {
    if is_binary { Json::of(text).map(|value| value.written()) } else { checked(text).map(|raw| raw.get().to_owned()) }
}

fn elements(text: &str, is_binary: bool, as_text: bool) -> Result<Vec<Option<String>>> {
    let text = formed(text, is_binary)?;
    match text.as_bytes().first() {
        Some(b'[') => read::<Vec<&RawValue>>(&text)?.into_iter().map(|raw| given(raw, as_text)).collect(),
        Some(b'{') => exec_err!("cannot extract elements from an object"),
        _ => exec_err!("cannot extract elements from a scalar"),
    }
}

fn members<T>(text: &str, is_binary: bool, of: impl Fn((String, &RawValue)) -> Result<T>) -> Result<Vec<T>> {
    let text = formed(text, is_binary)?;
    if !text.starts_with('{') {
        let kind = if text.starts_with('[') { "an array" } else { "a scalar" };
        return exec_err!("cannot call this function on {kind}: it takes a JSON object");
    }
    read::<Members<'_>>(&text)?.0.into_iter().map(of).collect()
}

fn names(text: &str, is_binary: bool) -> Result<Vec<Option<String>>> {
    members(text, is_binary, |(name, _)| Ok(Some(name)))
}

fn values(text: &str, is_binary: bool, as_text: bool) -> Result<Vec<Option<String>>> {
    members(text, is_binary, |(_, value)| given(value, as_text))
}

/// `text`, which is JSON, as such.
pub(in crate::catalog) fn known_json(text: Expr) -> Expr {
    encode::READ.function().call(vec![text])
}

/// A JSON text in the one form of `jsonb`.
///
/// # Errors
/// A text that is no JSON, or has what `jsonb` can't keep.
pub fn normal(text: &str) -> Result<String> {
    Json::of(text).map(|value| value.written())
}
