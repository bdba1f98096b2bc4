//! `alert_rules`: which rules there are, and how their last evaluation went. As of now, not of the cut.

use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// A rule, as the tenants' side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRuleRow {
    /// Whose it is.
    pub tenant: String,
    /// Its name.
    pub rule: String,
    /// What it measures.
    pub measure: String,
    /// The meter that it reads.
    pub meter: Option<String>,
    /// When it is evaluated.
    pub schedule: String,
    /// Its last evaluation, microseconds.
    pub evaluated_at_us: Option<i64>,
    /// How long that took, microseconds.
    pub took_us: Option<i64>,
    /// Why nothing could be measured.
    pub error: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct AlertRules;

impl RowView for AlertRules {
    type Row = AlertRuleRow;
    const NAME: &'static str = "alert_rules";
    const COMMENT: &'static str = "alert rules, when they are evaluated, and how the last evaluation went";
    const COLUMNS: &'static [RowColumn<AlertRuleRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "whose rule; platform for those that hold for its tenants"),
        RowColumn::text("rule", |row| &row.rule, "its name"),
        RowColumn::text("measure", |row| &row.measure, "quota, total, silence or query"),
        RowColumn::maybe_text("meter", |row| row.meter.as_deref(), "the meter that it reads"),
        RowColumn::text(
            "schedule",
            |row| &row.schedule,
            "`changes` if it follows each cut for the tenants that have changed, else how often its query runs",
        ),
        RowColumn::maybe_instant(
            "evaluated_at",
            |row| row.evaluated_at_us,
            "its last evaluation; null if this node has not evaluated it yet, or runs without doors",
        ),
        RowColumn::maybe_whole(
            "took_us",
            |row| row.took_us,
            "how long that took, microseconds; rules that follow changes are evaluated together",
        ),
        RowColumn::maybe_text("error", |row| row.error.as_deref(), "why nothing could be measured; null if it could"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<AlertRuleRow>, ViewError> {
        let mut rows = cut.source.alert_rules(ask.tenant())?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant) && ask.may_be("rule", &row.rule));
        Ok(rows)
    }
}
