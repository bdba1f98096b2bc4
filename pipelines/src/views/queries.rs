//! `queries`: statements of this node that run and that have lately ended. As of now, not of the cut.
//!
//! In memory only, and as many of each asker as the doors remember; for totals see the node's metrics.

use super::row_view::whole;
use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// One statement, as the doors tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRow {
    /// Whose.
    pub tenant: String,
    /// Who asked.
    pub principal: String,
    /// Through which door.
    pub door: &'static str,
    /// Its text.
    pub statement: String,
    /// `running`, `finished`, `failed` or `abandoned`.
    pub state: &'static str,
    /// Why it failed.
    pub sqlstate: Option<String>,
    /// Rows sent.
    pub rows: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// When it came, microseconds.
    pub began_at_us: i64,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Queries;

impl RowView for Queries {
    type Row = QueryRow;
    const NAME: &'static str = "queries";
    const COMMENT: &'static str = "statements of this node that run or have lately ended, those of one's own";
    const COLUMNS: &'static [RowColumn<QueryRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "whose statement; platform for the platform's own"),
        RowColumn::text("principal", |row| &row.principal, "tenant and id of the key that asked"),
        RowColumn::text("door", |row| row.door, "http, postgres or flight"),
        RowColumn::text("statement", |row| &row.statement, "its text, cut off when it is long, API keys blanked out"),
        RowColumn::text(
            "state",
            |row| row.state,
            "waiting for its turn, running, finished, failed, or abandoned by its client before the last row",
        ),
        RowColumn::maybe_text(
            "sqlstate",
            |row| row.sqlstate.as_deref(),
            "of a failed one: five characters as Postgres has them",
        ),
        RowColumn::whole("rows", |row| whole(row.rows), "rows sent"),
        RowColumn::whole("bytes", |row| whole(row.bytes), "bytes sent, encoded as the client asked"),
        RowColumn::instant("began_at", |row| row.began_at_us, "the node's clock when it came"),
        RowColumn::whole(
            "took_ms",
            |row| whole(row.took_ms),
            "from then to its last row, or to now while it runs, milliseconds",
        ),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<QueryRow>, ViewError> {
        let mut queries = cut.source.queries(ask.tenant())?;
        queries.retain(|row| ask.may_be("tenant", &row.tenant));
        Ok(queries)
    }
}
