//! `delivery_attempts`: the last attempts to send messages, as far as this node remembers them.

use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// An attempt, as the node tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttemptRow {
    /// Whose endpoint.
    pub tenant: String,
    /// Which endpoint.
    pub endpoint: String,
    /// The message's name there.
    pub message: String,
    /// The type of the event.
    pub event: String,
    /// When it ended, microseconds.
    pub at_us: i64,
    /// How long it took, microseconds.
    pub took_us: i64,
    /// What the endpoint answered with.
    pub status: Option<i64>,
    /// What came of it.
    pub outcome: String,
    /// How the answer began.
    pub answer: String,
}

/// See the module.
#[derive(Debug)]
pub struct DeliveryAttempts;

impl RowView for DeliveryAttempts {
    type Row = DeliveryAttemptRow;
    const NAME: &'static str = "delivery_attempts";
    const COMMENT: &'static str = "the last attempts to send messages; in memory, so a start begins anew";
    const COLUMNS: &'static [RowColumn<DeliveryAttemptRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "whose endpoint"),
        RowColumn::text("endpoint", |row| &row.endpoint, "which endpoint"),
        RowColumn::text("message", |row| &row.message, "the message's webhook-id, the same at each attempt"),
        RowColumn::text("event", |row| &row.event, "the type of the event"),
        RowColumn::instant("at", |row| row.at_us, "when the attempt ended"),
        RowColumn::whole("took_us", |row| row.took_us, "how long it took, microseconds"),
        RowColumn::maybe_whole("status", |row| row.status, "what the endpoint answered with; null if it did not"),
        RowColumn::text("outcome", |row| &row.outcome, "delivered, or why not"),
        RowColumn::text("answer", |row| &row.answer, "the first 4 KB of the answer"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<DeliveryAttemptRow>, ViewError> {
        let mut rows = cut.source.delivery_attempts(ask.tenant())?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant) && ask.may_be("endpoint", &row.endpoint));
        Ok(rows)
    }
}
