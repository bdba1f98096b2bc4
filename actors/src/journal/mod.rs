//! The journal: every change of every tenant, for ever, in a log of its own. The audit trail, and the truth from which
//! tenants are rebuilt (I9).
//!
//! One log record holds one or more entries, one row each, so that an entry's offset is the record's plus its place, and a
//! record is durable whole or not at all (I1). Entries of one tenant form a chain (`chain`), and the record's notes say where
//! the entry before is (`notes`), so that one tenant's are read without the others' (`trail`). Not here: deciding and
//! applying changes (`tenant`), caches (`snapshots`), the log itself (`engine::log`).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::log::{Header, LogError, Offset, Record, Records, SharedLog};
use tokio::sync::{Semaphore, oneshot};

use crate::written::ChangeError;

pub mod chain;
pub mod envelope;
mod entry;
mod first;
mod notes;
pub mod trail;

pub use chain::{ChainBreak, EntryHash, Head, Sealed};
pub use entry::{Entry, EntryError};
pub use envelope::EnvelopeError;

use envelope::Kind;
use notes::Notes;

/// Most bytes of entries that wait for the log at once; well below what any log holds in flight, so that appending never
/// blocks the thread of a caller.
pub const IN_FLIGHT_BYTES_MAX: usize = 8 << 20;

/// Largest segment of the log that the journal is in. Who looks for one entry of a segment that nobody has read since the start
/// walks over at most as much.
pub const SEGMENT_BYTES_MAX: u64 = 16 << 20;

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
    /// An entry holds a change that can't be applied.
    #[error("journal entry at offset {offset} is {reason}")]
    Unknown {
        /// Of the entry.
        offset: Offset,
        /// Which change, and what to do.
        reason: ChangeError,
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
    /// Nothing is where an entry should be.
    #[error("the journal has no entry at offset {offset}; restore it from a backup")]
    Missing {
        /// Where.
        offset: Offset,
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

/// An entry that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub offset: Offset,
    /// What it says.
    pub entry: Entry,
    /// What the tenant's next entry must name.
    pub hash: EntryHash,
    /// Where the tenant's entry before is, if the record tells: those of earlier releases do not.
    pub previous: Option<Offset>,
}

/// Handle on the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    log: SharedLog,
    in_flight_bytes: Arc<Semaphore>,
    /// When the newest durable entry was decided, microseconds.
    latest_us: Arc<AtomicI64>,
}

impl Journal {
    /// The journal in `log`, which has nothing else in it.
    pub fn new(log: SharedLog) -> Self {
        let in_flight_bytes = Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX));
        let journal = Self { log, in_flight_bytes, latest_us: Arc::new(AtomicI64::new(i64::MIN)) };
        // Whoever restores the tenants is told of an entry that can't be read; time is no reason to refuse a start.
        let last = journal.end().checked_sub(1).filter(|last| *last >= journal.start());
        if let Some(Ok(found)) = last.map(|last| journal.entry(last)) {
            journal.reached(found.entry.at_us);
        }
        journal
    }

    /// When the newest durable entry was decided, microseconds; the beginning of time before the first.
    pub fn latest_us(&self) -> i64 {
        self.latest_us.load(Ordering::Relaxed)
    }

    fn reached(&self, at_us: i64) {
        self.latest_us.fetch_max(at_us, Ordering::Relaxed);
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
            Record { header, payload, notes: notes::encode(entries.iter().map(|sealed| sealed.previous)) },
            Box::new(move |result| {
                drop(permit);
                // Nobody may be waiting any more, which changes nothing about the record.
                let _ = decided.send(result);
            }),
        );
        let offset = decision.await.map_err(|_| LogError::Closed)??;
        self.reached(last.entry.at_us);
        Ok(offset)
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
        for found in self.entries(from) {
            let Found { offset, entry, hash, .. } = found?;
            let tenant = entry.tenant.clone();
            each(offset, entry, hash).map_err(|reason| JournalError::Broken { offset, tenant, reason })?;
        }
        Ok(())
    }

    /// The entries from offset `from` to the end, in order, one record in memory at a time. Ends with the first error.
    pub fn entries(&self, from: Offset) -> Entries<'_> {
        let records = self.log.read(from).unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
        Entries { records: Some(records), from, rest: None }
    }

    /// The entry at `offset`, which is before the end.
    ///
    /// # Errors
    /// [`JournalError`] if it can't be read.
    pub fn entry(&self, offset: Offset) -> Result<Found, JournalError> {
        let found = self.entries(offset).next().unwrap_or(Err(JournalError::Missing { offset }))?;
        if found.offset == offset { Ok(found) } else { Err(JournalError::Missing { offset }) }
    }

    /// End of what is durable once everything is decided that was appended before this call. Blocks for it: not for the
    /// threads of a runtime.
    pub fn settled_end(&self) -> Offset {
        let (reached, end) = std::sync::mpsc::sync_channel(1);
        self.log.barrier(Box::new(move |end| {
            // The receiver waits below.
            let _ = reached.send(end);
        }));
        // A log that ended with its barrier unreached takes no more: what it has is all there will be.
        end.recv().unwrap_or_else(|_| self.log.end())
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

/// Entries in order; see [`Journal::entries`].
pub struct Entries<'a> {
    /// `None` behind an error.
    records: Option<Records<'a>>,
    from: Offset,
    rest: Option<Rest>,
}

/// A record of which some entries are still to come.
struct Rest {
    first: Offset,
    record: Record,
    /// Offset of the next entry.
    offset: Offset,
    /// Where the next entry begins in the payload.
    position: usize,
    notes: Notes,
}

impl Entries<'_> {
    fn advance(&mut self) -> Result<Option<Found>, JournalError> {
        loop {
            let Some(rest) = &mut self.rest else {
                let next = self.records.as_mut().and_then(Iterator::next);
                let Some((first, mut record)) = next.transpose()? else { return Ok(None) };
                let notes = Notes::of(std::mem::take(&mut record.notes));
                self.rest = Some(Rest { first, record, offset: first, position: 0, notes });
                continue;
            };
            if let Some(found) = rest.advance(self.from)? {
                return Ok(Some(found));
            }
            self.rest = None;
        }
    }
}

impl Rest {
    /// The record's next entry that is not before `from`.
    fn advance(&mut self, from: Offset) -> Result<Option<Found>, JournalError> {
        while self.position < self.record.payload.len() {
            let offset = self.offset;
            let damaged = |reason| JournalError::Damaged { offset, reason };
            let (envelope, _) = envelope::split(Kind::Entry, &self.record.payload[self.position..]).map_err(damaged)?;
            let previous = self.notes.next();
            self.offset += 1;
            self.position += envelope.len();
            if offset >= from {
                let entry = Entry::open(envelope).map_err(|error| match error {
                    EntryError::Envelope(reason) => damaged(reason),
                    EntryError::Change(reason) => JournalError::Unknown { offset, reason },
                })?;
                return Ok(Some(Found { offset, entry, hash: EntryHash::of(envelope), previous }));
            }
        }
        let (expect, found) = (self.record.header.rows, (self.offset - self.first) as u32);
        if found == expect { Ok(None) } else { Err(JournalError::Rows { offset: self.first, expect, found }) }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Found, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            (self.records, self.rest) = (None, None);
        }
        next
    }
}
