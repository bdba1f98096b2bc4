//! What tools ask that are too large to be run here, as data: the questions by which they look around and those of their
//! charts, each with its rows.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, tools};

fn check(tool: &str, statements: usize) {
    let Some(python) = tools::python() else { return };
    let mut ask = Command::new(python);
    ask.arg(tools::script("asked/ask.py")).arg(tools::script(&format!("asked/{tool}.sql")));
    assert_eq!(rig().told(&mut ask, PLATFORM), format!("{statements} statements\n"));
}

#[test]
fn metabase_is_answered() {
    check("metabase", 17);
}

#[test]
fn superset_is_answered() {
    check("superset", 24);
    check("superset_grains", 6);
}

#[test]
fn npgsql_and_power_bi_are_answered() {
    check("npgsql", 10);
}
