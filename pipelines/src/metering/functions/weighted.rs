//! `weighted_sum(value, time, id, until)`: each value times the seconds until the next event, the last until `until`.
//!
//! Exact: the state keeps every point, because a late event may fall between any two. Of events at the same instant only
//! the one with the largest id (then value) lasts, so only that one is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType, i256};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;
use engine::event::schema::{time_type, units_type};

use super::groups::{Function, GroupState, decimals, primitive, push_text, split, split_text};
use super::half_even;
use super::latest::Points;

/// `weighted_sum(value, time, id, until)`; `until` is a constant of the group.
pub(super) fn function() -> AggregateUDF {
    let arguments = vec![units_type(), time_type(), DataType::Utf8, time_type()];
    AggregateUDF::from(Function::new::<Weighted>("weighted_sum", arguments, units_type()))
}

/// `time_points(value, time, id)`: the points as bytes, for whoever knows the end only later; see [`weigh`].
pub(super) fn points() -> AggregateUDF {
    let arguments = vec![units_type(), time_type(), DataType::Utf8];
    AggregateUDF::from(Function::new::<Course>("time_points", arguments, DataType::Binary))
}

/// The time-weighted sum of what `time_points` gave until `until_us`.
pub(in crate::metering) fn weigh(points: &[u8], until_us: i64) -> Result<Option<i128>> {
    let mut course = Course::default();
    course.merge(points)?;
    course.weigh(until_us)
}

/// Time to (id, value).
#[derive(Debug, Default)]
struct Course(BTreeMap<i64, (Box<str>, i128)>);

impl Course {
    fn add(&mut self, time: i64, id: &str, value: i128) {
        match self.0.get_mut(&time) {
            Some((kept, was)) if (id, value) > (kept, *was) => (*kept, *was) = (id.into(), value),
            Some(_) => {}
            None => {
                self.0.insert(time, (id.into(), value));
            }
        }
    }

    /// Rounded half-even to nine digits, once, at the end.
    fn weigh(&self, until_us: i64) -> Result<Option<i128>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let ends = self.0.keys().skip(1).copied().chain([until_us]);
        let mut sum = i256::ZERO;
        for ((&time, &(_, value)), end) in self.0.iter().zip(ends) {
            let duration_us = i256::from_i128(i128::from(end.max(time)) - i128::from(time));
            sum = sum.wrapping_add(i256::from_i128(value).wrapping_mul(duration_us));
        }
        let seconds = half_even(sum, i256::from_i128(1_000_000));
        seconds.map(Some).ok_or_else(|| exec_datafusion_err!("weighted sum exceeds DECIMAL(38, 9)"))
    }
}

impl GroupState for Course {
    type Arguments<'a> = Points<'a>;

    fn arguments(values: &[ArrayRef]) -> Result<Points<'_>> {
        Points::new(values)
    }

    fn update(&mut self, points: &Points<'_>, row: usize) -> Result<()> {
        self.add(points.times.value(row), points.ids.value(row), points.values.value(row));
        Ok(())
    }

    fn merge(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let time = i64::from_le_bytes(*split(&mut bytes)?);
            let value = i128::from_le_bytes(*split(&mut bytes)?);
            self.add(time, split_text(&mut bytes)?, value);
        }
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for (time, (id, value)) in &self.0 {
            out.extend_from_slice(&time.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
            push_text(out, id);
        }
    }

    fn evaluate(groups: &[Self]) -> Result<ArrayRef> {
        let mut scratch = Vec::new();
        let encoded = groups.iter().map(|group| {
            scratch.clear();
            group.encode(&mut scratch);
            scratch.clone()
        });
        Ok(Arc::new(BinaryArray::from_iter_values(encoded)))
    }
}

#[derive(Debug, Default)]
struct Weighted {
    course: Course,
    until: Option<i64>,
}

impl GroupState for Weighted {
    type Arguments<'a> = (Points<'a>, &'a TimestampMicrosecondArray);

    fn arguments(values: &[ArrayRef]) -> Result<Self::Arguments<'_>> {
        Ok((Points::new(values)?, primitive::<TimestampMicrosecondType>(values, 3)?))
    }

    fn update(&mut self, (points, until): &Self::Arguments<'_>, row: usize) -> Result<()> {
        self.course.update(points, row)?;
        self.until = self.until.max(Some(until.value(row)));
        Ok(())
    }

    fn merge(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.until = self.until.max(Some(i64::from_le_bytes(*split(&mut bytes)?)));
        self.course.merge(bytes)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(until) = self.until {
            out.extend_from_slice(&until.to_le_bytes());
            self.course.encode(out);
        }
    }

    fn evaluate(groups: &[Self]) -> Result<ArrayRef> {
        let sums: Vec<_> =
            groups.iter().map(|group| group.course.weigh(group.until.unwrap_or(i64::MIN))).collect::<Result<_>>()?;
        decimals(sums.into_iter())
    }
}
