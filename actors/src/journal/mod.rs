//! The journal: every change of every tenant, for ever, in a log of its own. The audit trail, and the truth from which
//! tenants are rebuilt (I9).
//!
//! One log record holds one or more entries, one row each, so that an entry's offset is the record's plus its place, and a
//! record is durable whole or not at all (I1). Entries of one tenant form a chain (`chain`). Not here: deciding and
//! applying changes (`tenant`), caches (`snapshots`), the log itself (`engine::log`).

use std::sync::Arc;

use engine::log::{Header, LogError, Offset, Record, SharedLog};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};

use crate::tenant::Change;

pub mod chain;
pub mod envelope;

pub use chain::{ChainBreak, EntryHash, Head, Sealed};
pub use envelope::EnvelopeError;

use envelope::Kind;

/// Most bytes of entries that wait for the log at once; well below what any log holds in flight, so that appending never
/// blocks the thread of a caller.
pub const IN_FLIGHT_BYTES_MAX: usize = 8 << 20;

/// What happened to one tenant at once. Encoded for ever: fields are never changed (`envelope` on how to add a version).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What can go wrong with the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The log did not take a record, or can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Bytes that are not entries.
    #[error("journal record at offset {offset} is damaged: {reason}; restore the journal from a backup")]
    Damaged {
        /// Of the entry that can't be read.
        offset: Offset,
        /// What does not fit.
        reason: EnvelopeError,
    },
    /// A record has another number of entries than its header says.
    #[error("journal record at offset {offset} has {found} entries instead of {expect}; restore it from a backup")]
    Rows {
        /// Of the record.
        offset: Offset,
        /// Rows in its header.
        expect: u32,
        /// Entries in its payload.
        found: u32,
    },
    /// An entry does not fit a record; nothing was written.
    #[error("the change can't be journaled: {0}")]
    Unwritable(#[from] EnvelopeError),
    /// An entry does not continue its tenant's chain.
    #[error("journal entry at offset {offset} breaks the chain of tenant {tenant}: {reason}")]
    Broken {
        /// Of the entry.
        offset: Offset,
        /// Whose chain.
        tenant: String,
        /// What does not fit.
        reason: ChainBreak,
    },
}

/// Handle on the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    log: SharedLog,
    in_flight_bytes: Arc<Semaphore>,
}

impl Journal {
    /// The journal in `log`, which has nothing else in it.
    pub fn new(log: SharedLog) -> Self {
        Self { log, in_flight_bytes: Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX)) }
    }

    /// Appends entries as one record and waits until they are durable; gives the offset of the first. Appends of many
    /// callers become durable together. The first poll decides the order among callers.
    ///
    /// If the future is dropped, the entries may be durable or not: read the tenant anew.
    ///
    /// # Errors
    /// [`JournalError::Log`]: none of the entries is in the journal.
    ///
    /// # Panics
    /// If `entries` is empty.
    pub async fn append(&self, entries: &[Sealed]) -> Result<Offset, JournalError> {
        let last = entries.last().expect("a record of the journal has entries");
        let payload: Vec<u8> = entries.iter().flat_map(|sealed| sealed.envelope.iter().copied()).collect();
        let header = Header {
            shard: 0,
            epoch: 0,
            rows: entries.len() as u32,
            watermark_us: last.entry.at_us,
            admitted_at_us: last.entry.at_us,
        };
        let bytes = payload.len().min(IN_FLIGHT_BYTES_MAX) as u32;
        let permit = Arc::clone(&self.in_flight_bytes).acquire_many_owned(bytes).await.map_err(|_| LogError::Closed)?;
        let (decided, decision) = oneshot::channel();
        self.log.append(
            Record { header, payload, notes: Vec::new() },
            Box::new(move |result| {
                drop(permit);
                // Nobody may be waiting any more, which changes nothing about the record.
                let _ = decided.send(result);
            }),
        );
        Ok(decision.await.map_err(|_| LogError::Closed)??)
    }

    /// Reads all entries from offset `from` to the end, in order, with the hash that the tenant's next entry must name.
    /// `each` may refuse an entry (see [`Head::follow`]), which ends the replay, or take note of it and go on.
    ///
    /// # Errors
    /// [`JournalError`] with the offset of the first entry that can't be used; all before it were given to `each`.
    pub fn replay(
        &self,
        from: Offset,
        mut each: impl FnMut(Offset, Entry, EntryHash) -> Result<(), ChainBreak>,
    ) -> Result<(), JournalError> {
        for record in self.log.read(from)? {
            let (first, record) = record?;
            let mut rest = record.payload.as_slice();
            let mut offset = first;
            while !rest.is_empty() {
                let damaged = |reason| JournalError::Damaged { offset, reason };
                let (envelope, behind) = envelope::split(Kind::Entry, rest).map_err(damaged)?;
                if offset >= from {
                    let entry: Entry = envelope::decode(envelope).map_err(damaged)?;
                    let tenant = entry.tenant.clone();
                    each(offset, entry, EntryHash::of(envelope)).map_err(|reason| JournalError::Broken {
                        offset,
                        tenant,
                        reason,
                    })?;
                }
                offset += 1;
                rest = behind;
            }
            let found = (offset - first) as u32;
            if found != record.header.rows {
                return Err(JournalError::Rows { offset: first, expect: record.header.rows, found });
            }
        }
        Ok(())
    }

    /// First entry that is there: 0, unless segments are missing.
    pub fn start(&self) -> Offset {
        self.log.start()
    }

    /// End of what is durable.
    pub fn end(&self) -> Offset {
        self.log.end()
    }
}
