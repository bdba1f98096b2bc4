#![no_main]

#[path = "../bodies/batch.rs"]
mod batch;

libfuzzer_sys::fuzz_target!(init: fuzz::prepare(), |input: &[u8]| fuzz::run(batch::run, input));
