//! `audit`: the tenants' journal, change by change, hash-chained. As of now, not of the cut.
//!
//! It is read page by page, so that an answer holds no more of it than a reader has taken (I8).

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::column::{Column, instant, schema_of, text, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;
use crate::lake::rows;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "whose change; platform for the platform's own"),
    Column::required("sequence", whole, "number of the change within its tenant, from 1"),
    Column::required("at", instant, "the node's clock"),
    Column::required("principal", text, "who did it"),
    Column::required("change", text, "what changed, JSON"),
    Column::required("hash", text, "SHA-256 over the change and the hash before it, hexadecimal"),
];

/// One change, as the tenants' side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Whose change.
    pub tenant: String,
    /// Its number within the tenant.
    pub sequence: u64,
    /// When, microseconds.
    pub at_us: i64,
    /// Who did it.
    pub principal: String,
    /// What changed.
    pub change: String,
    /// The chain's hash, hexadecimal.
    pub hash: String,
}

/// See the module.
#[derive(Debug)]
pub struct Audit;

impl View for Audit {
    fn name(&self) -> &str {
        "audit"
    }

    fn comment(&self) -> String {
        "every change of a tenant's settings: who made it and when, hash-chained".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let schema = self.schema();
        let mut failed = None;
        cut.source.audit(ask.tenants(), &mut |mut page| {
            page.retain(|row| ask.may_be("tenant", &row.tenant));
            match batch(&schema, &page) {
                Ok(batch) => emit(batch),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

fn batch(schema: &SchemaRef, page: &[AuditRow]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&AuditRow) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(page.iter().map(of))) };
    let at = page.iter().map(|row| row.at_us);
    RecordBatch::try_new(
        Arc::clone(schema),
        vec![
            text(|row| &row.tenant),
            Arc::new(Int64Array::from_iter_values(page.iter().map(|row| rows::revision(row.sequence)))),
            Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC")),
            text(|row| &row.principal),
            text(|row| &row.change),
            text(|row| &row.hash),
        ],
    )
}
