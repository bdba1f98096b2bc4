//! `endpoints`: where messages go, and how far each endpoint has come. As of now, not of the cut.

use super::row_view::whole;
use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// An endpoint, as the tenants' side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub endpoint: String,
    /// Where messages are posted to.
    pub url: String,
    /// Which events it wants.
    pub events: String,
    /// How it stands.
    pub state: String,
    /// Messages that are tried again.
    pub retries: u64,
    /// When the first of them is, microseconds.
    pub next_retry_at_us: Option<i64>,
    /// Since when it takes nothing, microseconds.
    pub failing_since_us: Option<i64>,
}

/// See the module.
#[derive(Debug)]
pub struct Endpoints;

impl RowView for Endpoints {
    type Row = EndpointRow;
    const NAME: &'static str = "endpoints";
    const COMMENT: &'static str = "where messages about changes go, and how far each endpoint has come";
    const COLUMNS: &'static [RowColumn<EndpointRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "whose endpoint; platform for one that hears of all tenants"),
        RowColumn::text("endpoint", |row| &row.endpoint, "its name"),
        RowColumn::text("url", |row| &row.url, "where messages are posted to"),
        RowColumn::text("events", |row| &row.events, "types of events that it wants, separated by spaces"),
        RowColumn::text(
            "state",
            |row| &row.state,
            "current, retrying (some messages are tried again), behind (others wait in the journal), or disabled and why: \
             disabled_by_hand, disabled_gone, disabled_failing",
        ),
        RowColumn::whole("retries", |row| whole(row.retries), "messages that are tried again"),
        RowColumn::maybe_instant("next_retry_at", |row| row.next_retry_at_us, "when the first of them is"),
        RowColumn::maybe_instant("failing_since", |row| row.failing_since_us, "since when it has taken nothing"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<EndpointRow>, ViewError> {
        let mut rows = cut.source.endpoints(ask.tenant())?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant) && ask.may_be("endpoint", &row.endpoint));
        Ok(rows)
    }
}
