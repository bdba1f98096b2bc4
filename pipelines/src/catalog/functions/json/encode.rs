//! Values of SQL as JSON texts: behind `to_json`, and behind all that is built of values.
//!
//! Numbers and booleans are written as they are, arrays as arrays, everything else as a text in the form that PostgreSQL gives it
//! there. What has no value stays NULL, which whoever builds of it writes as `null`. What is JSON already is read and kept:
//! which that is, [`super::arguments`] tells. Not here: objects and arrays that are built of such texts ([`super::build`]).

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, exec_err, not_impl_err, plan_err};

use super::super::defined::{Call, Definition};
use super::super::marks::Mark;
use super::value::{checked, quoted};
use crate::catalog::written::{Style, written};

/// A value as JSON.
pub(super) const OF: Definition = Definition::new("_json_of", takes, text, |call| each(call, "", false));
/// The same as an element of an aggregate, where an array begins a line.
pub(super) const ELEMENT: Definition = Definition::new("_json_element", takes, text, |call| each(call, LINE, false));
/// A row, which is JSON already, as such an element.
pub(super) const ROW_ELEMENT: Definition =
    Definition::new("_json_row_element", super::one, text, |call| read(call, |row| Ok(format!("{LINE}{row}"))));
/// A text that has to be JSON, as it is written.
pub(super) const READ: Definition = Definition::new("_json_read", super::one, text, |call| {
    read(call, |text| checked(text).map(|raw| raw.get().to_owned()))
})
.marked(Mark::Json);
/// The same in the form of `jsonb`.
pub(super) const READ_BINARY: Definition =
    Definition::new("_jsonb_read", super::one, text, |call| read(call, super::normal)).marked(Mark::Jsonb);
/// `to_json`.
pub(super) const TO_JSON: Definition =
    Definition::new("to_json", takes, text, |call| each(call, "", false)).marked(Mark::Json);
/// `to_jsonb`.
pub(super) const TO_JSONB: Definition =
    Definition::new("to_jsonb", takes, text, |call| each(call, "", true)).marked(Mark::Jsonb);
/// The same of arrays only.
pub(super) const ARRAY: Definition =
    Definition::new("array_to_json", takes_array, text, |call| each(call, "", false)).marked(Mark::Json);
/// All of them.
pub(super) const ALL: [Definition; 8] = [OF, ELEMENT, ROW_ELEMENT, READ, READ_BINARY, TO_JSON, TO_JSONB, ARRAY];

/// What is between an array or a row of an aggregate and the one before it, beside a comma.
pub(super) const LINE: &str = "\n ";
/// Floats that JSON has not.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

fn takes(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of] => Ok(vec![taken(of)?]),
        _ => plan_err!("one value is made JSON"),
    }
}

fn takes_array(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [DataType::Null] => Ok(vec![DataType::Null]),
        [of] if of.is_list() => Ok(vec![taken(of)?]),
        [_, _] => not_impl_err!("array_to_json with line feeds"),
        _ => plan_err!("array_to_json takes an array"),
    }
}

/// The type as which a value of type `of` is written.
fn taken(of: &DataType) -> Result<DataType> {
    Ok(match of {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Dictionary(_, value) => taken(value)?,
        DataType::List(entry) | DataType::LargeList(entry) | DataType::FixedSizeList(entry, _) => {
            DataType::new_list(taken(entry.data_type())?, true)
        }
        DataType::Date64 => DataType::Date32,
        DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Null
        | DataType::Boolean
        | DataType::Date32
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_) => of.clone(),
        of if of.is_numeric() => of.clone(),
        other => return not_impl_err!("JSON of {other}: name its parts"),
    })
}

fn text(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Utf8)
}

fn read(call: &Call<'_>, of: impl Fn(&str) -> Result<String>) -> Result<ArrayRef> {
    Ok(Arc::new(super::each(call, of).collect::<Result<StringArray>>()?))
}

/// The values of a call's one column; `line` goes before arrays.
fn each(call: &Call<'_>, line: &str, is_binary: bool) -> Result<ArrayRef> {
    let column = &call.columns[0];
    let values = Values::of(column)?;
    let line = if column.data_type().is_list() { line } else { "" };
    let (mut texts, mut text) = (StringBuilder::with_capacity(call.rows, 0), String::new());
    for row in 0..call.rows {
        if column.data_type().is_null() || column.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        text.push_str(line);
        values.push(row, &mut text);
        if is_binary {
            texts.append_value(super::normal(&text)?);
        } else {
            texts.append_value(&text);
        }
    }
    Ok(Arc::new(texts.finish()))
}

/// Values of a column, as what they are in JSON.
enum Values {
    Nulls,
    /// Written as they are.
    Bare(StringArray),
    /// Written as they are, if JSON has such numbers.
    Floats(StringArray),
    /// Written in quotes.
    Texts(StringArray),
    Lists(ListArray, Box<Values>),
}

impl Values {
    fn of(column: &ArrayRef) -> Result<Self> {
        let texts = |column: &ArrayRef| -> Result<StringArray> {
            Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
        };
        Ok(match column.data_type() {
            DataType::Null => Self::Nulls,
            DataType::Float32 | DataType::Float64 => Self::Floats(written(column, Style::Json)?),
            DataType::Float16 => Self::Floats(written(&cast(column, &DataType::Float32)?, Style::Json)?),
            DataType::Boolean => Self::Bare(texts(column)?),
            of if of.is_numeric() => Self::Bare(texts(column)?),
            DataType::Date32 => {
                // As midnights, so that years before Christ are written as such.
                let midnights = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
                let written = written(&midnights, Style::Postgres)?;
                Self::Texts(written.iter().map(|text| text.map(|text| text.replacen(" 00:00:00", "", 1))).collect())
            }
            DataType::Binary => {
                let bytes = column.as_binary::<i32>();
                Self::Texts(bytes.iter().map(|bytes| bytes.map(hexadecimal)).collect())
            }
            DataType::Utf8 => Self::Texts(texts(column)?),
            DataType::List(_) => {
                let lists = column.as_list::<i32>();
                Self::Lists(lists.clone(), Box::new(Self::of(lists.values())?))
            }
            DataType::Timestamp(..)
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Interval(_)
            | DataType::Duration(_) => Self::Texts(written(column, Style::Json)?),
            other => return exec_err!("{other} is not written as JSON"),
        })
    }

    /// Puts the value of `row` behind `text`.
    fn push(&self, row: usize, text: &mut String) {
        match self {
            Self::Bare(texts) | Self::Floats(texts) | Self::Texts(texts) if texts.is_null(row) => text.push_str("null"),
            Self::Nulls => text.push_str("null"),
            Self::Bare(texts) => text.push_str(texts.value(row)),
            Self::Floats(texts) => match texts.value(row) {
                value if NO_NUMBERS.contains(&value) => text.push_str(&quoted(value)),
                value => text.push_str(value),
            },
            Self::Texts(texts) => text.push_str(&quoted(texts.value(row))),
            Self::Lists(lists, _) if lists.is_null(row) => text.push_str("null"),
            Self::Lists(lists, entries) => {
                let offsets = lists.value_offsets();
                text.push('[');
                for (at, entry) in (offsets[row] as usize..offsets[row + 1] as usize).enumerate() {
                    text.push_str(if at > 0 { "," } else { "" });
                    entries.push(entry, text);
                }
                text.push(']');
            }
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn check(column: ArrayRef, expect: &[&str]) {
        let values = Values::of(&column).unwrap();
        let texts = (0..column.len()).map(|row| {
            let mut text = String::new();
            values.push(row, &mut text);
            text
        });
        assert_eq!(texts.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn values_are_what_json_has_for_them() {
        check(Arc::new(Int64Array::from(vec![Some(-1), None])), &["-1", "null"]);
        check(
            Arc::new(Float64Array::from(vec![0.5, f64::NAN, f64::NEG_INFINITY])),
            &["0.5", "\"NaN\"", "\"-Infinity\""],
        );
        check(Arc::new(StringArray::from(vec!["a\"\u{1}é"])), &["\"a\\\"\\u0001é\""]);
        let lists = [Some(vec![Some(1), None]), Some(vec![]), None];
        check(Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)), &["[1,null]", "[]", "null"]);
        assert_eq!(hexadecimal(&[1, 0xab]), "\\x01ab");
    }
}
