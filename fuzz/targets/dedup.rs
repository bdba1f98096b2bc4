#![no_main]

#[path = "../bodies/dedup.rs"]
mod dedup;

libfuzzer_sys::fuzz_target!(init: fuzz::prepare(), |input: &[u8]| fuzz::run(dedup::run, input));
