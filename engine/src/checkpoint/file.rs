//! One file of a checkpoint: its owner's bytes and a trailer that vouches for them.
//!
//! Trailer, 16 bytes, little-endian: length of the content (8), CRC32C of the content and that length (4), magic `ckp1` (4).
//! Not here: what the content means.

use super::CheckpointError;
use crate::storage::{Storage, StorageError};

const TRAILER_BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"ckp1";
/// Verified at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Writes `content` and its trailer under a new name, durably.
///
/// # Errors
/// [`StorageError::Exists`] if the name is taken; whatever the storage says.
pub fn write(storage: &dyn Storage, name: &str, mut content: Vec<u8>) -> Result<(), StorageError> {
    let length = content.len() as u64;
    let crc = trailer_crc(crc32c::crc32c(&content), length);
    content.extend_from_slice(&length.to_le_bytes());
    content.extend_from_slice(&crc.to_le_bytes());
    content.extend_from_slice(&MAGIC);
    storage.create_new(name, &content)
}

/// The content of a file that [`write`] made.
///
/// # Errors
/// [`CheckpointError::Corrupt`] if it is missing or not what was written.
pub fn read(storage: &dyn Storage, name: &str) -> Result<Vec<u8>, CheckpointError> {
    let mut bytes = storage.read(name).map_err(missing_is_corrupt)?;
    let content_bytes = bytes.len().saturating_sub(TRAILER_BYTES);
    let (content, trailer) = bytes.split_at(content_bytes);
    check(name, crc32c::crc32c(content), content_bytes as u64, trailer)?;
    bytes.truncate(content_bytes);
    Ok(bytes)
}

/// Checks a file that [`write`] made without keeping it.
///
/// # Errors
/// Like [`read`].
pub fn verify(storage: &dyn Storage, name: &str) -> Result<(), CheckpointError> {
    let size = storage.size(name).map_err(missing_is_corrupt)?;
    let content_bytes = size.saturating_sub(TRAILER_BYTES as u64);
    let (mut at, mut crc) = (0, 0);
    while at < content_bytes {
        let length = (content_bytes - at).min(CHUNK_BYTES as u64);
        let chunk = storage.read_at(name, at, length as usize).map_err(missing_is_corrupt)?;
        if chunk.is_empty() {
            break;
        }
        crc = crc32c::crc32c_append(crc, &chunk);
        at += chunk.len() as u64;
    }
    let trailer = storage.read_at(name, content_bytes, TRAILER_BYTES).map_err(missing_is_corrupt)?;
    check(name, crc, at, &trailer)
}

fn check(name: &str, crc: u32, length: u64, trailer: &[u8]) -> Result<(), CheckpointError> {
    let corrupt = |reason: &str| CheckpointError::Corrupt { file: name.to_owned(), reason: reason.to_owned() };
    if trailer.len() < TRAILER_BYTES || trailer[12..] != MAGIC || trailer[..8] != length.to_le_bytes() {
        return Err(corrupt("it is cut short or not a checkpoint file"));
    }
    if trailer[8..12] != trailer_crc(crc, length).to_le_bytes() {
        return Err(corrupt("it does not fit its checksum"));
    }
    Ok(())
}

fn trailer_crc(content_crc: u32, length: u64) -> u32 {
    crc32c::crc32c_append(content_crc, &length.to_le_bytes())
}

/// A file that a manifest names and that is gone is as bad as a damaged one.
fn missing_is_corrupt(error: StorageError) -> CheckpointError {
    match error {
        StorageError::NotFound { name } => CheckpointError::Corrupt { file: name, reason: "it is missing".to_owned() },
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::MemoryStorage;

    fn reason(result: Result<(), CheckpointError>) -> String {
        match result {
            Err(CheckpointError::Corrupt { file, reason }) if file == "f" => reason,
            other => panic!("not corrupt: {other:?}"),
        }
    }

    #[test]
    fn content_comes_back_and_names_are_taken_once() {
        for length in [0, 1, 15, 16, 17, CHUNK_BYTES + 3] {
            let storage = MemoryStorage::new();
            let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
            write(&storage, "f", content.clone()).unwrap();
            assert_eq!(read(&storage, "f").unwrap(), content, "{length} bytes");
            verify(&storage, "f").unwrap();
            assert_eq!(write(&storage, "f", content), Err(StorageError::Exists { name: "f".into() }));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        for damage in 0..(5 + TRAILER_BYTES as u64) * 8 {
            let storage = MemoryStorage::new();
            write(&storage, "f", b"hello".to_vec()).unwrap();
            storage.flip_bit("f", damage / 8, (damage % 8) as u8).unwrap();
            reason(read(&storage, "f").map(drop));
            reason(verify(&storage, "f"));
        }
        for length in 0..5 + TRAILER_BYTES as u64 {
            let storage = MemoryStorage::new();
            write(&storage, "f", b"hello".to_vec()).unwrap();
            storage.truncate("f", length).unwrap();
            reason(read(&storage, "f").map(drop));
            reason(verify(&storage, "f"));
        }
        assert_eq!(reason(verify(&MemoryStorage::new(), "f")), "it is missing");
    }
}
