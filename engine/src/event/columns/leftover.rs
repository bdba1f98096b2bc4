//! What of loose columns fits no data column, as the JSON texts that [`rest`](super::super::rest) holds.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, DecimalType, Float64Type, Int64Type, UInt64Type};
use arrow::error::ArrowError;

use super::super::rest::RestWriter;
use super::super::value::push_text;
use super::{attribute, member};

/// Leftovers of a batch, found column by column, wanted row by row.
#[derive(Default)]
pub(super) struct Leftovers {
    names: Vec<String>,
    json: String,
    /// Row, name, and where its JSON lies.
    cells: Vec<(u32, u32, Range<usize>)>,
}

impl Leftovers {
    /// Adds the member `name` of `row`, as `write` writes it.
    pub(super) fn add(&mut self, row: usize, name: &str, write: impl FnOnce(&mut String)) {
        if self.names.last().is_none_or(|last| last != name) {
            self.names.push(name.to_owned());
        }
        let from = self.json.len();
        write(&mut self.json);
        self.cells.push((row as u32, self.names.len() as u32 - 1, from..self.json.len()));
    }

    /// Bytes of all of them, their names aside.
    pub(super) fn bytes(&self) -> usize {
        self.json.len()
    }

    /// Bytes of each row's leftovers are added to `bytes`.
    pub(super) fn add_bytes(&self, bytes: &mut [usize]) {
        for (row, name, range) in &self.cells {
            bytes[*row as usize] += self.names[*name as usize].len() + range.len();
        }
    }

    /// The column of leftovers, if there are any.
    pub(super) fn column(mut self, rows: usize) -> Option<StringArray> {
        if self.cells.is_empty() {
            return None;
        }
        self.cells.sort_by_key(|(row, ..)| *row);
        let mut column = StringBuilder::with_capacity(rows, self.json.len());
        let mut writer = RestWriter::default();
        let mut cells = self.cells.iter().peekable();
        for row in 0..rows as u32 {
            while let Some((_, name, range)) = cells.next_if(|(at, ..)| *at == row) {
                writer.push(&self.names[*name as usize], &self.json[range.clone()]);
            }
            column.append_option(writer.close());
            writer.clear();
        }
        Some(column.finish())
    }
}

/// Values of a column that are written as JSON: those within lists.
pub(super) enum Json {
    Text(StringArray),
    Boolean(BooleanArray),
    Signed(ArrayRef),
    Unsigned(ArrayRef),
    Float(ArrayRef),
    Decimal(ArrayRef),
    Time(ArrayRef),
    Object(Vec<(String, Json)>, ArrayRef),
    Array(Box<Json>, ArrayRef),
    Null,
}

impl Json {
    /// Reads `column`; the type that is not taken otherwise.
    pub(super) fn of(column: &ArrayRef) -> Result<Self, String> {
        let wrong = |error: ArrowError| error.to_string();
        Ok(match column.data_type() {
            DataType::Null => Self::Null,
            text if attribute::is_text(text) => {
                Self::Text(cast(column, &DataType::Utf8).map_err(wrong)?.as_string().clone())
            }
            DataType::Boolean => Self::Boolean(column.as_boolean().clone()),
            whole if whole.is_signed_integer() => Self::Signed(cast(column, &DataType::Int64).map_err(wrong)?),
            whole if whole.is_unsigned_integer() => Self::Unsigned(cast(column, &DataType::UInt64).map_err(wrong)?),
            DataType::Float64 => Self::Float(ArrayRef::clone(column)),
            DataType::Float32 => Self::Float(Arc::new(member::widened(column))),
            DataType::Decimal128(..) => Self::Decimal(ArrayRef::clone(column)),
            time if attribute::is_time(time) => Self::Time(Arc::new(attribute::instants(column).map_err(wrong)?)),
            DataType::Struct(fields) => {
                let columns = column.as_struct().columns().iter();
                let members = fields
                    .iter()
                    .zip(columns)
                    .map(|(field, column)| Self::of(column).map(|json| (field.name().clone(), json)));
                Self::Object(members.collect::<Result<_, _>>()?, ArrayRef::clone(column))
            }
            DataType::List(_) => {
                Self::Array(Box::new(Self::of(column.as_list::<i32>().values())?), ArrayRef::clone(column))
            }
            DataType::LargeList(_) => {
                Self::Array(Box::new(Self::of(column.as_list::<i64>().values())?), ArrayRef::clone(column))
            }
            DataType::FixedSizeList(..) => {
                Self::Array(Box::new(Self::of(column.as_fixed_size_list().values())?), ArrayRef::clone(column))
            }
            other => return Err(format!("{other} is not taken; leave it out or cast it")),
        })
    }

    /// Appends the value at `at`.
    pub(super) fn write(&self, at: usize, out: &mut String) {
        // Writing to a string can't fail.
        match self {
            Self::Text(texts) if texts.is_valid(at) => push_text(out, texts.value(at)),
            Self::Boolean(truths) if truths.is_valid(at) => {
                out.push_str(if truths.value(at) { "true" } else { "false" })
            }
            Self::Signed(numbers) if numbers.is_valid(at) => {
                let _ = write!(out, "{}", numbers.as_primitive::<Int64Type>().value(at));
            }
            Self::Unsigned(numbers) if numbers.is_valid(at) => {
                let _ = write!(out, "{}", numbers.as_primitive::<UInt64Type>().value(at));
            }
            Self::Float(numbers) if numbers.is_valid(at) => {
                push_float(out, numbers.as_primitive::<Float64Type>().value(at))
            }
            Self::Decimal(numbers) if numbers.is_valid(at) => push_decimal(out, numbers, at),
            Self::Time(times) if times.is_valid(at) => {
                let text = member::rfc3339(times.as_primitive(), at).unwrap_or_default();
                push_text(out, &text);
            }
            Self::Object(members, whole) if whole.is_valid(at) => {
                let mut before = '{';
                for (name, json) in members {
                    out.push(before);
                    push_text(out, name);
                    out.push(':');
                    json.write(at, out);
                    before = ',';
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
            Self::Array(items, whole) if whole.is_valid(at) => {
                out.push('[');
                for (number, item) in items_of(whole, at).enumerate() {
                    if number > 0 {
                        out.push(',');
                    }
                    items.write(item, out);
                }
                out.push(']');
            }
            _ => out.push_str("null"),
        }
    }
}

/// Where the items of the list at `at` lie.
fn items_of(list: &ArrayRef, at: usize) -> Range<usize> {
    match list.data_type() {
        DataType::List(_) => {
            let offsets = list.as_list::<i32>().value_offsets();
            offsets[at] as usize..offsets[at + 1] as usize
        }
        DataType::LargeList(_) => {
            let offsets = list.as_list::<i64>().value_offsets();
            offsets[at] as usize..offsets[at + 1] as usize
        }
        _ => {
            let list = list.as_fixed_size_list();
            let from = list.value_offset(at) as usize;
            from..from + list.value_length() as usize
        }
    }
}

/// A number as JSON writes it; what is none is null.
pub(super) fn push_float(out: &mut String, number: f64) {
    match serde_json::Number::from_f64(number) {
        Some(number) => {
            let _ = write!(out, "{number}");
        }
        None => out.push_str("null"),
    }
}

/// A decimal with all its digits.
pub(super) fn push_decimal(out: &mut String, numbers: &ArrayRef, at: usize) {
    let numbers = numbers.as_primitive::<Decimal128Type>();
    out.push_str(&Decimal128Type::format_decimal(numbers.value(at), numbers.precision(), numbers.scale()));
}
