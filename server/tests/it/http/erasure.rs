//! A deleted tenant leaves nothing of its events in any file, but for its name in the ledger of totals that have ended, and
//! nobody else loses anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::Command;
use actors::facets::lifecycle::LifecycleCommand;
use arrow::util::pretty::pretty_format_batches;
use engine::clock::ManualClock;
use pipelines::catalog::Visibility;
use serde_json::{Value, json};
use server::node::{Node, NodeOptions};

use super::rig::{NOW_US, Rig, event, rig, with};

const FIGURES: &str =
    "SELECT tenant, CAST(sum(value) AS BIGINT) AS tokens FROM usage WHERE NOT removed GROUP BY tenant ORDER BY tenant";
const EVENTS: &str = "SELECT tenant, count(*) AS n FROM events GROUP BY tenant ORDER BY tenant";
const REFUSED: &str = "SELECT tenant, sum(count) AS n FROM rejections GROUP BY tenant ORDER BY tenant";

fn fill(rig: &Rig, tenant: &str) -> String {
    let key = rig.tenant(tenant);
    let secret = json!({"tokens": 5, "note": format!("note-of-{tenant}")});
    let events: Vec<Value> =
        (0..20).map(|id| with(event(&format!("{tenant}-{id}"), 0), "data", secret.clone())).collect();
    assert_eq!(rig.batch(&key, &events).status, 200);
    let wrong = with(event(&format!("{tenant}-wrong"), 0), "data", json!({"tokens": "many"}));
    assert_eq!(rig.single(&key, &wrong).status, 422);
    key
}

fn delete(rig: &Rig, tenant: &str) {
    let path = format!("/v1/tenants/{tenant}");
    let offboard = rig.post(&format!("{path}/offboard"), &rig.platform, &json!({"reason": "left"}));
    assert_eq!(offboard.status, 200, "{}", offboard.text);
    let deleted = rig.delete(&format!("{path}?without_export=true"), &rig.platform);
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    assert_eq!(rig.get(&path, &rig.platform).json()["erased"], true);
}

/// All files but the audit trail and its cache.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_type().unwrap().is_dir() {
            true if path.ends_with("cache") || path.ends_with("log/journal") => {}
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}

fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    files(folder).into_iter().filter(|file| holds(&fs::read(file).unwrap())).collect()
}

/// Of the events' ids and data nothing is left; the name stands where totals are told to have ended.
fn only_the_name_is_left(folder: &Path, tenant: &str) {
    for text in [format!("{tenant}-"), format!("note-of-{tenant}")] {
        assert_eq!(holding(folder, &text), Vec::<PathBuf>::new(), "{text}");
    }
    let named = holding(folder, tenant);
    let is_ledger = |file: &PathBuf| file.starts_with(folder.join("checkpoints"));
    assert!(named.iter().all(is_ledger), "{named:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn a_deleted_tenant_is_erased_from_log_lake_and_checkpoints() {
    let rig = rig();
    rig.meter();
    for tenant in ["canary-a", "canary-b"] {
        fill(&rig, tenant);
    }
    let globex = fill(&rig, "globex");
    rig.node.engine.checkpoint().unwrap();
    assert!(!holding(rig.folder(), "canary-a").is_empty(), "it is looked for in the right place");

    // The first moves the others' events to the lake, the second is taken out of there.
    delete(&rig, "canary-a");
    let n = |tenant: &str, n: i64| json!({"tenant": tenant, "n": n});
    assert_eq!(rig.sql(&rig.platform, EVENTS), json!([n("canary-b", 20), n("globex", 20)]));
    assert!(files(rig.folder()).iter().any(|file| file.extension().is_some_and(|e| e == "parquet")));
    delete(&rig, "canary-b");

    for canary in ["canary-a", "canary-b"] {
        only_the_name_is_left(rig.folder(), canary);
    }
    assert_eq!(rig.sql(&rig.platform, EVENTS), json!([n("globex", 20)]));
    assert_eq!(rig.sql(&rig.platform, REFUSED), json!([n("globex", 1)]));
    assert_eq!(rig.sql(&rig.platform, FIGURES), json!([{"tenant": "globex", "tokens": 100}]));

    // What is left is whole: remembered for dedup, and there for meters to come.
    let again =
        rig.single(&globex, &with(event("globex-3", 0), "data", json!({"tokens": 5, "note": "note-of-globex"})));
    assert_eq!(again.json()["duplicate"], 1, "{}", again.text);
    let calls = json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
    assert_eq!(rig.put("/v1/meters/calls", &rig.platform, &calls).status, 200);
    let counted = rig.sql(&rig.platform, "SELECT tenant, CAST(value AS BIGINT) AS n FROM meter_calls");
    assert_eq!(counted, json!([n("globex", 20)]));

    // A node that is killed now comes back without them.
    let killed = tempfile::tempdir().unwrap();
    copy(rig.folder(), killed.path());
    let shown = shown_after_restart(&rig, killed.path());
    assert!(shown.contains("globex") && !shown.contains("canary"), "{shown}");
}

#[test]
fn a_node_that_was_killed_before_it_could_erase_does_so_when_it_starts() {
    let rig = rig();
    rig.meter();
    for tenant in ["canary-a", "globex"] {
        fill(&rig, tenant);
    }
    // Behind the node's back, as if it had got no further than the journal.
    for command in
        [LifecycleCommand::Offboard { reason: "left".into() }, LifecycleCommand::Delete { without_export: true }]
    {
        let command = Command::Lifecycle(command);
        rig.runtime.block_on(rig.node.tenants.command("canary-a", command, "test")).unwrap();
    }
    let killed = tempfile::tempdir().unwrap();
    copy(rig.folder(), killed.path());
    assert!(!holding(killed.path(), "canary-a").is_empty());
    let shown = shown_after_restart(&rig, killed.path());
    assert!(shown.contains("globex") && !shown.contains("canary"), "{shown}");
    only_the_name_is_left(killed.path(), "canary-a");
}

/// Who has events, as a node on `folder` says.
fn shown_after_restart(rig: &Rig, folder: &Path) -> String {
    rig.runtime.block_on(async {
        let node = Node::open(NodeOptions::new(folder), Arc::new(ManualClock::new(NOW_US))).await.unwrap();
        let session = node.catalog.session(&Visibility::Platform).unwrap();
        let batches = session.sql(EVENTS).await.unwrap().collect().await.unwrap();
        let shown = pretty_format_batches(&batches).unwrap().to_string();
        node.drain().await.unwrap();
        shown
    })
}
