//! Files in a folder of the local file system.
//!
//! Keeps I1 (durable means file *and* folder entries are synced) and I10 (a new file appears whole under its name or not
//! at all: it is written elsewhere, synced, then hard-linked to a name that must be free).
//! Files are readable by the owner's account only (I12).
//! Not here: who may open the folder (`checkpoint::folder` locks it). Open a folder once per process and share the handle:
//! opening removes what a killed process left half-written.

use std::collections::HashSet;
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lock::{Lock, assert_free};

use super::{AppendFile, Storage, StorageError, check_name};

/// Where new files are written before they get their name; on the same file system, since hard links can't cross.
const UNFINISHED: &str = ".unfinished";
/// Read and written by the owner's account.
const FILE_MODE: u32 = 0o600;

/// A folder of real files.
#[derive(Debug)]
pub struct LocalStorage {
    root: PathBuf,
    /// Names the next file in [`UNFINISHED`].
    next_unfinished: AtomicU64,
    /// Folders whose own names are known to be durable.
    durable_folders: Lock<HashSet<PathBuf>>,
}

impl LocalStorage {
    /// Opens `root`, making it if absent.
    ///
    /// # Errors
    /// Whatever the operating system says about making and syncing folders there.
    pub fn open(root: &Path) -> Result<Self, StorageError> {
        let prepare = || {
            fs::create_dir_all(root)?;
            let root = root.canonicalize()?;
            if let Some(parent) = root.parent() {
                sync_folder(parent)?;
            }
            let unfinished = root.join(UNFINISHED);
            match fs::remove_dir_all(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fs::create_dir(&unfinished)?,
            }
            sync_folder(&root)?;
            Ok(root)
        };
        let root = prepare().map_err(|error| StorageError::from_io(&root.display().to_string(), &error))?;
        Ok(Self { root, next_unfinished: AtomicU64::new(0), durable_folders: Lock::default() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn with_path<T>(&self, name: &str, act: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, StorageError> {
        assert_free();
        check_name(name)?;
        act(&self.root.join(name)).map_err(|error| StorageError::from_io(name, &error))
    }

    /// The folder of `path`, made if absent and durable up to the root. Synced once per process even if it was there:
    /// whoever made it may have been killed before syncing it.
    fn durable_parent<'a>(&self, path: &'a Path) -> io::Result<&'a Path> {
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        if !self.durable_folders.lock().contains(folder) {
            // Two at once make it durable twice, which is no harm.
            fs::create_dir_all(folder)?;
            for ancestor in folder.ancestors().take_while(|ancestor| ancestor.starts_with(&self.root)) {
                sync_folder(ancestor)?;
            }
            self.durable_folders.lock().insert(folder.to_owned());
        }
        Ok(folder)
    }

    /// Full names of what is directly in `folder`, sorted. Links are neither files nor folders.
    fn entries(&self, folder: &str, wanted: fn(&FileType) -> bool) -> Result<Vec<String>, StorageError> {
        let collect = |path: &Path| {
            let entries = match fs::read_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                other => other?,
            };
            let mut names = Vec::new();
            for entry in entries {
                let entry = entry?;
                // A name that is not text can't have been made by this module.
                let Ok(own) = entry.file_name().into_string() else { continue };
                if wanted(&entry.file_type()?) {
                    names.push(if folder.is_empty() { own } else { format!("{folder}/{own}") });
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        if folder.is_empty() {
            return collect(&self.root).map_err(|error| StorageError::from_io(folder, &error));
        }
        self.with_path(folder, collect)
    }

    fn write_and_link(&self, path: &Path, unfinished: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::hard_link(unfinished, path)
    }
}

impl Storage for LocalStorage {
    fn create_new(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.with_path(name, |path| {
            let folder = self.durable_parent(path)?;
            let ordinal = self.next_unfinished.fetch_add(1, Ordering::Relaxed);
            let unfinished = self.root.join(UNFINISHED).join(ordinal.to_string());
            let linked = self.write_and_link(path, &unfinished, bytes);
            let removed = fs::remove_file(&unfinished);
            linked?;
            removed?;
            sync_folder(folder)
        })
    }

    fn open_append(&self, name: &str) -> Result<Box<dyn AppendFile>, StorageError> {
        self.with_path(name, |path| {
            let folder = self.durable_parent(path)?.to_owned();
            let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)?;
            Ok(Box::new(LocalFile { name: name.to_owned(), file, unsynced_folder: Some(folder) })
                as Box<dyn AppendFile>)
        })
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, StorageError> {
        self.with_path(name, |path| fs::read(path))
    }

    fn read_at(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, StorageError> {
        self.with_path(name, |path| {
            let mut file = File::open(path)?;
            // Lengths are read from files, and a damaged one may name more than there is memory.
            let rest = usize::try_from(file.metadata()?.len().saturating_sub(offset)).unwrap_or(usize::MAX);
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::with_capacity(length.min(rest));
            file.take(length as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    fn size(&self, name: &str) -> Result<u64, StorageError> {
        self.with_path(name, |path| Ok(fs::metadata(path)?.len()))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        self.entries(folder, FileType::is_file)
    }

    fn list_folders(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        self.entries(folder, FileType::is_dir)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.with_path(name, |path| match fs::remove_file(path) {
            Ok(()) => sync_parent(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn truncate(&self, name: &str, length: u64) -> Result<(), StorageError> {
        self.with_path(name, |path| {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(length)?;
            file.sync_all()
        })
    }

    /// A link and a removal, because a plain rename would overwrite; a crash in between leaves the file under both names.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        check_name(from)?;
        let source = self.root.join(from);
        let missing = || StorageError::NotFound { name: from.to_owned() };
        if !source.is_file() {
            return Err(missing());
        }
        self.with_path(to, |path| {
            let folder = self.durable_parent(path)?;
            fs::hard_link(&source, path)?;
            sync_folder(folder)
        })?;
        self.remove(from)
    }
}

#[derive(Debug)]
struct LocalFile {
    name: String,
    file: File,
    /// The file's folder until its entry for the file is durable.
    unsynced_folder: Option<PathBuf>,
}

impl AppendFile for LocalFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        assert_free();
        self.file.write_all(bytes).map_err(|error| StorageError::from_io(&self.name, &error))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        assert_free();
        let mut sync = || {
            self.file.sync_data()?;
            if let Some(folder) = &self.unsynced_folder {
                sync_folder(folder)?;
                self.unsynced_folder = None;
            }
            Ok(())
        };
        sync().map_err(|error| StorageError::from_io(&self.name, &error))
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_folder)
}
