//! The binary as its users meet it: help, exit codes, and what goes to which stream.

use std::path::Path;
use std::process::{Command, Output};

const TENANTRY: &str = env!("CARGO_BIN_EXE_tenantry");

/// Runs the binary in `folder` with no settings from outside.
pub(crate) fn tenantry(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(TENANTRY);
    command.args(args).current_dir(folder);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY_")) {
        command.env_remove(name);
    }
    command.output().expect("the binary starts")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("standard output is text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("standard error is text")
}

/// Runs the binary, expecting `code`.
pub(crate) fn expect(folder: &Path, args: &[&str], code: i32) -> Output {
    let output = tenantry(folder, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{}\n{}", stdout(&output), stderr(&output));
    output
}
