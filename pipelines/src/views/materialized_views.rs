//! `materialized_views`: which views are kept current by SQL, and how fresh they are.
//!
//! Definitions are the platform's and known to all tenants. Statistics are sums over tenants and null in a tenant's
//! session (I6).

use std::collections::HashMap;

use engine::definition::view_key;
use engine::view::View as Definition;

use super::row_view::whole;
use super::{Ask, RowColumn, RowView, ViewError};
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

/// A materialized view with what it saw, if that may be told.
#[derive(Debug)]
pub struct SeenViewRow {
    view: ViewRow,
    watermark_us: Option<i64>,
    statistics: Option<MeterStatistics>,
}

/// See the module.
#[derive(Debug)]
pub struct MaterializedViews {
    /// Whether statistics may be seen.
    pub statistics: bool,
}

impl RowView for MaterializedViews {
    type Row = SeenViewRow;
    const NAME: &'static str = "materialized_views";
    const COMMENT: &'static str =
        "views that SQL made and that are kept current: their definition and how fresh they are";
    const COLUMNS: &'static [RowColumn<SeenViewRow>] = &[
        RowColumn::text("name", |row| &row.view.view.name, "its name in SQL"),
        RowColumn::text("definition", |row| &row.view.view.query, "its SELECT"),
        RowColumn::instant("created_at", |row| row.view.created_at_us, "when it was created"),
        RowColumn::maybe_instant(
            "watermark",
            |row| row.watermark_us,
            "events before this are in the rows that you see, unless they come late; null without events",
        ),
        RowColumn::maybe_whole("events", |row| row.count(|of| of.matched), "events that its rows are made of"),
        RowColumn::maybe_whole("panes", |row| row.count(|of| of.panes), "rows of state held"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<SeenViewRow>, ViewError> {
        let (mut views, held) = (cut.source.views(), cut.views());
        views.retain(|row| held.contains(&row.view.name) && ask.may_be("name", &row.view.name));
        let statistics = if self.statistics { metering::meter_statistics(&cut.snapshot.shards) } else { Vec::new() };
        let statistics = statistics.into_iter().map(|of| (of.meter.clone(), of)).collect::<HashMap<_, _>>();
        let watermark_us = cut.watermark_us(ask.tenants());
        let rows = views.into_iter().map(|view| {
            let statistics = statistics.get(&view_key(&view.view.name)).cloned();
            SeenViewRow { view, watermark_us, statistics }
        });
        Ok(rows.collect())
    }
}

impl SeenViewRow {
    fn count(&self, of: fn(&MeterStatistics) -> u64) -> Option<i64> {
        self.statistics.as_ref().map(|statistics| whole(of(statistics)))
    }
}
