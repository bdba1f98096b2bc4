//! Writes log records to the lake: one file per generation, UTC day of event time and shard.
//!
//! A *generation* is a stretch of the log small enough to be sorted in memory (I8). Its files cover its offsets and no
//! others, so that history can be put back into log order one generation at a time (`replay`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use engine::event::batch::Texts;
use engine::log::{LogError, Offset, Record};
use engine::snapshot::ArchiveFile;
use engine::storage::Storage;
use jiff::Timestamp;

use super::LakeError;
use super::damage::checksums;
use super::rows::{REVISION, TENANT, TIME, flatten, with_bodies};
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
            let part = match of_day.len() == rows.num_rows() {
                true => rows.clone(),
                false => take_record_batch(&rows, &UInt32Array::from(of_day))?,
            };
            self.parts.entry((record.header.shard, day)).or_default().push(part);
        }
        Ok(())
    }

    fn write(self, storage: &dyn Storage, prefix: &str, files: &mut Vec<ArchiveFile>) -> Result<(), LakeError> {
        for ((shard, day), parts) in self.parts {
            let rows = sorted(&parts)?;
            drop(parts);
            files.push(write_file(&rows, shard, day, storage, prefix)?);
        }
        Ok(())
    }
}

/// The rows of `parts` by tenant, time and offset: a tenant's rows lie together, and equal input gives equal files.
fn sorted(parts: &[RecordBatch]) -> Result<RecordBatch, LakeError> {
    let tenants: Vec<Texts<'_>> = parts.iter().map(|part| Texts::new(part[TENANT].as_dictionary())).collect();
    let times: Vec<&[i64]> =
        parts.iter().map(|part| &part[TIME].as_primitive::<TimestampMicrosecondType>().values()[..]).collect();
    let revisions: Vec<&[i64]> =
        parts.iter().map(|part| &part[REVISION].as_primitive::<Int64Type>().values()[..]).collect();
    let mut names: Vec<Option<&str>> = tenants.iter().flat_map(|tenants| tenants.values.iter()).collect();
    // Who has no name comes first.
    names.push(None);
    names.sort_unstable();
    names.dedup();
    let rank = |name: Option<&str>| names.partition_point(|other| *other < name);
    let mut of_tenant: Vec<Vec<(usize, usize)>> = vec![Vec::new(); names.len()];
    for (part, tenants) in tenants.iter().enumerate() {
        let ranks: Vec<usize> = tenants.values.iter().map(rank).collect();
        for row in 0..parts[part].num_rows() {
            of_tenant[tenants.key(row).map_or(0, |key| ranks[key])].push((part, row));
        }
    }
    let mut order = Vec::with_capacity(parts.iter().map(RecordBatch::num_rows).sum());
    for mut rows in of_tenant {
        // A tenant's rows come nearly in order, which this sort makes use of.
        rows.sort_by_key(|&(part, row)| (times[part][row], revisions[part][row]));
        order.append(&mut rows);
    }
    Ok(interleave_record_batch(&parts.iter().collect::<Vec<_>>(), &order)?)
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
