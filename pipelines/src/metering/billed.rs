//! What is billed: totals by the calendars that the cut itself has, and the rows that have ended.
//!
//! One cursor follows both: whatever changes a row or ends it has an offset, which is the row's revision. Not here: other
//! calendars ([`totals`](super::totals)).

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::common::Result;
use engine::event::schema::units_type;
use engine::event::split::shard_of;
use engine::snapshot::ShardView;

use super::MeteringSnapshot;
use super::calendars::Standing;
use super::ended::{self, EndedRow};
use super::read::{MeteringError, Source, WindowFilter, totals_schema};
use super::window::overlap;

/// Columns of [`billed`]: `meter`, those of [`totals`](super::totals), and `removed` Boolean.
pub fn billed_schema() -> SchemaRef {
    let mut fields = vec![Arc::new(Field::new("meter", DataType::Utf8, false))];
    fields.extend(totals_schema().fields().iter().cloned());
    fields.push(Arc::new(Field::new("removed", DataType::Boolean, false)));
    Arc::new(Schema::new(fields))
}

/// The billing periods of all meters that `is_wanted`, all dimensions merged, meter by meter: first the rows there are, then,
/// `removed` and without a value, those that have ended with a revision among `revisions`, ends included. `emit` says
/// whether more are wanted.
///
/// # Errors
/// If panes can't be read or a computation fails.
pub fn billed(
    shards: &[ShardView<MeteringSnapshot>],
    is_wanted: &dyn Fn(&str) -> bool,
    filter: &WindowFilter,
    revisions: (i64, i64),
    emit: &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<(), MeteringError> {
    let mut ended = if shards.is_empty() { Default::default() } else { ended::rows(shards, filter, revisions)? };
    let mut meters: Vec<String> =
        shards.iter().flat_map(|shard| shard.state.meters()).map(|m| m.name.clone()).collect();
    meters.extend(ended.keys().cloned());
    meters.sort_unstable();
    meters.dedup();
    for meter in meters.into_iter().filter(|meter| is_wanted(meter)) {
        let gone = ended.remove(&meter).unwrap_or_default();
        let (mut there, mut watermark_us) = (HashSet::new(), i64::MIN);
        match Source::new(shards, &meter, filter, Some(super::read::PERIOD_US_MAX)) {
            Err(MeteringError::UnknownMeter(_)) => {}
            source => {
                let source = source?;
                let rows = live(shards, &source, filter).map_err(|error| source.failed(&error))?;
                watermark_us = source.watermark_us;
                if !gone.is_empty() {
                    there = keys(shards, &meter, filter)?;
                }
                if rows.num_rows() > 0 && !emit(rows_of(&meter, &rows)) {
                    return Ok(());
                }
            }
        }
        let is_gone = |row: &EndedRow| {
            let is_asked_for = filter.time.is_none_or(|time| overlap(row.period, time));
            is_asked_for && !there.contains(&(row.tenant.clone(), row.period.start_us))
        };
        let gone: Vec<EndedRow> = gone.into_iter().filter(is_gone).collect();
        if !gone.is_empty() && !emit(removed(&meter, &gone, watermark_us)) {
            return Ok(());
        }
    }
    Ok(())
}

fn live(shards: &[ShardView<MeteringSnapshot>], source: &Source, filter: &WindowFilter) -> Result<RecordBatch> {
    let standing = |tenant: &str| standing(shards, tenant);
    let calendar_of = |tenant: &str| standing(tenant).calendar.clone();
    source.totals(&calendar_of, &|tenant| standing(tenant).since, filter.time)
}

fn standing<'a>(shards: &'a [ShardView<MeteringSnapshot>], tenant: &str) -> &'a Standing {
    let count = u16::try_from(shards.len()).unwrap_or(u16::MAX);
    shards[usize::from(shard_of(tenant, count))].state.calendars.of(tenant)
}

/// Tenant and start of all rows that there are, whenever: what is asked for may hide one that is there.
fn keys(
    shards: &[ShardView<MeteringSnapshot>],
    meter: &str,
    filter: &WindowFilter,
) -> Result<HashSet<(String, i64)>, MeteringError> {
    let ever = WindowFilter { time: None, ..filter.clone() };
    let source = Source::new(shards, meter, &ever, None)?;
    let rows = live(shards, &source, &ever).map_err(|error| source.failed(&error))?;
    let tenants = rows["tenant"].as_string::<i32>();
    let starts = rows["period_start"].as_primitive::<TimestampMicrosecondType>();
    Ok((0..rows.num_rows()).map(|row| (tenants.value(row).to_owned(), starts.value(row))).collect())
}

fn rows_of(meter: &str, rows: &RecordBatch) -> RecordBatch {
    let count = rows.num_rows();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(std::iter::repeat_n(meter, count)))];
    columns.extend(rows.columns().iter().cloned());
    columns.push(Arc::new(BooleanArray::from(vec![false; count])));
    RecordBatch::try_new(billed_schema(), columns)
        .expect("a name in front of the columns of totals, and a flag behind them")
}

fn removed(meter: &str, rows: &[EndedRow], watermark_us: i64) -> RecordBatch {
    let texts = |texts: &mut dyn Iterator<Item = &str>| -> ArrayRef { Arc::new(StringArray::from_iter_values(texts)) };
    let instants = |of: fn(&EndedRow) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)).with_timezone("UTC"))
    };
    let closed = |watermark_us: &dyn Fn(&EndedRow) -> i64| -> ArrayRef {
        let closed = rows.iter().map(|row| Some(row.period.end_us <= watermark_us(row)));
        Arc::new(closed.collect::<BooleanArray>())
    };
    let columns = vec![
        texts(&mut std::iter::repeat_n(meter, rows.len())),
        texts(&mut rows.iter().map(|row| row.tenant.as_str())),
        instants(|row| row.period.start_us),
        instants(|row| row.period.end_us),
        new_null_array(&units_type(), rows.len()),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.since.revision))),
        closed(&|_| watermark_us),
        closed(&|row| row.since.watermark_us),
        Arc::new(BooleanArray::from(vec![true; rows.len()])),
    ];
    RecordBatch::try_new(billed_schema(), columns).expect("columns are made to the schema")
}
