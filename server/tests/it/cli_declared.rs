//! Declarations on the command line: applied, shown, rolled back, exported and explained, on a folder as on a node.

use std::fs;
use std::path::Path;

use crate::cli::{expect, stderr, stdout};
use crate::served::{Served, platform_key};

const METERS: &str = "[[meter]]\nname = 'tokens'\nevent_type = 'call'\naggregation = 'sum'\nvalue = '$.tokens'\n\
    window = { tumbling = { size_s = 60 } }\n";
const QUOTAS: &str = "# yaml-language-server: $schema=quota.json\n\
    quota:\n  - name: tokens\n    tenant: acme\n    hard: true\n    allowance: {units: 1000000, per: {period: month, time_zone: UTC}}\n";
const PLANS: &str =
    r#"[{"kind": "plan", "name": "pro", "limits": {}, "billing": {"period": "month", "time_zone": "UTC"}}]"#;

fn declare(folder: &Path) {
    fs::create_dir_all(folder.join("declared/tenants")).unwrap();
    fs::write(folder.join("declared/meters.toml"), METERS).unwrap();
    fs::write(folder.join("declared/tenants/acme.yaml"), QUOTAS).unwrap();
    fs::write(folder.join("declared/plans.json"), PLANS).unwrap();
    fs::write(folder.join("declared/README.md"), "not a declaration").unwrap();
}

/// What `place` tells of a whole story.
fn story(folder: &Path, place: &[&str]) -> Vec<String> {
    let run = |args: &[&str]| stdout(&expect(folder, &[args, &["--format", "text"], place].concat(), 0));
    let mut told = Vec::new();
    expect(folder, &[&["tenant", "create", "acme"], place].concat(), 0);
    told.push(run(&["apply", "declared", "--dry-run"]));
    told.push(run(&["get", "meter"]));
    told.push(run(&["apply", "declared"]));
    told.push(run(&["apply", "declared"]));
    let changed = METERS.replace("60", "300");
    fs::write(folder.join("changed.toml"), changed).unwrap();
    told.push(run(&["apply", "changed.toml"]));
    told.push(run(&["get", "quota", "tokens", "--tenant", "acme"]));
    told.push(run(&["rollback", "meter", "tokens", "--dry-run"]));
    told.push(run(&["rollback", "meter", "tokens"]));
    told.push(run(&["get", "meter", "tokens"]));
    let export = |to: &str| {
        expect(folder, &[&["export", to], place].concat(), 0);
        ["meter", "plan", "view", "quota"].map(|kind| fs::read(folder.join(to).join(format!("{kind}.toml"))).unwrap())
    };
    let exported = export("exported");
    let applied = run(&["apply", "exported"]);
    assert!(applied.ends_with("0 added, 0 changed, 0 removed, 3 unchanged\n"), "{applied}");
    assert_eq!(export("again"), exported, "it is the same byte by byte");
    told.push(run(&["delete", "quota", "tokens", "--tenant", "acme"]));
    told.push(run(&["get", "quota"]));
    told
}

#[test]
fn the_same_story_is_told_on_a_folder_and_on_a_node() {
    let folder = tempfile::tempdir().unwrap();
    declare(folder.path());
    expect(folder.path(), &["key", "create", "--platform", "--data", "data"], 0);
    let on_folder = story(folder.path(), &["--data", "data"]);
    let other = tempfile::tempdir().unwrap();
    declare(other.path());
    let there = other.path().join("there");
    fs::create_dir(&there).unwrap();
    let key = platform_key(&there);
    let node = Served::start(&there, &key, &[]).unwrap();
    let url = format!("http://{}", node.address());
    let on_node = story(other.path(), &["--url", &url, "--key", &key]);
    assert_eq!(on_folder, on_node);

    let all = "meter tokens: added, counts the past too\nplan pro: added\nquota tokens of tenant acme: added\n\
        3 added, 0 changed, 0 removed, 0 unchanged";
    let dry = all.replace("counts the past too", "0 events of the past to count");
    assert_eq!(on_folder[0], format!("{dry}; nothing was done, this was a dry run\n"));
    assert_eq!(on_folder[1], "no meter is declared\n");
    assert_eq!(on_folder[2], format!("{all}\n"));
    assert!(on_folder[3].ends_with("0 added, 0 changed, 0 removed, 3 unchanged\n"));
    let changed = "meter tokens: changed, counts the past too\n    window.tumbling.size_s: 60 -> 300\n\
        0 added, 1 changed, 0 removed, 0 unchanged\n";
    assert_eq!(on_folder[4], changed);
    assert!(on_folder[5].starts_with("[[quota]]\nname = \"tokens\"\ntenant = \"acme\"\n"), "{}", on_folder[5]);
    assert!(on_folder[8].contains("size_s = 60"), "{}", on_folder[8]);
    assert_eq!(on_folder[9], "quota tokens of tenant acme: removed\n0 added, 0 changed, 1 removed, 0 unchanged\n");
    assert_eq!(on_folder[10], "no quota is declared\n");
}

#[test]
fn what_is_wrong_is_told_with_its_file_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    declare(folder);
    expect(folder, &["key", "create", "--platform", "--data", "data"], 0);
    fs::write(folder.join("declared/wrong.toml"), "[[meter]]\nname = 'other'\nevent_type = 'call'\nwindw = 7\n")
        .unwrap();
    let told = stderr(&expect(folder, &["apply", "declared", "--data", "data"], 1));
    let file = |name: &str| Path::new("declared").join(name).display().to_string();
    for (name, words) in [("tenants/acme.yaml", "there is no tenant \"acme\""), ("wrong.toml", "windw is not known")] {
        let line = told.lines().find(|line| line.contains(&file(name)));
        assert!(line.is_some_and(|line| line.contains(words)), "{name}: {told}");
    }
    let all = stdout(&expect(folder, &["get", "meter", "--format", "json", "--data", "data"], 0));
    assert_eq!(all, "[]\n");
    fs::write(folder.join("declared/wrong.toml"), "[[metr]]\nname = 'other'\n").unwrap();
    let told = stderr(&expect(folder, &["apply", "declared", "--data", "data"], 1));
    assert!(
        told.contains("wrong.toml: there is no kind \"metr\"; there are meter, plan, view, quota, alert, endpoint"),
        "{told}"
    );
    expect(folder, &["apply", "nowhere", "--data", "data"], 1);
    let told = stderr(&expect(folder, &["apply", "declared", "--dry-run", "--data", "typo"], 1));
    assert!(!folder.join("typo").exists(), "{told}");
}

#[test]
fn kinds_are_explained_and_their_schemas_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let kinds = stdout(&expect(folder, &["explain"], 0));
    assert_eq!(kinds.lines().count(), 6, "{kinds}");
    assert!(stdout(&expect(folder, &["explain", "meter.window"], 0)).contains("tumbling"));
    assert!(
        stderr(&expect(folder, &["explain", "metr"], 1))
            .contains("there are meter, plan, view, quota, alert, endpoint")
    );
    expect(folder, &["schema", "schemas"], 0);
    let schema: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("schemas/quota.json")).unwrap()).unwrap();
    let required: Vec<_> = schema["required"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert!(["name", "tenant", "hard"].iter().all(|name| required.contains(name)), "{schema}");
}
