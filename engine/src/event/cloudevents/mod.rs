//! CloudEvents 1.0 in JSON, straight into columns: the decoder of the JSON door.
//!
//! Every event of a body is either a row or a rejection with the event's index (I5). Reading is bounded in size, depth
//! and number (I8) and exact: numbers are taken by their text (I4).
//!
//! What has no column is kept in `rest` (see [`rest`](super::rest)): further attributes by name, and binary data as the
//! member `/data_base64`, in base64 as it came. Not here: HTTP, compression, who may send.

mod attributes;
mod data;
pub use data::{Malformed, Members};
mod decoder;
pub use decoder::Decoder;
mod frame;
mod time;

use super::batch::EventBatch;
use crate::admission::Rejection;

/// Bounds of a body and of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, decompressed.
    pub body_bytes_max: usize,
    /// Events of a body.
    pub events_max: usize,
    /// Bytes of one event.
    pub event_bytes_max: usize,
    /// Bytes of one attribute, `data` aside.
    pub attribute_bytes_max: usize,
    /// Levels of brackets within one event, its own included.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            events_max: 1 << 16,
            event_bytes_max: 256 << 10,
            attribute_bytes_max: 1024,
            depth_max: 64,
        }
    }
}

/// How a body holds its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `application/cloudevents+json`: one event.
    Single,
    /// `application/cloudevents-batch+json`: an array of events.
    Batch,
    /// `application/x-ndjson`: one event a line; empty lines are not counted.
    Ndjson,
}

/// On whose behalf and when a body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// The tenant that the credential speaks for; for a platform credential, the one meant when an event names none.
    pub tenant: Option<&'a str>,
    /// Whether the credential is the platform's, which speaks for every tenant.
    pub platform: bool,
    /// Now, microseconds since the epoch.
    pub now_us: i64,
    /// How far back `time` may lie, in microseconds; `None` for as far as it likes.
    pub past_max_us: Option<i64>,
    /// How far ahead `time` may lie, in microseconds.
    pub future_max_us: i64,
}

/// What a body held: each event is a row of `batch` or one of `rejected`.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The well-formed events, in order.
    pub batch: EventBatch,
    /// For each row, the event's index in the body, from 0.
    pub index: Vec<u32>,
    /// The others, in order.
    pub rejected: Vec<Rejected>,
}

/// An event that is not a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its index in the body, from 0.
    pub index: u32,
    /// Its tenant, if that much could be read; else empty.
    pub tenant: String,
    /// Its id, if that much could be read; else empty.
    pub id: String,
    /// Why.
    pub rejection: Rejection,
}

/// Why nothing of a body was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`Limits::body_bytes_max`].
    #[error("the body is longer than {bytes_max} bytes; send it in parts")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// More than [`Limits::events_max`].
    #[error("the body has more than {events_max} events; send it in parts")]
    TooMany {
        /// The limit.
        events_max: usize,
    },
    /// Events can't be told apart.
    #[error("the body is malformed at byte {position}: {reason}")]
    Malformed {
        /// Byte offset in the body.
        position: usize,
        /// What was found, and what would be right.
        reason: String,
    },
}
