//! `meters`: what is metered, and what each meter saw.
//!
//! Definitions are the platform's and known to all tenants. Statistics are sums over tenants and null in a tenant's
//! session (I6).

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use engine::meter::Meter;
use serde::Serialize;
use serde_json::Value;

use super::column::{Column, schema_of, text, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;
use crate::metering::{self, MeterStatistics};

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("name", text, "its name; its windows are in meter_<name>"),
    Column::required("event_type", text, "CloudEvents type that is counted"),
    Column::optional("value", text, "JSON path of the value inside data"),
    Column::required("aggregation", text, "its name, or a JSON object if it has parameters"),
    Column::required("dimensions", text, "JSON object, dimension to JSON path"),
    Column::required("window", text, "JSON object"),
    Column::required("allowed_lateness_s", whole, "seconds behind a window's end until it is final"),
    Column::required("description", text, "for people"),
    Column::optional("events", whole, "events of its type"),
    Column::optional("value_missing", whole, "of those, without the value it counts: is the path right?"),
    Column::optional("panes", whole, "rows of state held"),
];

/// See the module.
#[derive(Debug)]
pub struct Meters {
    /// Whether statistics may be seen.
    pub statistics: bool,
}

impl View for Meters {
    fn name(&self) -> &str {
        "meters"
    }

    fn comment(&self) -> String {
        "what is metered: which events, which value, how it is aggregated".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let mut meters = cut.source.meters();
        meters.retain(|meter| ask.may_be("name", &meter.name));
        let statistics = if self.statistics { metering::meter_statistics(&cut.snapshot.shards) } else { Vec::new() };
        let statistics = statistics.into_iter().map(|of| (of.meter.clone(), of)).collect::<HashMap<_, _>>();
        let text =
            |of: fn(&Meter) -> Option<String>| -> ArrayRef { Arc::new(meters.iter().map(of).collect::<StringArray>()) };
        let count = |of: fn(&MeterStatistics) -> u64| -> ArrayRef {
            let counts = meters.iter().map(|meter| statistics.get(&meter.name).map(of));
            Arc::new(counts.map(|count| count.and_then(|count| i64::try_from(count).ok())).collect::<Int64Array>())
        };
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                text(|meter| Some(meter.name.clone())),
                text(|meter| Some(meter.event_type.clone())),
                text(|meter| meter.value.clone()),
                text(|meter| json(&meter.aggregation)),
                text(dimensions),
                text(|meter| json(&meter.window)),
                Arc::new(Int64Array::from_iter_values(meters.iter().map(|meter| i64::from(meter.allowed_lateness_s)))),
                text(|meter| Some(meter.description.clone())),
                count(|of| of.matched),
                count(|of| of.value_missing),
                count(|of| of.panes),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}

fn dimensions(meter: &Meter) -> Option<String> {
    let paths = meter.dimensions.iter().map(|dimension| (dimension.name.clone(), Value::from(&*dimension.path)));
    json(&Value::Object(paths.collect()))
}

/// A definition's part as the API writes it, a bare name without quotes.
fn json(part: &impl Serialize) -> Option<String> {
    match serde_json::to_value(part).expect("a definition came as JSON") {
        Value::String(name) => Some(name),
        other => Some(other.to_string()),
    }
}
