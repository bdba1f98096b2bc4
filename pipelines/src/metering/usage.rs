//! The windows of all meters as one table: dimensions as JSON, and beside the rows there are those that have ended.
//!
//! Not here: one meter's windows with its dimensions as columns ([`windows`](super::windows)).

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use engine::event::schema::{time_type, units_type};
use engine::meter::Meter;
use engine::snapshot::ShardView;

use super::MeteringSnapshot;
use super::ended_windows::{self, EndedWindow};
use super::read::{MeteringError, Source, WindowFilter, reach_us};
use super::window::overlap;

/// Columns of [`usage`]: `tenant`, `meter` Utf8, `window_start`, `window_end`, `dimensions` Utf8 nullable, and the others of
/// [`windows`](super::windows), and `removed` Boolean.
pub fn usage_schema() -> SchemaRef {
    let field = |name: &str, data_type, nullable| Field::new(name, data_type, nullable);
    Arc::new(Schema::new(vec![
        field("tenant", DataType::Utf8, false),
        field("meter", DataType::Utf8, false),
        field("window_start", time_type(), false),
        field("window_end", time_type(), false),
        field("dimensions", DataType::Utf8, true),
        field("value", units_type(), true),
        field("revision", DataType::Int64, false),
        field("final", DataType::Boolean, false),
        field("correction", DataType::Boolean, false),
        field("removed", DataType::Boolean, false),
    ]))
}

/// The windows of all meters that `is_wanted`, meter by meter: first the rows there are, then, `removed` and without a value,
/// those that have ended with a revision among `revisions`, ends included. `emit` says whether more are wanted.
///
/// A removed row without dimensions ends the rows of all dimensions in its window. If it is not `with_dimensions`, nobody looks
/// at those.
///
/// # Errors
/// If panes can't be read or a computation fails.
pub fn usage(
    shards: &[ShardView<MeteringSnapshot>],
    is_wanted: &dyn Fn(&str) -> bool,
    filter: &WindowFilter,
    revisions: (i64, i64),
    with_dimensions: bool,
    emit: &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<(), MeteringError> {
    let mut ended =
        if shards.is_empty() { Default::default() } else { ended_windows::rows(shards, filter, revisions)? };
    let mut meters: Vec<String> =
        shards.iter().flat_map(|shard| shard.state.meters()).map(|m| m.name.clone()).collect();
    meters.extend(ended.keys().cloned());
    meters.sort_unstable();
    meters.dedup();
    for name in meters.into_iter().filter(|meter| is_wanted(meter)) {
        let gone = ended.remove(&name).unwrap_or_default();
        let (mut there, mut watermark_us) = (HashSet::new(), i64::MIN);
        let meter = shards.iter().find_map(|shard| shard.state.meters.get(&name)?.meter.definition.meter());
        if let Some(meter) = meter {
            let source = Source::new(shards, &name, filter, reach_us(meter))?;
            watermark_us = source.watermark_us;
            let failed = |error| source.failed(&error);
            let rows = shown(&source.windows(meter, filter.time).map_err(failed)?, meter, with_dimensions, false);
            if rows.num_rows() > 0 && !emit(rows) {
                return Ok(());
            }
            let swallowed = source.swallowed(meter, filter.time).map_err(failed)?;
            let swallowed = among(&swallowed, revisions);
            if swallowed.num_rows() > 0 && !emit(shown(&swallowed, meter, with_dimensions, true)) {
                return Ok(());
            }
            if !gone.is_empty() {
                there = keys(shards, meter, filter)?;
            }
        }
        let is_gone = |row: &EndedWindow| {
            let is_asked_for = filter.time.is_none_or(|time| overlap(row.window, time));
            let is_there =
                |dimensions: &String| there.contains(&(row.tenant.clone(), row.window.start_us, dimensions.clone()));
            is_asked_for && !row.dimensions.as_ref().is_some_and(is_there)
        };
        let gone: Vec<EndedWindow> = gone.into_iter().filter(is_gone).collect();
        if !gone.is_empty() && !emit(removed(&name, &gone, watermark_us)) {
            return Ok(());
        }
    }
    Ok(())
}

/// Tenant, start and dimensions of all rows that there are, whenever.
fn keys(
    shards: &[ShardView<MeteringSnapshot>],
    meter: &Meter,
    filter: &WindowFilter,
) -> Result<HashSet<(String, i64, String)>, MeteringError> {
    let source = Source::new(shards, &meter.name, &WindowFilter { time: None, ..filter.clone() }, None)?;
    let rows = source.windows(meter, None).map_err(|error| source.failed(&error))?;
    let (tenants, dimensions) = (rows["tenant"].as_string::<i32>(), dimensions(&rows, meter));
    let starts = rows["window_start"].as_primitive::<TimestampMicrosecondType>();
    let key = |row| (tenants.value(row).to_owned(), starts.value(row), dimensions.value(row).to_owned());
    Ok((0..rows.num_rows()).map(key).collect())
}

fn among(rows: &RecordBatch, revisions: (i64, i64)) -> RecordBatch {
    let values = rows["revision"].as_primitive::<Int64Type>().values();
    let among: BooleanArray = values.iter().map(|r| Some((revisions.0..=revisions.1).contains(r))).collect();
    filter_record_batch(rows, &among).expect("one flag per row")
}

/// Windows of `meter` with the columns of the table.
fn shown(windows: &RecordBatch, meter: &Meter, with_dimensions: bool, is_removed: bool) -> RecordBatch {
    let rows = windows.num_rows();
    let schema = usage_schema();
    let column = |field: &Arc<Field>| -> ArrayRef {
        match field.name().as_str() {
            "meter" => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&meter.name, rows))),
            "dimensions" if with_dimensions => Arc::new(dimensions(windows, meter)),
            "dimensions" => Arc::new(StringArray::from_iter_values(std::iter::repeat_n("{}", rows))),
            "removed" => Arc::new(BooleanArray::from(vec![is_removed; rows])),
            other => Arc::clone(&windows[other]),
        }
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).expect("columns are made to the schema")
}

fn removed(meter: &str, rows: &[EndedWindow], watermark_us: i64) -> RecordBatch {
    let instants = |of: fn(&EndedWindow) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)).with_timezone("UTC"))
    };
    let closed = |watermark_us: &dyn Fn(&EndedWindow) -> i64| -> ArrayRef {
        let closed = rows.iter().map(|row| Some(row.window.end_us <= watermark_us(row)));
        Arc::new(closed.collect::<BooleanArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.tenant))),
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(meter, rows.len()))),
        instants(|row| row.window.start_us),
        instants(|row| row.window.end_us),
        Arc::new(rows.iter().map(|row| row.dimensions.as_deref()).collect::<StringArray>()),
        new_null_array(&units_type(), rows.len()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.since.revision))),
        closed(&|_| watermark_us),
        closed(&|row| row.since.watermark_us),
        Arc::new(BooleanArray::from(vec![true; rows.len()])),
    ];
    RecordBatch::try_new(usage_schema(), columns).expect("columns are made to the schema")
}

/// One JSON object a row; a dimension that the events had no value for is null.
pub(super) fn dimensions(windows: &RecordBatch, meter: &Meter) -> StringArray {
    let of_meter = meter.dimensions.iter().map(|dimension| {
        (
            serde_json::Value::from(dimension.name.as_str()).to_string(),
            windows[dimension.name.as_str()].as_string::<i32>(),
        )
    });
    let of_meter = of_meter.collect::<Vec<_>>();
    let mut object = String::new();
    let texts = (0..windows.num_rows()).map(|row| {
        object.clear();
        for (name, values) in &of_meter {
            object.push(if object.is_empty() { '{' } else { ',' });
            let value = values.is_valid(row).then(|| values.value(row));
            object.push_str(&format!("{name}:{}", serde_json::Value::from(value)));
        }
        if object.is_empty() {
            return "{}".to_owned();
        }
        object.push('}');
        object.clone()
    });
    StringArray::from_iter_values(texts)
}
