//! Manifests: the newest valid one wins, and nobody overwrites anybody.

use std::sync::Arc;

use engine::checkpoint::manifest::{FORMAT, Manifest, Manifests, ShardManifest};
use engine::checkpoint::{CheckpointError, file};
use engine::dedup::sequence::Sequences;
use engine::snapshot::{Archive, ArchiveFile};
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, Storage, StorageError};
use serde_json::json;

const FOLDER: &str = "checkpoints";

fn open(storage: &MemoryStorage) -> Manifests {
    let manifests = Manifests::new(Arc::new(storage.clone()), FOLDER);
    manifests.remove_orphans().unwrap();
    manifests
}

fn manifest(generation: u64, files: &[&str]) -> Manifest {
    let shard = ShardManifest {
        shard: 0,
        watermark_us: -1,
        dedup: json!({ "runs": [1, 2] }),
        sequences: Sequences::default(),
        operator: json!(null),
        files: files.iter().map(|name| format!("{FOLDER}/{name}")).collect(),
        lake_files: vec![],
    };
    let archive = Archive { until: generation * 90, files: vec![] };
    let log_offset = generation * 100;
    Manifest { format: FORMAT, generation, epoch: 3, log_offset, created_at_us: 5, archive, shards: vec![shard] }
}

fn write_files(storage: &dyn Storage, names: &[&str]) {
    for name in names {
        file::write(storage, &format!("{FOLDER}/{name}"), name.as_bytes().to_vec()).unwrap();
    }
}

/// Generations 1 to 3: each has a file of its own and shares one.
fn three() -> (MemoryStorage, Manifests) {
    let storage = MemoryStorage::new();
    let manifests = open(&storage);
    write_files(&storage, &["shared", "a1", "a2", "a3"]);
    for (generation, own) in [(1, "a1"), (2, "a2"), (3, "a3")] {
        assert_eq!(manifests.next_generation(), Ok(generation));
        manifests.create(&manifest(generation, &["shared", own])).unwrap();
    }
    (storage, manifests)
}

fn name(generation: u64) -> String {
    format!("{FOLDER}/manifest-{generation:020}.json")
}

fn generation(manifests: &Manifests, log_start: u64) -> Result<u64, String> {
    match manifests.latest(log_start) {
        Ok(manifest) => Ok(manifest.unwrap().generation),
        Err(CheckpointError::Corrupt { file, .. }) => Err(file),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_newest_comes_back_as_it_was_written() {
    assert_eq!(open(&MemoryStorage::new()).latest(0), Ok(None));
    let (storage, manifests) = three();
    assert_eq!(manifests.latest(270), Ok(Some(manifest(3, &["shared", "a3"]))));
    storage.crash();
    assert_eq!(open(&storage).latest(270), Ok(Some(manifest(3, &["shared", "a3"]))));
    assert_eq!(manifests.fallbacks(), 0);
}

#[test]
fn a_second_owner_is_fenced() {
    let (storage, first) = three();
    let second = open(&storage);
    second.create(&manifest(4, &[])).unwrap();
    assert_eq!(first.create(&manifest(4, &[])), Err(CheckpointError::Fenced { generation: 4 }));
    second.create(&manifest(5, &[])).unwrap();
    for generation in [1, 4, 5, 7] {
        assert_eq!(first.create(&manifest(generation, &[])), Err(CheckpointError::Fenced { generation }));
    }
    assert_eq!(generation(&first, 0), Ok(5));
}

#[test]
fn two_who_create_at_once_are_told_apart_by_the_name() {
    let storage = MemoryStorage::new();
    let manifests = open(&storage);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let owners: Vec<_> = (0..8).map(|_| scope.spawn(|| manifests.create(&manifest(1, &[])))).collect();
        owners.into_iter().map(|owner| owner.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|o| **o == Err(CheckpointError::Fenced { generation: 1 })).count(), 7);
}

#[test]
fn every_flipped_bit_of_the_newest_leads_to_the_one_before() {
    let (storage, manifests) = three();
    for byte in 0..storage.size(&name(3)).unwrap() {
        let bit = (byte % 8) as u8;
        storage.flip_bit(&name(3), byte, bit).unwrap();
        assert_eq!(generation(&manifests, 180), Ok(2), "byte {byte}");
        storage.flip_bit(&name(3), byte, bit).unwrap();
    }
    assert_eq!(generation(&manifests, 180), Ok(3));
    assert_eq!(manifests.fallbacks(), storage.size(&name(3)).unwrap());
}

/// Damage done, where the log starts, and what is to be used or named.
#[test]
fn an_earlier_checkpoint_is_used_only_if_the_log_reaches_back_to_it() {
    type Damage = fn(&MemoryStorage);
    let flip: Damage = |storage| storage.flip_bit("checkpoints/a3", 0, 0).unwrap();
    let missing: Damage = |storage| storage.remove("checkpoints/a3").unwrap();
    let short: Damage = |storage| storage.truncate(&name(3), 40).unwrap();
    let empty: Damage = |storage| storage.truncate(&name(3), 0).unwrap();
    let two: Damage = |storage| {
        storage.flip_bit("checkpoints/a3", 0, 0).unwrap();
        storage.remove("checkpoints/a2").unwrap();
    };
    let all: Damage = |storage| storage.flip_bit("checkpoints/shared", 0, 0).unwrap();
    let file = |name: &str| Err(format!("{FOLDER}/{name}"));
    for (at, (damage, log_start, expect)) in [
        (flip, 180, Ok(2)),
        (flip, 181, file("a3")),
        (missing, 0, Ok(2)),
        (short, 180, Ok(2)),
        (short, 200, Err(name(3))),
        (empty, 180, Ok(2)),
        (two, 90, Ok(1)),
        (two, 91, file("a3")),
        (all, 0, file("shared")),
    ]
    .into_iter()
    .enumerate()
    {
        let (storage, manifests) = three();
        damage(&storage);
        assert_eq!(generation(&manifests, log_start), expect, "case {at}");
        assert_eq!(manifests.next_generation(), Ok(4), "a damaged manifest keeps its name");
    }
}

#[test]
fn manifests_that_are_gone_are_missed_and_nothing_is_removed() {
    let (storage, manifests) = three();
    assert!(matches!(manifests.latest(271), Err(CheckpointError::Gap { needed: 270, log_start: 271, .. })));
    let files = storage.list(FOLDER).unwrap();
    for generation in 1..=3 {
        storage.remove(&name(generation)).unwrap();
    }
    assert_eq!(manifests.latest(0), Ok(None), "the log has everything");
    assert!(matches!(manifests.latest(1), Err(CheckpointError::Gap { needed: 0, log_start: 1, .. })));
    assert_eq!(storage.list(FOLDER).unwrap().len(), files.len() - 3);
}

#[test]
fn garbage_is_what_only_dropped_manifests_refer_to() {
    let (storage, manifests) = three();
    assert_eq!(manifests.trim_log_before(), Ok(90));
    write_files(&storage, &["under-way"]);
    assert_eq!(manifests.collect_garbage(2), Ok(1));
    let left: Vec<_> = ["a2", "a3", "shared", "under-way"].map(|name| format!("{FOLDER}/{name}")).into();
    let files = |storage: &MemoryStorage| {
        let mut files = storage.list(FOLDER).unwrap();
        files.retain(|name| !name.contains("manifest"));
        files
    };
    assert_eq!(files(&storage), left);
    assert_eq!(manifests.trim_log_before(), Ok(180));
    assert_eq!(generation(&manifests, 180), Ok(3));
    assert_eq!(manifests.collect_garbage(2), Ok(0));

    let manifests = open(&storage);
    assert_eq!(files(&storage), left[..3], "nobody finished that checkpoint");
    assert_eq!(generation(&manifests, 180), Ok(3));
}

#[test]
fn a_damaged_manifest_s_files_are_left_alone() {
    let (storage, _) = three();
    storage.flip_bit(&name(3), 50, 0).unwrap();
    let manifests = open(&storage);
    assert!(storage.size("checkpoints/a3").is_ok());
    assert_eq!(generation(&manifests, 0), Ok(2));
    write_files(&storage, &["a4", "a5"]);
    manifests.create(&manifest(4, &["shared", "a4"])).unwrap();
    manifests.create(&manifest(5, &["shared", "a5"])).unwrap();
    manifests.collect_garbage(2).unwrap();
    assert_eq!(storage.list(FOLDER).unwrap().iter().filter(|name| name.contains("manifest")).count(), 2);
    open(&storage);
    assert!(storage.size("checkpoints/a3").is_err(), "once it is gone its files are orphans");
}

/// A manifest that refers to these files of the lake: an archived one and one of panes.
fn with_lake(generation: u64, archived: &str, panes: &str) -> Manifest {
    let mut manifest = manifest(generation, &[]);
    let (name, shard) = (archived.to_owned(), 0);
    let (time_min_us, time_max_us, offset_min, offset_max) = (0, 1, 0, 1);
    let file = ArchiveFile {
        name,
        shard,
        rows: 2,
        bytes: 9,
        time_min_us,
        time_max_us,
        offset_min,
        offset_max,
        checksums: None,
    };
    manifest.archive.files = vec![file];
    manifest.shards[0].lake_files = vec![panes.to_owned()];
    manifest
}

fn lake(storage: &MemoryStorage) -> Vec<String> {
    ["lake", "lake/events/1/day=1", "lake/panes/m"].iter().flat_map(|folder| storage.list(folder).unwrap()).collect()
}

/// Generations 1 to 3: the first event file is replaced by a rewritten one, the panes of a meter are dropped. Besides, what
/// an unfinished checkpoint left, and what is not ours.
fn three_with_lake() -> (MemoryStorage, Manifests) {
    let (old, new) = ("lake/events/1/day=1/a.parquet", "lake/events/1/day=1/b.parquet");
    let (first, second) = ("lake/panes/m/1.parquet", "lake/panes/m/2.parquet");
    let storage = MemoryStorage::new();
    let manifests = open(&storage);
    for name in [old, new, first, second, "lake/panes/m/unfinished.parquet", "lake/notes.txt"] {
        storage.create_new(name, b"not a checkpoint file").unwrap();
    }
    for (generation, archived, panes) in [(1, old, first), (2, new, first), (3, new, second)] {
        manifests.create(&with_lake(generation, archived, panes)).unwrap();
    }
    (storage, manifests)
}

#[test]
fn files_of_the_lake_live_as_long_as_a_manifest_refers_to_them() {
    let (storage, manifests) = three_with_lake();
    let all = lake(&storage);
    let without =
        |gone: &[&str]| all.iter().filter(|n| !gone.iter().any(|g| n.ends_with(g))).cloned().collect::<Vec<_>>();
    assert_eq!(generation(&manifests, 0), Ok(3), "their content is their reader's business");
    assert_eq!(manifests.collect_garbage(3), Ok(0));
    assert_eq!(manifests.collect_garbage(2), Ok(1));
    assert_eq!(lake(&storage), without(&["a.parquet"]), "the file under way is left alone");
    assert_eq!(manifests.collect_garbage(1), Ok(1));
    assert_eq!(lake(&storage), without(&["a.parquet", "1.parquet"]));

    open(&storage);
    assert_eq!(lake(&storage), ["lake/notes.txt", "lake/events/1/day=1/b.parquet", "lake/panes/m/2.parquet"]);
}

#[test]
fn nothing_of_the_lake_is_an_orphan_while_a_manifest_is_damaged_or_none_is_there() {
    let (storage, _) = three_with_lake();
    let all = lake(&storage);
    storage.flip_bit(&name(2), 50, 0).unwrap();
    open(&storage);
    assert_eq!(lake(&storage), all);
    for generation in 1..=3 {
        storage.remove(&name(generation)).unwrap();
    }
    open(&storage);
    assert_eq!(lake(&storage), all, "it may be all that is left of the node");
}

#[test]
fn a_manifest_without_files_of_panes_is_read_as_before() {
    let mut json = serde_json::to_value(manifest(1, &["a"])).unwrap();
    json["shards"][0].as_object_mut().unwrap().remove("lake_files").unwrap();
    assert_eq!(serde_json::from_value::<Manifest>(json).unwrap(), manifest(1, &["a"]));
}

#[test]
fn a_full_disk_leaves_the_checkpoint_before() {
    let (memory, _) = three();
    let faulty = Arc::new(FaultyStorage::new(Arc::new(memory)));
    let manifests = Manifests::new(faulty.clone() as SharedStorage, FOLDER);
    let name_contains = "manifest".to_owned();
    faulty.inject(Rule { operation: Operation::CreateNew, name_contains, skip: 0, times: 1, fault: Fault::Full });
    let full = CheckpointError::Storage(StorageError::Full { name: name(4) });
    assert_eq!(manifests.create(&manifest(4, &[])), Err(full));
    assert_eq!(generation(&manifests, 0), Ok(3));
    manifests.create(&manifest(4, &[])).unwrap();
    assert_eq!(generation(&manifests, 0), Ok(4));
}
