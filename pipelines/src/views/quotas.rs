//! `quotas`: limits and what is left of them. As of now: leases are granted ahead of the log.

use engine::calendar::{Calendar, Interval};
use engine::units::Units;

use super::tenants::period_name;
use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// One limit, as the tenants' side tells it. Quantities may exceed what one event may carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRow {
    /// Whose limit.
    pub tenant: String,
    /// Which meter.
    pub meter: String,
    /// `allowance` or `rate`.
    pub kind: String,
    /// Of an allowance.
    pub calendar: Option<Calendar>,
    /// Of an allowance: the period now.
    pub period: Option<Interval>,
    /// In the meter's unit; of a rate per second.
    pub limit: Units,
    /// Used in the period.
    pub used: Units,
    /// Granted and not yet used.
    pub leased: Units,
    /// What can still be granted.
    pub remaining: Units,
    /// Whether events beyond the limit are refused.
    pub hard: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Quotas;

impl RowView for Quotas {
    type Row = QuotaRow;
    const NAME: &'static str = "quotas";
    const COMMENT: &'static str = "limits, how much of them is used and what is left";
    const COLUMNS: &'static [RowColumn<QuotaRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "whose limit"),
        RowColumn::text("meter", |row| &row.meter, "name of the meter that is limited"),
        RowColumn::text("kind", |row| &row.kind, "allowance or rate"),
        RowColumn::maybe_text(
            "period",
            |row| row.calendar.as_ref().map(period_name),
            "of an allowance: hour, day, week, month, quarter or year",
        ),
        RowColumn::maybe_text(
            "time_zone",
            |row| row.calendar.as_ref().map(|calendar| calendar.time_zone.as_str()),
            "of an allowance: IANA time zone in which the period begins",
        ),
        RowColumn::units("limit", |row| row.limit, "in the meter's unit; of a rate: per second"),
        RowColumn::units("used", |row| row.used, "used in the period, as the log says"),
        RowColumn::units("leased", |row| row.leased, "granted to the shard and not yet used"),
        RowColumn::units(
            "remaining",
            |row| row.remaining,
            "what can still be granted: limit - used - leased, not below 0",
        ),
        RowColumn::maybe_instant(
            "period_start",
            |row| row.period.map(|period| period.start_us),
            "of an allowance: first microsecond of the period",
        ),
        RowColumn::maybe_instant(
            "period_end",
            |row| row.period.map(|period| period.end_us),
            "of an allowance: first microsecond behind it",
        ),
        RowColumn::flag("hard", |row| row.hard, "whether events beyond the limit are refused"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<QuotaRow>, ViewError> {
        let mut rows = cut.source.quotas(ask.tenant(), cut.now_us)?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant) && ask.may_be("meter", &row.meter));
        Ok(rows)
    }
}
