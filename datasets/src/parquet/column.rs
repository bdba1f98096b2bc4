//! One column of values: how its type is taken, and its cells.
//!
//! Not here: which columns are read.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, StringArray, TimestampMicrosecondArray, new_empty_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type};
use engine::admission::{Reason, Rejection};
use engine::event::cloudevents::Limits;
use engine::event::columns::{Json, Written};
use engine::event::horizon::Horizon;
use engine::event::instant;
use engine::event::schema::units_type;
use engine::units::Units;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::schema::types::Type;

use crate::mapping::DataColumn;
use crate::mapping::time::TimeParser;
use crate::rows::{Cells, Value};

/// How a column is taken; `Unfit` ones are only refused if the mapping wants them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but nulls.
    Null,
    /// Texts, and times of day.
    Text,
    Uuid,
    Whole,
    Number,
    Boolean,
    /// A timestamp in UTC.
    Instant,
    /// A timestamp without a zone.
    Local,
    Date,
    /// A list or map.
    Json,
    /// Its members are columns.
    Struct,
    Unfit,
}

impl Kind {
    /// The kind of a column that may have `depth` levels of lists and structs.
    pub(super) fn of(data_type: &DataType, parquet: &Type, depth: usize) -> Self {
        match data_type {
            DataType::Null => Self::Null,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Time32(_) | DataType::Time64(_) => Self::Text,
            DataType::Boolean => Self::Boolean,
            DataType::Timestamp(_, None) => Self::Local,
            DataType::Timestamp(_, Some(_)) => Self::Instant,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::FixedSizeBinary(16) if is_uuid(parquet) => Self::Uuid,
            whole if whole.is_integer() => Self::Whole,
            number if number.is_numeric() => Self::Number,
            DataType::Struct(_) if fits(parquet, depth) => Self::Struct,
            list if list.is_nested()
                && fits(parquet, depth)
                && Json::of(&new_empty_array(list), &|_, _| None).is_ok() =>
            {
                Self::Json
            }
            _ => Self::Unfit,
        }
    }

    /// Whether cells of the kind are never there.
    pub(super) fn holds_nothing(self) -> bool {
        matches!(self, Self::Null | Self::Struct | Self::Unfit)
    }
}

/// Whether a nested column is not too deep and has no INT96, which would wrap.
fn fits(parquet: &Type, depth: usize) -> bool {
    if parquet.is_primitive() {
        return parquet.get_physical_type() != PhysicalType::INT96;
    }
    depth > 0 && parquet.get_fields().iter().all(|field| fits(field, depth - 1))
}

fn is_uuid(parquet: &Type) -> bool {
    matches!(parquet.get_basic_info().logical_type_ref(), Some(LogicalType::Uuid))
}

/// The cells of a column in one batch.
pub(super) enum Column {
    Nothing,
    Text(StringArray),
    Whole(Decimal128Array),
    Number(StringArray),
    Boolean(BooleanArray),
    Time { instants: TimestampMicrosecondArray, local: TimestampMicrosecondArray },
    Date { instants: TimestampMicrosecondArray, local: TimestampMicrosecondArray },
    Json(Json, Written, ArrayRef),
}

impl Column {
    /// Reads `column`; what is wrong with it otherwise.
    pub(super) fn new(kind: Kind, column: &ArrayRef, times: &TimeParser) -> Result<Self, String> {
        let cast_to = |column: &ArrayRef, to: &DataType| cast(column, to).map_err(|error| error.to_string());
        let text = |column: &ArrayRef| Ok::<_, String>(cast_to(column, &DataType::Utf8)?.as_string().clone());
        let local = || instant::micros(column).ok_or_else(|| format!("{} is no time", column.data_type()));
        Ok(match kind {
            Kind::Null | Kind::Struct | Kind::Unfit => Self::Nothing,
            Kind::Text => Self::Text(text(column)?),
            Kind::Uuid => Self::Text(column.as_fixed_size_binary().iter().map(|bytes| bytes.map(uuid)).collect()),
            Kind::Whole => Self::Whole(cast_to(column, &units_type())?.as_primitive::<Decimal128Type>().clone()),
            // A float of 16 bits has no shortest form of its own.
            Kind::Number if *column.data_type() == DataType::Float16 => {
                Self::Number(text(&cast_to(column, &DataType::Float64)?)?)
            }
            Kind::Number => Self::Number(text(column)?),
            Kind::Boolean => Self::Boolean(column.as_boolean().clone()),
            Kind::Instant => Self::Time { instants: local()?, local: local()? },
            Kind::Local => {
                Self::Time { instants: local()?.unary(|local_us| times.zoned_us(local_us)), local: local()? }
            }
            Kind::Date => Self::Date { instants: local()?.unary(|local_us| times.zoned_us(local_us)), local: local()? },
            Kind::Json => {
                let time = |kind: &DataType, local_us| match kind {
                    DataType::Date32 | DataType::Date64 => date(local_us),
                    DataType::Timestamp(_, None) => instant::rfc3339(times.zoned_us(local_us)),
                    _ => instant::rfc3339(local_us),
                };
                Self::Json(Json::of(column, &time)?, Written::of(column), ArrayRef::clone(column))
            }
        })
    }
}

fn uuid(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// One row of a batch.
pub(super) struct Row<'a> {
    pub(super) columns: &'a [Column],
    pub(super) at: usize,
}

impl Row<'_> {
    /// The cell as a text that does not depend on the mapping.
    pub(super) fn said(&self, at: usize) -> Option<Cow<'_, str>> {
        match &self.columns[at] {
            Column::Time { local, .. } | Column::Date { local, .. } => {
                local.is_valid(self.at).then(|| local.value(self.at).to_string().into())
            }
            // What is too long is refused, whatever its id.
            Column::Json(_, lengths, _) if is_too_long(lengths, self.at) => None,
            Column::Json(json, _, column) => column.is_valid(self.at).then(|| written(json, self.at).into()),
            _ => self.text(at),
        }
    }
}

fn cell(texts: &StringArray, at: usize) -> Option<&str> {
    texts.is_valid(at).then(|| texts.value(at))
}

/// A few bytes of a file may be a list of as many nulls as there are numbers.
fn is_too_long(lengths: &Written, at: usize) -> bool {
    lengths.bytes(at) > Limits::default().event_bytes_max as u64
}

fn written(json: &Json, at: usize) -> String {
    let mut text = String::new();
    json.write(at, &mut text);
    text
}

/// The date of a local midnight.
fn date(local_us: i64) -> Option<String> {
    instant::rfc3339(local_us)?;
    Timestamp::from_microsecond(local_us).ok().map(|time| TimeZone::UTC.to_datetime(time).date().to_string())
}

impl Cells for Row<'_> {
    fn text(&self, at: usize) -> Option<Cow<'_, str>> {
        let valid = |column: &dyn Array| column.is_valid(self.at);
        let text = match &self.columns[at] {
            Column::Text(texts) | Column::Number(texts) => cell(texts, self.at).map(Cow::Borrowed),
            Column::Whole(numbers) => valid(numbers).then(|| Units(numbers.value(self.at)).to_string().into()),
            Column::Boolean(truths) => valid(truths).then(|| truths.value(self.at).to_string().into()),
            Column::Time { instants, .. } => {
                let time_us = valid(instants).then(|| instants.value(self.at));
                time_us.and_then(instant::rfc3339).map(Cow::Owned)
            }
            Column::Date { local, .. } => valid(local).then(|| local.value(self.at)).and_then(date).map(Cow::Owned),
            Column::Json(..) | Column::Nothing => None,
        };
        text.filter(|text| !text.is_empty())
    }

    fn is_timeless(&self, at: usize) -> bool {
        match &self.columns[at] {
            Column::Time { instants, .. } | Column::Date { instants, .. } => instants.is_null(self.at),
            _ => self.text(at).is_none(),
        }
    }

    fn time_us(&self, at: usize, parser: &TimeParser, horizon: &Horizon) -> Result<i64, Rejection> {
        match &self.columns[at] {
            Column::Time { instants, .. } | Column::Date { instants, .. } => {
                let time_us = instants.value(self.at);
                horizon.check(time_us)?;
                Ok(time_us)
            }
            _ => parser.parse(&self.text(at).unwrap_or_default(), horizon),
        }
    }

    fn value(&self, column: &DataColumn) -> Result<Value<'_>, Rejection> {
        let invalid = |detail: String| Rejection::new(Reason::ValueInvalid, column.pointer.as_str(), detail);
        let beyond = || invalid("is a time beyond the years 1 to 9999; correct or exclude it".to_owned());
        let valid = |column: &dyn Array| column.is_valid(self.at);
        let value = match &self.columns[column.at] {
            Column::Text(texts) => cell(texts, self.at).map(|text| Value::Text(Cow::Borrowed(text))),
            Column::Whole(numbers) => valid(numbers).then(|| {
                let units = Units(numbers.value(self.at));
                units.checked().map_or_else(|_| Value::Number(units.to_string().into()), Value::Units)
            }),
            Column::Number(texts) => match cell(texts, self.at) {
                Some(text) => Some(number(text).ok_or_else(|| {
                    invalid(format!("{text} is no number that can be counted; clean or exclude the column"))
                })?),
                None => None,
            },
            Column::Boolean(truths) => valid(truths).then(|| Value::Boolean(truths.value(self.at))),
            Column::Time { instants, .. } if valid(instants) => {
                let text = instant::rfc3339(instants.value(self.at)).ok_or_else(beyond)?;
                Some(Value::Text(Cow::Owned(text)))
            }
            Column::Date { local, .. } if valid(local) => {
                Some(Value::Text(Cow::Owned(date(local.value(self.at)).ok_or_else(beyond)?)))
            }
            Column::Json(_, lengths, lists) if valid(lists) && is_too_long(lengths, self.at) => {
                let bytes_max = Limits::default().event_bytes_max;
                let detail = format!("the event is longer than {bytes_max} bytes; move bulk elsewhere");
                return Err(Rejection::new(Reason::TooLarge, column.pointer.as_str(), detail));
            }
            Column::Json(json, _, lists) if valid(lists) => Some(Value::Json(written(json, self.at))),
            Column::Time { .. } | Column::Date { .. } | Column::Json(..) | Column::Nothing => None,
        };
        Ok(value.unwrap_or(Value::Absent))
    }
}

/// `None` for a float that is not finite.
fn number(text: &str) -> Option<Value<'_>> {
    let finite = text.ends_with(|last: char| last.is_ascii_digit());
    finite.then(|| Units::parse(text).map_or(Value::Number(text.into()), Value::Units))
}
