//! The log: the one truth (I9). Records in, offsets out, durable when said to be.
//!
//! # Contract (each implementation passes `tests/it/log_conformance.rs`)
//! - **Order.** Records get consecutive offset ranges in the order in which [`Log::append`] took them: a record of `n` rows
//!   at offset `o` covers `o .. o + n`; a record of no rows covers nothing and still has a place in the order. Completions
//!   and barriers are called in that order, one after the other, on a thread of the log: they must be quick and must not
//!   call [`Log::append`] or [`Log::barrier`], which may wait for that very thread.
//! - **Durability (I1).** A completion is called with `Ok` only after the record would survive kill -9 and power loss.
//!   Appends that wait together are made durable together (group commit).
//! - **Atomicity (I2).** After a crash each record is there whole or not at all, and if it is not there, no later one is.
//! - **Failure.** A failed write (full disk) fails that record and all that were waiting behind it (they may build on it),
//!   leaves no trace of them, and later appends are tried again. A failed sync poisons the log: every further append fails until it is opened
//!   anew, because what the kernel kept is unknown.
//! - **Bounds (I8).** At most `in_flight_bytes_max` wait; beyond that [`Log::append`] blocks its caller.
//! - **Reading** from an offset gives every record that reaches beyond it, and every record of no rows at or behind it, in
//!   order, up to the committed end at the call.
//! - **Trimming** forgets whole records before an offset, perhaps fewer than asked for; reading before
//!   [`Log::start`] is an error, never a silent gap. What was appended before a [`Log::roll`] is not kept for the sake of
//!   what is appended after it.
//!
//! Not here: what payloads mean, who may write (the manifest fences), shards' queues.

mod group;
mod frame;
pub mod segment;
pub mod memory;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::storage::StorageError;

/// Position of one row in the log, from 0.
pub type Offset = u64;

/// Payload and notes of one record together have at most this many bytes.
pub const RECORD_BYTES_MAX: usize = 1 << 30;

/// What is appended at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What a reader needs without decoding the payload.
    pub header: Header,
    /// Rows, encoded by their owner (events: one Arrow IPC stream).
    pub payload: Vec<u8>,
    /// Side facts that become durable with the rows, encoded by their owner; may be empty.
    pub notes: Vec<u8>,
}

/// What a reader needs without decoding the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Whose rows.
    pub shard: u16,
    /// Ownership of the shard under which they were written.
    pub epoch: u32,
    /// Rows in the payload.
    pub rows: u32,
    /// The shard's watermark when the record was admitted, microseconds (I4: replay uses this one).
    pub watermark_us: i64,
    /// The node's clock when the record was admitted, microseconds.
    pub admitted_at_us: i64,
}

impl Header {
    /// Whether a record with this header at `first` is read by a reader that starts at `from`.
    fn is_read_from(&self, first: Offset, from: Offset) -> bool {
        first >= from || first + Offset::from(self.rows) > from
    }
}

/// Called once, in log order, with the record's first offset or the reason why it is not in the log.
pub type Completion = Box<dyn FnOnce(Result<Offset, LogError>) + Send>;

/// Called once, in log order, with the committed end of the log at that point: the end of the last record that was taken
/// before the barrier and is in the log.
pub type Barrier = Box<dyn FnOnce(Offset) + Send>;

/// Records read back: first offset and record, in order.
pub type Records<'a> = Box<dyn Iterator<Item = Result<(Offset, Record), LogError>> + Send + 'a>;

/// An append-only sequence of records; see the module for the contract.
pub trait Log: Send + Sync + 'static {
    /// Takes a record; blocks while too much is waiting.
    fn append(&self, record: Record, done: Completion);
    /// Takes a barrier: it is reached after everything appended before it is decided.
    fn barrier(&self, reached: Barrier);
    /// First offset that can be read.
    fn start(&self) -> Offset;
    /// End of what is durable.
    fn end(&self) -> Offset;
    /// Records that reach beyond `from` and records of no rows at or behind it, up to the committed end at this call.
    fn read(&self, from: Offset) -> Result<Records<'_>, LogError>;
    /// Forgets whole records before `before`.
    fn trim(&self, before: Offset) -> Result<(), LogError>;
    /// Starts a new file, if the log has files, with the next record: a trim to behind that record then forgets everything
    /// before it. Asked for again if that record's append fails.
    fn roll(&self);
    /// Bytes held, for metrics and limits.
    fn bytes(&self) -> u64;
}

/// Shared log.
pub type SharedLog = Arc<dyn Log>;

/// Why a record is not in the log, or can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The write failed; nothing of it remains, retry later.
    #[error("append failed: {0}")]
    Storage(#[from] StorageError),
    /// A sync failed earlier; restart the node to recover from what is durable.
    #[error("the log is closed after a failed sync ({0}); restart the node, it recovers from what is durable")]
    Poisoned(String),
    /// The record is larger than any record may be; split the batch.
    #[error("a record of {bytes} bytes is larger than the maximum of {bytes_max}; send smaller batches")]
    TooLarge {
        /// Payload and notes.
        bytes: usize,
        /// [`RECORD_BYTES_MAX`].
        bytes_max: usize,
    },
    /// The log was shut down.
    #[error("the log is shut down")]
    Closed,
    /// Bytes that are not what was written; not a torn tail, since valid records follow.
    #[error(
        "log segment {segment} is damaged at byte {position}: {reason}; restore the file from a backup, or move it, all later segments and the log's file in the folder marks away to go on with what is before it"
    )]
    Corrupt {
        /// File name.
        segment: String,
        /// Byte offset.
        position: u64,
        /// What does not fit.
        reason: String,
    },
    /// Acknowledged records are gone: the log once reached further than it does now.
    #[error(
        "the log ends at offset {end} but reached {reached} (in {segment}): its newest records are missing; restore the log's segments from a backup, or remove the file {mark} to go on without them"
    )]
    Missing {
        /// Offset that was durable.
        reached: Offset,
        /// The segment that held the records before it.
        segment: String,
        /// Where the log ends now.
        end: Offset,
        /// The file that vouches for `reached`.
        mark: String,
    },
    /// The offset was trimmed away.
    #[error("offset {asked} is before the start of the log ({start})")]
    Trimmed {
        /// Asked for.
        asked: Offset,
        /// First there is.
        start: Offset,
    },
}
