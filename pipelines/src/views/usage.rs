//! `usage`: the windows of all meters, dimensions as JSON.
//!
//! A cursor as `usage_total` is: `revision > cursor` gives each change of a row, and rows that are no more as `removed`. Rows
//! are told apart by tenant, meter, window_start and dimensions. For one meter with its dimensions as columns, and without
//! rows that are no more, see `meter_<name>`.

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
    Column::required("window_start", instant, "first microsecond inside of the window"),
    Column::required("window_end", instant, "first microsecond behind it"),
    Column::optional(
        "dimensions",
        text,
        "JSON object, dimension to value; {} if the meter has none; null in a removed row that stands for those of all \
         dimensions",
    ),
    Column::optional("value", units, "the aggregate, in the meter's unit"),
    Column::required(
        "revision",
        whole,
        "offset of the last event or definition that made the row what it is; grows with each change",
    ),
    Column::required("final", flag, "whether the window's allowed lateness is over"),
    Column::required("correction", flag, "whether the revision came after the window had been final"),
    Column::required(
        "removed",
        flag,
        "whether there is no such row any more: its meter was removed or shows other windows, a late event made its session \
         part of another one, or the tenant is erased; then value is null",
    ),
];

/// See the module.
#[derive(Debug)]
pub struct Usage;

impl View for Usage {
    fn name(&self) -> &str {
        "usage"
    }

    fn comment(&self) -> String {
        "the windows of all meters: one row per tenant, meter, window and combination of dimensions".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let schema = self.schema();
        let filter = meter::filter(ask, "window_start", "window_end");
        let is_wanted = |meter: &str| ask.may_be("meter", meter);
        // One that can't be computed is an error (I14).
        cut.meters(is_wanted)?;
        let mut failed = None;
        let mut each = |rows: RecordBatch| match rows.with_schema(Arc::clone(&schema)) {
            Ok(rows) => emit(rows).is_continue(),
            Err(error) => {
                failed = Some(error);
                false
            }
        };
        let revisions = ask.range("revision");
        let dimensions = ask.wants("dimensions");
        metering::usage(&cut.snapshot.shards, &is_wanted, &filter, revisions, dimensions, &mut each)?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}
