//! `meters`: what is metered, and what each meter saw.
//!
//! Definitions are the platform's and known to all tenants. Statistics are sums over tenants and null in a tenant's
//! session (I6).

use std::collections::HashMap;

use engine::meter::Meter;
use serde::Serialize;
use serde_json::Value;

use super::row_view::whole;
use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;
use crate::metering::{self, MeterStatistics};

/// A meter, and what it saw if that may be told.
#[derive(Debug)]
pub struct MeterRow {
    meter: Meter,
    statistics: Option<MeterStatistics>,
}

/// See the module.
#[derive(Debug)]
pub struct Meters {
    /// Whether statistics may be seen.
    pub statistics: bool,
}

impl RowView for Meters {
    type Row = MeterRow;
    const NAME: &'static str = "meters";
    const COMMENT: &'static str = "what is metered: which events, which value, how it is aggregated";
    const COLUMNS: &'static [RowColumn<MeterRow>] = &[
        RowColumn::text("name", |row| &row.meter.name, "its name; its windows are in meter_<name>"),
        RowColumn::text("event_type", |row| &row.meter.event_type, "CloudEvents type that is counted"),
        RowColumn::maybe_text("value", |row| row.meter.value.as_deref(), "JSON path of the value inside data"),
        RowColumn::written(
            "aggregation",
            |row| json(&row.meter.aggregation),
            "its name, or a JSON object if it has parameters",
        ),
        RowColumn::written("dimensions", |row| dimensions(&row.meter), "JSON object, dimension to JSON path"),
        RowColumn::written("window", |row| json(&row.meter.window), "JSON object"),
        RowColumn::whole(
            "allowed_lateness_s",
            |row| row.meter.allowed_lateness_s.into(),
            "seconds behind a window's end until it is final",
        ),
        RowColumn::text("description", |row| &row.meter.description, "for people"),
        RowColumn::maybe_whole("events", |row| row.count(|of| of.matched), "events of its type"),
        RowColumn::maybe_whole(
            "value_missing",
            |row| row.count(|of| of.value_missing),
            "of those, without the value it counts: is the path right?",
        ),
        RowColumn::maybe_whole("panes", |row| row.count(|of| of.panes), "rows of state held"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<MeterRow>, ViewError> {
        let mut meters = cut.source.meters();
        meters.retain(|meter| ask.may_be("name", &meter.name));
        let statistics = if self.statistics { metering::meter_statistics(&cut.snapshot.shards) } else { Vec::new() };
        let statistics = statistics.into_iter().map(|of| (of.meter.clone(), of)).collect::<HashMap<_, _>>();
        let rows = meters.into_iter().map(|meter| MeterRow { statistics: statistics.get(&meter.name).cloned(), meter });
        Ok(rows.collect())
    }
}

impl MeterRow {
    fn count(&self, of: fn(&MeterStatistics) -> u64) -> Option<i64> {
        self.statistics.as_ref().map(|statistics| whole(of(statistics)))
    }
}

fn dimensions(meter: &Meter) -> String {
    let paths = meter.dimensions.iter().map(|dimension| (dimension.name.clone(), Value::from(&*dimension.path)));
    json(&Value::Object(paths.collect()))
}

/// A definition's part as the API writes it, a bare name without quotes.
fn json(part: &impl Serialize) -> String {
    match serde_json::to_value(part).expect("a definition came as JSON") {
        Value::String(name) => name,
        other => other.to_string(),
    }
}
