//! asyncpg and its pool: binary values of every type, arrays of them, what a connection is told when it goes back.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, snippet, tools};

#[test]
fn the_snippet_reads() {
    let Some(python) = tools::python() else { return };
    let told = rig().told(Command::new(python).args(["-c", snippet("Python: asyncpg")]), "acme");
    assert_eq!(told.lines().next(), Some("2026-11-23 11:59:00+00:00 60.000000000"), "{told}");
}

#[test]
fn it_works_as_with_postgres() {
    let Some(python) = tools::python() else { return };
    let told = rig().told(Command::new(python).arg(tools::script("asyncpg_pool.py")), PLATFORM);
    assert!(told.ends_with("pooled: 40 answers by 4 connections\n"), "{told}");
}
