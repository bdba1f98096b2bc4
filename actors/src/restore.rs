//! Restoring: the tenants as the journal tells them, with the snapshots as a head start (I9). Snapshots that know more than
//! the journal prove that it lost entries, so nothing is begun with (I14).
//!
//! The same tenants come out with good snapshots, with old ones and with none. A tenant whose chain is broken keeps the
//! state before the break and is reported; the others go on (I11). Not here: actors (`shell`), what a quarantined tenant
//! may still do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine::log::Offset;

use crate::journal::{ChainBreak, Journal, JournalError};
use crate::snapshots::{Snapshots, SnapshotsError, TenantRecord};

/// What a start begins with.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Every tenant there ever was, by name.
    pub tenants: HashMap<String, TenantRecord>,
    /// Tenants whose chain is broken, and where. While there is one, the snapshots' mark must not move, so that the next
    /// start comes upon the break again.
    pub broken: BTreeMap<String, ChainBreak>,
    /// Tenants whose snapshot is missing or old.
    pub stale: BTreeSet<String>,
    /// End of the journal up to which this holds.
    pub end: Offset,
    /// Entries that had to be applied.
    pub applied: u64,
}

/// Why there is nothing to begin with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshots can't be emptied.
    #[error(transparent)]
    Snapshots(#[from] SnapshotsError),
    /// The journal lost its beginning or its end.
    #[error(
        "the journal holds offsets {start} to {end}, but once held 0 to {known}: segments of log/journal are missing; restore them from a backup, or, if only its end is missing, remove cache/ to go on without it"
    )]
    JournalShort {
        /// First offset that is there.
        start: Offset,
        /// Where it ends.
        end: Offset,
        /// Where it once ended.
        known: Offset,
    },
}

/// Reads snapshots and journal. Snapshots that can't be read are cleared.
///
/// # Errors
/// [`RestoreError`]; nothing was changed but the snapshots.
pub fn restore(snapshots: &dyn Snapshots, journal: &Journal) -> Result<Restored, RestoreError> {
    let (start, end) = (journal.start(), journal.end());
    let (mut tenants, from) = match load(snapshots) {
        Ok((.., known)) if known > end || start > 0 => {
            return Err(RestoreError::JournalShort { start, end, known: known.max(end) });
        }
        Ok((tenants, from, _)) => (tenants, from),
        Err(reason) => {
            tracing::warn!(%reason, "snapshots can't be used; replaying the whole journal");
            snapshots.clear()?;
            (HashMap::new(), 0)
        }
    };
    let mut restored = Restored { end, ..Restored::default() };
    journal.replay(from, |offset, entry, hash| {
        let record = tenants.entry(entry.tenant.clone()).or_default();
        if offset < record.valid_until || restored.broken.contains_key(&entry.tenant) {
            return Ok(());
        }
        if let Err(reason) = record.apply(offset, &entry, hash) {
            tracing::error!(tenant = entry.tenant, offset, %reason, "the chain of a tenant is broken; it is quarantined");
            restored.broken.insert(entry.tenant, reason);
            return Ok(());
        }
        restored.applied += 1;
        restored.stale.insert(entry.tenant);
        restored.end = restored.end.max(offset + 1);
        Ok(())
    })?;
    restored.tenants = tenants;
    Ok(restored)
}

/// The tenants, the offset to go on from, and the furthest that any of them knows the journal.
fn load(snapshots: &dyn Snapshots) -> Result<(HashMap<String, TenantRecord>, Offset, Offset), SnapshotsError> {
    let from = snapshots.valid_until()?;
    let mut tenants = HashMap::new();
    let mut known = from;
    snapshots.for_each(&mut |tenant, record| {
        known = known.max(record.valid_until);
        tenants.insert(tenant, record);
    })?;
    Ok((tenants, from, known))
}
