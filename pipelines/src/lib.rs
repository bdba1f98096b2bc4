//! What is computed from events: meters and the views over them.
//!
//! The only crate that plans DataFusion. No ractor, no sockets. Modules stand in the order in which data flows through
//! them.

pub mod memory;
pub mod metering;
pub mod lake;
pub mod views;
pub mod catalog;
pub mod plain;
pub mod export;
