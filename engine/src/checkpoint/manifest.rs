//! Manifests: which files, offset and watermarks belong together. The newest valid one is the state of the node.
//!
//! Each is created under a new name with its generation in it; a taken name means that another node owns the data (I10).
//! A manifest refers to files of two kinds: those of checkpoints, which are verified before it is used, and those of the
//! lake, which vouch for themselves when they are read. Both live as long as some manifest refers to them.
//!
//! Not here: the files' content (`file`, the lake), reading the log behind the manifest's offset (the service).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::{CheckpointError, decode_json, encode_json, file};
use crate::dedup::sequence::Sequences;
use crate::lake;
use crate::log::Offset;
use crate::snapshot::Archive;
use crate::storage::{SharedStorage, StorageError, check_name};

/// The manifest format that this program writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// One consistent state of all shards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Counts manifests; see [`Manifests::next_generation`].
    pub generation: u64,
    /// Ownership of the data folder under which it was written.
    pub epoch: u32,
    /// Every event before this offset is in, none from it on.
    pub log_offset: Offset,
    /// The node's clock, microseconds.
    pub created_at_us: i64,
    /// What of the event log is in the lake.
    pub archive: Archive,
    /// One per shard, by number.
    pub shards: Vec<ShardManifest>,
}

/// One shard within a [`Manifest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardManifest {
    /// Which shard.
    pub shard: u16,
    /// No earlier event is expected, microseconds.
    pub watermark_us: i64,
    /// What dedup needs to go on.
    pub dedup: serde_json::Value,
    /// Which batches of which producers were taken.
    #[serde(default)]
    pub sequences: Sequences,
    /// What the operator needs to go on.
    pub operator: serde_json::Value,
    /// Every checkpoint file that the two refer to, by its name in the storage; each written by [`file::write`].
    pub files: Vec<String>,
    /// Every file of the lake that they refer to.
    #[serde(default)]
    pub lake_files: Vec<String>,
}

impl Manifest {
    /// The log must reach back to here for this manifest to be of use: what is behind it is in the state, and in the lake.
    pub fn needs_log_from(&self) -> Offset {
        self.log_offset.min(self.archive.until)
    }
}

/// What a manifest says of files and of the log: all that is asked of one that is not taken up. What shards need to go on may
/// be large and is passed over.
#[derive(Debug, Deserialize)]
struct Needs {
    format: u32,
    generation: u64,
    log_offset: Offset,
    archive: Archive,
    shards: Vec<ShardNeeds>,
}

#[derive(Debug, Deserialize)]
struct ShardNeeds {
    files: Vec<String>,
    #[serde(default)]
    lake_files: Vec<String>,
}

impl Needs {
    fn log_from(&self) -> Offset {
        self.log_offset.min(self.archive.until)
    }

    fn checkpoint_files(&self) -> impl Iterator<Item = &String> {
        self.shards.iter().flat_map(|shard| &shard.files)
    }

    fn lake_files(&self) -> impl Iterator<Item = &String> {
        let archived = self.archive.files.iter().map(|file| &file.name);
        archived.chain(self.shards.iter().flat_map(|shard| &shard.lake_files))
    }

    fn files(&self) -> impl Iterator<Item = &String> {
        self.checkpoint_files().chain(self.lake_files())
    }
}

/// The manifests of a node, in one folder of its storage.
pub struct Manifests {
    storage: SharedStorage,
    folder: String,
    fallbacks: AtomicU64,
}

impl Manifests {
    /// The manifests in `folder`; nothing is read or changed.
    pub fn new(storage: SharedStorage, folder: &str) -> Self {
        Self { storage, folder: folder.to_owned(), fallbacks: AtomicU64::new(0) }
    }

    /// The newest manifest that is whole, files included, or none if there never was one. If a newer one is damaged, an
    /// earlier one does as well, as long as a log that starts at `log_start` can bring it up to date; see
    /// [`Self::fallbacks`].
    ///
    /// # Errors
    /// [`CheckpointError::Corrupt`] naming the newest damaged file if no manifest will do; [`CheckpointError::Gap`] if the
    /// log does not reach back to what the newest manifest holds, or to the beginning without one.
    pub fn latest(&self, log_start: Offset) -> Result<Option<Manifest>, CheckpointError> {
        let mut newest_damage = None;
        for generation in self.generations()?.into_iter().rev() {
            let damage = match self.verified(generation) {
                Ok(manifest) if newest_damage.is_none() => {
                    let needed = manifest.needs_log_from();
                    return if needed >= log_start {
                        Ok(Some(manifest))
                    } else {
                        Err(CheckpointError::Gap { folder: self.folder.clone(), needed, log_start })
                    };
                }
                Ok(manifest) if manifest.needs_log_from() >= log_start => {
                    self.fallbacks.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(generation, "going on from an earlier checkpoint; the log brings it up to date");
                    return Ok(Some(manifest));
                }
                Ok(_) => break,
                Err(damage @ CheckpointError::Corrupt { .. }) => damage,
                Err(other) => return Err(other),
            };
            tracing::warn!(generation, %damage, "a checkpoint can't be used");
            newest_damage.get_or_insert(damage);
        }
        match newest_damage {
            Some(damage) => Err(damage),
            // What is before the log's start was in a checkpoint.
            None if log_start > 0 => Err(CheckpointError::Gap { folder: self.folder.clone(), needed: 0, log_start }),
            None => Ok(None),
        }
    }

    /// How often [`Self::latest`] had to use an earlier checkpoint.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks.load(Ordering::Relaxed)
    }

    /// The generation that the next manifest must have: one more than the newest name, damaged or not. Behind the last number
    /// there is none, and [`Self::create`] finds the name taken.
    ///
    /// # Errors
    /// [`CheckpointError::Storage`] if the folder can't be listed.
    pub fn next_generation(&self) -> Result<u64, CheckpointError> {
        Ok(self.generations()?.last().map_or(1, |newest| newest.saturating_add(1)))
    }

    /// Makes the manifest the newest one, durably; its files must be written.
    ///
    /// # Errors
    /// [`CheckpointError::Fenced`] if its generation is not the next one: another owner has written meanwhile.
    pub fn create(&self, manifest: &Manifest) -> Result<(), CheckpointError> {
        let fenced = CheckpointError::Fenced { generation: manifest.generation };
        if manifest.generation != self.next_generation()? {
            return Err(fenced);
        }
        match self.storage.create_new(&self.name(manifest.generation), &encode_json(manifest)) {
            Err(StorageError::Exists { .. }) => Err(fenced),
            other => Ok(other?),
        }
    }

    /// The log may be trimmed before this offset: every kept manifest can still be brought up to date. 0 without manifests.
    ///
    /// # Errors
    /// [`CheckpointError::Storage`] if manifests can't be read; damaged ones are passed over.
    pub fn trim_log_before(&self) -> Result<Offset, CheckpointError> {
        let kept = self.readable()?;
        Ok(kept.iter().map(Needs::log_from).min().unwrap_or(0))
    }

    /// Removes all manifests older than the newest `keep` readable ones, and the files of checkpoints and lake that only
    /// those referred to. Files that are not in any manifest yet are left alone, so a checkpoint may be under way. Gives how
    /// many files were removed.
    ///
    /// # Errors
    /// [`CheckpointError::Storage`]; what is left is removed by the next [`Self::remove_orphans`].
    pub fn collect_garbage(&self, keep: usize) -> Result<usize, CheckpointError> {
        let readable = self.readable()?;
        let (dropped, kept) = readable.split_at(readable.len().saturating_sub(keep.max(1)));
        let Some(oldest_kept) = kept.first() else { return Ok(0) };
        let needed: BTreeSet<&String> = kept.iter().flat_map(Needs::files).collect();
        let garbage: BTreeSet<&String> = dropped.iter().flat_map(Needs::files).collect();
        // Manifests first: one without its files would look damaged.
        for generation in self.generations()?.into_iter().filter(|generation| *generation < oldest_kept.generation) {
            self.storage.remove(&self.name(generation))?;
        }
        let mut removed = 0;
        for name in garbage.difference(&needed) {
            self.storage.remove(name)?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Removes files that no manifest refers to, left by a checkpoint that was never finished. Called once a state has been
    /// recovered and before anyone writes: until then they may be all that is left of a damaged node. A damaged manifest's
    /// files are unknown: with one around, nothing is an orphan for certain.
    ///
    /// # Errors
    /// [`CheckpointError::Storage`] if the folders can't be listed or cleaned.
    pub fn remove_orphans(&self) -> Result<(), CheckpointError> {
        let readable = self.readable()?;
        if readable.len() != self.generations()?.len() {
            return Ok(());
        }
        let needed: BTreeSet<&String> = readable.iter().flat_map(Needs::files).collect();
        // Without any manifest the lake may be all that is left of a node: it is not for us to judge.
        if !readable.is_empty() {
            self.remove_lake_orphans(&needed, lake::FOLDER)?;
        }
        let needed: BTreeSet<&String> = readable.iter().flat_map(Needs::checkpoint_files).collect();
        let ours = format!("{}/", self.folder);
        let mut folders: BTreeSet<&str> = needed.iter().filter_map(|name| Some(name.rsplit_once('/')?.0)).collect();
        folders.retain(|folder| folder.starts_with(&ours));
        folders.insert(&self.folder);
        for folder in folders {
            for name in self.storage.list(folder)? {
                if !needed.contains(&name) && self.generation(&name).is_none() {
                    tracing::info!(name, "removing a file of a checkpoint that was never finished");
                    self.storage.remove(&name)?;
                }
            }
        }
        Ok(())
    }

    /// Only Parquet: whatever else lies in the lake is not the node's.
    fn remove_lake_orphans(&self, needed: &BTreeSet<&String>, folder: &str) -> Result<(), CheckpointError> {
        for name in self.storage.list(folder)? {
            if name.ends_with(lake::EXTENSION) && !needed.contains(&name) {
                tracing::info!(name, "removing a file of the lake that no checkpoint refers to");
                self.storage.remove(&name)?;
            }
        }
        for folder in self.storage.list_folders(folder)? {
            self.remove_lake_orphans(needed, &folder)?;
        }
        Ok(())
    }

    /// Manifests that can be read, oldest first; their files are not looked at.
    fn readable(&self) -> Result<Vec<Needs>, CheckpointError> {
        let mut readable = Vec::new();
        for generation in self.generations()? {
            match self.read(generation) {
                Ok((needs, _)) => readable.push(needs),
                Err(CheckpointError::Corrupt { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(readable)
    }

    fn verified(&self, generation: u64) -> Result<Manifest, CheckpointError> {
        let (needs, bytes) = self.read(generation)?;
        let manifest =
            decode_json(&bytes).map_err(|reason| CheckpointError::Corrupt { file: self.name(generation), reason })?;
        for name in needs.checkpoint_files() {
            file::verify(&*self.storage, name)?;
        }
        Ok(manifest)
    }

    /// What a manifest needs, and its bytes.
    fn read(&self, generation: u64) -> Result<(Needs, Vec<u8>), CheckpointError> {
        let name = self.name(generation);
        let corrupt = |reason: String| CheckpointError::Corrupt { file: name.clone(), reason };
        let bytes = self.storage.read(&name)?;
        let needs: Needs = decode_json(&bytes).map_err(corrupt)?;
        if needs.format != FORMAT {
            return Err(corrupt(format!("it has format {}, this program reads {FORMAT}", needs.format)));
        }
        if needs.generation != generation {
            return Err(corrupt(format!("it is generation {} under the name of another", needs.generation)));
        }
        // A file that can't be could never be removed, and garbage behind it would stay.
        for file in needs.files() {
            check_name(file).map_err(|error| corrupt(error.to_string()))?;
            if self.generation(file).is_some() {
                return Err(corrupt(format!("it names the manifest {file} as one of its files")));
            }
        }
        Ok((needs, bytes))
    }

    /// By name, oldest first.
    fn generations(&self) -> Result<Vec<u64>, CheckpointError> {
        let names = self.storage.list(&self.folder)?;
        Ok(names.iter().filter_map(|name| self.generation(name)).collect())
    }

    fn name(&self, generation: u64) -> String {
        format!("{}/manifest-{generation:020}.json", self.folder)
    }

    fn generation(&self, name: &str) -> Option<u64> {
        let own = name.strip_prefix(&self.folder)?.strip_prefix("/manifest-")?;
        let generation = own.strip_suffix(".json")?.parse().ok()?;
        // Other spellings of the number are other files.
        (self.name(generation) == name).then_some(generation)
    }
}
