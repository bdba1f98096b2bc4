//! Snapshots: tenants' states as of some point of the journal, so that a start need not replay all of it. A cache: losing
//! it costs time and nothing else (I9).
//!
//! # Contract (each implementation passes `tests/it/snapshots.rs`)
//! - [`Snapshots::put_batch`] is durable in a store on disk, and the mark comes last: after a crash it has moved only if
//!   every record of the call is there, while records of the call may be there, each of them whole, without it.
//! - The mark ([`Snapshots::valid_until`]) is the caller's promise that each tenant's cached record has every entry of the
//!   journal before that offset, and that a tenant without a record has none there. A record may be ahead of the mark, and
//!   says itself how far it goes. Only durable entries may be in a record.
//! - What is read is what was put, or an error; a store checks every byte before it trusts it.
//! - [`Snapshots::clear`] forgets records and mark alike.
//!
//! Not here: when to take a snapshot (`shell`), replaying what comes after (`restore`).

use std::sync::Arc;

use engine::log::Offset;
use serde::{Deserialize, Serialize};

use crate::journal::{ChainBreak, Entry, EntryHash, EnvelopeError, Head, Sealed};
use crate::tenant::{Change, TenantState};

pub mod memory;
pub mod sled;

pub use memory::MemorySnapshots;
pub use sled::SledSnapshots;

/// The format of a cached record. An older cache is no cache, and is made anew (I9).
pub const RECORD_VERSION: u16 = 4;

/// A tenant as of some point of the journal.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// What it was; shared with everybody who looks at it. A change copies the facet that it changes and no other.
    pub state: Arc<TenantState>,
    /// End of its chain.
    pub head: Head,
    /// All its entries before this offset of the journal are in the state, and none behind it.
    pub valid_until: Offset,
}

impl TenantRecord {
    /// Moves on over the tenant's next entry, which is at `offset` of the journal.
    ///
    /// # Errors
    /// [`ChainBreak`] if the entry does not follow; nothing has changed then.
    pub fn apply(&mut self, offset: Offset, entry: &Entry, hash: EntryHash) -> Result<(), ChainBreak> {
        self.head.follow(entry, hash)?;
        let state = Arc::make_mut(&mut self.state);
        for change in &entry.changes {
            state.apply(change);
            state.place(change, offset);
        }
        self.valid_until = offset + 1;
        Ok(())
    }
}

impl TenantRecord {
    /// Writes the tenant's next entry; the record moves on by [`Self::apply`], once the entry is durable.
    ///
    /// # Errors
    /// As [`Head::seal`].
    pub fn seal(
        &self,
        tenant: &str,
        at_us: i64,
        principal: &str,
        changes: Vec<Change>,
    ) -> Result<Sealed, EnvelopeError> {
        Ok(self.head.seal(tenant, at_us, principal, changes)?.behind(self.last()))
    }

    /// Where its last entry is; `None` if it has none.
    pub fn last(&self) -> Option<Offset> {
        self.valid_until.checked_sub(1).filter(|_| self.head.sequence > 0)
    }
}

impl From<Arc<TenantState>> for TenantRecord {
    /// A state that no journal tells of.
    fn from(state: Arc<TenantState>) -> Self {
        Self { state, ..Self::default() }
    }
}

/// A cache of tenants; see the module for the contract.
pub trait Snapshots: Send + Sync + 'static {
    /// Gives every record to `each`, in no particular order.
    fn for_each(&self, each: &mut dyn FnMut(String, TenantRecord)) -> Result<(), SnapshotsError>;
    /// Puts records in place of older ones and moves the mark.
    fn put_batch(&self, records: &[(String, TenantRecord)], valid_until: Offset) -> Result<(), SnapshotsError>;
    /// The journal offset before which nothing is missing; 0 in an empty cache.
    fn valid_until(&self) -> Result<Offset, SnapshotsError>;
    /// Forgets everything.
    fn clear(&self) -> Result<(), SnapshotsError>;
    /// How often it had to begin anew since it was opened, by being cleared or because what was there could not be opened.
    fn rebuilt(&self) -> u64;
}

/// What can go wrong with the cache; the journal makes up for all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotsError {
    /// Another process has it open.
    #[error("{path} is in use by another process; stop it first")]
    InUse {
        /// Folder.
        path: String,
    },
    /// The store could not be opened, read or written.
    #[error("snapshots: {0}; they are rebuilt from the journal when the node starts without them")]
    Store(String),
    /// A record is not what was put.
    #[error("snapshot of {tenant} is damaged: {reason}; it is rebuilt when the node starts")]
    Damaged {
        /// Whose.
        tenant: String,
        /// What does not fit.
        reason: EnvelopeError,
    },
    /// A record can't be written.
    #[error("snapshot of {tenant}: {reason}")]
    Record {
        /// Whose.
        tenant: String,
        /// Why not.
        reason: EnvelopeError,
    },
}
