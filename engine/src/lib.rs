//! The ground: events as columns, the log, shards, checkpoints, the clock.
//!
//! Knows no tenant business, no ractor, no DataFusion, no HTTP. Modules stand in the order in which data flows through
//! them.

pub mod clock;
pub mod priority;
pub mod lock;
pub mod units;
pub mod calendar;
pub mod path;
pub mod meter;
pub mod view;
pub mod definition;
pub mod fact;
pub mod event;
pub mod service;
pub mod admission;
pub mod kinds;
pub mod dedup;
pub mod shard;
pub mod watermark;
pub mod log;
pub mod snapshot;
pub mod checkpoint;
pub mod lake;
pub mod storage;
