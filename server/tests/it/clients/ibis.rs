//! ibis: data frames that are computed where the rows are.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, tools};

#[test]
fn views_are_tables_to_it() {
    let Some(python) = tools::python() else { return };
    let told = rig().told(Command::new(python).arg(tools::script("ibis_tables.py")), PLATFORM);
    assert!(told.ends_with("shares: [0.5, 0.516]\n"), "{told}");
}
