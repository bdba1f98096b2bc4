//! Damaged files under the real binary: what can be put right is, and counted; what can't is told to whoever asks for it,
//! and to nobody else.
//!
//! Not here: every byte and every length (the engine's tests of the log, the checkpoints and the storage).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::served::{Served, platform_key};

const EVENTS: u64 = 500;
/// Longest wait for a checkpoint.
const PATIENCE: Duration = Duration::from_secs(60);

/// Files of `folder` whose name ends with `ending`, the newest last.
fn files(folder: PathBuf, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.retain(|path| path.to_str().unwrap().ends_with(ending));
    files.sort();
    files
}

/// Flips a bit of the journal below `data` where `text` is; gives the file's name.
pub(crate) fn damage_the_journal(data: &Path, text: &str) -> String {
    let segment = files(data.join("log/journal"), ".segment").pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes());
    bytes[at.unwrap_or_else(|| panic!("no {text} in the journal"))] ^= 0x08;
    fs::write(&segment, bytes).unwrap();
    segment.file_name().unwrap().to_str().unwrap().to_owned()
}

fn batch() -> Vec<u8> {
    let event = |at: u64| {
        json!({"specversion": "1.0", "id": at.to_string(), "source": "/damage", "type": "call", "tenant": "acme",
            "time": "2026-01-01T00:00:00Z"})
    };
    Value::from((0..EVENTS).map(event).collect::<Vec<_>>()).to_string().into_bytes()
}

/// A node with a tenant, a meter and the events.
fn fed(data: &Path, key: &str, settings: &[&str]) -> Served {
    let node = Served::start(data, key, settings).unwrap();
    let meter = json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
    assert_eq!(node.json("PUT", "/v1/meters/calls", &meter).status, 200);
    assert_eq!(node.json("POST", "/v1/tenants", &json!({"tenant": "acme"})).status, 201);
    let answer = node.send("POST", "/v1/events", "application/cloudevents-batch+json", &batch());
    assert_eq!(answer.json()["admitted"], EVENTS, "{}", answer.text);
    node
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_start_puts_right_what_it_can_and_says_so_in_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let key = platform_key(data);
    let settings = ["engine.checkpoint_interval_ms=20"];
    let node = fed(data, &key, &settings);
    let manifests = || files(data.join("checkpoints"), ".json");
    wait_for("two checkpoints", || manifests().len() >= 2);
    node.kill();

    let torn = b"half a frame".as_slice();
    let segment = files(data.join("log/events"), "").pop().unwrap();
    fs::write(&segment, [fs::read(&segment).unwrap(), torn.to_vec()].concat()).unwrap();
    let manifest = manifests().pop().unwrap();
    fs::write(&manifest, b"{").unwrap();
    for file in files(data.join("cache"), "") {
        fs::write(&file, vec![0xa5; fs::metadata(&file).unwrap().len() as usize]).unwrap();
    }

    let node = Served::start(data, &key, &[]).unwrap();
    assert_eq!(node.metric("tenantry_start_log_bytes_cut"), Some(torn.len() as f64));
    assert_eq!(node.metric("tenantry_start_checkpoint_fallbacks"), Some(1.0));
    assert_eq!(node.metric("tenantry_start_snapshots_rebuilt"), Some(1.0));
    assert_eq!(node.rows("SELECT CAST(sum(value) AS BIGINT) AS calls FROM meter_calls"), [json!({"calls": EVENTS})]);
    let again = node.send("POST", "/v1/events", "application/cloudevents-batch+json", &batch()).json();
    assert_eq!((&again["admitted"], &again["duplicate"]), (&json!(0), &json!(EVENTS)));
}

#[test]
fn damage_under_a_running_node_is_an_answer_to_those_who_ask_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let key = platform_key(data);
    let node = fed(data, &key, &[]);
    wait_for("the events are shown", || node.rows("SELECT * FROM meter_calls").len() == 1);
    let segment = files(data.join("log/events"), "").pop().unwrap();
    let bytes = fs::read(&segment).unwrap();
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 0x10;
    fs::write(&segment, damaged).unwrap();

    let events = || node.json("POST", "/v1/sql", &json!({"sql": "SELECT count(*) FROM events WHERE id <> ''"}));
    events().is_problem(500, "damaged");
    assert_eq!(node.get("/healthz").status, 200);
    assert_eq!(node.rows("SELECT CAST(sum(value) AS BIGINT) AS calls FROM meter_calls"), [json!({"calls": EVENTS})]);
    fs::write(&segment, bytes).unwrap();
    assert_eq!(events().status, 200);
}

#[test]
fn a_node_does_not_begin_anew_on_what_is_left_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("whole");
    fs::create_dir(&data).unwrap();
    let key = platform_key(&data);
    fed(&data, &key, &[]).kill();

    let segment = |data: &Path, log: &str| files(data.join("log").join(log), ".segment").pop().unwrap();
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);
    let damages: [Damage<'_>; 6] = [
        ("journal emptied", &|data| fs::write(segment(data, "journal"), b"").unwrap(), "records are missing"),
        ("journal removed", &|data| fs::remove_file(segment(data, "journal")).unwrap(), "records are missing"),
        (
            "journal cut",
            &|data| {
                let bytes = fs::read(segment(data, "journal")).unwrap();
                fs::write(segment(data, "journal"), &bytes[..bytes.len() / 3]).unwrap();
            },
            "records are missing",
        ),
        (
            "journal and cache gone",
            &|data| {
                fs::remove_dir_all(data.join("log/journal")).unwrap();
                fs::remove_dir_all(data.join("cache")).unwrap();
            },
            "records are missing",
        ),
        ("events removed", &|data| fs::remove_file(segment(data, "events")).unwrap(), "records are missing"),
        ("description removed", &|data| fs::remove_file(data.join("node.json")).unwrap(), "node.json is missing"),
    ];
    for (what, damage, expect) in damages {
        let copied = folder.path().join(what);
        copy(&data, &copied);
        damage(&copied);
        match Served::start(&copied, &key, &[]) {
            Ok(node) => panic!("{what}: it starts\n{}", node.kill()),
            Err(said) => assert!(said.contains(expect), "{what}: {said}"),
        }
    }
    let copied = folder.path().join("cache gone");
    copy(&data, &copied);
    fs::remove_dir_all(copied.join("cache")).unwrap();
    let node = Served::start(&copied, &key, &[]).unwrap();
    assert_eq!(node.rows("SELECT count(*) AS n FROM tenants WHERE tenant = 'acme'"), [json!({"n": 1})]);
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
