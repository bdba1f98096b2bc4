#![no_main]

#[path = "../bodies/checkpoint.rs"]
mod checkpoint;

libfuzzer_sys::fuzz_target!(init: fuzz::prepare(), |input: &[u8]| fuzz::run(checkpoint::run, input));
