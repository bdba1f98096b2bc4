//! Configuration through the binary: layers, origins, and mistakes that are named.

use crate::cli::{expect, stderr, stdout};

#[test]
fn the_settings_in_force_are_printed_with_their_origin() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tenantry.toml"), "[engine]\nshards = 2\nsegment_bytes = 1000000\n").unwrap();
    let printed = stdout(&expect(folder.path(), &["serve", "--shards", "3", "--print-config"], 0));
    assert!(printed.contains("shards = 3 # flag --shards\n"), "{printed}");
    assert!(printed.contains("segment_bytes = 1000000 # file tenantry.toml\n"), "{printed}");
    assert!(printed.contains("checkpoint_interval_ms = 10000 # default\n"), "{printed}");

    std::fs::write(folder.path().join("again.toml"), &printed).unwrap();
    let again = stdout(&expect(folder.path(), &["serve", "--config", "again.toml", "--print-config"], 0));
    assert!(again.contains("shards = 3 # file again.toml\n"), "{again}");
}

#[test]
fn mistakes_are_named_with_layer_and_setting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("typo.toml"), "[engine]\nshard = 2\n").unwrap();
    let check = |args: &[&str], expected: &str| {
        let told = stderr(&expect(folder.path(), args, 2));
        assert!(told.contains(expected), "{args:?}: {told}");
    };
    check(&["serve", "--config", "typo.toml"], "file typo.toml: unknown setting engine.shard;");
    check(&["serve", "--config", "absent.toml"], "absent.toml: ");
    check(&["serve", "--http", "here"], "flag --http: http.address: not an address");
    check(&["serve", "--set", "engine.checkpoints_kept=0"], "flag --set: engine.checkpoints_kept: must be at least 1");
}

#[test]
fn every_limit_that_can_be_set_is_on_the_page_of_limits() {
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout(&expect(folder.path(), &["serve", "--print-config"], 0));
    let page = include_str!("../../../docs/LIMITS.md");
    let (mut section, mut limits) = ("", 0);
    for line in printed.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name;
        }
        let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| name.ends_with("_max")) else { continue };
        // Not what a client runs into.
        if section == "watchdog" {
            continue;
        }
        let setting = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        assert!(page.contains(&format!("`{setting}`")), "docs/LIMITS.md does not name {setting}");
        limits += 1;
    }
    assert!(limits > 40, "{limits}");
}
