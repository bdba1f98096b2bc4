//! Entries: what happened to one tenant at once, and the bytes that say so.
//!
//! An entry is an envelope around its tenant, its place in the chain and its changes, each as its facet wrote it (`written`).
//! Those of the first format read for ever (`first`). Not here: the chain itself (`chain`), records of entries (the module
//! above).

use serde::{Deserialize, Serialize};

use super::chain::EntryHash;
use super::envelope::{self, EnvelopeError, Kind};
use super::first::FirstEntry;
use crate::tenant::Change;
use crate::written::{ChangeError, Written};

/// What happened to one tenant at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub tenant: String,
    /// From 1, without gaps, for each tenant.
    pub sequence: u64,
    /// The node's clock when it was decided, microseconds.
    pub at_us: i64,
    /// Who asked for it.
    pub principal: String,
    /// In the order in which they are applied.
    pub changes: Vec<Change>,
    /// Hash of the tenant's entry before.
    pub previous_hash: EntryHash,
}

/// Why bytes are not an entry that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// They are not what was written.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// They are, and hold a change that can't be applied.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// The format of entries that is written.
const VERSION: u16 = 2;

/// An entry in that format.
#[derive(Serialize, Deserialize)]
struct WrittenEntry {
    tenant: String,
    sequence: u64,
    at_us: i64,
    principal: String,
    changes: Vec<Written>,
    previous_hash: EntryHash,
}

impl Entry {
    /// Its envelope.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`] if the changes do not fit a record.
    pub fn seal(&self) -> Result<Vec<u8>, EnvelopeError> {
        let changes: Result<_, _> = self.changes.iter().map(Change::written).collect();
        let written = WrittenEntry {
            tenant: self.tenant.clone(),
            sequence: self.sequence,
            at_us: self.at_us,
            principal: self.principal.clone(),
            changes: changes.map_err(EnvelopeError::Encode)?,
            previous_hash: self.previous_hash,
        };
        envelope::seal(Kind::Entry, VERSION, &written)
    }

    /// What an envelope holds that was cut off by [`envelope::split`].
    ///
    /// # Errors
    /// [`EntryError`] for what is damaged, and for what a later release wrote.
    pub fn open(envelope: &[u8]) -> Result<Self, EntryError> {
        let written = match envelope::version(envelope) {
            1 => first(envelope::decode(envelope)?)?,
            VERSION => envelope::decode(envelope)?,
            later => return Err(EnvelopeError::Version(later).into()),
        };
        let changes: Result<_, _> = written.changes.iter().map(Change::read).collect();
        Ok(Self {
            tenant: written.tenant,
            sequence: written.sequence,
            at_us: written.at_us,
            principal: written.principal,
            changes: changes?,
            previous_hash: written.previous_hash,
        })
    }
}

fn first(entry: FirstEntry) -> Result<WrittenEntry, EnvelopeError> {
    let changes: Result<_, _> = entry.changes.iter().map(super::first::FirstChange::written).collect();
    Ok(WrittenEntry {
        tenant: entry.tenant,
        sequence: entry.sequence,
        at_us: entry.at_us,
        principal: entry.principal,
        changes: changes.map_err(EnvelopeError::Body)?,
        previous_hash: entry.previous_hash,
    })
}
