//! psycopg 3: types in text and binary, pipelines, cursors, cancelling, async.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, snippet, tools};

#[test]
fn the_snippet_reads() {
    let Some(python) = tools::python() else { return };
    let told = rig().told(Command::new(python).args(["-c", snippet("Python: psycopg 3")]), "acme");
    assert_eq!(told.lines().next(), Some("2026-11-23 11:59:00+00:00 large 60.000000000"), "{told}");
}

#[test]
fn it_works_as_with_postgres() {
    let Some(python) = tools::python() else { return };
    rig().told(Command::new(python).arg(tools::script("psycopg3.py")), PLATFORM);
}
