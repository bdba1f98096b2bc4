//! `alert_history`: every edge of every alert, from the tenants' journal. As of now, not of the cut.
//!
//! It is read page by page, so that an answer holds no more of it than a reader has taken (I8).

use arrow::datatypes::SchemaRef;
use engine::units::Units;

use super::row_view::{emit_pages, schema, whole};
use super::{Ask, Emit, RowColumn, View, ViewError};
use crate::catalog::Cut;

const COLUMNS: &[RowColumn<AlertEventRow>] = &[
    RowColumn::text("tenant", |row| &row.tenant, "whose alert"),
    RowColumn::whole("sequence", |row| whole(row.sequence), "number of the change within its tenant, as in audit"),
    RowColumn::instant("at", |row| row.at_us, "the node's clock"),
    RowColumn::text("rule", |row| &row.rule, "by which rule"),
    RowColumn::text("declared_by", |row| &row.declared_by, "who declared the rule: platform or tenant"),
    RowColumn::text("episode", |row| &row.episode, "name of the alert, which no other of the tenant has"),
    RowColumn::text(
        "event",
        |row| &row.event,
        "pending, fired, moved (to another severity), calming, returned, unmeasurable, measurable, acknowledged, resolved, \
         withdrawn (it never fired) or dropped (its rule is gone)",
    ),
    RowColumn::text("severity", |row| &row.severity, "info, warning or critical"),
    RowColumn::units("value", |row| row.value, "what was measured last"),
    RowColumn::whole("revision", |row| row.revision, "largest offset of the log behind the value, -1 for none"),
    RowColumn::maybe_text("note", |row| row.note.as_deref(), "why it can't be measured, or what was said of it"),
];

/// An edge, as the tenants' side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertEventRow {
    /// Whose.
    pub tenant: String,
    /// Its number within the tenant.
    pub sequence: u64,
    /// When, microseconds.
    pub at_us: i64,
    /// By which rule.
    pub rule: String,
    /// Who declared the rule.
    pub declared_by: String,
    /// Name of the alert.
    pub episode: String,
    /// What happened.
    pub event: String,
    /// How bad it is.
    pub severity: String,
    /// What was measured.
    pub value: Units,
    /// The largest offset behind it.
    pub revision: i64,
    /// Words that belong to it.
    pub note: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct AlertHistory;

impl View for AlertHistory {
    fn name(&self) -> &str {
        "alert_history"
    }

    fn comment(&self) -> String {
        "every edge of every alert: when it was pending, fired, was seen, and ended".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let wanted = |row: &AlertEventRow| ask.may_be("tenant", &row.tenant) && ask.may_be("rule", &row.rule);
        emit_pages(COLUMNS, emit, wanted, |page| cut.source.alert_history(ask.tenants(), page))
    }
}
