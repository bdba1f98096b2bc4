//! CloudEvents 1.0 in JSON, straight into columns: the decoder of the JSON door.
//!
//! Every event of a body is either a row or a rejection with the event's index (I5). Reading is bounded in size, depth
//! and number (I8) and exact: numbers are taken by their text (I4).
//!
//! What has no column is kept in `rest` (see [`rest`](super::rest)): further attributes by name, and binary data as the
//! member `/data_base64`, in base64 as it came. Not here: HTTP, compression, who may send.

pub(super) mod attributes;
mod data;
pub use data::{Malformed, Members};
mod frame;
mod time;
mod write;
pub use write::lines;

use self::frame::Extent;
use super::batch::EventBatch;
use super::builder::{Attributes, EventBatchBuilder};
use super::encoding;
use super::horizon::Horizon;
use super::rest;
use super::syntax::Known;
use crate::admission::{Reason, Rejection};

/// Members of `data` repeat the names around them once taken apart; honest events grow by little.
const GROWTH_MAX: usize = 16;

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
    /// Bytes of the events of a body of columns when all of them are written out.
    pub expanded_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            events_max: 1 << 16,
            event_bytes_max: 256 << 10,
            attribute_bytes_max: 1024,
            depth_max: 64,
            expanded_bytes_max: 128 << 20,
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
    /// `application/x-ndjson`: one event a line, however lines end; empty lines are not counted.
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

impl Context<'_> {
    /// The times that the events may have.
    pub fn horizon(&self) -> Horizon {
        Horizon { now_us: self.now_us, past_max_us: self.past_max_us, future_max_us: self.future_max_us }
    }
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

/// Decodes bodies; keeps its buffers from one to the next.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    builder: EventBatchBuilder,
    members: data::Members,
    known: Known,
    index: Vec<u32>,
    rejected: Vec<Rejected>,
}

impl Decoder {
    /// A decoder with these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            builder: EventBatchBuilder::new(),
            members: data::Members::default(),
            known: Known::default(),
            index: Vec::new(),
            rejected: Vec::new(),
        }
    }

    /// Decodes `body`. On an error nothing of it was taken.
    pub fn decode(&mut self, body: &[u8], form: Form, context: &Context<'_>) -> Result<Decoded, DecodeError> {
        if body.len() > self.limits.body_bytes_max {
            return Err(DecodeError::TooLarge { bytes_max: self.limits.body_bytes_max });
        }
        if let Some(encoding) = encoding::foreign(body) {
            return Err(DecodeError::Malformed { position: 0, reason: format!("the text is {encoding}; send UTF-8") });
        }
        let read = match form {
            Form::Single => self.single(body, context),
            Form::Batch => self.array(body, context),
            Form::Ndjson => self.lines(body, context),
        };
        let batch = self.builder.finish();
        let index = std::mem::take(&mut self.index);
        let rejected = std::mem::take(&mut self.rejected);
        read.map(|()| Decoded { batch, index, rejected })
    }

    fn single(&mut self, body: &[u8], context: &Context<'_>) -> Result<(), DecodeError> {
        let text = encoding::trimmed(body);
        self.event(0, text, frame::extent(text), context)?;
        // One event that is no JSON is a body that is no JSON.
        match self.rejected.first() {
            Some(rejected) if rejected.rejection.reason == Reason::Malformed => {
                let position = frame::start(body);
                Err(DecodeError::Malformed { position, reason: rejected.rejection.detail.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn lines(&mut self, body: &[u8], context: &Context<'_>) -> Result<(), DecodeError> {
        let (mut index, mut from) = (0, 0);
        // A line ends with LF, CRLF or CR alone, none of which JSON has within a string.
        for end in memchr::memchr2_iter(b'\n', b'\r', body).chain([body.len()]) {
            let line = encoding::trimmed(&body[from..end]);
            from = end + 1;
            if line.is_empty() {
                continue;
            }
            self.event(index, line, frame::extent(line), context)?;
            index += 1;
        }
        Ok(())
    }

    fn array(&mut self, body: &[u8], context: &Context<'_>) -> Result<(), DecodeError> {
        let malformed = |position, reason: &str| Err(DecodeError::Malformed { position, reason: reason.into() });
        let start = frame::start(body);
        if body.get(start) != Some(&b'[') {
            return malformed(start, "expected an array of events, which starts with [");
        }
        let mut at = frame::skip_space(body, start + 1);
        let mut index = 0;
        if body.get(at) != Some(&b']') {
            loop {
                let Some(extent) = frame::extent(&body[at..]) else {
                    return malformed(at, "the body ends inside the event that starts here");
                };
                // Space behind an event is not its own: it would otherwise decide whether the event is too long or may grow.
                let event = frame::trim_space_end(&body[at..at + extent.end]);
                let own = Extent { closed: extent.closed.min(event.len()), ..extent };
                self.event(index, event, Some(own), context)?;
                index += 1;
                at += extent.end;
                match body.get(at) {
                    Some(b',') => at = frame::skip_space(body, at + 1),
                    Some(b']') => break,
                    Some(_) => return malformed(at, "expected , or ] behind an event"),
                    None => return malformed(at, "the body ends before the array does; expected , or ]"),
                }
            }
        }
        let behind = frame::skip_space(body, at + 1);
        if behind < body.len() {
            return malformed(behind, "expected nothing behind the array of events");
        }
        Ok(())
    }

    /// One event, whose `text` has the `extent`: a row or a rejection.
    fn event(
        &mut self,
        index: u32,
        text: &[u8],
        extent: Option<Extent>,
        context: &Context<'_>,
    ) -> Result<(), DecodeError> {
        if index as usize >= self.limits.events_max {
            return Err(DecodeError::TooMany { events_max: self.limits.events_max });
        }
        let mut members = attributes::Members::default();
        match self.row(text, extent, &mut members, context) {
            Ok(()) => self.index.push(index),
            Err(rejection) => {
                self.builder.abort();
                let (tenant, id) = members.names(context, &self.limits);
                self.rejected.push(Rejected { index, tenant, id, rejection });
            }
        }
        Ok(())
    }

    fn row<'a>(
        &mut self,
        text: &'a [u8],
        extent: Option<Extent>,
        members: &mut attributes::Members<'a>,
        context: &Context<'_>,
    ) -> Result<(), Rejection> {
        if text.len() > self.limits.event_bytes_max {
            let detail = format!("the event is longer than {} bytes; move bulk elsewhere", self.limits.event_bytes_max);
            return Err(Rejection::new(Reason::TooLarge, "", detail));
        }
        let text = self.framed(text, extent)?;
        members.read(text).map_err(|reason| malformed("", &reason))?;
        let members = &*members;
        let checked = members.check(context, &self.limits, &mut self.known)?;
        let time_us = checked.time_us.unwrap_or(context.now_us);
        context.horizon().check(time_us)?;

        if let Some(data) = members.data() {
            self.members.stage(data, &mut self.builder).map_err(|reason| malformed("data", &reason))?;
        }
        if let Some(data) = members.data_base64() {
            self.builder.json(write::BINARY, data);
        }
        for (name, json) in members.without_column() {
            self.builder.json(name, json);
        }
        if checked.time_us.is_none() {
            self.builder.json(rest::TIME, "null");
        }
        if self.builder.staged_rest_bytes() > GROWTH_MAX * text.len() {
            let detail = format!("the members of data are more than {GROWTH_MAX} times the event when named in full");
            return Err(Rejection::new(Reason::TooLarge, "data", detail));
        }
        self.builder.commit(Attributes {
            tenant: &checked.tenant,
            id: &checked.id,
            source: &checked.source,
            event_type: &checked.event_type,
            subject: checked.subject.as_deref(),
            time_us,
        });
        Ok(())
    }

    /// `text` if it is UTF-8 with one JSON object's brackets and nothing behind them.
    fn framed<'a>(&self, text: &'a [u8], extent: Option<Extent>) -> Result<&'a str, Rejection> {
        let malformed = |detail: String| Err(Rejection::new(Reason::Malformed, "", detail));
        let Some(extent) = extent else {
            return malformed(format!("the event ends after {} bytes inside a bracket or string", text.len()));
        };
        if extent.depth > self.limits.depth_max {
            return malformed(format!("more than {} levels of brackets", self.limits.depth_max));
        }
        let behind = frame::skip_space(text, extent.closed);
        if behind < text.len() {
            return malformed(format!("unexpected byte {behind} of the event, behind its object"));
        }
        if text.first() != Some(&b'{') {
            return malformed("not a JSON object; an event is an object with the attributes as members".into());
        }
        match std::str::from_utf8(text) {
            Ok(text) => Ok(text),
            Err(error) => malformed(format!("not UTF-8 at byte {} of the event", error.valid_up_to())),
        }
    }
}

fn malformed(field: &str, reason: &Malformed) -> Rejection {
    Rejection::new(Reason::Malformed, field, reason.to_string())
}
