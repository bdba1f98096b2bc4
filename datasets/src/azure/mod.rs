//! The Azure Functions trace of 2019 as events: one function's invocations per minute, one event each.
//!
//! The trace is three CSV files in one folder (the layout of vhive-serverless/invitro's samples of
//! Azure/AzurePublicDataset), told by how their names end: `invocations.csv`, `durations.csv`, `memory.csv`. The owner is
//! the tenant. Modules: [`trace`] reads and checks the files, [`expand`] turns counts into events, [`summary`] says, by
//! other code, what must come out. Not here: what an invocation looks like as an event (`invocation`).

mod table;
pub mod trace;
pub mod expand;
pub mod summary;

pub use crate::invocation::meters;
pub use expand::{EventOptions, Events, Shuffle};
pub use summary::{Summary, TenantSummary};
pub use trace::AzureTrace;

/// Start of the trace's day, 2019-07-15T00:00:00Z in µs since the epoch.
///
/// The files number a day's minutes and do not say which day or time zone. The trace was taken from 2019-07-15 to
/// 2019-07-28; its first day, in UTC, is assumed.
pub const DAY_START_US: i64 = 1_563_148_800_000_000;

pub(crate) const MINUTE_US: i64 = 60_000_000;
