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

    fn produce(&self, cut: &Cut, _: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let snapshot = &cut.snapshot;
        let offset = rows::revision(snapshot.offset);
        let whole = |value: i64| -> ArrayRef { Arc::new(Int64Array::from_value(value, 1)) };
        let published_at = TimestampMicrosecondArray::from_value(snapshot.published_at_us, 1).with_timezone("UTC");
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                whole(offset),
                whole(offset - 1),
                whole(i64::from(snapshot.epoch)),
                Arc::new(published_at),
                whole(cut.now_us.saturating_sub(snapshot.published_at_us) / 1000),
                whole(rows::revision(snapshot.archive.until)),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}
