//! The ADBC driver: rows as Arrow, through binary `COPY`.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, snippet, tools};

#[test]
fn the_snippet_reads() {
    let Some(python) = tools::python() else { return };
    let told = rig().told(Command::new(python).args(["-c", snippet("Python: ADBC")]), "acme");
    assert_eq!(told.lines().next(), Some("60 rows"), "{told}");
}

#[test]
fn it_lists_and_reads() {
    let Some(python) = tools::python() else { return };
    rig().told(Command::new(python).arg(tools::script("adbc.py")), PLATFORM);
}
