//! A file of the lake that went bad costs the queries that need it, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::rig::{Rig, event, rig};

/// The files of events in the lake.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(self::files(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

/// A node whose lake holds the one event of `globex`: a tenant beside it was erased, which moves the log there.
fn with_lake(rig: &Rig) -> String {
    rig.meter();
    let (acme, globex) = (rig.tenant("acme"), rig.tenant("globex"));
    for key in [&acme, &globex] {
        assert_eq!(rig.single(key, &event("1", 5)).status, 200);
    }
    let offboard = rig.post("/v1/tenants/acme/offboard", &rig.platform, &json!({"reason": "left"}));
    assert_eq!(offboard.status, 200, "{}", offboard.text);
    assert_eq!(rig.delete("/v1/tenants/acme?without_export=true", &rig.platform).status, 200);
    globex
}

#[test]
fn a_damaged_footer_fails_queries_by_name_and_the_node_goes_on() {
    let rig = rig();
    let globex = with_lake(&rig);
    let ask = |sql: &str| rig.post("/v1/sql", &rig.platform, &json!({"sql": sql}));
    let events = "SELECT * FROM events";
    assert_eq!(rig.sql(&rig.platform, events).as_array().map(Vec::len), Some(1));

    let lake = files(&rig.folder().join("lake"));
    let [file] = lake.as_slice() else { panic!("one file: {lake:?}") };
    let whole = fs::read(file).unwrap();
    let footer = whole.len() - 8 - u32::from_le_bytes(whole[whole.len() - 8..][..4].try_into().unwrap()) as usize;
    let name = file.file_name().unwrap().to_str().unwrap();
    for at in (footer..whole.len()).step_by(29).chain([whole.len() - 8, whole.len() - 1]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xFF;
        fs::write(file, damaged).unwrap();
        let answer = ask(events);
        answer.is_problem(500, "damaged");
        assert!(answer.text.contains(name), "byte {at}: {}", answer.text);
    }
    // What needs no event of the lake is answered, and events are still taken.
    let tokens = "SELECT CAST(sum(value) AS BIGINT) AS tokens FROM usage WHERE tenant = 'globex'";
    assert_eq!(rig.sql(&rig.platform, tokens), json!([{"tokens": 5}]));
    assert_eq!(rig.single(&globex, &event("2", 7)).status, 200);
    assert_eq!(rig.sql(&rig.platform, tokens), json!([{"tokens": 12}]));

    fs::write(file, whole).unwrap();
    let ids = rig.sql(&rig.platform, "SELECT id FROM events ORDER BY id");
    assert_eq!(ids, Value::from([json!({"id": "1"}), json!({"id": "2"})].to_vec()));
}
