//! What a client that sends events keeps of them, which is what the node must show.

use std::collections::BTreeMap;

use super::script::Event;

/// Certainly counted, and perhaps counted beside.
pub(crate) type Bounds = (u64, u64);

/// What became of the events of one source. Nobody else sends under it.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) source: String,
    /// What is counted.
    pub(crate) taken: Vec<Event>,
    /// By tenant and reason.
    pub(crate) rejections: BTreeMap<(String, &'static str), Bounds>,
    /// The largest limits under which a tenant was refused.
    pub(crate) refused_at: BTreeMap<String, u64>,
    /// Events that were sent, each time they were.
    pub(crate) sent: u64,
}

impl Book {
    pub(crate) fn of(source: impl Into<String>) -> Self {
        Self { source: source.into(), ..Self::default() }
    }
}
