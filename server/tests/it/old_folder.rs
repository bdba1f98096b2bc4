//! Folders that earlier versions left, as those versions wrote them: they open, say what they said, and are of today's form
//! after the next checkpoint.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::util::display::array_value_to_string;
use engine::clock::ManualClock;
use pipelines::catalog::Visibility;
use server::node::{Node, NodeOptions};

/// A day after the folder was left.
const NOW_US: i64 = 1_796_162_000_000_000;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &copied),
            false => drop(fs::copy(&path, &copied).unwrap()),
        }
    }
}

async fn open(data: &Path) -> Arc<Node> {
    Node::open(NodeOptions::new(data), Arc::new(ManualClock::new(NOW_US))).await.unwrap()
}

async fn rows(node: &Node, sql: &str) -> Vec<String> {
    let frame = node.catalog.query(&Visibility::Platform, sql).await.unwrap();
    let mut rows = Vec::new();
    for batch in frame.collect().await.unwrap() {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
            rows.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

/// The newest manifest, and the names of the files beside manifests.
fn newest_manifest(data: &Path) -> (String, Vec<String>) {
    let names = fs::read_dir(data.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let (mut manifests, others): (Vec<_>, Vec<_>) = names.partition(|path| path.extension().is_some());
    manifests.sort();
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    (fs::read_to_string(manifests.last().unwrap()).unwrap(), others.iter().map(name).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_holds_rejections_is_taken_up_and_succeeded_by_one_that_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/folder-rejections-in-manifest"), data);
    assert!(newest_manifest(data).0.contains("Madeup"));
    let sql = "SELECT tenant, reason, field, count, sample_id FROM rejections ORDER BY tenant, reason";
    // Nobody is called ghost, whose name had a place of its own then.
    let expect = ["|tenant_unknown|tenant|1|g", "acme|invalid_attribute|time|2|a", "zeta|invalid_attribute|Madeup|2|1"];
    for _ in 0..3 {
        let node = open(data).await;
        assert_eq!(rows(&node, sql).await, expect);
        node.engine.checkpoint().unwrap();
        let (manifest, files) = newest_manifest(data);
        assert!(!manifest.contains("Madeup"), "{manifest}");
        assert!(files.iter().any(|name| name.ends_with("rejections")), "{files:?}");
        node.drain().await.unwrap();
    }
}
