//! Events as rows of uniform columns: what Parquet files hold and what `SELECT * FROM events` shows.
//!
//! In the log each batch has the columns its `data` happened to have; here `data` is one JSON text again, and so are the
//! attributes that have no column.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt16Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use engine::event::batch::EventBatch;
use engine::event::json;
use engine::event::schema::{self, FIXED};
use engine::log::{Header, Offset};

/// Whose event.
pub const TENANT: &str = "tenant";
/// Event time.
pub const TIME: &str = "time";
/// The event's `data`.
pub const DATA: &str = "data";
/// Its CloudEvents attributes that have no column.
pub const ATTRIBUTES: &str = "attributes";
/// When it was admitted.
pub const ADMITTED_AT: &str = "admitted_at";
/// Its shard's watermark then.
pub const WATERMARK: &str = "watermark";
/// Whether it was behind that.
pub const LATE: &str = "late";
/// Its offset in the log.
pub const REVISION: &str = "revision";
/// Its shard.
pub const SHARD: &str = "shard";

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = schema::fixed_fields().to_vec();
    fields.extend(
        [
            Field::new(DATA, DataType::Utf8, true),
            Field::new(ATTRIBUTES, DataType::Utf8, true),
            Field::new(ADMITTED_AT, schema::time_type(), false),
            Field::new(WATERMARK, schema::time_type(), false),
            Field::new(LATE, DataType::Boolean, false),
            Field::new(REVISION, DataType::Int64, false),
            Field::new(SHARD, DataType::UInt16, false),
        ]
        .map(Arc::new),
    );
    Arc::new(Schema::new(fields))
});

/// The columns but for `data` and `attributes`.
static BARE: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields = SCHEMA.fields().iter().filter(|field| field.name() != DATA && field.name() != ATTRIBUTES);
    Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
});

/// The columns: the six fixed ones of every event batch, then `data` and `attributes` (JSON texts), `admitted_at`,
/// `watermark`, `late`, `revision` and `shard`.
pub fn schema() -> &'static SchemaRef {
    &SCHEMA
}

/// The rows of a log record whose first offset is `offset`, without their bodies: see [`with_bodies`].
pub fn flatten(batch: &EventBatch, offset: Offset, header: &Header) -> Result<RecordBatch, ArrowError> {
    let rows = batch.len();
    let times = batch.times().values();
    let instants = |us: i64| Arc::new(TimestampMicrosecondArray::from_value(us, rows).with_timezone("UTC")) as ArrayRef;
    let late: BooleanArray = times.iter().map(|time_us| Some(*time_us < header.watermark_us)).collect();
    let revisions = Int64Array::from_iter_values((0..rows).map(|row| revision(offset + row as u64)));
    let mut columns = batch.record_batch().columns()[..FIXED].to_vec();
    columns.push(instants(header.admitted_at_us));
    columns.push(instants(header.watermark_us));
    columns.push(Arc::new(late));
    columns.push(Arc::new(revisions));
    columns.push(Arc::new(UInt16Array::from_value(header.shard, rows)));
    RecordBatch::try_new(Arc::clone(&BARE), columns)
}

/// The rows `bare` of `batch` with `data` and `attributes`. Apart, because JSON is the dear part and often
/// not asked for.
pub fn with_bodies(bare: &RecordBatch, batch: &EventBatch) -> Result<RecordBatch, ArrowError> {
    let (fixed, rest) = bare.columns().split_at(FIXED);
    let bodies: [ArrayRef; 2] = [Arc::new(json::data_json(batch)), Arc::new(json::attributes_json(batch))];
    let columns = fixed.iter().cloned().chain(bodies).chain(rest.iter().cloned());
    RecordBatch::try_new(Arc::clone(&SCHEMA), columns.collect())
}

/// An offset as SQL sees it.
pub fn revision(offset: Offset) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
