//! The Postgres JDBC driver, by which DBeaver and Metabase connect.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, snippet, tools};

#[test]
fn the_snippet_reads() {
    let Some(jar) = tools::jdbc() else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("Usage.java");
    std::fs::write(&source, snippet("Java: JDBC")).unwrap();
    let told = rig().told(Command::new("java").arg("-cp").arg(jar).arg(source), "acme");
    assert_eq!(told.lines().next(), Some("2026-11-23T11:59Z 60.000000000"), "{told}");
}

#[test]
fn it_describes_and_reads() {
    let Some(jar) = tools::jdbc() else { return };
    rig().told(Command::new("java").arg("-cp").arg(jar).arg(tools::script("Jdbc.java")), PLATFORM);
}
