//! What of loose columns fits no data column, as the JSON texts that [`rest`](super::super::rest) holds.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, DecimalType, Float64Type};

use super::super::instant;
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

/// Values of a column that are written as JSON: those of lists and maps, and within them.
pub enum Json {
    /// Texts, and what is written as such.
    Text(StringArray),
    /// Truth values.
    Boolean(BooleanArray),
    /// Numbers, as they are written.
    Number(StringArray),
    /// Structs: names and members.
    Object(Vec<(String, Json)>, ArrayRef),
    /// Maps: names and values.
    Map(StringArray, Box<Json>, ArrayRef),
    /// Lists of items.
    Array(Box<Json>, ArrayRef),
    /// Nothing.
    Null,
}

impl Json {
    /// Reads `column`, its times as `time` writes them (from their type and µs); what can't be taken otherwise.
    ///
    /// # Errors
    /// The type that is not taken, or what of the values JSON can't say.
    pub fn of(column: &ArrayRef, time: &dyn Fn(&DataType, i64) -> Option<String>) -> Result<Self, String> {
        let texts = |column: &ArrayRef| match cast(column, &DataType::Utf8) {
            Ok(texts) => Ok(texts.as_string::<i32>().clone()),
            Err(error) => Err(error.to_string()),
        };
        let items = |items: &ArrayRef| Ok::<_, String>(Box::new(Self::of(items, time)?));
        Ok(match column.data_type() {
            DataType::Null => Self::Null,
            text if attribute::is_text(text) => Self::Text(texts(column)?),
            DataType::Time32(_) | DataType::Time64(_) => Self::Text(texts(column)?),
            DataType::Boolean => Self::Boolean(column.as_boolean().clone()),
            whole if whole.is_integer() => Self::Number(texts(column)?),
            DataType::Float16 => Self::Number(floats(&cast(column, &DataType::Float64).map_err(|e| e.to_string())?)?),
            DataType::Float32 => Self::Number(floats(&(Arc::new(member::widened(column)) as ArrayRef))?),
            DataType::Float64 => Self::Number(floats(column)?),
            decimal if decimal.is_decimal() => Self::Number(texts(column)?),
            kind if instant::is_time(kind) => {
                let times = instant::micros(column).ok_or_else(|| format!("{kind} is no time"))?;
                let text = |time_us| time(kind, time_us).ok_or("a time in it is beyond the years 1 to 9999".to_owned());
                let texts: Result<_, _> = times.iter().map(|time_us| time_us.map(text).transpose()).collect();
                Self::Text(texts?)
            }
            DataType::Struct(fields) => {
                let columns = column.as_struct().columns().iter();
                let members = fields
                    .iter()
                    .zip(columns)
                    .map(|(field, column)| Self::of(column, time).map(|json| (field.name().clone(), json)));
                Self::Object(members.collect::<Result<_, _>>()?, ArrayRef::clone(column))
            }
            DataType::Map(..) => {
                let map = column.as_map();
                if !attribute::is_text(map.keys().data_type()) {
                    return Err(format!("a map by {} is not taken; leave it out or cast it", map.keys().data_type()));
                }
                Self::Map(texts(map.keys())?, items(map.values())?, ArrayRef::clone(column))
            }
            DataType::List(_) => Self::Array(items(column.as_list::<i32>().values())?, ArrayRef::clone(column)),
            DataType::LargeList(_) => Self::Array(items(column.as_list::<i64>().values())?, ArrayRef::clone(column)),
            DataType::FixedSizeList(..) => {
                Self::Array(items(column.as_fixed_size_list().values())?, ArrayRef::clone(column))
            }
            other => return Err(format!("{other} is not taken; leave it out or cast it")),
        })
    }

    /// Appends the value at `at`.
    pub fn write(&self, at: usize, out: &mut String) {
        match self {
            Self::Text(texts) if texts.is_valid(at) => push_text(out, texts.value(at)),
            Self::Boolean(truths) if truths.is_valid(at) => {
                out.push_str(if truths.value(at) { "true" } else { "false" })
            }
            Self::Number(numbers) if numbers.is_valid(at) => out.push_str(numbers.value(at)),
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
            Self::Map(names, values, whole) if whole.is_valid(at) => {
                let offsets = whole.as_map().value_offsets();
                out.push('{');
                for entry in offsets[at] as usize..offsets[at + 1] as usize {
                    out.push_str(if entry > offsets[at] as usize { "," } else { "" });
                    push_text(out, names.value(entry));
                    out.push(':');
                    values.write(entry, out);
                }
                out.push('}');
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

/// Floats as JSON writes them, if it can.
fn floats(column: &ArrayRef) -> Result<StringArray, String> {
    let text = |number: f64| {
        let mut text = String::new();
        push_float(&mut text, number);
        number.is_finite().then_some(text).ok_or_else(|| format!("{number} in it is no number that can be counted"))
    };
    column.as_primitive::<Float64Type>().iter().map(|number| number.map(text).transpose()).collect()
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
