//! The chain of one tenant's entries: each carries the hash of the one before, so that none can be changed, left out or put
//! in later without all that follow showing it.
//!
//! Pure. Not here: where entries are kept (`journal`).

use std::fmt;

use engine::log::Offset;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Entry;
use super::envelope::EnvelopeError;
use crate::tenant::Change;

/// SHA-256 of an entry's envelope; all zero before a tenant's first entry.
#[derive(Default, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EntryHash(pub [u8; 32]);

impl EntryHash {
    /// The hash of an entry's envelope.
    pub fn of(envelope: &[u8]) -> Self {
        Self(Sha256::digest(envelope).into())
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryHash({self})")
    }
}

/// The end of a tenant's chain.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Sequence of the last entry; 0 before the first.
    pub sequence: u64,
    /// Its hash.
    pub hash: EntryHash,
}

/// Why an entry does not continue a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// Entries are missing, or one comes twice.
    #[error("entry {found} where entry {expect} should be")]
    Sequence {
        /// What should be there.
        expect: u64,
        /// What is.
        found: u64,
    },
    /// An earlier entry is not the one that this one was written after.
    #[error("entry {sequence} was written after an entry of hash {found}, but the one before it has {expect}")]
    Hash {
        /// Of the entry.
        sequence: u64,
        /// Hash of the entry before.
        expect: EntryHash,
        /// Hash that the entry names.
        found: EntryHash,
    },
}

impl Head {
    /// Writes the entry that follows; the chain itself moves on with [`Sealed::head`], once the entry is durable.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`] if the changes do not fit a record.
    pub fn seal(
        self,
        tenant: &str,
        at_us: i64,
        principal: &str,
        changes: Vec<Change>,
    ) -> Result<Sealed, EnvelopeError> {
        let entry = Entry {
            tenant: tenant.to_owned(),
            sequence: self.sequence + 1,
            at_us,
            principal: principal.to_owned(),
            changes,
            previous_hash: self.hash,
        };
        let envelope = entry.seal()?;
        Ok(Sealed { hash: EntryHash::of(&envelope), entry, envelope, previous: None })
    }

    /// Moves on over an entry that was read.
    ///
    /// # Errors
    /// [`ChainBreak`] if the entry does not follow; the head stays where it was.
    pub fn follow(&mut self, entry: &Entry, hash: EntryHash) -> Result<(), ChainBreak> {
        let expect = self.sequence + 1;
        if entry.sequence != expect {
            return Err(ChainBreak::Sequence { expect, found: entry.sequence });
        }
        if entry.previous_hash != self.hash {
            return Err(ChainBreak::Hash { sequence: expect, expect: self.hash, found: entry.previous_hash });
        }
        *self = Self { sequence: expect, hash };
        Ok(())
    }
}

/// An entry in its final bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(super) entry: Entry,
    pub(super) envelope: Vec<u8>,
    pub(super) previous: Option<Offset>,
    hash: EntryHash,
}

impl Sealed {
    /// What was sealed.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What was sealed, alone.
    pub fn into_entry(self) -> Entry {
        self.entry
    }

    /// The same, with the offset of the entry before, so that the way back to it is noted in the journal.
    pub fn behind(self, previous: Option<Offset>) -> Self {
        Self { previous, ..self }
    }

    /// Its bytes.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// The chain's end once this entry is in the journal.
    pub fn head(&self) -> Head {
        Head { sequence: self.entry.sequence, hash: self.hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facets::plan::PlanSet;

    fn chain(plans: &[&str]) -> Vec<Sealed> {
        let mut head = Head::default();
        let mut entries = Vec::new();
        for plan in plans {
            let sealed = head.seal("acme", 7, "ops", vec![Change::Plan(PlanSet { plan: (*plan).into() })]).unwrap();
            head = sealed.head();
            entries.push(sealed);
        }
        entries
    }

    fn follow(entries: &[Sealed]) -> Result<Head, ChainBreak> {
        let mut head = Head::default();
        for sealed in entries {
            head.follow(sealed.entry(), EntryHash::of(sealed.envelope()))?;
        }
        Ok(head)
    }

    #[test]
    fn a_whole_chain_is_followed_to_its_end() {
        let entries = chain(&["a", "b", "c"]);
        assert_eq!(follow(&entries), Ok(entries[2].head()));
    }

    #[test]
    fn a_missing_or_doubled_entry_is_noticed() {
        let [a, b, c]: [Sealed; 3] = chain(&["a", "b", "c"]).try_into().unwrap();
        let check = |entries: &[&Sealed], expect, found| {
            let entries: Vec<_> = entries.iter().copied().cloned().collect();
            assert_eq!(follow(&entries), Err(ChainBreak::Sequence { expect, found }));
        };
        check(&[&a, &c], 2, 3);
        check(&[&a, &b, &b, &c], 3, 2);
        check(&[&b], 1, 2);
    }

    #[test]
    fn a_replaced_entry_is_noticed_by_the_next() {
        let mut entries = chain(&["a", "b", "c"]);
        entries[1] = chain(&["a", "forged"]).remove(1);
        assert!(matches!(follow(&entries), Err(ChainBreak::Hash { sequence: 3, .. })));
    }
}
