//! Members of events as columns: numbers, texts and codes of the events of one type.
//!
//! Columns are made once per batch and shared by all meters that ask for them. Not here: which meter wants what.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Decimal128Builder, StringArray, StringBuilder, UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, TimestampMicrosecondType};
use engine::event::batch::{EventBatch, Texts};
use engine::event::schema::{self, units_type};
use engine::units::{PRECISION, SCALE, Units};
use hashbrown::HashMap;
use xxhash_rust::xxh3::Xxh3Builder;

use super::dimension::Dimension;
use super::rest::{Leftover, bool_text, member};
use super::symbol::{ABSENT, Symbols};

const KERNEL: &str = "columns of an event batch have the types that its schema says";

/// The events of one type within a batch.
pub(super) struct Rows<'a> {
    batch: &'a EventBatch,
    /// Which rows; `None` for all.
    rows: Option<UInt32Array>,
    rest: Option<StringArray>,
    columns: HashMap<(Kind, String), ArrayRef, Xxh3Builder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Number,
    Text,
    Fixed,
}

/// What a column's rows hold.
enum Member<'a> {
    Absent,
    Number(&'a Decimal128Array),
    Boolean(&'a BooleanArray),
    Text(Texts<'a>),
}

impl<'a> Rows<'a> {
    /// The events of `event_type`, or all; `None` if there are none.
    pub(super) fn of(batch: &'a EventBatch, event_type: Option<&str>) -> Option<Self> {
        match event_type {
            Some(event_type) => Self::of_type(batch, event_type),
            None => (!batch.is_empty()).then(|| Self::new(batch, None)),
        }
    }

    fn of_type(batch: &'a EventBatch, event_type: &str) -> Option<Self> {
        let types = batch.types();
        let wanted: Vec<bool> = types.values.iter().map(|value| value == Some(event_type)).collect();
        if !wanted.contains(&true) {
            return None;
        }
        let keys = types.array.keys().values();
        let count = keys.iter().filter(|&&key| wanted[key as usize]).count();
        let rows = match count {
            0 => return None,
            all if all == batch.len() => None,
            _ => {
                let matching = (0..batch.len() as u32).filter(|&row| wanted[keys[row as usize] as usize]);
                Some(UInt32Array::from_iter_values(matching))
            }
        };
        Some(Self::new(batch, rows))
    }

    fn new(batch: &'a EventBatch, rows: Option<UInt32Array>) -> Self {
        let rest = batch.rest().filter(|rest| rest.null_count() < rest.len());
        let mut this = Self { batch, rows, rest: None, columns: HashMap::default() };
        this.rest = rest.map(|rest| this.pick(rest).as_string::<i32>().clone());
        this
    }

    /// Those of the events whose flag is set.
    pub(super) fn select(&self, kept: &BooleanArray) -> Self {
        let rows = (0..self.len()).filter(|&row| kept.value(row)).map(|row| self.position(row) as u32);
        Self::new(self.batch, Some(UInt32Array::from_iter_values(rows)))
    }

    /// How many events.
    pub(super) fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.batch.len(), Array::len)
    }

    /// Position within the batch of the event at `at`.
    pub(super) fn position(&self, at: usize) -> usize {
        self.rows.as_ref().map_or(at, |rows| rows.value(at) as usize)
    }

    fn pick(&self, column: &dyn Array) -> ArrayRef {
        match &self.rows {
            Some(rows) => take(column, rows, None).expect(KERNEL),
            None => column.slice(0, column.len()),
        }
    }

    fn cached(&mut self, kind: Kind, name: &str, make: impl FnOnce(&Self) -> ArrayRef) -> ArrayRef {
        let key = (kind, name.to_owned());
        if let Some(column) = self.columns.get(&key) {
            return column.clone();
        }
        let column = make(self);
        self.columns.insert(key, column.clone());
        column
    }

    /// `time`, microseconds.
    pub(super) fn times(&mut self) -> ArrayRef {
        self.cached(Kind::Fixed, "time", |this| this.pick(this.batch.times()))
    }

    /// Microseconds of each event's time.
    pub(super) fn instants(times: &ArrayRef) -> &[i64] {
        times.as_primitive::<TimestampMicrosecondType>().values()
    }

    /// The member as DECIMAL(38, 9); null where it is absent or no such number.
    pub(super) fn numbers(&mut self, pointer: &str) -> ArrayRef {
        self.cached(Kind::Number, pointer, |this| {
            let column = this.batch.data(pointer).filter(|column| *column.data_type() == units_type());
            let column = column.map(|column| this.pick(column));
            let Some(rest) = &this.rest else {
                return column.unwrap_or_else(|| arrow::array::new_null_array(&units_type(), this.len()));
            };
            let numbers = column.as_ref().map(|column| column.as_primitive::<Decimal128Type>());
            let mut builder = Decimal128Builder::with_capacity(this.len()).with_data_type(units_type());
            for row in 0..this.len() {
                let number = numbers.filter(|n| n.is_valid(row)).map(|n| n.value(row));
                let leftover = || leftover(rest, row, pointer)?.number().map(|units| units.0);
                builder.append_option(number.or_else(leftover));
            }
            Arc::new(builder.finish().with_precision_and_scale(PRECISION, SCALE).expect(KERNEL))
        })
    }

    /// The member's canonical text as Utf8; null where it is absent, null, an array or an object.
    pub(super) fn texts(&mut self, pointer: &str) -> ArrayRef {
        self.cached(Kind::Text, pointer, |this| {
            let column = this.batch.data(pointer).map(|column| this.pick(column));
            if let (Some(column), None) = (&column, &this.rest)
                && *column.data_type() == schema::text_type()
            {
                return cast(column, &DataType::Utf8).expect(KERNEL);
            }
            let member = member_of(column.as_ref());
            let mut builder = StringBuilder::with_capacity(this.len(), this.len() * 8);
            for row in 0..this.len() {
                match &member {
                    Member::Number(numbers) if numbers.is_valid(row) => {
                        builder.append_value(Units(numbers.value(row)).to_string());
                    }
                    Member::Boolean(flags) if flags.is_valid(row) => builder.append_value(bool_text(flags.value(row))),
                    Member::Text(texts) if texts.get(row).is_some() => builder.append_option(texts.get(row)),
                    _ => match this.rest.as_ref().and_then(|rest| leftover(rest, row, pointer)) {
                        Some(leftover) => builder.append_option(leftover.text()),
                        None => builder.append_null(),
                    },
                }
            }
            Arc::new(builder.finish())
        })
    }

    /// The fixed column `index` of [`schema`], texts as Utf8: a dictionary would hold values of rows that are not here.
    pub(super) fn fixed(&mut self, index: usize) -> ArrayRef {
        let field = &schema::fixed_fields()[index];
        self.cached(Kind::Fixed, field.name(), |this| {
            let column = this.pick(this.batch.record_batch().column(index));
            if *field.data_type() == schema::text_type() {
                cast(&column, &DataType::Utf8).expect(KERNEL)
            } else {
                column
            }
        })
    }

    /// The tenants of the whole batch; [`Rows::position`] says whose are these.
    pub(super) fn tenants(&self) -> Texts<'a> {
        self.batch.tenants()
    }

    /// The code of each event's value of `dimension`.
    pub(super) fn codes(&mut self, dimension: &Dimension, symbols: &mut Symbols) -> Vec<u32> {
        match dimension {
            Dimension::Member(pointer) => self.member_codes(pointer, symbols),
            Dimension::Number(pointer) => {
                let numbers = self.numbers(pointer);
                number_codes(numbers.as_primitive(), symbols)
            }
            Dimension::Attribute(index) => self.attribute_codes(*index, symbols),
        }
    }

    fn attribute_codes(&self, index: usize, symbols: &mut Symbols) -> Vec<u32> {
        let column = self.pick(self.batch.record_batch().column(index));
        text_codes(&Texts::new(column.as_dictionary::<Int32Type>()), symbols)
    }

    /// The code of the member's canonical text (see [`Rows::texts`]) of each event.
    fn member_codes(&self, pointer: &str, symbols: &mut Symbols) -> Vec<u32> {
        let column = self.batch.data(pointer).map(|column| self.pick(column));
        let mut codes = match member_of(column.as_ref()) {
            Member::Absent => vec![ABSENT; self.len()],
            Member::Text(texts) => text_codes(&texts, symbols),
            Member::Boolean(flags) => {
                flags.iter().map(|flag| flag.map_or(ABSENT, |flag| symbols.code(bool_text(flag)))).collect()
            }
            Member::Number(numbers) => number_codes(numbers, symbols),
        };
        if let Some(rest) = &self.rest {
            for (row, code) in codes.iter_mut().enumerate().filter(|(_, code)| **code == ABSENT) {
                let text = leftover(rest, row, pointer).and_then(Leftover::text);
                *code = text.map_or(ABSENT, |text| symbols.code(&text));
            }
        }
        codes
    }

    /// Calls `found` for each event whose value of `dimension` has more than `bytes_max` bytes, and says how many.
    pub(super) fn longer(&self, dimension: &Dimension, bytes_max: usize, found: &mut dyn FnMut(usize, usize)) {
        let (column, rest) = match dimension {
            Dimension::Number(_) => return,
            Dimension::Attribute(index) => (Some(self.pick(self.batch.record_batch().column(*index))), None),
            Dimension::Member(pointer) => {
                let rest = self.rest.as_ref().map(|rest| (rest, pointer));
                (self.batch.data(pointer).map(|column| self.pick(column)), rest)
            }
        };
        let texts = column.as_ref().and_then(|column| column.as_dictionary_opt::<Int32Type>()).map(Texts::new);
        for row in 0..self.len() {
            let text = texts.as_ref().and_then(|texts| texts.get(row));
            let bytes = text.map(str::len).or_else(|| {
                let (rest, pointer) = rest.filter(|(rest, _)| rest.value_length(row) as usize > bytes_max)?;
                Some(leftover(rest, row, pointer)?.text()?.len())
            });
            if let Some(bytes) = bytes.filter(|&bytes| bytes > bytes_max) {
                found(self.position(row), bytes);
            }
        }
    }

    /// Calls `found` for each event whose member is there but is not a number that can be metered.
    pub(super) fn not_numbers(&self, pointer: &str, found: &mut dyn FnMut(usize, NotNumber)) {
        let column = self.batch.data(pointer).map(|column| self.pick(column));
        if let Some(column) = &column {
            let wrong: Option<fn() -> NotNumber> = match column.data_type() {
                DataType::Decimal128(..) => None,
                DataType::Boolean => Some(|| NotNumber::Type("a boolean")),
                _ => Some(|| NotNumber::Type("a string")),
            };
            let numbers = column.as_primitive_opt::<Decimal128Type>();
            for row in (0..self.len()).filter(|&row| column.is_valid(row)) {
                let unit = numbers.map(|numbers| Units(numbers.value(row)).checked());
                match (wrong, unit) {
                    (Some(wrong), _) => found(self.position(row), wrong()),
                    (None, Some(Err(error))) => found(self.position(row), NotNumber::Units(error.to_string())),
                    _ => {}
                }
            }
        }
        let Some(rest) = &self.rest else { return };
        for row in 0..self.len() {
            let wrong = match leftover(rest, row, pointer) {
                Some(Leftover::Text(_)) => NotNumber::Type("a string"),
                Some(Leftover::Boolean(_)) => NotNumber::Type("a boolean"),
                Some(Leftover::Nested) => NotNumber::Type("an array or object"),
                Some(Leftover::Number(text)) => match Units::parse(&text) {
                    Ok(_) => continue,
                    Err(error) => NotNumber::Units(error.to_string()),
                },
                Some(Leftover::Null) | None => continue,
            };
            found(self.position(row), wrong);
        }
    }
}

/// Why a member can't be metered as a number.
pub(super) enum NotNumber {
    /// It is of another type.
    Type(&'static str),
    /// It does not fit DECIMAL(38, 9).
    Units(String),
}

fn member_of(column: Option<&ArrayRef>) -> Member<'_> {
    let Some(column) = column else { return Member::Absent };
    match column.data_type() {
        DataType::Decimal128(..) => Member::Number(column.as_primitive()),
        DataType::Boolean => Member::Boolean(column.as_boolean()),
        _ => Member::Text(Texts::new(column.as_dictionary::<Int32Type>())),
    }
}

fn leftover(rest: &StringArray, row: usize, pointer: &str) -> Option<Leftover> {
    rest.is_valid(row).then(|| member(rest.value(row), pointer)).flatten()
}

fn number_codes(numbers: &Decimal128Array, symbols: &mut Symbols) -> Vec<u32> {
    let mut known: HashMap<i128, u32, Xxh3Builder> = HashMap::default();
    let mut code = |number| *known.entry(number).or_insert_with(|| symbols.code(&Units(number).to_string()));
    numbers.iter().map(|number| number.map_or(ABSENT, &mut code)).collect()
}

/// Codes of a dictionary column: each value is looked up once.
pub(super) fn text_codes(texts: &Texts<'_>, symbols: &mut Symbols) -> Vec<u32> {
    let keys = || (0..texts.array.len()).map(|row| texts.key(row));
    let mut known = Vec::new();
    symbols.codes(texts.values, keys().flatten(), &mut known);
    keys().map(|key| key.map_or(ABSENT, |key| known[key])).collect()
}
