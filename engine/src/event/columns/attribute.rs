//! The columns that are attributes: texts as dictionaries, ids, instants; and what they must be.

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use arrow::error::ArrowError;

use super::super::batch::{SchemaError, Texts};
use super::super::cloudevents::attributes::{controls, invalid, missing, no_uri_reference, too_long};
use super::super::cloudevents::{Context, Limits};
use super::super::instant;
use super::super::syntax::{is_string, is_uri_reference};
use super::super::text_column::TextColumn;
use super::leftover::Leftovers;
use super::{Refused, refuse, rest};
use crate::admission::{Reason, Rejection};

/// A text attribute of every row.
pub(super) struct Attribute<'a> {
    pub(super) name: &'static str,
    pub(super) texts: &'a DictionaryArray<Int32Type>,
    pub(super) required: bool,
}

impl Attribute<'_> {
    /// Refuses rows without it or with one that may not be; looks at each text once.
    pub(super) fn check(&self, context: &Context<'_>, limits: &Limits, refused: &mut Refused) {
        let texts = Texts::new(self.texts);
        let verdicts: Vec<Option<Rejection>> =
            texts.values.iter().map(|text| self.judge(text.unwrap_or_default(), context, limits)).collect();
        let all_well = verdicts.iter().all(Option::is_none);
        if all_well && (!self.required || self.texts.null_count() == 0) {
            return;
        }
        for row in 0..self.texts.len() {
            match texts.key(row) {
                None if self.required => refused.row(row, || missing(self.name)),
                None => {}
                Some(key) => {
                    if let Some(rejection) = &verdicts[key] {
                        refused.row(row, || rejection.clone());
                    }
                }
            }
        }
    }

    fn judge(&self, text: &str, context: &Context<'_>, limits: &Limits) -> Option<Rejection> {
        if text.len() > limits.attribute_bytes_max {
            return Some(too_long(self.name, limits));
        }
        if text.is_empty() {
            return Some(invalid(self.name, "is empty; give a non-empty string"));
        }
        if !is_string(text) {
            return Some(controls(self.name));
        }
        if self.name == "source" && !is_uri_reference(text) {
            return Some(no_uri_reference(self.name));
        }
        match context.tenant {
            Some(own) if self.name == "tenant" && text != own => Some(Rejection::new(
                Reason::TenantMismatch,
                "tenant",
                format!("the credential speaks for {own:?}; leave the column out or use a platform credential"),
            )),
            _ => None,
        }
    }
}

/// A column of texts, however encoded, as the dictionary that events have: each text once, none null.
pub(super) fn texts(name: &str, column: &ArrayRef) -> Result<DictionaryArray<Int32Type>, SchemaError> {
    let not_text = || refuse(name, format!("expected text, found {}; cast it", column.data_type()));
    let mut interned = TextColumn::default();
    match column.data_type() {
        DataType::Utf8 => interned.extend(column.as_string::<i32>().iter()),
        DataType::LargeUtf8 => interned.extend(column.as_string::<i64>().iter()),
        DataType::Utf8View => interned.extend(column.as_string_view().iter()),
        DataType::Dictionary(_, values) if is_text(values) => {
            let dictionary = column.as_any_dictionary();
            let texts = cast(dictionary.values(), &DataType::Utf8).map_err(|error| wrong(name, &error))?;
            let names: Vec<Option<i32>> =
                texts.as_string::<i32>().iter().map(|text| text.map(|text| interned.intern(text))).collect();
            let keys = dictionary.normalized_keys();
            for (row, key) in keys.into_iter().enumerate() {
                match names.get(key).copied().flatten().filter(|_| column.is_valid(row)) {
                    Some(key) => interned.append_key(key),
                    None => interned.fill(row + 1),
                }
            }
        }
        DataType::Null => {}
        _ => return not_text(),
    }
    Ok(interned.finish(column.len()).as_dictionary::<Int32Type>().clone())
}

/// Whether columns of the type hold texts.
pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// `texts` with `text` in place of nulls.
pub(super) fn filled(texts: DictionaryArray<Int32Type>, text: &str) -> Result<DictionaryArray<Int32Type>, SchemaError> {
    if texts.null_count() == 0 {
        return Ok(texts);
    }
    let mut column = TextColumn::default();
    let read = Texts::new(&texts);
    column.extend((0..texts.len()).map(|row| Some(read.get(row).unwrap_or(text))));
    Ok(column.finish(texts.len()).as_dictionary::<Int32Type>().clone())
}

/// The column `id`.
pub(super) fn ids(column: Option<&ArrayRef>) -> Result<StringArray, SchemaError> {
    match column {
        Some(column) if is_text(column.data_type()) => {
            let texts = cast(column, &DataType::Utf8).map_err(|error| wrong("id", &error))?;
            Ok(texts.as_string::<i32>().clone())
        }
        Some(column) => refuse("id", format!("expected text, found {}; cast it", column.data_type())),
        None => refuse("id", "is missing; every event has it"),
    }
}

/// Refuses rows whose id may not be.
pub(super) fn check_ids(ids: &StringArray, limits: &Limits, refused: &mut Refused) {
    for (row, id) in ids.iter().enumerate() {
        match id {
            None => refused.row(row, || missing("id")),
            Some("") => refused.row(row, || invalid("id", "is empty; give a non-empty string")),
            Some(id) if id.len() > limits.attribute_bytes_max => refused.row(row, || too_long("id", limits)),
            Some(id) if !is_string(id) => refused.row(row, || controls("id")),
            Some(_) => {}
        }
    }
}

/// The same column without nulls, whose rows are refused anyway.
pub(super) fn without_nulls(ids: &StringArray) -> StringArray {
    if ids.null_count() == 0 {
        return ids.clone();
    }
    StringArray::from_iter_values(ids.iter().map(Option::unwrap_or_default))
}

/// The column `time` in microseconds; where there is none it is now, which is noted as JSON's door notes it.
pub(super) fn times(
    column: Option<&ArrayRef>,
    rows: usize,
    now_us: i64,
    leftovers: &mut Leftovers,
) -> Result<TimestampMicrosecondArray, SchemaError> {
    let found = match column {
        Some(column) if *column.data_type() == DataType::Null => None,
        Some(column) => match instant::micros(column) {
            Some(times) => Some(times),
            None => return refuse("time", format!("expected a timestamp, found {}; cast it", column.data_type())),
        },
        None => None,
    };
    if let Some(times) = &found
        && times.null_count() == 0
    {
        return Ok(times.clone());
    }
    let times = (0..rows).map(|row| match &found {
        Some(times) if times.is_valid(row) => times.value(row),
        _ => {
            leftovers.add(row, rest::TIME, |json| json.push_str("null"));
            now_us
        }
    });
    Ok(times.collect::<Vec<i64>>().into())
}

fn wrong(column: &str, error: &ArrowError) -> SchemaError {
    SchemaError { column: column.to_owned(), reason: error.to_string() }
}
