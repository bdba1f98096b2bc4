//! Integration tests of the engine.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a test that can't go on has failed, and one with a seed says it"
)]

mod harness;
mod event_conformance;
mod event_decoder;
mod event_naive;
mod event_round_trip;
mod event_hostile;
mod event_fingerprint;
mod dedup_model;
mod storage_conformance;
mod log_conformance;
mod log_damage;
mod log_crashes;
mod checkpoints;
mod data_folder;
mod counting;
mod service;
mod backfill;
mod full_disk;
mod fuzz_seeds;
mod faults;
mod overtaken;
mod clock_jumps;
mod archiving;
mod facts;
