//! `materialized_views`: which views are kept current by SQL, and how fresh they are.
//!
//! Definitions are the platform's and known to all tenants. Statistics are sums over tenants and null in a tenant's
//! session (I6).

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use engine::definition::view_key;
use engine::view::View as Definition;

use super::column::{Column, instant, schema_of, text, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;
use crate::metering::{self, MeterStatistics};

/// A materialized view, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow {
    /// The definition.
    pub view: Definition,
    /// When it was created, microseconds.
    pub created_at_us: i64,
}

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("name", text, "its name in SQL"),
    Column::required("definition", text, "its SELECT"),
    Column::required("created_at", instant, "when it was created"),
    Column::optional(
        "watermark",
        instant,
        "events before this are in the rows that you see, unless they come late; null without events",
    ),
    Column::optional("events", whole, "events that its rows are made of"),
    Column::optional("panes", whole, "rows of state held"),
];

/// See the module.
#[derive(Debug)]
pub struct MaterializedViews {
    /// Whether statistics may be seen.
    pub statistics: bool,
}

impl View for MaterializedViews {
    fn name(&self) -> &str {
        "materialized_views"
    }

    fn comment(&self) -> String {
        "Views that SQL made and that are kept current: their definition and how fresh they are.".into()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let (mut views, held) = (cut.source.views(), cut.views());
        views.retain(|row| held.contains(&row.view.name) && ask.may_be("name", &row.view.name));
        let statistics = if self.statistics { metering::meter_statistics(&cut.snapshot.shards) } else { Vec::new() };
        let statistics = statistics.into_iter().map(|of| (of.meter.clone(), of)).collect::<HashMap<_, _>>();
        let watermark_us = cut.watermark_us(ask.tenants());
        let count = |of: fn(&MeterStatistics) -> u64| -> ArrayRef {
            let counts = views.iter().map(|row| statistics.get(&view_key(&row.view.name)).map(of));
            Arc::new(counts.map(|count| count.and_then(|count| i64::try_from(count).ok())).collect::<Int64Array>())
        };
        let instants = |us: TimestampMicrosecondArray| -> ArrayRef { Arc::new(us.with_timezone("UTC")) };
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                Arc::new(views.iter().map(|row| Some(&row.view.name)).collect::<StringArray>()),
                Arc::new(views.iter().map(|row| Some(&row.view.query)).collect::<StringArray>()),
                instants(views.iter().map(|row| Some(row.created_at_us)).collect()),
                instants(views.iter().map(|_| watermark_us).collect()),
                count(|of| of.matched),
                count(|of| of.panes),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}
