//! Integration tests of the pipelines, in one binary since each links DataFusion.
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod metering;
mod views;
