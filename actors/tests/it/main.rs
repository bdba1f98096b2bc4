//! What the crate promises across its modules: journal, snapshots and restoring, by their public faces.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and says why it skips"
)]

mod alerts;
mod arbitrary;
mod cursed;
mod endpoints;
mod facets;
mod faults;
mod fuzz_seeds;
mod gate;
mod journal;
mod limits;
mod mixed_use;
mod replay;
mod restore;
mod snapshots;
mod tenants;
mod together;
mod trail;
mod world;
