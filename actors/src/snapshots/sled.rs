//! Snapshots in a folder, in sled. The only module that names sled.
//!
//! Databases of sled that can't be opened after an abrupt stop are known, and some take the thread that opens or reads them
//! down with them. So nothing in the folder is trusted: every record is read through its envelope, a panic is an error like
//! any other, and a folder that can't be used is set aside under another name and an empty one takes its place (I9). The
//! journal fills it again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::lock::Lock;
use engine::log::Offset;

use super::{RECORD_VERSION, Snapshots, SnapshotsError, TenantRecord};
use crate::journal::EnvelopeError;
use crate::journal::envelope::{self, Kind};

/// Memory that sled may use for pages, in bytes.
const PAGE_CACHE_BYTES: u64 = 32 << 20;
/// Key of the mark; no tenant's name starts with a point.
const MARK: &[u8] = b".valid_until";
/// The format of the mark.
const MARK_VERSION: u16 = 1;
/// How often and after which pauses a locked folder is tried again: a store that was closed lets go of its lock only when
/// its last background job has ended.
const LOCK_ATTEMPTS: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A cache in a folder.
pub struct SledSnapshots {
    path: PathBuf,
    db: Lock<sled::Db>,
    rebuilt: AtomicU64,
}

impl SledSnapshots {
    /// Opens the cache in the folder `path`, or makes it. A folder that can't be opened is set aside as
    /// `<path>.corrupt-<n>`; what is in it is read when it is asked for.
    ///
    /// # Errors
    /// [`SnapshotsError::InUse`] if another process has it open for longer than two seconds; [`SnapshotsError::Store`] if
    /// not even an empty one can be made, for instance without permission or space.
    pub fn open(path: &Path) -> Result<Self, SnapshotsError> {
        let of = |db, rebuilt| Self { path: path.to_owned(), db: Lock::new(db), rebuilt: AtomicU64::new(rebuilt) };
        let mut attempts = 1;
        let reason = loop {
            match open_db(path) {
                Ok(db) => return Ok(of(db, 0)),
                Err(SnapshotsError::InUse { .. }) if attempts < LOCK_ATTEMPTS => {
                    attempts += 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(in_use @ SnapshotsError::InUse { .. }) => return Err(in_use),
                Err(reason) => break reason,
            }
        };
        tracing::warn!(path = %path.display(), %reason, "snapshots can't be opened; rebuilding them from the journal");
        set_aside(path)?;
        Ok(of(open_db(path)?, 1))
    }

    /// Bytes on disk.
    ///
    /// # Errors
    /// [`SnapshotsError::Store`] if the folder can't be read.
    pub fn size_bytes(&self) -> Result<u64, SnapshotsError> {
        self.db().size_on_disk().map_err(store)
    }

    /// A handle of one's own: files are read and written without the lock.
    fn db(&self) -> sled::Db {
        self.db.lock().clone()
    }
}

impl Snapshots for SledSnapshots {
    fn for_each(&self, each: &mut dyn FnMut(String, TenantRecord)) -> Result<(), SnapshotsError> {
        let db = self.db();
        let read = || {
            for entry in db.iter() {
                let (key, bytes) = entry.map_err(store)?;
                if key != MARK {
                    let (tenant, record) = decode(&key, &bytes)?;
                    each(tenant, record);
                }
            }
            Ok(())
        };
        unless_it_panics(read)
    }

    fn put_batch(&self, records: &[(String, TenantRecord)], valid_until: Offset) -> Result<(), SnapshotsError> {
        let db = self.db();
        // In the order of the tree: a million records in any other read its pages back again and again.
        let mut in_order: Vec<&(String, TenantRecord)> = records.iter().collect();
        in_order.sort_unstable_by_key(|(tenant, _)| tenant);
        for named in in_order {
            let (tenant, _) = named;
            let sealed = envelope::seal(Kind::Tenant, RECORD_VERSION, named);
            let bytes = sealed.map_err(|reason| SnapshotsError::Record { tenant: tenant.clone(), reason })?;
            db.insert(tenant.as_bytes(), bytes).map_err(store)?;
        }
        // The mark promises them, so they are durable before it.
        db.flush().map_err(store)?;
        let mark = envelope::seal(Kind::Mark, MARK_VERSION, &valid_until).map_err(damaged(MARK))?;
        db.insert(MARK, mark).map_err(store)?;
        db.flush().map_err(store)?;
        Ok(())
    }

    fn valid_until(&self) -> Result<Offset, SnapshotsError> {
        mark(&self.db())
    }

    fn clear(&self) -> Result<(), SnapshotsError> {
        set_aside(&self.path)?;
        let new = open_db(&self.path)?;
        // The old one has its files open and goes with the value that is replaced.
        let cleared = std::mem::replace(&mut *self.db.lock(), new);
        self.rebuilt.fetch_add(1, Ordering::Relaxed);
        unless_it_panics(|| {
            drop(cleared);
            Ok(())
        })
    }

    fn rebuilt(&self) -> u64 {
        self.rebuilt.load(Ordering::Relaxed)
    }
}

fn open_db(path: &Path) -> Result<sled::Db, SnapshotsError> {
    unless_it_panics(|| {
        let config = sled::Config::new().path(path).cache_capacity(PAGE_CACHE_BYTES).flush_every_ms(None);
        let db = config.open().map_err(|error| open_error(path, error))?;
        mark(&db)?;
        Ok(db)
    })
}

/// A panic on the way is an error like any other.
fn unless_it_panics<T>(attempt: impl FnOnce() -> Result<T, SnapshotsError>) -> Result<T, SnapshotsError> {
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|panic| Err(SnapshotsError::Store(panic_text(&*panic))))
}

fn open_error(path: &Path, error: sled::Error) -> SnapshotsError {
    let text = error.to_string();
    // Sled has no kind of its own for this, and a folder in use must not be moved away under its user.
    if text.contains("could not acquire lock") {
        return SnapshotsError::InUse { path: path.display().to_string() };
    }
    SnapshotsError::Store(text)
}

fn mark(db: &sled::Db) -> Result<Offset, SnapshotsError> {
    let bytes = db.get(MARK).map_err(store)?;
    bytes.map_or(Ok(0), |bytes| envelope::open(Kind::Mark, MARK_VERSION, &bytes).map_err(damaged(MARK)))
}

/// The record names its tenant, so that one that ended up under another's key is noticed.
fn decode(key: &[u8], bytes: &[u8]) -> Result<(String, TenantRecord), SnapshotsError> {
    let (tenant, record): (String, TenantRecord) =
        envelope::open(Kind::Tenant, RECORD_VERSION, bytes).map_err(damaged(key))?;
    if tenant.as_bytes() != key {
        return Err(damaged(key)(EnvelopeError::Kind));
    }
    Ok((tenant, record))
}

/// Moves the folder, if there is one, to the first free name.
fn set_aside(path: &Path) -> Result<(), SnapshotsError> {
    let moved = || {
        if !path.try_exists()? {
            return Ok(());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut n = 1u32;
        loop {
            let aside = path.with_file_name(format!("{name}.corrupt-{n}"));
            if !aside.try_exists()? {
                tracing::warn!(path = %path.display(), aside = %aside.display(), "snapshots are set aside");
                return std::fs::rename(path, &aside);
            }
            n += 1;
        }
    };
    moved().map_err(|error: std::io::Error| SnapshotsError::Store(format!("{}: {error}", path.display())))
}

fn store(error: sled::Error) -> SnapshotsError {
    SnapshotsError::Store(error.to_string())
}

fn damaged(key: &[u8]) -> impl FnOnce(EnvelopeError) -> SnapshotsError {
    let tenant = String::from_utf8_lossy(key).into_owned();
    move |reason| SnapshotsError::Damaged { tenant, reason }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("sled panicked: {}", text.unwrap_or("without a word"))
}
