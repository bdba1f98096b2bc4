//! `usage_total`: one value per tenant, meter and billing period of the tenant. What billing jobs consume.
//!
//! A cursor: remember the largest `revision` seen and ask for `revision > cursor` next time; each change of a row is then
//! seen exactly once, corrections marked, because an answer holds everything up to its largest revision: events, and what
//! else changes a total (a meter's definition, a tenant's billing periods), which has an offset among them. A row that is no
//! more is `removed`: it has its key and a revision, and no value.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::column::{Column, flag, instant, schema_of, text, units, whole};
use super::{Ask, Emit, View, ViewError, meter};
use crate::catalog::Cut;
use crate::metering;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "whose usage"),
    Column::required("meter", text, "name of the meter"),
    Column::required("period_start", instant, "first microsecond of the tenant's billing period"),
    Column::required("period_end", instant, "first microsecond behind it"),
    Column::optional("value", units, "the aggregate over the period and all dimensions, in the meter's unit"),
    Column::required(
        "revision",
        whole,
        "offset of the last event, definition or calendar that made the row what it is; grows with each change",
    ),
    Column::required("final", flag, "whether the period's allowed lateness is over"),
    Column::required("correction", flag, "whether the revision came after the period had been final"),
    Column::required(
        "removed",
        flag,
        "whether there is no such row any more: its meter was removed or counts other events, the tenant is billed by other \
         periods, or is erased; then value is null",
    ),
];

/// See the module.
#[derive(Debug)]
pub struct UsageTotal;

impl View for UsageTotal {
    fn name(&self) -> &str {
        "usage_total"
    }

    fn comment(&self) -> String {
        "one value per tenant, meter and billing period of the tenant; what is billed".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let schema = self.schema();
        let filter = meter::filter(ask, "period_start", "period_end");
        let is_wanted = |meter: &str| ask.may_be("meter", meter);
        // One that can't be computed is an error (I14).
        cut.meters(is_wanted)?;
        let mut failed = None;
        let mut each = |rows: RecordBatch| {
            let columns = schema.fields().iter().map(|field| Arc::clone(&rows[field.name().as_str()])).collect();
            match RecordBatch::try_new(Arc::clone(&schema), columns) {
                Ok(rows) => emit(rows).is_continue(),
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        };
        metering::billed(&cut.snapshot.shards, &is_wanted, &filter, ask.range("revision"), &mut each)?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}
