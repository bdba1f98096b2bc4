//! The arrows between the rooms point down, and each room knows only what it may (DESIGN: the house).

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Room → rooms it may depend on, outside of tests.
const ARROWS: [(&str, &[&str]); 7] = [
    ("engine", &[]),
    ("models", &[]),
    ("actors", &["engine"]),
    ("pipelines", &["engine", "models"]),
    ("datasets", &["engine"]),
    ("server", &["engine", "models", "actors", "pipelines", "datasets"]),
    ("benches", &["engine", "models", "actors", "pipelines", "datasets", "server"]),
];

/// Package → the only rooms that may name it.
const OWNED: [(&str, &[&str]); 11] = [
    ("ractor", &["actors"]),
    ("sled", &["actors"]),
    ("bincode", &["actors"]),
    ("datafusion", &["pipelines", "server"]),
    ("axum", &["server"]),
    ("datafusion-postgres", &["server"]),
    ("arrow-flight", &["server"]),
    ("tonic", &["server"]),
    ("tokio", &["actors", "pipelines", "server"]),
    ("clap", &["server"]),
    ("sonic-rs", &["engine"]),
];

fn direct_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let direct = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        dependencies.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect()
    };
    packages.iter().map(|package| (name(package), direct(package))).collect()
}

#[test]
fn arrows_point_down() {
    let found = direct_dependencies();
    let rooms: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), rooms, "a room was added or removed");
    for (room, below) in ARROWS {
        for dependency in found[room].iter().filter(|name| rooms.contains(name.as_str())) {
            assert!(below.contains(&dependency.as_str()), "{room} must not know {dependency}");
        }
    }
}

#[test]
fn packages_stay_in_their_rooms() {
    let found = direct_dependencies();
    for (package, rooms) in OWNED {
        for (room, dependencies) in &found {
            assert!(
                !dependencies.contains(package) || rooms.contains(&room.as_str()) || room == "benches",
                "{room} must not know {package}"
            );
        }
    }
}

#[test]
fn bincode_and_sled_are_named_by_one_module_each() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../actors/src");
    let mut files = vec![root];
    let mut naming: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        for package in ["bincode", "sled"] {
            if text.lines().any(|line| {
                line.replace("sled::SledSnapshots", "").contains(&format!("{package}::"))
                    && !line.trim_start().starts_with("//")
            }) {
                naming.entry(package).or_default().insert(path.file_name().expect("a name").to_string_lossy().into());
            }
        }
    }
    for (package, files) in naming {
        assert_eq!(files.len(), 1, "{package} is named by {files:?}");
    }
}
