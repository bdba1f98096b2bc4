//! SQLAlchemy's reflection, and pandas on top of it.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, snippet, tools};

#[test]
fn the_snippet_reads() {
    let Some(python) = tools::python() else { return };
    let told = rig().told(Command::new(python).args(["-c", snippet("Python: SQLAlchemy and pandas")]), "acme");
    assert!(told.contains("tokens") && told.contains("1830"), "{told}");
}

#[test]
fn views_are_reflected() {
    let Some(python) = tools::python() else { return };
    rig().told(Command::new(python).arg(tools::script("reflect.py")), PLATFORM);
}
