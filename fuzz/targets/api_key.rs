#![no_main]

#[path = "../bodies/api_key.rs"]
mod api_key;

libfuzzer_sys::fuzz_target!(init: fuzz::prepare(), |input: &[u8]| fuzz::run(api_key::run, input));
