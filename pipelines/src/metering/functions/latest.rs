//! `latest_by(value, time, id)` and `first_by(value, time, id)`: the value of the last or first event.
//!
//! Ties in time go to the largest (smallest) id, and among equal ids of different sources to the larger (smaller) value,
//! so that the order of arrival never matters (I4).

use arrow::array::{ArrayRef, AsArray, Decimal128Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Decimal128Type, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;
use engine::event::schema::{time_type, units_type};

use super::groups::{Function, GroupState, decimals, primitive, push_text, split, split_text};

/// `latest_by(value, time, id)`.
pub(super) fn latest() -> AggregateUDF {
    AggregateUDF::from(Function::new::<Extreme<true>>("latest_by", arguments(), units_type()))
}

/// `first_by(value, time, id)`.
pub(super) fn first() -> AggregateUDF {
    AggregateUDF::from(Function::new::<Extreme<false>>("first_by", arguments(), units_type()))
}

fn arguments() -> Vec<DataType> {
    vec![units_type(), time_type(), DataType::Utf8]
}

/// Typed (value, time, id).
pub(super) struct Points<'a> {
    pub(super) values: &'a Decimal128Array,
    pub(super) times: &'a TimestampMicrosecondArray,
    pub(super) ids: &'a StringArray,
}

impl<'a> Points<'a> {
    pub(super) fn new(values: &'a [ArrayRef]) -> Result<Self> {
        let ids = values[2].as_string_opt::<i32>();
        Ok(Self {
            values: primitive::<Decimal128Type>(values, 0)?,
            times: primitive::<TimestampMicrosecondType>(values, 1)?,
            ids: ids.ok_or_else(|| exec_datafusion_err!("argument 3: expected Utf8"))?,
        })
    }
}

#[derive(Debug, Default)]
struct Extreme<const LATEST: bool>(Option<(i64, Box<str>, i128)>);

impl<const LATEST: bool> Extreme<LATEST> {
    fn add(&mut self, time: i64, id: &str, value: i128) {
        let better = self.0.as_ref().is_none_or(|(t, i, v)| {
            let order = (time, id, value).cmp(&(*t, i, *v));
            if LATEST { order.is_gt() } else { order.is_lt() }
        });
        if better {
            self.0 = Some((time, id.into(), value));
        }
    }
}

impl<const LATEST: bool> GroupState for Extreme<LATEST> {
    type Arguments<'a> = Points<'a>;

    fn arguments(values: &[ArrayRef]) -> Result<Points<'_>> {
        Points::new(values)
    }

    fn update(&mut self, points: &Points<'_>, row: usize) -> Result<()> {
        self.add(points.times.value(row), points.ids.value(row), points.values.value(row));
        Ok(())
    }

    fn merge(&mut self, mut bytes: &[u8]) -> Result<()> {
        let time = i64::from_le_bytes(*split(&mut bytes)?);
        let value = i128::from_le_bytes(*split(&mut bytes)?);
        self.add(time, split_text(&mut bytes)?, value);
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if let Some((time, id, value)) = &self.0 {
            out.extend_from_slice(&time.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
            push_text(out, id);
        }
    }

    fn evaluate(groups: &[Self]) -> Result<ArrayRef> {
        decimals(groups.iter().map(|group| group.0.as_ref().map(|&(_, _, value)| value)))
    }
}
