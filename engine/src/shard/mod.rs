//! Shards: the unit of ordering, ownership and recovery. One worker thread is the one writer of its shard.
//!
//! The worker does everything that must agree in one place and order: dedup, gate, append, apply. What it does not know
//! it is given as two traits: the [`Gate`] (who may send how much, implemented by `actors`) and the [`Operator`] (what is
//! computed, implemented by `pipelines`).

pub(crate) mod permits;
pub(crate) mod admit;
pub mod gate;
pub mod operator;
pub(crate) mod notes;
pub(crate) mod worker;
pub(crate) mod answer;

pub use answer::{Done, SubmitError};
pub use gate::{Gate, Measure};
pub use operator::{Arrival, Operator, Position, RestoreError, Seal, SealedFiles};
pub use permits::FlightLimits;
pub use worker::ShardStats;
