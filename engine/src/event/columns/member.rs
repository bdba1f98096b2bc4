//! The columns that are members of `data`, taken by their type.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Builder, PrimitiveArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, nullif};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type};

use super::super::batch::SchemaError;
use super::super::cloudevents::Limits;
use super::super::instant;
use super::super::schema::{self, DATA_COLUMNS_MAX};
use super::super::text_column::TextColumn;
use super::leftover::{Json, Leftovers, push_decimal, push_float};
use super::written::Written;
use super::{Refused, attribute, refuse, too_large};
use crate::admission::{Reason, Rejection};
use crate::path::{PATH_BYTES_MAX, push_member};
use crate::units::{ONE, SCALE, Units};

/// Below this, a float's nano-units have at most 15 digits, so no other number of as few digits is the same float.
const EXACT_NANOS_MAX: f64 = 1e15;

/// The members found so far.
pub(super) struct Members<'a> {
    pub(super) found: Vec<(String, ArrayRef)>,
    pub(super) leftovers: &'a mut Leftovers,
    pub(super) refused: &'a mut Refused,
    pub(super) limits: &'a Limits,
}

impl Members<'_> {
    /// Adds the column that the batch calls `name` under `pointer`.
    pub(super) fn add(&mut self, name: &str, pointer: String, column: &ArrayRef) -> Result<(), SchemaError> {
        if pointer.len() > PATH_BYTES_MAX {
            return refuse(name, format!("its name is longer than {PATH_BYTES_MAX} bytes, those around it included"));
        }
        let found: ArrayRef = match column.data_type() {
            DataType::Null => return Ok(()),
            DataType::Struct(fields) => {
                let whole = column.as_struct();
                for (field, column) in fields.iter().zip(whole.columns()) {
                    let mut pointer = pointer.clone();
                    push_member(&mut pointer, field.name());
                    self.add(name, pointer, &masked(column, whole.nulls()))?;
                }
                return Ok(());
            }
            text if attribute::is_text(text) => Arc::new(attribute::texts(name, column)?),
            DataType::Boolean => Arc::clone(column),
            DataType::Float64 => self.floats(&pointer, column.as_primitive()),
            DataType::Float32 => self.floats(&pointer, &widened(column)),
            whole if whole.is_integer() => {
                self.decimals(name, &pointer, &exact(name, column, DataType::Decimal128(20, 0))?)?
            }
            DataType::Decimal128(..) => self.decimals(name, &pointer, column)?,
            time if instant::is_time(time) => self.instants(&pointer, instant::micros(column)),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
                let time = |_: &DataType, time_us| instant::rfc3339(time_us);
                let written = Written::of(column);
                let json = Json::of(column, &time).or_else(|reason| refuse(name, reason))?;
                for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
                    if written.bytes(row) > self.limits.event_bytes_max as u64 {
                        self.refused.row(row, || too_large(&pointer, self.limits));
                    }
                    // Nothing is written of an event that is refused, whichever column it is refused for.
                    if self.refused.keeps(row) {
                        self.leftovers.add(row, &pointer, |out| json.write(row, out));
                    }
                    if self.leftovers.bytes() > self.limits.expanded_bytes_max {
                        let bytes_max = self.limits.expanded_bytes_max;
                        let reason = format!("and lists before it have more than {bytes_max} bytes as JSON");
                        return refuse(name, format!("{reason}; send fewer rows at once"));
                    }
                }
                return Ok(());
            }
            other => return refuse(name, format!("{other} is not taken; leave it out or cast it")),
        };
        if self.found.len() == DATA_COLUMNS_MAX {
            return refuse(name, format!("is beyond the {DATA_COLUMNS_MAX} members that events of one batch may have"));
        }
        if self.found.iter().any(|(other, _)| *other == pointer) {
            return refuse(name, format!("has the member {pointer} twice"));
        }
        self.found.push((pointer, found));
        Ok(())
    }

    /// Quantities of `numbers`; a number that is none is a leftover, and what is no number refuses its event.
    fn floats(&mut self, pointer: &str, numbers: &PrimitiveArray<Float64Type>) -> ArrayRef {
        let mut text = String::new();
        self.quantities(
            pointer,
            numbers.len(),
            |row, refused| {
                if numbers.is_null(row) {
                    return Cell::Absent;
                }
                let number = numbers.value(row);
                let nanos = (number * ONE as f64).round();
                if nanos.abs() < EXACT_NANOS_MAX && nanos / ONE as f64 == number {
                    return Cell::Units(Units(nanos as i128));
                }
                if !number.is_finite() {
                    refused.row(row, || {
                        let detail = format!("{number} is no number that can be counted; leave it out");
                        Rejection::new(Reason::ValueInvalid, pointer, detail)
                    });
                    return Cell::Absent;
                }
                text.clear();
                push_float(&mut text, number);
                Units::parse(&text).map_or(Cell::Leftover, Cell::Units)
            },
            |row, out| push_float(out, numbers.value(row)),
        )
    }

    fn decimals(&mut self, name: &str, pointer: &str, column: &ArrayRef) -> Result<ArrayRef, SchemaError> {
        let numbers = column.as_primitive::<Decimal128Type>();
        let shift = i32::from(SCALE) - i32::from(numbers.scale());
        let Some(factor) = 10i128.checked_pow(shift.unsigned_abs()) else {
            return refuse(name, format!("{} is not taken; cast it", column.data_type()));
        };
        let units = |number: i128| match shift {
            0.. => number.checked_mul(factor),
            _ => (number % factor == 0).then(|| number / factor),
        };
        Ok(self.quantities(
            pointer,
            numbers.len(),
            |row, _| {
                if numbers.is_null(row) {
                    return Cell::Absent;
                }
                let found = units(numbers.value(row)).and_then(|nanos| Units(nanos).checked().ok());
                found.map_or(Cell::Leftover, Cell::Units)
            },
            |row, out| push_decimal(out, column, row),
        ))
    }

    /// Instants as texts; one that is not held refuses its event.
    fn instants(&mut self, pointer: &str, times: Option<TimestampMicrosecondArray>) -> ArrayRef {
        let times = times.expect("the type is one of times");
        let mut texts = TextColumn::default();
        for (row, time_us) in times.iter().enumerate() {
            match time_us.map(instant::rfc3339) {
                None => texts.fill(row + 1),
                Some(Some(text)) => texts.append(&text),
                Some(None) => {
                    texts.fill(row + 1);
                    self.refused.row(row, || {
                        let detail = "is a time beyond the years 1 to 9999; correct it or leave it out";
                        Rejection::new(Reason::ValueInvalid, pointer, detail)
                    });
                }
            }
        }
        texts.finish(times.len())
    }

    fn quantities(
        &mut self,
        pointer: &str,
        rows: usize,
        mut cell: impl FnMut(usize, &mut Refused) -> Cell,
        write: impl Fn(usize, &mut String),
    ) -> ArrayRef {
        let mut column = Decimal128Builder::with_capacity(rows).with_data_type(schema::units_type());
        for row in 0..rows {
            match cell(row, self.refused) {
                Cell::Units(units) => column.append_value(units.0),
                Cell::Absent => column.append_null(),
                Cell::Leftover => {
                    self.leftovers.add(row, pointer, |out| write(row, out));
                    column.append_null();
                }
            }
        }
        Arc::new(column.finish())
    }
}

enum Cell {
    Units(Units),
    Absent,
    Leftover,
}

/// `column` with nulls where the struct around it is null.
fn masked(column: &ArrayRef, around: Option<&NullBuffer>) -> ArrayRef {
    let Some(around) = around else { return Arc::clone(column) };
    let absent = BooleanArray::new(!around.inner(), None);
    nullif(column, &absent).expect("a struct is as long as its columns")
}

/// The shortest decimal form of a float of 32 bits is not that of the same number in 64.
pub(super) fn widened(column: &ArrayRef) -> PrimitiveArray<Float64Type> {
    column.as_primitive::<Float32Type>().unary(|number| number.to_string().parse().unwrap_or(f64::NAN))
}

fn exact(name: &str, column: &ArrayRef, to: DataType) -> Result<ArrayRef, SchemaError> {
    cast(column, &to).map_err(|error| SchemaError { column: name.to_owned(), reason: error.to_string() })
}
