#![no_main]

#[path = "../bodies/path.rs"]
mod path;

libfuzzer_sys::fuzz_target!(init: fuzz::prepare(), |input: &[u8]| fuzz::run(path::run, input));
