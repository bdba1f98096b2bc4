//! Reads events back, from a file of the lake or a record of the log, skipping what was not asked for.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::boolean::and;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use engine::event::batch::EventBatch;
use engine::log::{Offset, Record};
use engine::snapshot::ArchiveFile;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;

use super::LakeError;
use super::chunks::Chunks;
use super::damage::{contained, metadata};
use super::rows::{ATTRIBUTES, DATA, LATE, REVISION, TENANT, TIME, flatten, with_bodies};

/// Rows decoded at once.
const BATCH_ROWS: usize = 8192;

/// Which events. Exact: no other rows are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Only of these tenants.
    pub tenants: Option<BTreeSet<String>>,
    /// Only of this shard.
    pub shard: Option<u16>,
    /// Earliest and latest event time, both included, microseconds.
    pub time_us: (i64, i64),
    /// First and last offset, both included.
    pub revision: (i64, i64),
    /// Only those that were late.
    pub late: bool,
    /// Whether `data` and `attributes` are needed.
    pub bodies: bool,
}

impl Default for Selection {
    fn default() -> Self {
        let any = (i64::MIN, i64::MAX);
        Self { tenants: None, shard: None, time_us: any, revision: any, late: false, bodies: true }
    }
}

impl Selection {
    /// Whether `file` may hold selected events.
    pub fn touches(&self, file: &ArchiveFile) -> bool {
        let revisions = (super::rows::revision(file.offset_min), super::rows::revision(file.offset_max));
        self.shard.is_none_or(|shard| shard == file.shard)
            && overlap(self.time_us, (file.time_min_us, file.time_max_us))
            && overlap(self.revision, revisions)
    }

    /// The selected rows of `batch`.
    fn filter(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut keep = self.of_tenants(batch);
        for (name, (from, to)) in [(TIME, self.time_us), (REVISION, self.revision)] {
            if (from, to) == (i64::MIN, i64::MAX) {
                continue;
            }
            let column = &batch[name];
            let values = match name {
                TIME => column.as_primitive::<TimestampMicrosecondType>().values(),
                _ => column.as_primitive::<Int64Type>().values(),
            };
            keep = and(&keep, &values.iter().map(|value| Some((from..=to).contains(value))).collect())?;
        }
        if self.late {
            keep = and(&keep, batch[LATE].as_boolean())?;
        }
        if keep.true_count() == keep.len() {
            return Ok(batch.clone());
        }
        filter_record_batch(batch, &keep)
    }

    fn of_tenants(&self, batch: &RecordBatch) -> BooleanArray {
        let Some(tenants) = &self.tenants else { return BooleanArray::from(vec![true; batch.num_rows()]) };
        let column = batch[TENANT].as_dictionary::<Int32Type>();
        let known = column.values().as_string::<i32>().iter();
        let known = known.map(|tenant| tenant.is_some_and(|t| tenants.contains(t))).collect::<Vec<_>>();
        column.keys().values().iter().map(|key| Some(known[*key as usize])).collect()
    }

    /// Whether a row group may hold selected rows, by the statistics of its column chunks.
    fn touches_group(&self, group: &RowGroupMetaData) -> bool {
        group.columns().iter().all(|chunk| match (chunk.column_path().string().as_str(), chunk.statistics()) {
            (TENANT, Some(statistics)) => self.tenants.as_ref().is_none_or(|tenants| {
                let (Some(min), Some(max)) = (statistics.min_bytes_opt(), statistics.max_bytes_opt()) else {
                    return true;
                };
                tenants.iter().any(|tenant| min <= tenant.as_bytes() && tenant.as_bytes() <= max)
            }),
            (TIME, Some(Statistics::Int64(values))) => touches(self.time_us, values.min_opt(), values.max_opt()),
            (REVISION, Some(Statistics::Int64(values))) => touches(self.revision, values.min_opt(), values.max_opt()),
            (LATE, Some(Statistics::Boolean(values))) => !self.late || values.max_opt() != Some(&false),
            _ => true,
        })
    }
}

fn overlap(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0 <= b.1 && b.0 <= a.1
}

fn touches(wanted: (i64, i64), min: Option<&i64>, max: Option<&i64>) -> bool {
    min.zip(max).is_none_or(|(min, max)| overlap(wanted, (*min, *max)))
}

/// Gives the selected rows of `file`, whose content is `bytes`, to `emit`, in the file's order, until it says `Break`.
pub fn read_file(
    bytes: impl ChunkReader + 'static,
    file: &ArchiveFile,
    selection: &Selection,
    emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, LakeError> {
    let damaged = |error: ArrowError| LakeError::Damaged { file: file.name.clone(), reason: error.to_string() };
    let mut batches = contained(|| open(bytes, file, selection)).map_err(damaged)?;
    let mut next = || batches.next().map(|batch| selection.filter(&batch?)).transpose();
    while let Some(batch) = contained(&mut next).map_err(damaged)? {
        if batch.num_rows() > 0 && emit(batch).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn open<R: ChunkReader + 'static>(
    bytes: R,
    file: &ArchiveFile,
    selection: &Selection,
) -> Result<ParquetRecordBatchReader, ArrowError> {
    let metadata = metadata(&bytes, file)?;
    let chunks = Chunks::new(bytes, metadata.metadata())?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata);
    let groups = builder.metadata().row_groups().iter().enumerate();
    let groups = groups.filter(|(_, group)| selection.touches_group(group)).map(|(at, _)| at).collect();
    let columns = builder.schema().fields().iter().map(|field| field.name().as_str());
    let columns = columns.filter(|name| selection.bodies || ![DATA, ATTRIBUTES].contains(name)).collect::<Vec<_>>();
    let projection = ProjectionMask::columns(builder.parquet_schema(), columns);
    let filter = row_filter(selection, builder.parquet_schema());
    let builder = builder.with_row_groups(groups).with_projection(projection).with_row_filter(filter);
    Ok(builder.with_batch_size(BATCH_ROWS).build()?)
}

/// Looks at the tenant first, so that the other columns of other tenants' rows are not even decoded.
fn row_filter(selection: &Selection, schema: &SchemaDescriptor) -> RowFilter {
    let mut predicates = Vec::<Box<dyn ArrowPredicate>>::new();
    if selection.tenants.is_some() {
        let only_tenants = Selection { tenants: selection.tenants.clone(), ..Selection::default() };
        let column = ProjectionMask::columns(schema, [TENANT]);
        predicates.push(Box::new(ArrowPredicateFn::new(column, move |batch| Ok(only_tenants.of_tenants(&batch)))));
    }
    RowFilter::new(predicates)
}

/// The selected rows of a log record.
pub(super) fn read_record(offset: Offset, record: &Record, selection: &Selection) -> Result<RecordBatch, LakeError> {
    let batch = decode(offset, record)?;
    let bare = flatten(&batch, offset, &record.header)?;
    let kept = selection.filter(&bare)?;
    if !selection.bodies || kept.num_rows() == 0 {
        return Ok(kept);
    }
    if kept.num_rows() == bare.num_rows() {
        return Ok(with_bodies(&bare, &batch)?);
    }
    // JSON is rebuilt for the selected rows only.
    let revisions = kept[REVISION].as_primitive::<Int64Type>().values().iter();
    let rows = revisions.map(|revision| (revision.unsigned_abs() - offset) as u32);
    Ok(with_bodies(&kept, &batch.take(&UInt32Array::from_iter_values(rows))?)?)
}

/// The batch of events in a log record.
pub(super) fn decode(offset: Offset, record: &Record) -> Result<EventBatch, LakeError> {
    engine::event::ipc::decode(record.payload.as_slice())
        .map_err(|error| LakeError::Record { offset, reason: error.to_string() })
}
