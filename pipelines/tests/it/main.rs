//! Integration tests of the pipelines, in one binary since each links DataFusion.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and one with a seed says it"
)]

mod metering;
mod views;
mod faults;
mod cursor;
