#![no_main]

#[path = "../bodies/cloudevents.rs"]
mod cloudevents;

libfuzzer_sys::fuzz_target!(init: fuzz::prepare(), |input: &[u8]| fuzz::run(cloudevents::run, input));
