//! `engine`: the cut itself, one row: how fresh the answer is and where a cursor on revisions stands.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;

use super::column::{Column, instant, schema_of, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;
use crate::lake::rows;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("offset", whole, "every event before it is in this answer, none from it on"),
    Column::required(
        "revision",
        whole,
        "offset - 1: the largest revision that this answer can hold; a cursor's next start",
    ),
    Column::required("epoch", whole, "ownership of the data folder, one more with each start"),
    Column::required("published_at", instant, "the node's clock at the cut"),
    Column::required("freshness_ms", whole, "how old the cut is, milliseconds"),
    Column::required("archived_until", whole, "every event before this offset is in the lake"),
    Column::optional(
        "watermark",
        instant,
        "no earlier event of the tenants that you see is expected: the least of their shards', which others' events there \
         move too; null before the first event",
    ),
    Column::optional("watermark_lag_ms", whole, "the node's clock minus the watermark, milliseconds"),
    Column::optional(
        "ids_known_since",
        instant,
        "ids of events that were admitted since are remembered (events.dedup_horizon_s), one from before counts again; \
         null where all that there ever were are",
    ),
];

/// See the module.
#[derive(Debug)]
pub struct Engine;

impl View for Engine {
    fn name(&self) -> &str {
        "engine"
    }

    fn comment(&self) -> String {
        "how fresh this answer is: one row".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let snapshot = &cut.snapshot;
        let offset = rows::revision(snapshot.offset);
        let whole = |value: i64| -> ArrayRef { Arc::new(Int64Array::from_value(value, 1)) };
        let instant =
            |us: Option<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from_iter([us]).with_timezone("UTC")) };
        // No filter narrows it: the view has no column `tenant`, so these are the tenants that may be seen.
        let watermark_us = cut.watermark_us(ask.tenants());
        let lag_ms = watermark_us.map(|us| cut.now_us.saturating_sub(us) / 1000);
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                whole(offset),
                whole(offset - 1),
                whole(i64::from(snapshot.epoch)),
                instant(Some(snapshot.published_at_us)),
                whole(cut.now_us.saturating_sub(snapshot.published_at_us) / 1000),
                whole(rows::revision(snapshot.archive.until)),
                instant(watermark_us),
                Arc::new(Int64Array::from_iter([lag_ms])),
                instant(cut.source.ids_known_since_us()),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}
