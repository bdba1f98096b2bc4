//! Checkpoints: any manifest and any file is taken up whole or refused by name, and a damaged manifest loses nothing.
//!
//! The first byte chooses between a manifest and a file, and whether its checksum is made to fit. For a manifest eight
//! bytes follow, the log's start. Files that a manifest names are there, as far as their names are names.

use std::sync::Arc;

use engine::checkpoint::manifest::{Manifest, Manifests};
use engine::checkpoint::{CheckpointError, file};
use engine::storage::Storage;
use engine::storage::memory::MemoryStorage;

const FOLDER: &str = "checkpoints";

pub(crate) fn run(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    let mend = choice & 1 == 1;
    if choice & 2 == 2 {
        return check_file(rest, mend);
    }
    let Some((log_start, document)) = rest.split_first_chunk() else { return };
    check_manifest(document, u64::from_le_bytes(*log_start), mend);
}

fn check_file(content: &[u8], mend: bool) {
    let storage = MemoryStorage::new();
    if mend {
        file::write(&storage, "f", content.to_vec()).expect("the name is free");
    } else {
        storage.create_new("f", content).expect("the name is free");
    }
    let read = file::read(&storage, "f");
    assert_eq!(read.as_ref().err(), file::verify(&storage, "f").as_ref().err());
    match read {
        Ok(read) => assert!(content.starts_with(&read)),
        Err(error) => assert!(!mend && matches!(error, CheckpointError::Corrupt { .. }), "{error}"),
    }
}

fn check_manifest(document: &[u8], log_start: u64, mend: bool) {
    let storage = Arc::new(MemoryStorage::new());
    let parsed = serde_json::from_slice::<Manifest>(document).ok();
    let generation = parsed.as_ref().map_or(1, |manifest| manifest.generation);
    let mut bytes = document.to_vec();
    if mend {
        bytes.extend_from_slice(format!("crc32c {:08x}\n", crc32c::crc32c(document)).as_bytes());
    }
    let name = format!("{FOLDER}/manifest-{generation:020}.json");
    storage.create_new(&name, &bytes).expect("the name is free");
    let mut names = 0;
    for shard in parsed.iter().flat_map(|manifest| &manifest.shards) {
        names += shard.files.iter().filter(|file| file::write(&*storage, file, vec![1]).is_ok()).count();
    }
    let manifests = Manifests::new(Arc::clone(&storage) as _, FOLDER);
    if manifests.remove_orphans().is_err() {
        return;
    }
    match manifests.latest(log_start) {
        Ok(Some(manifest)) => {
            assert_eq!(Some(&manifest), parsed.as_ref());
            go_on(&manifests, manifest, names);
        }
        Ok(None) => panic!("a manifest that is there is found"),
        Err(_) => assert_eq!(storage.read(&name).as_ref(), Ok(&bytes), "what is refused is left alone"),
    }
}

/// The next checkpoint is taken, and the one before goes.
fn go_on(manifests: &Manifests, before: Manifest, names: usize) {
    assert_eq!(manifests.trim_log_before(), Ok(before.needs_log_from()));
    let Ok(generation) = manifests.next_generation() else { return };
    let is_last = generation == before.generation;
    let next = Manifest { generation, shards: Vec::new(), archive: Default::default(), ..before };
    if is_last {
        return assert_eq!(manifests.create(&next), Err(CheckpointError::Fenced { generation }));
    }
    manifests.create(&next).expect("nobody else has written");
    let removed = manifests.collect_garbage(1).unwrap_or_default();
    assert!(removed >= names, "{removed} of at least {names} files went");
    assert_eq!(manifests.latest(0), Ok(Some(next)));
}
