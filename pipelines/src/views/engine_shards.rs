//! `engine_shards`: how far each shard is. For the platform only: shards are shared between tenants (I6).

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use engine::snapshot::ShardView;
use engine::watermark::BEGINNING_US;

use super::column::{Column, instant, schema_of, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;
use crate::metering::MeteringSnapshot;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("shard", whole, "its number"),
    Column::required("epoch", whole, "ownership of the data folder, one more with each start"),
    Column::required("offset", whole, "end of its last applied record in the log"),
    Column::optional("watermark", instant, "no earlier event is expected; null before the first event"),
    Column::optional("watermark_lag_ms", whole, "the node's clock minus the watermark, milliseconds"),
    Column::required("lag", whole, "rows admitted and not yet applied"),
    Column::required("admitted", whole, "rows admitted since the node started"),
    Column::required("remembered_ids", whole, "ids remembered to know duplicates"),
];

/// See the module.
#[derive(Debug)]
pub struct EngineShards;

impl View for EngineShards {
    fn name(&self) -> &str {
        "engine_shards"
    }

    fn comment(&self) -> String {
        "how far each shard of the engine is".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, _: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let shards = &cut.snapshot.shards;
        let whole = |of: &dyn Fn(&ShardView<MeteringSnapshot>) -> u64| -> ArrayRef {
            let values = shards.iter().map(|shard| i64::try_from(of(shard)).unwrap_or(i64::MAX));
            Arc::new(Int64Array::from_iter_values(values))
        };
        let watermarks = shards.iter().map(|shard| Some(shard.watermark_us).filter(|us| *us != BEGINNING_US));
        let lags = watermarks.clone().map(|us| us.map(|us| cut.now_us.saturating_sub(us) / 1000));
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                whole(&|shard| u64::from(shard.shard)),
                whole(&|_| u64::from(cut.snapshot.epoch)),
                whole(&|shard| shard.applied),
                Arc::new(TimestampMicrosecondArray::from_iter(watermarks).with_timezone("UTC")),
                Arc::new(Int64Array::from_iter(lags)),
                whole(&|shard| shard.lag),
                whole(&|shard| shard.admitted),
                whole(&|shard| shard.remembered_ids),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}
