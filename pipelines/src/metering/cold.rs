//! Cold panes as a Parquet file of the lake: rows encoded without loss, and decoded again.
//!
//! The rows are those of a delta, sorted as it is (tenant, dimensions, start), in row groups that a reader of one tenant
//! skips by their statistics. Any Parquet reader opens one; what the states mean is the accumulators' own business.
//!
//! [`decode`] is for bytes whose checksum fits only: the Parquet reader asserts what a damaged file's metadata may break.
//! Not here: names, checksums and when panes grow cold (`stored`, `seal`, `merge`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use bytes::Bytes;
use engine::event::schema::text_type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::delta::START;
use super::unified::Unified;
use super::wanted::Wanted;
use crate::lake::write;

/// Rows per row group. States may be sketches of some kilobytes, so fewer than events have.
const GROUP_ROWS: usize = 1 << 13;

/// `panes` as a Parquet file that is known to give them back exactly.
///
/// # Errors
/// States of a type that Parquet can't hold or changes: SQL meters may have any.
pub(super) fn encode(panes: &RecordBatch) -> Result<Bytes, ParquetError> {
    // The writer takes some types to be impossible, and asserts it.
    let encoded = catch_unwind(AssertUnwindSafe(|| {
        let bytes = Bytes::from(write::encode(panes, GROUP_ROWS)?);
        // Rows leave memory once they are durable, and nothing else holds them: so their way back is tried first.
        let back = decode(&bytes, &Wanted::ALL)?;
        if back.columns() == panes.columns() { Ok(bytes) } else { Err(unfit("they do not come back as they were")) }
    }));
    encoded.unwrap_or_else(|_| Err(unfit("the writer panicked")))
}

fn unfit(reason: &str) -> ParquetError {
    ParquetError::General(reason.to_owned())
}

/// At least the `wanted` rows of a file that [`encode`] made, in its order.
pub(super) fn decode(bytes: &Bytes, wanted: &Wanted<'_>) -> Result<RecordBatch, ArrowError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone())?;
    // Without what the file says of itself.
    let schema = Arc::new(Schema::new(builder.schema().fields().clone()));
    let groups = builder.metadata().row_groups().iter().enumerate();
    let groups = groups.filter(|(_, group)| touches(wanted, group)).map(|(at, _)| at).collect();
    let reader = builder.with_row_groups(groups).with_batch_size(GROUP_ROWS).build()?;
    let parts = reader.collect::<Result<Vec<RecordBatch>, _>>()?;
    if parts.is_empty() {
        return Ok(RecordBatch::new_empty(schema));
    }
    let columns = (0..schema.fields().len()).map(|at| {
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part.column(at).as_ref()).collect();
        if *schema.field(at).data_type() == text_type() { Ok(joined_texts(&parts)) } else { concat(&parts) }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)
}

/// Whether a row group may hold wanted rows, by the statistics of its column chunks.
fn touches(wanted: &Wanted<'_>, group: &RowGroupMetaData) -> bool {
    let tenants = group.columns().first().and_then(|chunk| chunk.statistics());
    let tenants = tenants.and_then(|statistics| statistics.min_bytes_opt().zip(statistics.max_bytes_opt()));
    // A dimension may have the same name, but is a text.
    let starts = group.columns().iter().find_map(|chunk| match chunk.statistics() {
        Some(Statistics::Int64(values)) if chunk.column_path().string() == START => Some(values),
        _ => None,
    });
    let starts = starts.and_then(|values| values.min_opt().copied().zip(values.max_opt().copied()));
    wanted.touches(tenants, starts)
}

/// One dictionary of exactly the texts in use, sorted, as every delta has it: Parquet gives each part one of its own.
fn joined_texts(parts: &[&dyn Array]) -> ArrayRef {
    let unified = Unified::of(parts.iter().map(|part| part.as_dictionary()));
    unified.column(&unified.codes)
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
    use engine::event::batch::Texts;

    use super::super::delta::rows_of;
    use super::*;

    /// 40 tenants of 1000 panes, `region` null or one of two.
    fn panes() -> RecordBatch {
        let tenants = (0..40_000).map(|row| Some(format!("tenant-{:02}", row / 1000)));
        let regions = (0..40_000).map(|row| [None, Some("us"), Some("eu")][row % 3].map(str::to_owned));
        let text = |texts: Vec<Option<String>>| {
            let texts = texts.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>();
            joined_texts(&[&texts])
        };
        let starts = (0..40_000_i64).map(|row| row % 1000).collect::<Vec<_>>();
        let fields = [("tenant", text_type()), ("region", text_type()), (START, DataType::Int64)];
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type, name == "region"));
        let columns =
            vec![text(tenants.collect()), text(regions.collect()), Arc::new(Int64Array::from(starts)) as ArrayRef];
        RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns).unwrap()
    }

    #[test]
    fn rows_come_back_exactly_and_dictionaries_are_sorted() {
        let panes = panes();
        let back = decode(&encode(&panes).unwrap(), &Wanted::ALL).unwrap();
        assert_eq!(back, panes);
        for column in 0..2 {
            let of = |batch: &RecordBatch| Texts::new(batch.column(column).as_dictionary()).values.clone();
            assert_eq!(of(&back), of(&panes), "texts in use, sorted");
        }
    }

    #[test]
    fn one_tenant_s_rows_are_read_without_most_of_the_others() {
        let panes = panes();
        let bytes = encode(&panes).unwrap();
        for tenant in ["tenant-00", "tenant-17", "tenant-39"] {
            let tenants = [tenant.to_owned()];
            let read = decode(&bytes, &Wanted { tenants: Some(&tenants), ..Wanted::ALL }).unwrap();
            assert!(read.num_rows() <= 2 * GROUP_ROWS, "{} rows for {tenant}", read.num_rows());
            let of = |batch: &RecordBatch| {
                let range = rows_of(batch, tenant);
                batch.column(2).as_primitive::<Int64Type>().values()[range].to_vec()
            };
            assert_eq!(of(&read), of(&panes));
        }
        let nobody = ["nobody".to_owned()];
        assert_eq!(decode(&bytes, &Wanted { tenants: Some(&nobody), ..Wanted::ALL }).unwrap().num_rows(), 0);
        assert_eq!(decode(&bytes, &Wanted { starts: (1000, i64::MAX), ..Wanted::ALL }).unwrap().num_rows(), 0);
    }
}
