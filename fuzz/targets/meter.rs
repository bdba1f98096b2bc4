#![no_main]

#[path = "../bodies/meter.rs"]
mod meter;

libfuzzer_sys::fuzz_target!(init: fuzz::prepare(), |input: &[u8]| fuzz::run(meter::run, input));
