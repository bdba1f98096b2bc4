//! A disk that is really full, under the real binary: refusals with a reason, a node that goes on living and answering,
//! and once there is space, exactly everything that was acknowledged and nothing twice (I1, I2, I8).
//!
//! The disk is a small `tmpfs`, so this needs root on Linux. Not here: faults that are injected (the engine's tests).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::served::{Served, platform_key};

const DISK_MB: u64 = 32;
/// What somebody deletes to make room again.
const BALLAST_BYTES: usize = 10 << 20;
const EVENTS: u64 = 64;
const TENANTS: u64 = 8;
/// Refusals one after the other, each after a pause that is longer than the time between two checkpoints, after which
/// the disk counts as full for good: a checkpoint may still have freed something before.
const REFUSALS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(300);
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Small files, frequent checkpoints and an early move to the lake, so that each of them meets the full disk.
const SETTINGS: [&str; 4] = [
    "engine.segment_bytes=1000000",
    "engine.checkpoint_interval_ms=20",
    "engine.archive_above_bytes=6000000",
    "log.filter=info",
];

/// A small disk, gone when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MB}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tenantry-test"]).arg(folder.path()).output();
        let why = match mounted {
            Ok(output) if output.status.success() => return Some(Self(folder)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no tmpfs and CI=true: {why}");
        println!("skipped: no tmpfs can be mounted here, which takes root on Linux: {why}");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because the node may be on its way out; a failure would show in the removal of the folder.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Batch `number`: as many ids as [`EVENTS`], over all tenants, of content that does not compress.
fn batch(number: u32) -> Vec<u8> {
    let mut state = u64::from(number);
    let mut word = || {
        // SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let event = |at: u64| {
        let noise: String = (0..64).map(|_| format!("{:016x}", word())).collect();
        json!({"specversion": "1.0", "id": format!("{number}-{at}"), "source": "/disk", "type": "call",
            "tenant": format!("t{}", at % TENANTS), "time": "2026-01-01T00:00:00Z", "data": {"noise": noise}})
    };
    Value::from((0..EVENTS).map(event).collect::<Vec<_>>()).to_string().into_bytes()
}

fn send(node: &Served, number: u32) -> Answer {
    node.send("POST", "/v1/events", "application/cloudevents-batch+json", &batch(number))
}

/// Whether batch `number` was taken; anything but "yes, all of it" and "no space" is a failure.
fn is_taken(node: &Served, number: u32) -> bool {
    let answer = send(node, number);
    if answer.status != 200 {
        answer.is_problem(503, "storage");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("free") && detail.contains("again"), "it says what to do: {detail}");
        return false;
    }
    let told = answer.json();
    assert_eq!((told["rejected"].as_u64(), told["errors"].as_array().map(Vec::len)), (Some(0), Some(0)), "{told}");
    assert_eq!(told["admitted"].as_u64().unwrap() + told["duplicate"].as_u64().unwrap(), EVENTS, "{told}");
    true
}

/// Events by batch, as the node shows them.
fn shown(node: &Served) -> BTreeMap<u32, u64> {
    let rows =
        node.rows("SELECT CAST(split_part(id, '-', 1) AS INT) AS batch, count(*) AS events FROM events GROUP BY 1");
    rows.iter().map(|row| (row["batch"].as_u64().unwrap() as u32, row["events"].as_u64().unwrap())).collect()
}

/// Waits until every batch of `taken` is shown whole and none has more; gives all batches that are shown.
fn shows(node: &Served, taken: impl IntoIterator<Item = u32> + Clone) -> BTreeMap<u32, u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = shown(node);
        assert!(shown.values().all(|events| *events <= EVENTS), "doubled: {shown:?}");
        let missing: Vec<u32> = taken.clone().into_iter().filter(|number| shown.get(number) != Some(&EVENTS)).collect();
        if missing.is_empty() {
            return shown;
        }
        assert!(Instant::now() < deadline, "acknowledged and not there: {missing:?}");
        std::thread::sleep(PAUSE);
    }
}

/// The whole truth: these batches, each once, in the events and in the meter.
fn holds_exactly(node: &Served, batches: u32) {
    let shown = shows(node, 0..batches);
    assert_eq!(shown.len(), batches as usize);
    let all = u64::from(batches) * EVENTS;
    let counts = node.rows(
        "SELECT (SELECT count(*) FROM events) AS events, (SELECT CAST(sum(value) AS BIGINT) FROM meter_calls) AS calls",
    );
    assert_eq!(counts, [json!({"events": all, "calls": all})]);
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Two senders fill the disk; the batches that were taken and those that were refused.
fn fill(node: &Served) -> (Vec<u32>, Vec<u32>) {
    let next = AtomicU32::new(0);
    let (taken, refused) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let is_full = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut in_a_row = 0;
                while !is_full.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if is_taken(node, number) {
                        taken.lock().unwrap().push(number);
                        in_a_row = 0;
                    } else {
                        refused.lock().unwrap().push(number);
                        in_a_row += 1;
                        is_full.fetch_or(in_a_row >= REFUSALS, Ordering::Relaxed);
                        std::thread::sleep(PAUSE);
                    }
                }
            });
        }
    });
    (taken.into_inner().unwrap(), refused.into_inner().unwrap())
}

fn start(data: &Path, key: &str) -> Served {
    Served::start(data, key, &SETTINGS).unwrap_or_else(|said| panic!("the node does not start:\n{said}"))
}

#[test]
fn a_full_disk_is_an_answer_and_space_is_all_it_takes_to_go_on() {
    let Some(disk) = Disk::mount() else { return };
    let data = disk.0.path().join("node");
    std::fs::create_dir(&data).unwrap();
    let key = platform_key(&data);
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![0; BALLAST_BYTES]).unwrap();
    let node = start(&data, &key);
    let meter = json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
    assert_eq!(node.json("PUT", "/v1/meters/calls", &meter).status, 200);
    for tenant in 0..TENANTS {
        assert_eq!(node.json("POST", "/v1/tenants", &json!({"tenant": format!("t{tenant}")})).status, 201);
    }

    let (taken, refused) = fill(&node);
    println!("{} batches taken, {} refused", taken.len(), refused.len());
    assert_eq!(node.get("/healthz").status, 200, "a full disk is no reason to restart the process");
    node.get("/readyz").is_problem(503, "storage");
    shows(&node, taken.iter().copied());
    assert!(node.metric("tenantry_checkpoint_failures_total").is_some_and(|failures| failures > 0.0));
    let tenant = |number: u32| node.json("POST", "/v1/tenants", &json!({"tenant": format!("late{number}")}));
    let refused_tenant = (0..1000).find(|number| {
        let answer = tenant(*number);
        answer.status != 201 && {
            answer.is_problem(503, "storage");
            true
        }
    });
    let refused_tenant = refused_tenant.expect("a journal on a full disk takes no more tenants");

    std::fs::remove_file(&ballast).unwrap();
    for number in &refused {
        eventually("a refused batch is taken once there is space", || is_taken(&node, *number));
    }
    eventually("a refused tenant is created once there is space", || tenant(refused_tenant).status == 201);
    let batches = (taken.len() + refused.len()) as u32;
    holds_exactly(&node, batches);
    eventually("the node is ready again", || node.get("/readyz").status == 200);
    let said = node.kill();
    assert!(!said.contains("panicked"), "{said}");

    let node = start(&data, &key);
    holds_exactly(&node, batches);
    let again = send(&node, 0).json();
    assert_eq!((&again["admitted"], &again["duplicate"]), (&json!(0), &json!(EVENTS)));
    holds_exactly(&node, batches);
}
