//! The arrows between the rooms point down, and each room knows only what it may (ARCHITECTURE.md).

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
const OWNED: [(&str, &[&str]); 12] = [
    ("ractor", &["actors"]),
    ("sled", &["actors"]),
    ("bincode", &["actors"]),
    ("rmp-serde", &["actors"]),
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
fn formats_and_stores_are_named_by_one_module_each() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../actors/src");
    let mut files = vec![root];
    let mut naming: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        for package in ["bincode", "rmp_serde", "sled"] {
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

/// Sources of the rooms, without their tests.
fn sources() -> Vec<(std::path::PathBuf, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<_> = ARROWS.iter().map(|(room, _)| root.join(room).join("src")).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        // `benches` has none.
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                sources.push((path, text));
            }
        }
    }
    sources
}

/// The functions of a formatted source: all lines of each, and the line at which it begins.
fn functions(text: &str) -> Vec<(usize, Vec<&str>)> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |line: &str| {
        let words = line.trim_start();
        words.starts_with("fn ")
            || (["pub", "async ", "const "].iter().any(|word| words.starts_with(word)) && words.contains(" fn "))
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut functions = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| begins(line)) {
        // Formatted: the brace that closes it stands where it begins.
        let is_end = |other: &&&str| indent(other) == indent(line) && matches!(other.trim(), "}" | ");" | ";");
        let rest = &lines[at..];
        let length = if line.ends_with('}') { 0 } else { rest.iter().position(|other| is_end(&other)).unwrap_or(0) };
        functions.push((at + 1, rest[..=length].to_vec()));
    }
    functions
}

/// I15: a function that is given code to run takes no lock, so that nobody's code can run under one. What it needs of a lock's
/// data it has from another function, which has let go of it.
#[test]
fn nobody_takes_a_lock_who_is_given_code_to_run() {
    let takes_code = |signature: &str| ["Fn(", "FnOnce(", "FnMut("].iter().any(|code| signature.contains(code));
    let mut found = Vec::new();
    let (mut looked_at, mut given_code) = (0, 0);
    for (path, text) in sources() {
        for (at, lines) in functions(&text) {
            looked_at += 1;
            let body = lines.iter().position(|line| line.ends_with('{')).map_or(lines.len(), |brace| brace + 1);
            if !takes_code(&lines[..body].concat()) {
                continue;
            }
            given_code += 1;
            if let Some(line) = lines[body..].iter().position(|line| line.contains(".lock()")) {
                found.push(format!("{}:{}", path.display(), at + body + line));
            }
        }
    }
    assert!(looked_at > 1000 && given_code > 50, "{looked_at} functions, {given_code} of them given code: too few");
    assert!(found.is_empty(), "a lock is taken where a callback is run: {found:#?}");
}

#[test]
fn a_lock_in_a_function_that_is_given_code_would_be_found() {
    let source = "impl A {\n    fn with(&self, act: impl FnOnce(&mut T)) {\n        act(&mut self.0.lock());\n    }\n\n    \
                  fn get(&self) -> T {\n        self.0.lock().clone()\n    }\n}\n";
    let found: Vec<_> = functions(source).into_iter().map(|(at, lines)| (at, lines.len())).collect();
    assert_eq!(found, [(2, 3), (6, 3)]);
}
