//! dbt, with the profile of the page: tests, freshness, rows and documents of a target that only reads.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, snippet, tools};

#[test]
fn it_tests_shows_and_documents() {
    let Some(python) = tools::dbt() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("profiles.yml"), snippet("dbt")).unwrap();
    let told = rig().told(
        Command::new(python).arg(tools::script("dbt_project/reads.py")).arg(folder.path()).env("DO_NOT_TRACK", "1"),
        PLATFORM,
    );
    assert!(told.ends_with("run: refused\n"), "{told}");
}
