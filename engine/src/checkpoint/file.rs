//! One file of a checkpoint: its owner's bytes and a trailer that vouches for them.
//!
//! Trailer, 16 bytes, little-endian: length of the content (8), CRC32C of the content and that length (4), magic `ckp1` (4).
//! Not here: what the content means.

use super::CheckpointError;
use crate::storage::{AppendFile, Storage, StorageError};

const TRAILER_BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"ckp1";
/// Verified at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Writes `content` and its trailer under a new name, durably.
///
/// # Errors
/// [`StorageError::Exists`] if the name is taken; whatever the storage says.
pub fn write(storage: &dyn Storage, name: &str, mut content: Vec<u8>) -> Result<(), StorageError> {
    let trailer = trailer(crc32c::crc32c(&content), content.len() as u64);
    content.extend_from_slice(&trailer);
    storage.create_new(name, &content)
}

/// A file that is written bit by bit, because its content is larger than what should be in memory at once.
///
/// It is there under its name from the start, but only [`FileWriter::finish`] makes it one that [`verify`] takes. If that
/// is not reached, whoever began it removes it.
pub struct FileWriter {
    file: Box<dyn AppendFile>,
    crc: u32,
    length: u64,
}

impl FileWriter {
    /// Begins a file under a new name.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if the name is taken; whatever the storage says.
    pub fn create(storage: &dyn Storage, name: &str) -> Result<Self, StorageError> {
        match storage.size(name) {
            Err(StorageError::NotFound { .. }) => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(StorageError::Exists { name: name.to_owned() }),
        }
        Ok(Self { file: storage.open_append(name)?, crc: 0, length: 0 })
    }

    /// Appends to the content.
    ///
    /// # Errors
    /// Whatever the storage says; the file is of no use then.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.length += bytes.len() as u64;
        self.file.append(bytes)
    }

    /// Puts the trailer behind the content and makes all of it durable.
    ///
    /// # Errors
    /// Whatever the storage says; the file is of no use then.
    pub fn finish(mut self) -> Result<(), StorageError> {
        self.file.append(&trailer(self.crc, self.length))?;
        self.file.sync()
    }
}

/// The content of a file that [`write`] or a [`FileWriter`] made.
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

fn trailer(content_crc: u32, length: u64) -> [u8; TRAILER_BYTES] {
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..8].copy_from_slice(&length.to_le_bytes());
    trailer[8..12].copy_from_slice(&trailer_crc(content_crc, length).to_le_bytes());
    trailer[12..].copy_from_slice(&MAGIC);
    trailer
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
            let taken = StorageError::Exists { name: "f".into() };
            assert_eq!(write(&storage, "f", content.clone()), Err(taken.clone()));
            assert_eq!(FileWriter::create(&storage, "f").err(), Some(taken));

            let mut bit_by_bit = FileWriter::create(&storage, "g").unwrap();
            content.chunks(7).for_each(|chunk| bit_by_bit.append(chunk).unwrap());
            verify(&storage, "g").expect_err("it is not finished");
            bit_by_bit.finish().unwrap();
            storage.crash();
            assert_eq!(storage.read("g"), storage.read("f"), "{length} bytes");
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
