//! `alerts`: episodes that are under way. As of now, not of the cut.

use engine::units::Units;

use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// An episode, as the tenants' side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Whose.
    pub tenant: String,
    /// By which rule.
    pub rule: String,
    /// Who declared the rule.
    pub declared_by: String,
    /// Its name.
    pub episode: String,
    /// How it stands.
    pub state: String,
    /// How bad it is.
    pub severity: String,
    /// What was measured at its last edge.
    pub value: Units,
    /// When its first edge was, microseconds.
    pub opened_at_us: i64,
    /// When it fired.
    pub fired_at_us: Option<i64>,
    /// Until when it waits.
    pub waits_until_us: Option<i64>,
    /// When somebody said to have seen it.
    pub acknowledged_at_us: Option<i64>,
    /// Why it can't be measured.
    pub unmeasurable: Option<String>,
    /// The largest offset behind the value.
    pub revision: i64,
    /// The rule's sentence.
    pub summary: Option<String>,
    /// The rule's labels, JSON.
    pub labels: String,
}

/// See the module.
#[derive(Debug)]
pub struct Alerts;

impl RowView for Alerts {
    type Row = AlertRow;
    const NAME: &'static str = "alerts";
    const COMMENT: &'static str = "alerts that are under way: what fires, what is about to, and what can't be measured";
    const COLUMNS: &'static [RowColumn<AlertRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "whose alert"),
        RowColumn::text("rule", |row| &row.rule, "by which rule"),
        RowColumn::text("declared_by", |row| &row.declared_by, "who declared the rule: platform or tenant"),
        RowColumn::text("episode", |row| &row.episode, "name of this alert, which no other of the tenant has"),
        RowColumn::text("state", |row| &row.state, "pending, firing, acknowledged or unmeasurable"),
        RowColumn::text("severity", |row| &row.severity, "info, warning or critical"),
        RowColumn::units(
            "value",
            |row| row.value,
            "what was measured at its last edge, in the unit of the rule's measure",
        ),
        RowColumn::instant("opened_at", |row| row.opened_at_us, "when a level was reached"),
        RowColumn::maybe_instant("fired_at", |row| row.fired_at_us, "when it had held for long enough"),
        RowColumn::maybe_instant(
            "waits_until",
            |row| row.waits_until_us,
            "when a pending one fires, or when one that has left all levels ends",
        ),
        RowColumn::maybe_instant("acknowledged_at", |row| row.acknowledged_at_us, "when somebody said to have seen it"),
        RowColumn::maybe_text("unmeasurable", |row| row.unmeasurable.as_deref(), "why it can't be measured now"),
        RowColumn::whole("revision", |row| row.revision, "largest offset of the log behind the value, -1 for none"),
        RowColumn::maybe_text("summary", |row| row.summary.as_deref(), "what the rule says about it"),
        RowColumn::text("labels", |row| &row.labels, "the rule's labels, JSON"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<AlertRow>, ViewError> {
        let mut rows = cut.source.alerts(ask.tenant())?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant) && ask.may_be("rule", &row.rule));
        Ok(rows)
    }
}
