//! `tenants`: who there is. As of now, not of the cut: tenants' facts are not in the log of events.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use engine::calendar::Calendar;

use super::column::{Column, flag, instant, schema_of, text};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "its name"),
    Column::required("status", text, "provisioned, active, suspended, offboarding, deleted or quarantined"),
    Column::required("erased", flag, "whether it was deleted and nothing of its events and usage is left"),
    Column::optional("plan", text, "the plan whose limits it has"),
    Column::required("billing_period", text, "hour, day, week, month, quarter or year"),
    Column::required("time_zone", text, "IANA time zone in which its periods begin"),
    Column::required("created_at", instant, "when it was provisioned"),
];

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

impl View for Tenants {
    fn name(&self) -> &str {
        "tenants"
    }

    fn comment(&self) -> String {
        "who there is, and where in its life".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let mut rows = cut.source.tenants()?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant));
        let text = |of: fn(&TenantRow) -> &str| Arc::new(StringArray::from_iter_values(rows.iter().map(of)));
        let periods = rows.iter().map(|row| period_name(&row.billing));
        let created_at = rows.iter().map(|row| row.created_at_us);
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                text(|row| &row.tenant),
                text(|row| &row.status),
                Arc::new(rows.iter().map(|row| Some(row.erased)).collect::<BooleanArray>()),
                Arc::new(rows.iter().map(|row| row.plan.as_deref()).collect::<StringArray>()),
                Arc::new(StringArray::from_iter_values(periods)),
                text(|row| &row.billing.time_zone),
                Arc::new(TimestampMicrosecondArray::from_iter_values(created_at).with_timezone("UTC")),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}

/// As it is written in the API.
pub(super) fn period_name(calendar: &Calendar) -> &'static str {
    use engine::calendar::Period;
    match calendar.period {
        Period::Hour => "hour",
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Quarter => "quarter",
        Period::Year => "year",
    }
}
