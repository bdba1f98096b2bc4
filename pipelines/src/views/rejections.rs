//! `rejections`: events that were refused, counted by reason, with one sample each (I5).

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::column::{Column, instant, schema_of, text, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;
use crate::metering;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "whose events; empty if nobody has that name"),
    Column::required("reason", text, "as named in the API, for instance quota_exceeded"),
    Column::required(
        "field",
        text,
        "attribute, data member or meter concerned; empty if none, and beyond the 64 kinds of a tenant in a shard",
    ),
    Column::required("count", whole, "how many"),
    Column::required("last_at", instant, "the node's clock at the last one"),
    Column::required("sample_id", text, "id of the last one; empty if it had none"),
    Column::required("sample_detail", text, "what was found and what would be right, of the last one"),
];

/// See the module.
#[derive(Debug)]
pub struct Rejections;

impl View for Rejections {
    fn name(&self) -> &str {
        "rejections"
    }

    fn comment(&self) -> String {
        "events that were refused, counted by reason, with one sample each".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let tenants = ask.tenants().map(|tenants| tenants.iter().cloned().collect::<Vec<_>>());
        let rejections = metering::rejections(&cut.snapshot.shards, tenants.as_deref());
        let schema = self.schema();
        let columns = schema.fields().iter().map(|field| Arc::clone(&rejections[field.name().as_str()])).collect();
        let _ = emit(RecordBatch::try_new(Arc::clone(&schema), columns)?);
        Ok(())
    }
}
