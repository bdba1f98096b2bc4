//! `tenantry import` of files that are not as they should be, into a folder and into a running node alike.

use std::path::Path;
use std::process::Command;

use crate::cli::{expect, stderr, stdout};
use crate::served::{Served, platform_key};

const COLUMNS: [&str; 6] = ["--format", "csv", "--tenant", "acme", "--type", "row"];

/// Imports `text` into a folder and into a node; what both told, exit codes and events.
fn both_ways(name: &str, text: &[u8], args: &[&str], code: i32) -> [(String, String); 2] {
    const EVENTS: &str = "SELECT id, source, type, subject, time, data, attributes FROM events ORDER BY id";
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join(name), text).unwrap();
    let told = |output| {
        let told: String = stderr(&output);
        let (_, counts) = told.split_once(" a second): ").unwrap_or(("", &told));
        counts.split_once("; ").map_or(counts, |(counts, _)| counts).to_owned()
            + told.split_once('\n').map_or("", |(_, rest)| rest)
    };
    expect(at, &["key", "create", "--platform", "--data", "here"], 0);
    let mut here = vec!["import", name, "--data", "here"];
    here.extend(args);
    let imported = told(expect(at, &here, code));
    let in_folder = (imported, stdout(&expect(at, &["sql", EVENTS, "--format", "csv", "--data", "here"], 0)));

    let data = at.join("there");
    std::fs::create_dir(&data).unwrap();
    let key = platform_key(&data);
    expect(&data, &["tenant", "create", "acme", "--data", "."], 0);
    let node = Served::start(&data, &key, &[]).unwrap();
    let url = format!("http://{}", node.address());
    let mut there = vec!["import", name, "--url", &url, "--key", &key];
    there.extend(args);
    let imported = told(expect(at, &there, code));
    node.terminate();
    [in_folder, (imported, stdout(&expect(&data, &["sql", EVENTS, "--format", "csv", "--data", "."], 0)))]
}

fn same_both_ways(name: &str, text: &[u8], args: &[&str], code: i32) -> (String, String) {
    let [here, there] = both_ways(name, text, args, code);
    assert_eq!(here, there, "the folder and the node differ");
    here
}

#[test]
fn an_epoch_of_another_unit_is_refused_alike_with_its_name() {
    let args = [&COLUMNS[..], &["--time-column", "at", "--time-format", "unix_ms"]].concat();
    let text = b"at,n\n1763978400,1\n1763978400000,2\n1763978400000000,3\n1763978400000000000,4\n";
    let (told, events) = same_both_ways("f.csv", text, &args, 3);
    assert!(told.contains("1 admitted") && told.contains("3 rejected"), "{told}");
    assert!(told.contains("too_old") && told.contains("2025-11-24T10:00:00Z as unix_s"), "{told}");
    assert!(told.contains("too_new") && told.contains("2025-11-24T10:00:00Z as unix_us"), "{told}");
    assert_eq!(events.lines().count(), 2);
    let args = [&COLUMNS[..], &["--time-column", "at", "--time-format", "unix_ns"]].concat();
    let (told, _) = same_both_ways("g.csv", b"at\n1763978400000000001\n", &args, 0);
    assert!(told.contains("1 admitted"), "{told}");
}

#[test]
fn times_too_old_are_refused_alike() {
    let args = [&COLUMNS[..], &["--time-column", "at"]].concat();
    let [here, there] = both_ways("f.csv", b"at,n\n1975-01-01T00:00:00Z,1\n", &args, 3);
    let told = &here.0;
    assert!(told.contains("too_old") && told.contains("events.past_s_max"), "{told}");
    // A running node decides by its own settings, and knows no lines.
    assert!(told.contains(" line 2: time lies"), "{told}");
    let words = |told: &str| {
        let told = told.replace(" line 2: ", " ");
        told.split_whitespace().filter(|word| !word.starts_with("---")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((words(&here.0), &here.1), (words(&there.0), &there.1), "the folder and the node differ");
}

#[test]
fn attributes_and_binary_data_survive_either_way() {
    let event = |id: &str, more: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","tenant":"acme","time":"2026-11-01T00:00:00Z"{more}}}"#
        )
    };
    let lines = [
        event("1", r#","traceparent":"00-1","sampled":true,"n":7,"data":{"a":0.1}"#),
        event("2", r#","datacontenttype":"application/octet-stream","data_base64":"AAE=""#),
        event("3", r#","dataschema":"https://example.com/s","subject":"s","data":null"#),
        event("4", r#","datacontenttype":"text/plain","data":"text""#),
    ];
    let text = format!("\u{feff}{}\r", lines.join("\r"));
    let (told, events) = same_both_ways("f.ndjson", text.as_bytes(), &["--format", "cloudevents"], 0);
    assert!(told.contains("4 admitted"), "{told}");
    for expected in ["traceparent", "sampled", "AAE=", "https://example.com/s", "text/plain"] {
        assert!(events.contains(expected), "no {expected} in {events}");
    }
}

#[test]
fn a_file_that_was_re_saved_or_mended_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let import = |name: &str, text: &str, code| {
        std::fs::write(folder.path().join(name), text).unwrap();
        let args = [&["import", name, "--data", "node", "--time-column", "at"], &COLUMNS[..]].concat();
        stderr(&expect(folder.path(), &args, code))
    };
    let told = import("a.csv", "at,n,what\n2026-11-01T10:00:00Z,1,x\n2026-11-01T10:00:00Z,1,x\nsoon,2,y\n", 3);
    assert!(told.contains("2 admitted") && told.contains("1 rejected"), "{told}");
    let re_saved = "\u{feff}\"what\",\"n\",\"at\"\r\"x\",\"1.0\",\"2026-11-01T10:00:00Z\"\r\"y\",\"2\",\"2026-11-01T11:00:00Z\"\r\"x\",\"1\",\"2026-11-01T10:00:00Z\"\r";
    let told = import("b.csv", re_saved, 0);
    assert!(told.contains("1 admitted") && told.contains("2 duplicate"), "{told}");
}

#[test]
fn events_whose_ids_may_be_forgotten_are_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f.csv"), "at,n\n2026-11-01T10:00:00Z,1\n").unwrap();
    // Nothing is remembered, so whatever there was is forgotten.
    let import = |more: &[&str], horizon_s: &str| {
        let args = [&["import", "f.csv", "--data", "node", "--time-column", "at"], &COLUMNS[..], more].concat();
        run(folder.path(), &args, horizon_s)
    };
    let (code, told) = import(&[], "2937600");
    assert!(code == Some(0) && told.contains("1 admitted"), "a folder of today has forgotten nothing: {told}");
    let (code, told) = import(&[], "0");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("0 admitted") && told.contains("may have been imported before"), "{told}");
    assert!(told.contains("events.dedup_horizon_s") && told.contains("--older-than-dedup"), "{told}");
    let (code, told) = import(&["--older-than-dedup"], "0");
    assert!(code == Some(0) && told.contains("1 event in "), "{told}");
}

fn run(folder: &Path, args: &[&str], horizon_s: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY_")) {
        command.env_remove(name);
    }
    command.args(args).current_dir(folder).env("TENANTRY_EVENTS_DEDUP_HORIZON_S", horizon_s);
    let output = command.output().expect("the binary starts");
    (output.status.code(), stderr(&output))
}
