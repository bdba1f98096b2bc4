//! What all fuzz targets share: a panic that the code itself catches is an answer, any other one a finding.
//!
//! libFuzzer's own hook ends the process at the first panic, caught or not.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// To be called once, before the first [`run`].
pub fn prepare() {
    set_hook(Box::new(|panic| *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string()));
}

/// Runs a target's body over one input; a panic that leaves it ends the process.
pub fn run(body: fn(&[u8]), input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| body(input))).is_err() {
        eprintln!("{}", LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner));
        std::process::abort();
    }
}
