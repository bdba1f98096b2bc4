//! A storage that fails on purpose, by script or by seed, around one that doesn't.
//!
//! For tests of every crate: one seed reproduces one failure (I4), and [`matrix`] has every fault at every operation of a
//! run. Not here: power loss (`memory`).

pub mod matrix;
mod plan;

use std::sync::Arc;

use self::plan::Plan;
use super::{AppendFile, SharedStorage, Storage, StorageError};

/// Where a fault can strike. Listing and sizes never fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// [`Storage::create_new`].
    CreateNew,
    /// [`Storage::open_append`].
    OpenAppend,
    /// [`AppendFile::append`].
    Append,
    /// [`AppendFile::sync`].
    Sync,
    /// [`Storage::read`] and [`Storage::read_at`].
    Read,
    /// [`Storage::truncate`].
    Truncate,
    /// [`Storage::rename`], by the old name.
    Rename,
    /// [`Storage::remove`].
    Remove,
}

/// What goes wrong. A fault that makes no sense for an operation is an input/output error there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: nothing happens, [`StorageError::Full`].
    Full,
    /// Nothing happens, [`StorageError::Io`].
    Io,
    /// Append: the first half is written, then the disk is full. Read: the second half is missing, silently.
    Short,
    /// Append and read: one bit is wrong, silently.
    BitFlip,
    /// Sync: fails, and everything appended since the last sync is gone.
    Lost,
    /// It happens, and is then reported as failed: a file that is there while its folder could not be synced.
    Unsure,
    /// Nothing happens, then or later: the process is gone, as after [`FaultyStorage::halt`].
    Halt,
}

/// One scripted fault.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where it strikes.
    pub operation: Operation,
    /// Only files whose name contains this; empty for all.
    pub name_contains: String,
    /// Matching operations to let pass first.
    pub skip: u64,
    /// Matching operations to strike after that; `u64::MAX` until [`FaultyStorage::heal`].
    pub times: u64,
    /// What goes wrong.
    pub fault: Fault,
}

/// A storage that fails on purpose.
pub struct FaultyStorage {
    inner: SharedStorage,
    plan: Arc<Plan>,
}

impl FaultyStorage {
    /// No faults until some are injected.
    pub fn new(inner: SharedStorage) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// From now on about one in `one_in` of these operations fails, in a way that suits it; the same seed and the same
    /// sequence of operations give the same faults.
    pub fn inject_by_seed(&self, seed: u64, one_in: u64, operations: &[Operation]) {
        let mut plan = self.plan.lock();
        plan.random = seed;
        plan.one_in = one_in.max(1);
        plan.random_operations = operations.to_vec();
    }

    /// Adds a scripted fault; of several that match, the first one added strikes.
    pub fn inject(&self, rule: Rule) {
        self.plan.lock().rules.push(rule);
    }

    /// From now on nothing happens any more, as if the process were gone.
    pub fn halt(&self) {
        self.plan.lock().halted = true;
    }

    /// Another process begins: things happen again. Faults that have not struck are still ahead.
    pub fn resume(&self) {
        self.plan.lock().halted = false;
    }

    /// How many operations of each kind there were, those in vain included.
    pub fn seen(&self) -> matrix::Seen {
        self.plan.lock().seen.clone()
    }

    /// Forgets all faults that have not struck.
    pub fn heal(&self) {
        let mut plan = self.plan.lock();
        plan.rules.clear();
        plan.random_operations.clear();
        plan.halted = false;
    }

    /// How many faults have struck.
    pub fn struck(&self) -> u64 {
        self.plan.lock().struck
    }

    fn read_through(&self, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StorageError> {
        let Some((fault, random)) = self.plan.strike(Operation::Read, name) else { return Ok(bytes) };
        match fault {
            Fault::Short => Ok(bytes[..bytes.len() / 2].to_vec()),
            Fault::BitFlip => Ok(flipped(bytes, random)),
            other => Err(error(other, name)),
        }
    }

    /// Does it, or not, or does it and denies it.
    fn act<T>(
        &self,
        operation: Operation,
        name: &str,
        act: impl FnOnce() -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        match self.plan.strike(operation, name) {
            None => act(),
            Some((Fault::Unsure, _)) => act().and_then(|_| Err(error(Fault::Unsure, name))),
            Some((fault, _)) => Err(error(fault, name)),
        }
    }
}

impl Storage for FaultyStorage {
    fn create_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.act(Operation::CreateNew, name, || self.inner.create_new(name, bytes))
    }

    fn open_append(&self, name: &str) -> Result<Box<dyn AppendFile>, StorageError> {
        let inner = self.act(Operation::OpenAppend, name, || self.inner.open_append(name))?;
        let (storage, plan) = (Arc::clone(&self.inner), Arc::clone(&self.plan));
        Ok(Box::new(FaultyFile { inner, name: name.to_owned(), storage, plan, unsynced_bytes: 0 }))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        self.read_through(name, self.inner.read(name)?)
    }

    fn read_at(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        self.read_through(name, self.inner.read_at(name, offset, length)?)
    }

    fn size(&self, name: &str) -> Result<u64, StorageError> {
        self.inner.size(name)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        self.inner.list(folder)
    }

    fn list_folders(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        self.inner.list_folders(folder)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.act(Operation::Remove, name, || self.inner.remove(name))
    }

    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.act(Operation::Truncate, name, || self.inner.truncate(name, length))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.act(Operation::Rename, from, || self.inner.rename(from, to))
    }
}

struct FaultyFile {
    inner: Box<dyn AppendFile>,
    name: String,
    storage: SharedStorage,
    plan: Arc<Plan>,
    unsynced_bytes: u64,
}

impl AppendFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let fault = self.plan.strike(Operation::Append, &self.name);
        let (written, outcome) = match fault {
            None => (bytes.to_vec(), Ok(())),
            Some((Fault::BitFlip, random)) => (flipped(bytes.to_vec(), random), Ok(())),
            Some((Fault::Short, _)) => (bytes[..bytes.len() / 2].to_vec(), Err(error(Fault::Full, &self.name))),
            Some((Fault::Unsure, _)) => (bytes.to_vec(), Err(error(Fault::Unsure, &self.name))),
            Some((other, _)) => return Err(error(other, &self.name)),
        };
        self.inner.append(&written)?;
        self.unsynced_bytes += written.len() as u64;
        outcome
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        let Some((fault, _)) = self.plan.strike(Operation::Sync, &self.name) else {
            self.inner.sync()?;
            self.unsynced_bytes = 0;
            return Ok(());
        };
        if fault == Fault::Unsure {
            self.inner.sync()?;
            self.unsynced_bytes = 0;
        } else if fault == Fault::Lost {
            let kept = self.storage.size(&self.name)?.saturating_sub(self.unsynced_bytes);
            self.storage.truncate(&self.name, kept)?;
            self.unsynced_bytes = 0;
        }
        Err(error(fault, &self.name))
    }
}

fn flipped(mut bytes: Vec<u8>, random: u64) -> Vec<u8> {
    if !bytes.is_empty() {
        let bit = random % (bytes.len() as u64 * 8);
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    }
    bytes
}

fn error(fault: Fault, name: &str) -> StorageError {
    let name = name.to_owned();
    match fault {
        Fault::Full => StorageError::Full { name },
        _ => StorageError::Io { name, message: format!("injected fault {fault:?}") },
    }
}
