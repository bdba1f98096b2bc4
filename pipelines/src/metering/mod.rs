//! Metering: a shard's events become exact, mergeable panes, and panes become windows, billing periods and the groups of
//! materialized views.
//!
//! ```text
//! event batch ─► rows by type ─► values, codes ─► groups ─► accumulators ── publish ──► delta ─► windows, totals
//!               (value, rest)      (symbol)       (key)    (live)         (merge)     (seal)  (read, window)
//! ```
//!
//! The operator folds events into live accumulators by (tenant, dimensions, pane); publishing drains them into immutable
//! sorted deltas that snapshots share; reading merges the deltas of all shards into windows. Everything is independent of
//! the order of arrival, of how batches are cut and of when it is published (I3, I4), because a pane's states merge
//! associatively and commutatively and ties are broken by event ids.
//!
//! Not here: admission, durability (the engine), SQL tables (the views).

pub mod compile;
mod exact;
mod sql;
mod select;
mod sums;
mod call;
mod functions;
mod rest;
mod symbol;
mod value;
mod dimension;
mod input;
mod pane;
mod tenants;
mod order;
mod key;
mod begun;
mod accumulate;
mod trial;
mod cardinality;
mod live;
mod wanted;
mod cold;
mod stored;
mod delta;
mod unified;
mod merge;
mod rejection;
mod reach;
mod since;
mod snapshot;
mod ledger;
mod calendars;
mod ended;
mod ended_windows;
mod series;
mod door;
mod operator;
mod seal;
mod forget;
mod window;
mod read;
mod billed;
mod usage;
mod newest;
mod groups;

pub use billed::{billed, billed_schema};
pub use functions::{functions, member_functions};
pub use groups::{ViewColumns, ViewGroups, view_columns, view_groups};
pub use newest::newest;
pub use operator::{MeteringOperator, MeteringOptions};
pub use reach::{moved, reach};
pub use read::{MeteringError, WindowFilter, totals, totals_schema, window_schema, windows};
pub use rejection::{REJECTION_KINDS_MAX, rejections, rejections_schema};
pub use snapshot::{MeterStatistics, MeteringSnapshot, definitions, meter_statistics};
pub use usage::{usage, usage_schema};
