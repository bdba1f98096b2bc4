//! `late_events`: events that came behind their shard's watermark, once per meter of their type (I5).
//!
//! Nothing is dropped: a late event is counted in its window, as a revision, or as a correction if the window had been
//! final. This says which.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int32Type, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use engine::calendar::{CalendarError, Periods};
use engine::meter::{Meter, Window};

use super::column::{Column, instant, label, schema_of, text, whole};
use super::{Ask, Emit, View, ViewError, events};
use crate::catalog::Cut;
use crate::lake::{Selection, rows};

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", label, "whose event"),
    Column::required("meter", text, "a meter that counts events of its type"),
    Column::required("id", text, "CloudEvents id"),
    Column::required("source", label, "CloudEvents source"),
    Column::required("type", label, "CloudEvents type"),
    Column::required("time", instant, "when it happened"),
    Column::required("watermark", instant, "its shard's watermark when it was admitted"),
    Column::required("late_by_ms", whole, "how far behind the watermark, milliseconds, rounded down"),
    Column::required("kind", text, "correction if a window of the meter that holds it had been final, else revision"),
    Column::required("revision", whole, "its events.revision"),
];

const SECOND_US: i64 = 1_000_000;

/// See the module.
#[derive(Debug)]
pub struct LateEvents;

impl View for LateEvents {
    fn name(&self) -> &str {
        "late_events"
    }

    fn comment(&self) -> String {
        "events that came behind the watermark, per meter, and whether they corrected a final window".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let selection = Selection {
            tenants: ask.tenants().cloned(),
            time_us: ask.range(rows::TIME),
            revision: ask.range(rows::REVISION),
            late: true,
            bodies: false,
            ..Selection::default()
        };
        let meters = cut.meters(|meter| ask.may_be("meter", meter))?.into_iter();
        let mut meters = meters.map(Finality::new).collect::<Result<Vec<_>, _>>()?;
        let schema = self.schema();
        let mut failed = None;
        let mut each = |late: RecordBatch| {
            for meter in &mut meters {
                let rows = match meter.rows(&late, &schema) {
                    Ok(rows) => rows,
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                };
                if rows.num_rows() > 0 {
                    emit(rows)?;
                }
            }
            ControlFlow::Continue(())
        };
        events::read(cut, &selection, &mut each)?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// A meter that can tell when the windows of an instant become final.
struct Finality {
    meter: Meter,
    periods: Option<Periods>,
}

impl Finality {
    fn new(meter: Meter) -> Result<Self, ViewError> {
        let unreadable = |error: CalendarError| {
            let what = format!("the time zone of meter {}", meter.name);
            ViewError::Unreadable { what, reason: error.to_string() }
        };
        let periods = match &meter.window {
            Window::Calendar(calendar) => Some(calendar.periods().map_err(unreadable)?),
            _ => None,
        };
        Ok(Self { meter, periods })
    }

    /// The earliest end of a window that holds `time_us`. A session's is the one it would have alone.
    fn first_end_us(&mut self, time_us: i64) -> i64 {
        let behind = |step_s: u32| {
            let step_us = i64::from(step_s) * SECOND_US;
            (time_us.div_euclid(step_us) + 1).saturating_mul(step_us)
        };
        match &self.meter.window {
            Window::Tumbling { size_s } => behind(*size_s),
            // Ends are as far apart as starts, and the length is a multiple of that.
            Window::Sliding { slide_s, .. } => behind(*slide_s),
            Window::Session { gap_s } => time_us.saturating_add(i64::from(*gap_s) * SECOND_US),
            Window::Calendar(_) => {
                // A period that reaches beyond the calendar never ends.
                let period = self.periods.as_mut().and_then(|periods| periods.containing(time_us).ok());
                period.map_or(i64::MAX, |period| period.end_us)
            }
        }
    }

    /// The rows of `late` that this meter counts, with the view's columns.
    fn rows(&mut self, late: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let types = late["type"].as_dictionary::<Int32Type>();
        let names = types.values().as_string::<i32>();
        let counted = names.iter().map(|name| name == Some(&self.meter.event_type)).collect::<Vec<_>>();
        let keys = types.keys().values().iter().enumerate();
        let rows = keys.filter(|(_, key)| counted[**key as usize]).map(|(row, _)| row as u32);
        let late = take_record_batch(late, &UInt32Array::from_iter_values(rows))?;

        let times = late[rows::TIME].as_primitive::<TimestampMicrosecondType>().values();
        let watermarks = late[rows::WATERMARK].as_primitive::<TimestampMicrosecondType>().values();
        let late_by_ms = times.iter().zip(watermarks).map(|(time, watermark)| (watermark - time) / 1000);
        let lateness_us = i64::from(self.meter.allowed_lateness_s) * SECOND_US;
        let kinds = times.iter().zip(watermarks).map(|(time_us, watermark_us)| {
            let final_from_us = self.first_end_us(*time_us).saturating_add(lateness_us);
            if final_from_us <= *watermark_us { "correction" } else { "revision" }
        });
        let kinds: ArrayRef = Arc::new(StringArray::from_iter_values(kinds));
        let late_by_ms: ArrayRef = Arc::new(Int64Array::from_iter_values(late_by_ms));
        let meter = std::iter::repeat_n(&self.meter.name, late.num_rows());
        let meter: ArrayRef = Arc::new(StringArray::from_iter_values(meter));
        let columns = schema.fields().iter().map(|field| match field.name().as_str() {
            "meter" => Arc::clone(&meter),
            "late_by_ms" => Arc::clone(&late_by_ms),
            "kind" => Arc::clone(&kinds),
            other => Arc::clone(&late[other]),
        });
        RecordBatch::try_new(Arc::clone(schema), columns.collect())
    }
}

#[cfg(test)]
mod tests {
    use engine::calendar::{Calendar, Period};
    use engine::meter::Aggregation;

    use super::*;

    fn check(window: Window, time_s: i64, expect_s: i64) {
        let meter = Meter {
            name: "m".into(),
            event_type: "t".into(),
            value: None,
            aggregation: Aggregation::Count,
            dimensions: Vec::new(),
            window: window.clone(),
            allowed_lateness_s: 0,
            description: String::new(),
        };
        let end_us = Finality::new(meter).unwrap().first_end_us(time_s * SECOND_US);
        assert_eq!(end_us, expect_s * SECOND_US, "{window:?} {time_s}");
    }

    #[test]
    fn an_instant_is_final_with_its_first_window() {
        check(Window::Tumbling { size_s: 60 }, 0, 60);
        check(Window::Tumbling { size_s: 60 }, 59, 60);
        check(Window::Tumbling { size_s: 60 }, -1, 0);
        check(Window::Sliding { size_s: 60, slide_s: 20 }, 45, 60);
        check(Window::Session { gap_s: 30 }, 45, 75);
        check(Window::Calendar(Calendar { period: Period::Day, time_zone: "UTC".into() }), 5, 86_400);
    }
}
