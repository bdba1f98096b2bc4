//! `quotas`: limits and what is left of them. As of now: leases are granted ahead of the log.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use engine::calendar::{Calendar, Interval};
use engine::units::Units;

use super::column::{Column, flag, instant, schema_of, text, units};
use super::tenants::period_name;
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "whose limit"),
    Column::required("meter", text, "name of the meter that is limited"),
    Column::required("kind", text, "allowance or rate"),
    Column::optional("period", text, "of an allowance: hour, day, week, month, quarter or year"),
    Column::optional("time_zone", text, "of an allowance: IANA time zone in which the period begins"),
    Column::required("limit", units, "in the meter's unit; of a rate: per second"),
    Column::required("used", units, "used in the period, as the log says"),
    Column::required("leased", units, "granted to the shard and not yet used"),
    Column::required("remaining", units, "what can still be granted: limit - used - leased, not below 0"),
    Column::optional("period_start", instant, "of an allowance: first microsecond of the period"),
    Column::optional("period_end", instant, "of an allowance: first microsecond behind it"),
    Column::required("hard", flag, "whether events beyond the limit are refused"),
];

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

impl View for Quotas {
    fn name(&self) -> &str {
        "quotas"
    }

    fn comment(&self) -> String {
        "limits, how much of them is used and what is left".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let mut rows = cut.source.quotas(ask.tenant(), cut.now_us)?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant) && ask.may_be("meter", &row.meter));
        let text =
            |of: fn(&QuotaRow) -> Option<&str>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
        let quantity = |of: fn(&QuotaRow) -> Units| -> ArrayRef {
            let values = Decimal128Array::from_iter_values(rows.iter().map(|row| of(row).0));
            Arc::new(values.with_data_type(units()))
        };
        let instant = |of: fn(&Interval) -> i64| -> ArrayRef {
            let values = rows.iter().map(|row| row.period.as_ref().map(of));
            Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                text(|row| Some(&row.tenant)),
                text(|row| Some(&row.meter)),
                text(|row| Some(&row.kind)),
                text(|row| row.calendar.as_ref().map(period_name)),
                text(|row| row.calendar.as_ref().map(|calendar| calendar.time_zone.as_str())),
                quantity(|row| row.limit),
                quantity(|row| row.used),
                quantity(|row| row.leased),
                quantity(|row| row.remaining),
                instant(|period| period.start_us),
                instant(|period| period.end_us),
                Arc::new(rows.iter().map(|row| Some(row.hard)).collect::<BooleanArray>()),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}
