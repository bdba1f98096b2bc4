//! `audit`: the tenants' journal, change by change, hash-chained. As of now, not of the cut.
//!
//! It is read page by page, so that an answer holds no more of it than a reader has taken (I8).

use arrow::datatypes::SchemaRef;

use super::row_view::{emit_pages, schema, whole};
use super::{Ask, Emit, RowColumn, View, ViewError};
use crate::catalog::Cut;

const COLUMNS: &[RowColumn<AuditRow>] = &[
    RowColumn::text("tenant", |row| &row.tenant, "whose change; platform for the platform's own"),
    RowColumn::whole("sequence", |row| whole(row.sequence), "number of the change within its tenant, from 1"),
    RowColumn::instant("at", |row| row.at_us, "the node's clock"),
    RowColumn::text("principal", |row| &row.principal, "who did it"),
    RowColumn::text("change", |row| &row.change, "what changed, JSON"),
    RowColumn::text("hash", |row| &row.hash, "SHA-256 over the change and the hash before it, hexadecimal"),
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
        schema(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let wanted = |row: &AuditRow| ask.may_be("tenant", &row.tenant);
        emit_pages(COLUMNS, emit, wanted, |page| cut.source.audit(ask.tenants(), page))
    }
}
