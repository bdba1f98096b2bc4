//! `queries`: statements of this node that run and that have lately ended. As of now, not of the cut.
//!
//! In memory only, and as many of each asker as the doors remember; for totals see the node's metrics.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;

use super::column::{Column, instant, schema_of, text, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;

/// The columns.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", text, "whose statement; platform for the platform's own"),
    Column::required("principal", text, "tenant and id of the key that asked"),
    Column::required("door", text, "http, postgres or flight"),
    Column::required("statement", text, "its text, cut off when it is long, API keys blanked out"),
    Column::required("state", text, "running, finished, failed, or abandoned by its client before the last row"),
    Column::optional("sqlstate", text, "of a failed one: five characters as Postgres has them"),
    Column::required("rows", whole, "rows sent"),
    Column::required("bytes", whole, "bytes sent, encoded as the client asked"),
    Column::required("began_at", instant, "the node's clock when it came"),
    Column::required("took_ms", whole, "from then to its last row, or to now while it runs, milliseconds"),
];

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

impl View for Queries {
    fn name(&self) -> &str {
        "queries"
    }

    fn comment(&self) -> String {
        "statements of this node that run or have lately ended, those of one's own".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let mut queries = cut.source.queries(ask.tenant())?;
        queries.retain(|row| ask.may_be("tenant", &row.tenant));
        let text =
            |of: fn(&QueryRow) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(queries.iter().map(of))) };
        let whole = |of: fn(&QueryRow) -> u64| -> ArrayRef {
            let values = queries.iter().map(|row| i64::try_from(of(row)).unwrap_or(i64::MAX));
            Arc::new(Int64Array::from_iter_values(values))
        };
        let began_at = TimestampMicrosecondArray::from_iter_values(queries.iter().map(|row| row.began_at_us));
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                text(|row| &row.tenant),
                text(|row| &row.principal),
                text(|row| row.door),
                text(|row| &row.statement),
                text(|row| row.state),
                Arc::new(queries.iter().map(|row| row.sqlstate.as_deref()).collect::<StringArray>()),
                whole(|row| row.rows),
                whole(|row| row.bytes),
                Arc::new(began_at.with_timezone("UTC")),
                whole(|row| row.took_ms),
            ],
        )?;
        let _ = emit(batch);
        Ok(())
    }
}
