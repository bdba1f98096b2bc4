//! A file that went bad costs the answers that need it, which name it, and nothing else. None is empty or zero instead, and
//! no export is complete without it (I14).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use actors::facets::plan::SetPlan;
use actors::facets::plans::PlansCommand;
use actors::plan::Plan;
use actors::{Command, PLATFORM};
use serde_json::{Value, json};

use super::rig::{Rig, event, rig, rig_with_cold_panes, with};

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

/// Flips a bit of the byte at `at`, or puts it back.
fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x08;
    fs::write(file, bytes).unwrap();
}

/// The journal's file, and where `text` is in it last.
fn journaled(rig: &Rig, text: &str) -> (PathBuf, usize) {
    let segments = files(&rig.folder().join("log/journal"));
    let [segment] = segments.as_slice() else { panic!("one segment: {segments:?}") };
    let bytes = fs::read(segment).unwrap();
    let at = bytes.windows(text.len()).rposition(|window| window == text.as_bytes());
    (segment.clone(), at.unwrap_or_else(|| panic!("no {text} in the journal")))
}

/// An answer to the byte, as far as it came: its lines, and whether it ended as it should.
fn raw(rig: &Rig, path: &str) -> (Vec<Value>, bool) {
    let mut stream = TcpStream::connect(rig.address).unwrap();
    let key = &rig.platform;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut bytes = Vec::new();
    // A connection that is cut may be reset, behind whatever came before.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let lines = text.lines().filter(|line| line.starts_with('{'));
    (lines.map(|line| serde_json::from_str(line).unwrap()).collect(), text.ends_with("\r\n0\r\n\r\n"))
}

#[test]
fn a_damaged_journal_is_no_empty_audit_and_permits_no_deletion() {
    let rig = rig();
    let (acme, globex) = (rig.tenant("acme"), rig.tenant("globex"));
    for plan in ["plan_before", "plan_damaged", "plan_behind"] {
        let define = Command::Plans(PlansCommand::Define { name: plan.into(), plan: Plan::default() });
        rig.runtime.block_on(rig.node.command(PLATFORM, define, "test")).unwrap();
    }
    for plan in ["plan_before", "plan_damaged", "plan_behind"] {
        let set = Command::Plan(SetPlan { plan: plan.into() });
        rig.runtime.block_on(rig.node.command("acme", set, "test")).unwrap();
    }
    let offboard = rig.post("/v1/tenants/acme/offboard", &rig.platform, &json!({"reason": "left"}));
    assert_eq!(offboard.status, 200, "{}", offboard.text);
    let (segment, at) = journaled(&rig, "plan_damaged");
    let name = segment.file_name().unwrap().to_str().unwrap();
    let ask = |key: &str, sql: &str| rig.post("/v1/sql", key, &json!({"sql": sql}));
    let audit = "SELECT sequence, change FROM audit";
    assert!(rig.sql(&acme, audit).as_array().unwrap().len() >= 5);

    flip(&segment, at);
    for key in [&acme, &rig.platform] {
        let answer = ask(key, audit);
        answer.is_problem(500, "damaged");
        assert_eq!(answer.json()["sqlstate"], "XX001");
        assert!(answer.text.contains(name) && answer.text.contains("byte "), "{}", answer.text);
    }
    ask(&rig.platform, "SELECT count(*) FROM audit").is_problem(500, "damaged");
    // A tenant whose own entries can be read has its answer.
    assert_eq!(ask(&globex, audit).status, 200);

    let export = "/v1/tenants/acme/export";
    let (lines, is_whole) = raw(&rig, export);
    let last = lines.last().unwrap();
    assert!(!is_whole && lines.iter().all(|line| line["complete"] != true), "{lines:?}");
    assert_eq!((&last["complete"], &last["view"]), (&json!(false), &json!("audit")), "{last}");
    assert!(last["detail"].as_str().unwrap().contains(name), "{last}");
    let deleted = rig.delete("/v1/tenants/acme", &rig.platform);
    assert_eq!(deleted.status, 409, "nothing was exported: {}", deleted.text);

    flip(&segment, at);
    let (lines, is_whole) = raw(&rig, export);
    assert!(is_whole && lines.last() == Some(&json!({"complete": true})), "{lines:?}");
    assert_eq!(rig.delete("/v1/tenants/acme", &rig.platform).status, 200);
}

#[test]
fn unreadable_panes_are_no_unused_quota() {
    let rig = rig_with_cold_panes();
    rig.meter();
    let acme = rig.tenant("acme");
    let limit = json!({"allowance": {"units": "100", "per": {"period": "month", "time_zone": "UTC"}}, "hard": false});
    let set = rig.put("/v1/tenants/acme/quotas/tokens", &rig.platform, &limit);
    assert_eq!(set.status, 200, "{}", set.text);
    let old = with(event("1", 5), "time", json!("2026-11-23T09:00:00Z"));
    assert_eq!(rig.single(&acme, &old).status, 200);
    // A record carries the watermark that the ones before it made.
    for (id, tokens) in [("2", 7), ("3", 9)] {
        assert_eq!(rig.single(&acme, &event(id, tokens)).status, 200);
    }
    rig.node.engine.checkpoint().unwrap();
    let quotas = "SELECT CAST(used AS BIGINT) AS used FROM quotas";
    assert_eq!(rig.sql(&acme, quotas), json!([{"used": 21}]));

    let panes = files(&rig.folder().join("lake/panes"));
    let [file] = panes.as_slice() else { panic!("one file: {panes:?}") };
    let name = file.file_name().unwrap().to_str().unwrap();
    flip(file, 100);
    for sql in [quotas, "SELECT * FROM usage_total", "SELECT * FROM usage", "SELECT * FROM meter_tokens"] {
        for key in [&acme, &rig.platform] {
            let answer = rig.post("/v1/sql", key, &json!({"sql": sql}));
            answer.is_problem(500, "damaged");
            assert!(answer.text.contains(name), "{sql}: {}", answer.text);
        }
    }
    let listed = rig.get("/v1/tenants/acme/quotas", &rig.platform);
    listed.is_problem(500, "damaged");
    rig.get("/v1/usage/export", &rig.platform).is_problem(500, "damaged");
    let (lines, is_whole) = raw(&rig, "/v1/tenants/acme/export");
    assert!(!is_whole && lines.last().unwrap()["view"] == "quotas", "{lines:?}");
    // What needs none of them is answered.
    assert_eq!(rig.sql(&acme, "SELECT count(*) AS n FROM events"), json!([{"n": 3}]));

    flip(file, 100);
    assert_eq!(rig.sql(&acme, quotas), json!([{"used": 21}]));
}
