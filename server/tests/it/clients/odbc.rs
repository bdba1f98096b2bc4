//! psqlODBC, by which Excel, Tableau and many others connect, through Python's pyodbc.

use std::process::Command;

use actors::PLATFORM;

use super::{rig, tools};

#[test]
fn it_works_as_with_postgres() {
    let (Some(driver), Some(python)) = (tools::odbc(), tools::python()) else { return };
    let told = rig().told(Command::new(python).arg(tools::script("odbc.py")).arg(driver), PLATFORM);
    assert_eq!(told.matches("failures: 3 refusals").count(), 3, "{told}");
}
