//! The examples, run as their readers run them: each starts a node of its own and fails if what its README promises does not
//! hold.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clients::tools;

const TENANTRY: &str = env!("CARGO_BIN_EXE_tenantry");
/// Those that have a test here.
pub(crate) const EXAMPLES: [&str; 5] =
    ["alert-hook", "billing-export", "llm-gateway", "sequenced-producer", "tenant-dashboard"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Runs the example `name`, which needs `programs`.
fn run(name: &str, programs: &[&str]) {
    assert!(EXAMPLES.contains(&name), "{name} is not on the list");
    if !programs.iter().all(|program| tools::has(program)) {
        return;
    }
    let mut command = Command::new("bash");
    command.arg(folder().join(name).join("run.sh"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY_")) {
        command.env_remove(name);
    }
    let output = command.env("TENANTRY", TENANTRY).output().expect("bash starts");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{said}\n{complained}", output.status);
    assert!(said.contains("ok: "), "{name} checks nothing:\n{said}");
}

#[test]
fn an_llm_gateway_is_metered_and_limited() {
    run("llm-gateway", &["bash", "curl", "python3"]);
}

#[test]
fn a_billing_job_follows_totals_through_crashes() {
    run("billing-export", &["bash", "curl", "python3"]);
}

#[test]
fn an_alert_reaches_a_hook_once() {
    run("alert-hook", &["bash", "curl"]);
}

#[test]
fn a_tenant_sees_its_own_dashboard() {
    run("tenant-dashboard", &["bash", "curl", "psql"]);
}

#[test]
fn a_sequenced_producer_counts_once() {
    run("sequenced-producer", &["bash", "python3"]);
}

#[test]
fn every_example_is_on_the_list() {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<String> = entries
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    found.sort_unstable();
    assert_eq!(found, EXAMPLES);
    let table = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for name in EXAMPLES {
        assert!(table.contains(&format!("[{name}]({name})")), "examples/README.md does not name {name}");
        assert!(folder().join(name).join("README.md").exists(), "{name} has no README");
    }
}
