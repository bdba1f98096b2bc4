//! Dedup: whether each event was admitted before, over a million ids in a sealed run, and remembering those that were
//! not.
//!
//! Limit: look each key up in one hash table of the same ids, and insert it. Not here: hashing events.

use std::sync::Arc;

use engine::dedup::{Answer, Dedup, DedupOptions};
use engine::event::fingerprint;
use engine::shard::SealedFiles;
use engine::storage::SharedStorage;
use engine::storage::memory::MemoryStorage;
use hashbrown::HashTable;

use crate::bench::{Bench, Figure, Work};
use crate::input::{self, NOW_US, ROWS, SEED};

/// Batches whose ids are remembered.
const HISTORY: usize = 128;
/// Batches of a call.
const BATCHES: usize = 16;

pub(crate) fn bench(bench: &mut Bench) {
    let batches = input::batches(1_000, bench.scaled(HISTORY) + bench.scaled(BATCHES));
    let keys: Vec<(Vec<u128>, Vec<u64>)> =
        batches.iter().map(|batch| (fingerprint::keys(batch, SEED), fingerprint::payloads(batch, SEED))).collect();
    let (history, fresh) = keys.split_at(bench.scaled(HISTORY));

    let storage: SharedStorage = Arc::new(MemoryStorage::new());
    let mut sealed = Dedup::new(DedupOptions::default(), Arc::clone(&storage));
    history.iter().for_each(|(keys, payloads)| sealed.remember(keys, payloads, NOW_US));
    let description = sealed.seal(NOW_US).write(&*storage, "run-", &mut SealedFiles::default()).unwrap();
    let restore = || {
        let mut dedup = Dedup::new(DedupOptions::default(), Arc::clone(&storage));
        dedup.restore(&description, &*storage).unwrap();
        dedup
    };
    let table: HashTable<u128> = history.iter().flat_map(|(keys, _)| keys).fold(HashTable::new(), |mut table, key| {
        put(&mut table, *key);
        table
    });

    let repeated = &history[history.len() - fresh.len()..];
    for (name, batches, expect) in [("new ids", fresh, Answer::New), ("duplicates", repeated, Answer::Duplicate)] {
        let mut answers = Vec::new();
        let check = |mut dedup: Dedup| {
            for (keys, payloads) in batches {
                dedup.check(keys, payloads, &mut answers).unwrap();
                assert_eq!(answers[0], expect);
                if expect == Answer::New {
                    dedup.remember(keys, payloads, NOW_US);
                }
            }
            dedup
        };
        let walk = |mut table: HashTable<u128>| {
            batches.iter().flat_map(|(keys, _)| keys).for_each(|key| put(&mut table, *key));
            table
        };
        let figure = Figure::events("dedup", name, batches.len() * ROWS, batches.len());
        let limit = Work { setup: || table.clone(), routine: walk };
        bench.beside(figure, Work { setup: restore, routine: check }, "one hash table", limit);
    }
}

fn put(table: &mut HashTable<u128>, key: u128) {
    table.entry(key as u64, |other| *other == key, |other| *other as u64).or_insert(key);
}
