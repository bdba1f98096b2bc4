//! The catalog and its views over a node in memory.

pub(crate) mod node;
pub(crate) mod random;
mod generate;
mod isolation;
mod isolation_fuzz;
mod consistency;
mod lake;
mod export;
mod postgres;
mod sliding;
mod stream_equals_batch;
mod documentation;
mod materialized;
mod unreadable;
mod memory;
mod hostile;
