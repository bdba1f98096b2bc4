//! Dedup's runs: any description over any file is taken up or refused, and what was taken up answers and is sealed again.
//!
//! The first byte chooses whether runs stay on file and whether the blocks' checksums are made to fit. The first line is
//! the description, the rest is the file `d`.

use std::sync::Arc;

use engine::dedup::{Dedup, DedupOptions};
use engine::shard::operator::SealedFiles;
use engine::storage::Storage;
use engine::storage::memory::MemoryStorage;

const BLOCK_BYTES: usize = 4096;

pub(crate) fn run(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let Ok(description) = serde_json::from_slice(&rest[..end]) else { return };
    let mut blocks = rest.get(end + 1..).unwrap_or_default().to_vec();
    if choice & 1 == 1 {
        // Behind the last whole block stands the trimmed tail of one, so that small inputs can have a block.
        blocks.resize(blocks.len().next_multiple_of(BLOCK_BYTES), 0);
        for block in blocks.chunks_exact_mut(BLOCK_BYTES) {
            let (content, crc) = block.split_at_mut(BLOCK_BYTES - 4);
            crc.copy_from_slice(&crc32c::crc32c(content).to_le_bytes());
        }
    }
    let storage = Arc::new(MemoryStorage::new());
    storage.create_new("d", &blocks).expect("the name is free");

    let resident_bytes_max = if choice & 2 == 2 { 0 } else { 1 << 20 };
    let options = DedupOptions { horizon_us: 1000, hot_max: 16, resident_bytes_max };
    let mut dedup = Dedup::new(options, Arc::clone(&storage) as _);
    if dedup.restore(&description, &*storage).is_err() {
        return assert!(dedup.is_empty(), "what is refused leaves nothing behind");
    }
    let first = blocks.first_chunk().map_or(0, |key| u128::from_le_bytes(*key));
    let (keys, payloads) = ([first, 0, u128::MAX], [1, 2, 3]);
    let (mut answers, mut again) = (Vec::new(), Vec::new());
    let answered = dedup.check(&keys, &payloads, &mut answers);
    let mut files = SealedFiles::default();
    let Ok(sealed) = dedup.seal(500).write(&*storage, "next-", &mut files) else { return };
    // A seal forgets what is beyond the horizon, and the file that was read may be named by more than one run.
    let mut restored = Dedup::new(options, Arc::clone(&storage) as _);
    restored.restore(&sealed, &*storage).expect("what was sealed is taken up");
    assert!(restored.len() <= dedup.len());
    if answered.is_ok() && restored.len() == dedup.len() {
        restored.check(&keys, &payloads, &mut again).expect("what was sealed is read");
        assert_eq!(again, answers);
    }
}
