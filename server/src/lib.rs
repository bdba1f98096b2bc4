//! The binary `tenantry`: front doors, command line, and the composition of everything behind them.
//!
//! No business rules: if a rule is here it is in the wrong room. Modules stand in the order in which data flows through
//! them.

pub mod config;
pub mod telemetry;
pub mod identity;
pub mod node;
pub mod import;
pub mod demo;
mod permits;
mod silence;
mod ingest;
pub mod query;
pub mod reactions;
pub mod webhooks;
pub mod outbox;
mod listening;
pub mod tls;
pub mod statements;
pub mod http;
pub mod postgres;
pub mod flight;
pub mod watchdog;
pub mod memory;
pub mod serving;
pub mod cli;
