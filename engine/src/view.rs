//! What a materialized view *is*: a name and a `SELECT` over `events` that is kept current.
//!
//! Only the vocabulary, like [`meter`](crate::meter). Not here: what the statement means and which ones can be kept
//! (`pipelines::metering`), who may create one (`actors`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meter::is_sql_name;

/// Longest text of a view's statement, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 << 10;

/// A materialized view, as stored.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Lower-case SQL identifier; the view's name in SQL.
    pub name: String,
    /// The `SELECT`.
    pub query: String,
}

/// Why a view can't be: the part of its definition, the reason, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{construct}: {reason}")]
pub struct ViewRefusal {
    /// The construct of the statement, for instance `HAVING`.
    pub construct: String,
    /// Why it can't be kept current, and what to do instead.
    pub reason: String,
}

impl ViewRefusal {
    /// A refusal of `construct`.
    pub fn new(construct: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { construct: construct.into(), reason: reason.into() }
    }
}

impl View {
    /// Checks everything that can be checked without planning SQL.
    ///
    /// # Errors
    /// A name that is none, or a text that is too long.
    pub fn validate(&self) -> Result<(), ViewRefusal> {
        if !is_sql_name(&self.name) {
            return Err(ViewRefusal::new("name", "use 1 to 63 of a-z, 0-9 and _, not starting with a digit"));
        }
        if self.query.len() > QUERY_BYTES_MAX {
            return Err(ViewRefusal::new("query", format!("longer than {QUERY_BYTES_MAX} bytes")));
        }
        Ok(())
    }
}
