//! The gate: where events meet what the tenants' actors decided.
//!
//! The [`GateTable`] is the local table that actors keep current: status, limits, and per period the ledger of what was
//! granted to which shard. A [`ShardGate`] belongs to one shard's worker and one epoch; it spends its leases without a
//! message and without a lock, and goes to the ledger only when a lease runs out (I7).
//!
//! Not here: deciding limits (the facets), counting (the log's panes).

mod bucket;
mod ledger;
mod lease;
mod shard_gate;
mod table;

pub use ledger::{LeaseView, Ledger};
pub use shard_gate::ShardGate;
pub use table::GateTable;
