//! The column of leftovers, one JSON object a row: what of the event fits no column.
//!
//! A name is either the RFC 6901 pointer of a member of `data` (empty for all of it, or it starts with `/`), or the name
//! of a CloudEvents attribute that has no column (`dataschema`, `traceparent`; it has no `/`). The attribute `time` is
//! there, as `null`, if the event had none and the column holds when it came.
//!
//! Not here: what fits a column (`builder`).

use std::borrow::Cow;

use super::value::{push_compact, push_text};

/// Name under which it is kept that an event had no `time`.
pub const TIME: &str = "time";

/// The leftovers of one row: names and the JSON text of their values, in the order they were written.
///
/// Ends early at a text that is not what [`EventBatchBuilder`](super::builder::EventBatchBuilder) writes.
pub fn members(rest: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    sonic_rs::to_object_iter(rest).map_while(Result::ok).map(|(name, value)| (name, value.as_raw_cow()))
}

/// Whether a name in the leftovers is that of a member of `data`.
pub fn is_data(name: &str) -> bool {
    name.is_empty() || name.starts_with('/')
}

/// Writes the leftovers of one row after the other into one reused buffer.
#[derive(Debug, Default)]
pub(super) struct RestWriter(String);

impl RestWriter {
    /// Adds a member; `json` is a valid JSON value.
    pub(super) fn push(&mut self, name: &str, json: &str) {
        self.name(name);
        push_compact(&mut self.0, json);
    }

    /// Adds a text member.
    pub(super) fn push_text(&mut self, name: &str, text: &str) {
        self.name(name);
        push_text(&mut self.0, text);
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        push_text(&mut self.0, name);
        self.0.push(':');
    }

    /// Bytes written for this row.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The row's object, if it has members.
    pub(super) fn close(&mut self) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(&self.0)
    }

    /// Begins the next row.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
