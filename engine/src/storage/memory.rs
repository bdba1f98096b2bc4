//! Files in memory, with a power switch: [`MemoryStorage::crash`] forgets what was not synced.
//!
//! For tests of everything that promises durability (I1). Not here: failing operations (`faulty`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::lock::{Held, Lock};

use super::{AppendFile, Storage, StorageError, check_name};

/// A folder of files that exist in memory only.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    disk: Arc<Lock<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, MemoryFile>,
    /// Files opened before a crash must not write after it.
    crashes: u64,
}

#[derive(Debug, Default)]
struct MemoryFile {
    bytes: Vec<u8>,
    durable_bytes: usize,
    name_durable: bool,
}

impl MemoryStorage {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power: bytes and names that were not synced are gone, and open files no longer work.
    pub fn crash(&self) {
        self.crash_torn(|_, _| 0);
    }

    /// Like [`Self::crash`], but the disk happened to keep the first `kept(name, unsynced_bytes)` of each file's unsynced
    /// bytes; a file whose name was not durable survives if any byte of it is kept.
    pub fn crash_torn(&self, mut kept: impl FnMut(&str, usize) -> usize) {
        let unsynced = self.begin_crash();
        let kept = unsynced.into_iter().map(|(name, unsynced)| {
            let kept = kept(&name, unsynced).min(unsynced);
            (name, kept)
        });
        self.keep(&kept.collect());
    }

    fn begin_crash(&self) -> Vec<(String, usize)> {
        self.lock().begin_crash()
    }

    /// Of files with bytes that were not synced, as many stay.
    fn keep(&self, kept: &BTreeMap<String, usize>) {
        self.lock().files.retain(|name, file| {
            let kept = kept.get(name).copied().unwrap_or(0);
            file.bytes.truncate(file.durable_bytes + kept);
            file.durable_bytes = file.bytes.len();
            let survives = file.name_durable || kept > 0;
            file.name_durable = true;
            survives
        });
    }

    /// Changes a stored byte behind everyone's back, as a failing disk does.
    ///
    /// # Errors
    /// No such file, or it is not longer than `position`.
    pub fn flip_bit(&self, name: &str, position: u64, bit: u8) -> Result<(), StorageError> {
        let mut disk = self.lock();
        let file = disk.file_mut(name)?;
        let byte = usize::try_from(position).ok().and_then(|position| file.bytes.get_mut(position));
        let message = || format!("has no byte {position}");
        *byte.ok_or_else(|| StorageError::Io { name: name.to_owned(), message: message() })? ^= 1 << (bit % 8);
        Ok(())
    }

    #[track_caller]
    fn lock(&self) -> Held<'_, Disk> {
        self.disk.lock()
    }
}

impl Disk {
    /// Nobody who has a file open writes any more; how many bytes of each file were not synced.
    fn begin_crash(&mut self) -> Vec<(String, usize)> {
        self.crashes += 1;
        let unsynced = self.files.iter().map(|(name, file)| (name.clone(), file.bytes.len() - file.durable_bytes));
        unsynced.filter(|(_, unsynced)| *unsynced > 0).collect()
    }

    fn file(&self, name: &str) -> Result<&MemoryFile, StorageError> {
        self.files.get(name).ok_or_else(|| StorageError::NotFound { name: name.to_owned() })
    }

    fn file_mut(&mut self, name: &str) -> Result<&mut MemoryFile, StorageError> {
        self.files.get_mut(name).ok_or_else(|| StorageError::NotFound { name: name.to_owned() })
    }

    fn check_free(&self, name: &str) -> Result<(), StorageError> {
        check_name(name)?;
        if self.files.contains_key(name) {
            return Err(StorageError::Exists { name: name.to_owned() });
        }
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn create_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let mut disk = self.lock();
        disk.check_free(name)?;
        let file = MemoryFile { bytes: bytes.to_vec(), durable_bytes: bytes.len(), name_durable: true };
        disk.files.insert(name.to_owned(), file);
        Ok(())
    }

    fn open_append(&self, name: &str) -> Result<Box<dyn AppendFile>, StorageError> {
        check_name(name)?;
        let mut disk = self.lock();
        disk.files.entry(name.to_owned()).or_default();
        Ok(Box::new(OpenFile { name: name.to_owned(), disk: Arc::clone(&self.disk), crashes: disk.crashes }))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        check_name(name)?;
        Ok(self.lock().file(name)?.bytes.clone())
    }

    fn read_at(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        check_name(name)?;
        let disk = self.lock();
        let bytes = &disk.file(name)?.bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }

    fn size(&self, name: &str) -> Result<u64, StorageError> {
        check_name(name)?;
        Ok(self.lock().file(name)?.bytes.len() as u64)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        if !folder.is_empty() {
            check_name(folder)?;
        }
        let folder_of = |name: &str| name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        Ok(self.lock().files.keys().filter(|name| folder_of(name) == folder).cloned().collect())
    }

    fn list_folders(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        if !folder.is_empty() {
            check_name(folder)?;
        }
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let disk = self.lock();
        let inside = disk.files.keys().filter_map(|name| name.strip_prefix(&prefix)?.split_once('/'));
        let folders: BTreeSet<String> = inside.map(|(own, _)| format!("{prefix}{own}")).collect();
        Ok(folders.into_iter().collect())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        check_name(name)?;
        self.lock().files.remove(name);
        Ok(())
    }

    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        check_name(name)?;
        let mut disk = self.lock();
        let file = disk.file_mut(name)?;
        // Longer than the file means zeros behind it, as file systems do.
        file.bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        file.durable_bytes = file.bytes.len();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        check_name(from)?;
        let mut disk = self.lock();
        disk.file(from)?;
        disk.check_free(to)?;
        if let Some(mut file) = disk.files.remove(from) {
            file.name_durable = true;
            disk.files.insert(to.to_owned(), file);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct OpenFile {
    name: String,
    disk: Arc<Lock<Disk>>,
    crashes: u64,
}

impl OpenFile {
    fn disk(&self) -> Result<Held<'_, Disk>, StorageError> {
        let disk = self.disk.lock();
        if disk.crashes != self.crashes {
            return Err(StorageError::Io { name: self.name.clone(), message: "opened before the crash".to_owned() });
        }
        Ok(disk)
    }
}

impl AppendFile for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.disk()?.file_mut(&self.name)?.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        let mut disk = self.disk()?;
        let file = disk.file_mut(&self.name)?;
        file.durable_bytes = file.bytes.len();
        file.name_durable = true;
        Ok(())
    }
}
