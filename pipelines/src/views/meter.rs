//! `meter_<name>`: the windows of one meter, with its dimensions as columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use engine::calendar::Interval;
use engine::meter::Meter;

use super::column::COMMENT;
use super::{Ask, Emit, SharedView, View, ViewError, usage};
use crate::catalog::Cut;
use crate::metering::{self, MeteringError, WindowFilter};

/// What stands before the meter's name in the view's.
pub const PREFIX: &str = "meter_";

/// The view over one meter.
#[derive(Debug)]
struct MeterView {
    name: String,
    meter: Meter,
}

/// The view over `meter`.
pub fn view(meter: Meter) -> SharedView {
    Arc::new(MeterView { name: format!("{PREFIX}{}", meter.name), meter })
}

impl View for MeterView {
    fn name(&self) -> &str {
        &self.name
    }

    fn comment(&self) -> String {
        match self.meter.description.as_str() {
            "" => format!("windows of the meter {} over events of the type {}", self.meter.name, self.meter.event_type),
            described => described.to_owned(),
        }
    }

    fn schema(&self) -> SchemaRef {
        let comment = |field: &Arc<Field>| {
            let of_usage = usage::COLUMNS.iter().find(|column| column.name == field.name());
            let of_dimension = self.meter.dimensions.iter().find(|dimension| &dimension.name == field.name());
            let text = of_usage
                .map(|column| column.comment.to_owned())
                .or_else(|| of_dimension.map(|dimension| format!("dimension {} of data", dimension.path)));
            let metadata = text.map(|text| (COMMENT.to_owned(), text)).into_iter().collect::<HashMap<_, _>>();
            field.as_ref().clone().with_metadata(metadata)
        };
        let fields = metering::window_schema(&self.meter).fields().iter().map(comment).collect::<Vec<_>>();
        Arc::new(Schema::new(fields))
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        if let Some(windows) = windows(cut, ask, &self.meter)? {
            let _ = emit(windows);
        }
        Ok(())
    }
}

/// The windows of `meter` that `ask` may want; `None` if the cut is from before the meter.
pub(super) fn windows(cut: &Cut, ask: &Ask, meter: &Meter) -> Result<Option<RecordBatch>, MeteringError> {
    match metering::windows(&cut.snapshot.shards, &meter.name, &filter(ask, "window_start", "window_end")) {
        // Defined, but no cut has been published since.
        Err(MeteringError::UnknownMeter(_)) => Ok(None),
        windows => windows.map(Some),
    }
}

/// The bounds on tenants and on the two ends of windows, as metering takes them.
pub(super) fn filter(ask: &Ask, start: &str, end: &str) -> WindowFilter {
    let tenants = ask.tenants().map(|tenants| tenants.iter().cloned().collect());
    WindowFilter { tenants, time: overlapping(ask.range(start), ask.range(end)), memory: ask.memory() }
}

/// An interval that every window overlaps whose start and end lie in the given ranges (ends included).
fn overlapping(start: (i64, i64), end: (i64, i64)) -> Option<Interval> {
    let any = (i64::MIN, i64::MAX);
    if start == any && end == any {
        return None;
    }
    // A window ends behind its start, so: it starts before `end_us`, and ends behind `start_us`.
    let end_us = start.1.saturating_add(1).min(end.1);
    let start_us = start.0.max(end.0.saturating_sub(1));
    Some(Interval { start_us: start_us.min(end_us.saturating_sub(1)), end_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(start: (i64, i64), end: (i64, i64), expect: Option<(i64, i64)>) {
        let found = overlapping(start, end).map(|interval| (interval.start_us, interval.end_us));
        assert_eq!(found, expect, "{start:?} {end:?}");
    }

    #[test]
    fn ranges_of_both_ends_become_one_interval() {
        const ANY: (i64, i64) = (i64::MIN, i64::MAX);
        check(ANY, ANY, None);
        check((10, i64::MAX), ANY, Some((10, i64::MAX)));
        check(ANY, (i64::MIN, 20), Some((i64::MIN, 20)));
        check((10, 19), ANY, Some((10, 20)));
        // The window [10, 20) itself overlaps the instant at which it starts.
        check((10, 10), (20, 20), Some((10, 11)));
    }
}
