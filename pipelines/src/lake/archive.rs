//! Writes log records to the lake: one file per generation, UTC day of event time and shard.
//!
//! A *generation* is a stretch of the log small enough to be sorted in memory (I8). Its files cover its offsets and no
//! others, so that history can be put back into log order one generation at a time (`replay`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use engine::event::batch::Texts;
use engine::log::{LogError, Offset, Record};
use engine::snapshot::ArchiveFile;
use engine::storage::Storage;
use jiff::Timestamp;

use super::LakeError;
use super::damage::checksums;
use super::rows::{self, REVISION, TENANT, TIME, flatten, with_bodies};
use super::write;

/// Most rows of one generation.
pub const GENERATION_ROWS_MAX: usize = 1 << 19;
/// Rows per row group: the grain at which tenants, times and offsets are skipped.
const ROW_GROUP_ROWS: usize = 1 << 15;

/// Microseconds of a UTC day.
pub(super) const DAY_US: i64 = 86_400_000_000;

/// Writes the events of `records` whose offsets lie in `span`, but those of `erased`, to new files under `prefix`.
///
/// The files count only once a manifest names them: if this fails they are removed again, so that trying on a full disk
/// does not make it fuller; if the node stops, they are nobody's, and the next call writes under other names.
pub fn archive_events(
    records: impl IntoIterator<Item = Result<(Offset, Record), LogError>>,
    span: Range<Offset>,
    erased: &BTreeSet<String>,
    storage: &dyn Storage,
    prefix: &str,
) -> Result<Vec<ArchiveFile>, LakeError> {
    let mut files = Vec::new();
    match write_events(records, span, erased, storage, prefix, &mut files) {
        Ok(()) => Ok(files),
        Err(error) => {
            write::take_back(&files, storage);
            Err(error)
        }
    }
}

fn write_events(
    records: impl IntoIterator<Item = Result<(Offset, Record), LogError>>,
    span: Range<Offset>,
    erased: &BTreeSet<String>,
    storage: &dyn Storage,
    prefix: &str,
    files: &mut Vec<ArchiveFile>,
) -> Result<(), LakeError> {
    let mut generation = Generation::default();
    for record in records {
        let (offset, record) = record?;
        if offset >= span.end {
            break;
        }
        generation.add(offset, &record, &span, erased)?;
        if generation.rows >= GENERATION_ROWS_MAX {
            std::mem::take(&mut generation).write(storage, prefix, files)?;
        }
    }
    generation.write(storage, prefix, files)
}

/// Rows by shard and day (of event time, since the epoch).
#[derive(Default)]
struct Generation {
    parts: BTreeMap<(u16, i64), Vec<RecordBatch>>,
    rows: usize,
}

impl Generation {
    fn add(
        &mut self,
        offset: Offset,
        record: &Record,
        span: &Range<Offset>,
        erased: &BTreeSet<String>,
    ) -> Result<(), LakeError> {
        if record.payload.is_empty() {
            return Ok(());
        }
        let batch = super::read::decode(offset, record)?;
        let rows = with_bodies(&flatten(&batch, offset, &record.header)?, &batch)?;
        let first = span.start.saturating_sub(offset).min(batch.len() as u64) as usize;
        let end = (span.end - offset).min(batch.len() as u64) as usize;
        let mut days = BTreeMap::<i64, Vec<u32>>::new();
        let tenants = batch.tenants();
        let is_erased: Vec<bool> =
            tenants.values.iter().map(|tenant| tenant.is_some_and(|tenant| erased.contains(tenant))).collect();
        for (row, time_us) in batch.times().values().iter().enumerate().take(end).skip(first) {
            if tenants.key(row).is_some_and(|key| is_erased[key]) {
                continue;
            }
            days.entry(time_us.div_euclid(DAY_US)).or_default().push(row as u32);
        }
        for (day, of_day) in days {
            self.rows += of_day.len();
            let part = take_record_batch(&rows, &UInt32Array::from(of_day))?;
            self.parts.entry((record.header.shard, day)).or_default().push(part);
        }
        Ok(())
    }

    fn write(self, storage: &dyn Storage, prefix: &str, files: &mut Vec<ArchiveFile>) -> Result<(), LakeError> {
        for ((shard, day), parts) in self.parts {
            let rows = sorted(&concat_batches(rows::schema(), &parts)?)?;
            drop(parts);
            files.push(write_file(&rows, shard, day, storage, prefix)?);
        }
        Ok(())
    }
}

/// By tenant, time and offset: a tenant's rows lie together, and equal input gives equal files.
fn sorted(rows: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let tenants = Texts::new(rows[TENANT].as_dictionary());
    let ranks = ranks(tenants.values);
    let times = rows[TIME].as_primitive::<TimestampMicrosecondType>().values();
    let revisions = rows[REVISION].as_primitive::<Int64Type>().values();
    let key = |row: usize| (tenants.key(row).map(|key| ranks[key]), times[row], revisions[row], row as u32);
    let mut keys: Vec<_> = (0..rows.num_rows()).map(key).collect();
    keys.sort_unstable();
    let order = UInt32Array::from_iter_values(keys.into_iter().map(|(_, _, _, row)| row));
    Ok(take_record_batch(rows, &order)?)
}

/// Where each text stands in their order; a text that is there twice has one place.
fn ranks(texts: &StringArray) -> Vec<u32> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_unstable_by_key(|&at| texts.value(at));
    let mut ranks = vec![0; texts.len()];
    for two in order.windows(2) {
        ranks[two[1]] = ranks[two[0]] + u32::from(texts.value(two[0]) != texts.value(two[1]));
    }
    ranks
}

/// Writes sorted `rows` of one day of event time to a new file.
pub(super) fn write_file(
    rows: &RecordBatch,
    shard: u16,
    day: i64,
    storage: &dyn Storage,
    prefix: &str,
) -> Result<ArchiveFile, LakeError> {
    let times = rows[TIME].as_primitive::<TimestampMicrosecondType>().values();
    let revisions = rows[REVISION].as_primitive::<Int64Type>().values();
    let bounds = |values: &[i64]| values.iter().fold((i64::MAX, i64::MIN), |(min, max), v| (min.min(*v), max.max(*v)));
    let (time_min_us, time_max_us) = bounds(times);
    let (offset_min, offset_max) = bounds(revisions);

    let folder = format!("{prefix}/day={}/shard={shard}", day_name(day));
    let damaged = |reason: String| LakeError::Damaged { file: folder.clone(), reason };
    let bytes = Bytes::from(write::encode(rows, ROW_GROUP_ROWS).map_err(|error| damaged(error.to_string()))?);
    let checksums = checksums(&bytes).map_err(|error| damaged(error.to_string()))?;
    let name = write::create(storage, &format!("{folder}/{offset_min}-{offset_max}"), &bytes)?;
    Ok(ArchiveFile {
        name,
        shard,
        rows: rows.num_rows() as u64,
        bytes: bytes.len() as u64,
        time_min_us,
        time_max_us,
        offset_min: offset_min.unsigned_abs(),
        offset_max: offset_max.unsigned_abs(),
        checksums: Some(checksums),
    })
}

/// `2026-11-23`; days outside of the calendar by their number.
fn day_name(day: i64) -> String {
    let start = day.checked_mul(DAY_US).and_then(|us| Timestamp::from_microsecond(us).ok());
    start.map_or_else(|| day.to_string(), |start| start.strftime("%Y-%m-%d").to_string())
}
