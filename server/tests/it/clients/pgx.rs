//! Go's pgx in its five ways of sending a statement, in batches and by its pool.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, tools};

#[test]
fn it_works_as_with_postgres() {
    let Some(program) = tools::go("pgx") else { return };
    let told = rig().told(&mut Command::new(program), PLATFORM);
    assert!(told.contains(" answers in 5 modes\n"), "{told}");
    assert!(told.ends_with("pooled: 40 answers by 4 connections\n"), "{told}");
}
