//! `usage_total`: one value per tenant, meter and billing period of the tenant. What billing jobs consume.
//!
//! A cursor: remember the largest `revision` seen and ask for `revision > cursor` next time; each change of a period is
//! then seen exactly once, corrections marked, because an answer holds every event up to its largest revision.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use engine::calendar::{Calendar, Period};

use super::column::{Column, flag, instant, schema_of, text, units, whole};
use super::{Ask, Emit, View, ViewError, meter};
use crate::catalog::Cut;
use crate::metering::{self, MeteringError};

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "whose usage"),
    Column::required("meter", text, "name of the meter"),
    Column::required("period_start", instant, "first microsecond of the tenant's billing period"),
    Column::required("period_end", instant, "first microsecond behind it"),
    Column::optional("value", units, "the aggregate over the period and all dimensions, in the meter's unit"),
    Column::required("revision", whole, "largest events.revision that contributed; grows when the total changes"),
    Column::required("final", flag, "whether the period's allowed lateness is over"),
    Column::required("correction", flag, "whether the revision came after the period had been final"),
];

/// See the module.
#[derive(Debug)]
pub struct UsageTotal;

impl View for UsageTotal {
    fn name(&self) -> &str {
        "usage_total"
    }

    fn comment(&self) -> String {
        "one value per tenant, meter and billing period of the tenant; what is billed".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let schema = self.schema();
        let calendars = cut.source.tenants()?.into_iter().map(|tenant| (tenant.tenant, tenant.billing));
        let calendars = calendars.collect::<HashMap<_, _>>();
        let calendar_of = |tenant: &str| calendars.get(tenant).cloned().unwrap_or_else(unknown_tenant);
        let filter = meter::filter(ask, "period_start", "period_end");
        for meter in &cut.meters(|meter| ask.may_be("meter", meter))? {
            let totals = match metering::totals(&cut.snapshot.shards, &meter.name, &calendar_of, &filter) {
                Err(MeteringError::UnknownMeter(_)) => continue,
                totals => totals?,
            };
            let name = StringArray::from_iter_values(std::iter::repeat_n(&meter.name, totals.num_rows()));
            let name: ArrayRef = Arc::new(name);
            let columns = schema.fields().iter().map(|field| match field.name().as_str() {
                "meter" => Arc::clone(&name),
                other => Arc::clone(&totals[other]),
            });
            let columns = columns.collect();
            if emit(RecordBatch::try_new(Arc::clone(&schema), columns)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Events of a tenant that has been erased meanwhile are still billed, by the month.
fn unknown_tenant() -> Calendar {
    Calendar { period: Period::Month, time_zone: "UTC".into() }
}
