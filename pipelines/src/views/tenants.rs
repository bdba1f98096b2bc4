//! `tenants`: who there is. As of now, not of the cut: tenants' facts are not in the log of events.

use engine::calendar::{Calendar, Period};

use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// One tenant, as the tenants' side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its name.
    pub tenant: String,
    /// Where in its life it is.
    pub status: String,
    /// Whether its events and aggregates have been erased.
    pub erased: bool,
    /// Its plan, if it has one.
    pub plan: Option<String>,
    /// How it is billed.
    pub billing: Calendar,
    /// When it was provisioned, microseconds.
    pub created_at_us: i64,
}

/// See the module.
#[derive(Debug)]
pub struct Tenants;

impl RowView for Tenants {
    type Row = TenantRow;
    const NAME: &'static str = "tenants";
    const COMMENT: &'static str = "who there is, and where in its life";
    const COLUMNS: &'static [RowColumn<TenantRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "its name"),
        RowColumn::text(
            "status",
            |row| &row.status,
            "provisioned, active, suspended, offboarding, deleted or quarantined",
        ),
        RowColumn::flag(
            "erased",
            |row| row.erased,
            "whether it was deleted and nothing of its events and usage is left",
        ),
        RowColumn::maybe_text("plan", |row| row.plan.as_deref(), "the plan whose limits it has"),
        RowColumn::text("billing_period", |row| period_name(&row.billing), "hour, day, week, month, quarter or year"),
        RowColumn::text("time_zone", |row| &row.billing.time_zone, "IANA time zone in which its periods begin"),
        RowColumn::instant("created_at", |row| row.created_at_us, "when it was provisioned"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<TenantRow>, ViewError> {
        let mut rows = cut.source.tenants()?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant));
        Ok(rows)
    }
}

/// As it is written in the API.
pub(super) fn period_name(calendar: &Calendar) -> &'static str {
    match calendar.period {
        Period::Hour => "hour",
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Quarter => "quarter",
        Period::Year => "year",
    }
}
