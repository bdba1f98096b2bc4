//! Dedup against a hash map, through freezes, seals, merges, failures, restores and forgetting.

use std::collections::HashMap;
use std::sync::Arc;

use engine::dedup::{Answer, Dedup, DedupError, DedupOptions};
use engine::shard::operator::{Seal, SealedFiles};
use engine::storage::Storage;
use engine::storage::memory::MemoryStorage;
use proptest::prelude::*;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

const HORIZON_US: i64 = 1_000_000;

fn options(hot_max: usize, resident_bytes_max: usize) -> DedupOptions {
    DedupOptions { horizon_us: HORIZON_US, hot_max, resident_bytes_max }
}

fn key(id: u32) -> u128 {
    xxh3_128(&id.to_le_bytes())
}

fn write(seal: Box<dyn Seal>, storage: &dyn Storage, ordinal: usize) -> (Value, Vec<String>) {
    let mut files = SealedFiles::default();
    let description = seal.write(storage, &format!("ckp/{ordinal}/"), &mut files).unwrap();
    assert_eq!(files.lake, Vec::<String>::new());
    (description, files.checkpoint)
}

fn answers(dedup: &mut Dedup, rows: &[(u32, u64)]) -> Vec<Answer> {
    let keys: Vec<u128> = rows.iter().map(|(id, _)| key(*id)).collect();
    let payloads: Vec<u64> = rows.iter().map(|(_, payload)| *payload).collect();
    let mut out = vec![Answer::Duplicate];
    dedup.check(&keys, &payloads, &mut out).unwrap();
    out
}

fn remember(dedup: &mut Dedup, rows: &[(u32, u64)], now_us: i64) {
    let keys: Vec<u128> = rows.iter().map(|(id, _)| key(*id)).collect();
    let payloads: Vec<u64> = rows.iter().map(|(_, payload)| *payload).collect();
    dedup.remember(&keys, &payloads, now_us);
}

#[derive(Debug, Clone)]
enum Step {
    Admit(Vec<(u32, u64)>),
    /// Admits new rows and takes them back, with a seal in between or not.
    Fail {
        rows: Vec<(u32, u64)>,
        sealed: bool,
    },
    /// Makes a seal; it is written at once, later, or never.
    Seal,
    Write,
    Drop,
    /// From the last checkpoint, which nothing was remembered after.
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec((0u32..300, 1u64..4), 1..40);
    prop_oneof![
        4 => rows.clone().prop_map(Step::Admit),
        1 => (rows, any::<bool>()).prop_map(|(rows, sealed)| Step::Fail { rows, sealed }),
        2 => Just(Step::Seal),
        3 => Just(Step::Write),
        1 => Just(Step::Drop),
        1 => Just(Step::Restore),
    ]
}

fn expect(model: &HashMap<u32, u64>, rows: &[(u32, u64)]) -> Vec<Answer> {
    let mut first: HashMap<u32, u32> = HashMap::new();
    let mut expect = Vec::new();
    for (row, (id, payload)) in (0u32..).zip(rows) {
        expect.push(match (model.get(id), first.get(id)) {
            (Some(known), _) if known == payload => Answer::Duplicate,
            (Some(_), _) => Answer::Conflict,
            (None, Some(&earlier)) => Answer::Repeat { row: earlier, conflict: rows[earlier as usize].1 != *payload },
            (None, None) => {
                first.insert(*id, row);
                Answer::New
            }
        });
    }
    expect
}

fn new_rows(model: &HashMap<u32, u64>, rows: &[(u32, u64)]) -> Vec<(u32, u64)> {
    let answers = expect(model, rows);
    rows.iter().zip(answers).filter(|(_, answer)| *answer == Answer::New).map(|(row, _)| *row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn answers_as_a_hash_map_would(
        steps in prop::collection::vec(step(), 1..60),
        hot_max in 1usize..200,
        resident_bytes_max in prop_oneof![Just(0), Just(3000), Just(1 << 20)],
    ) {
        let storage = Arc::new(MemoryStorage::new());
        let options = options(hot_max, resident_bytes_max);
        let mut dedup = Dedup::new(options, storage.clone());
        let mut model: HashMap<u32, u64> = HashMap::new();
        let mut seals = Vec::new();
        for (now_us, step) in (0i64..).zip(&steps) {
            match step {
                Step::Admit(rows) => {
                    prop_assert_eq!(answers(&mut dedup, rows), expect(&model, rows));
                    let admitted = new_rows(&model, rows);
                    remember(&mut dedup, &admitted, now_us);
                    model.extend(admitted);
                }
                Step::Fail { rows, sealed } => {
                    let admitted = new_rows(&model, rows);
                    remember(&mut dedup, &admitted, now_us);
                    if *sealed {
                        seals.push(dedup.seal(now_us));
                    }
                    let keys: Vec<u128> = admitted.iter().map(|(id, _)| key(*id)).collect();
                    dedup.forget(&keys);
                    prop_assert_eq!(answers(&mut dedup, rows), expect(&model, rows));
                }
                Step::Seal => seals.push(dedup.seal(now_us)),
                Step::Write if !seals.is_empty() => {
                    write(seals.remove(0), &*storage, now_us as usize);
                }
                Step::Write => {}
                Step::Drop => drop(seals.pop()),
                Step::Restore => {
                    let (description, files) = write(dedup.seal(now_us), &*storage, now_us as usize);
                    prop_assert!(files.iter().all(|file| storage.size(file).is_ok()));
                    seals.clear();
                    dedup = Dedup::new(options, storage.clone());
                    dedup.restore(&description, &*storage).unwrap();
                }
            }
        }
        let all: Vec<(u32, u64)> = (0..300).map(|id| (id, 1)).collect();
        prop_assert_eq!(answers(&mut dedup, &all), expect(&model, &all));
    }
}

fn rows(from: u32, to: u32) -> Vec<(u32, u64)> {
    (from..to).map(|id| (id, 7)).collect()
}

#[test]
fn what_is_beyond_the_horizon_is_let_go_in_the_end() {
    let storage = Arc::new(MemoryStorage::new());
    let mut dedup = Dedup::new(options(1000, 1 << 20), storage.clone());
    let mut most = 0;
    for tick in 0..100u32 {
        let now_us = i64::from(tick) * HORIZON_US / 20;
        remember(&mut dedup, &rows(tick * 100, tick * 100 + 100), now_us);
        write(dedup.seal(now_us), &*storage, tick as usize);
        most = most.max(dedup.len());
        let oldest = tick.saturating_sub(20) * 100;
        let all = answers(&mut dedup, &rows(oldest, tick * 100 + 100));
        assert!(all.iter().all(|answer| *answer == Answer::Duplicate), "forgotten too early at {tick}");
    }
    assert!(most <= 2_100 * 5 / 4 + 600, "{most} ids are held where the horizon has 2100");
}

#[test]
fn runs_stay_few() {
    let storage = Arc::new(MemoryStorage::new());
    let mut dedup = Dedup::new(options(1 << 20, 1 << 30), storage.clone());
    for tick in 0..200u32 {
        remember(&mut dedup, &rows(tick * 50, tick * 50 + 50), i64::from(tick));
        let (_, files) = write(dedup.seal(i64::from(tick)), &*storage, tick as usize);
        assert!(files.len() <= 6, "{} runs for {} ids", files.len(), dedup.len());
    }
}

#[test]
fn marks_beyond_the_memory_budget_are_read_from_their_file() {
    let storage = Arc::new(MemoryStorage::new());
    let mut dedup = Dedup::new(options(1 << 20, 0), storage.clone());
    remember(&mut dedup, &rows(0, 1000), 0);
    let (description, files) = write(dedup.seal(0), &*storage, 0);
    assert!(answers(&mut dedup, &rows(0, 1000)).iter().all(|answer| *answer == Answer::Duplicate));

    // Byte 5000 is in the second block.
    storage.flip_bit(&files[0], 5000, 0).unwrap();
    let keys: Vec<u128> = (0..1000).map(key).collect();
    let damaged = dedup.check(&keys, &vec![7; 1000], &mut Vec::new()).unwrap_err();
    assert_eq!(damaged, DedupError::Damaged { file: files[0].clone(), block: 1 });
    let restored = Dedup::new(options(1 << 20, 0), storage.clone()).restore(&description, &*storage);
    assert_eq!(restored.unwrap_err().file, files[0]);
}

#[test]
fn a_seal_that_cannot_be_written_loses_nothing() {
    let storage = Arc::new(MemoryStorage::new());
    let mut dedup = Dedup::new(options(1 << 20, 1 << 20), storage.clone());
    remember(&mut dedup, &rows(0, 10), 0);
    storage.create_new("taken/dedup-0.run", b"").unwrap();
    assert!(dedup.seal(0).write(&*storage, "taken/", &mut SealedFiles::default()).is_err());
    remember(&mut dedup, &rows(10, 20), 1);
    let (description, _) = write(dedup.seal(1), &*storage, 1);
    let mut restored = Dedup::new(options(1 << 20, 1 << 20), storage.clone());
    restored.restore(&description, &*storage).unwrap();
    for dedup in [&mut dedup, &mut restored] {
        assert!(answers(dedup, &rows(0, 20)).iter().all(|answer| *answer == Answer::Duplicate));
        assert_eq!(answers(dedup, &rows(20, 21)), [Answer::New]);
    }
}

#[test]
fn a_manifest_that_says_something_else_is_refused() {
    let storage = Arc::new(MemoryStorage::new());
    let mut dedup = Dedup::new(options(1, 1), storage.clone());
    for description in [serde_json::json!({}), serde_json::json!({"runs": [{"file": "x"}]}), Value::Null] {
        assert!(dedup.restore(&description, &*storage).is_err(), "{description}");
    }
    let missing = serde_json::json!({"runs": [{"file": "x", "ids": 1, "oldest_us": 0, "newest_us": 0}]});
    assert_eq!(dedup.restore(&missing, &*storage).unwrap_err().file, "x");
    assert!(dedup.is_empty());
}
