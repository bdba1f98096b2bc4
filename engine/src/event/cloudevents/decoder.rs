//! The walk over a body, event by event.
//!
//! Nearly all events are well-formed, so each is read in one pass in the hope that it is: that finds its end too. Only
//! if there is anything wrong is its end looked for first, by brackets, and the event read again on its own to say what.
//! Not here: what an event must have.

use super::attributes;
use super::data::{self, Malformed};
use super::frame;
use super::{Context, DecodeError, Decoded, Form, Limits, Rejected};
use crate::admission::{Reason, Rejection};
use crate::event::builder::{Attributes, EventBatchBuilder};
use crate::event::rest;
use crate::event::scan::Scanner;

/// Members of `data` repeat the names around them once taken apart; honest events grow by little.
const GROWTH_MAX: usize = 16;

/// Decodes bodies; keeps its buffers from one to the next.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    builder: EventBatchBuilder,
    data: data::Members,
    index: Vec<u32>,
    rejected: Vec<Rejected>,
}

impl Decoder {
    /// A decoder with these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            builder: EventBatchBuilder::new(),
            data: data::Members::default(),
            index: Vec::new(),
            rejected: Vec::new(),
        }
    }

    /// Decodes `body`. On an error nothing of it was taken.
    pub fn decode(&mut self, body: &[u8], form: Form, context: &Context<'_>) -> Result<Decoded, DecodeError> {
        if body.len() > self.limits.body_bytes_max {
            return Err(DecodeError::TooLarge { bytes_max: self.limits.body_bytes_max });
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
        self.alone(0, body.trim_ascii(), &mut attributes::Members::default(), context)?;
        // One event that is no JSON is a body that is no JSON.
        match self.rejected.first() {
            Some(rejected) if rejected.rejection.reason == Reason::Malformed => {
                let position = frame::skip_space(body, 0);
                Err(DecodeError::Malformed { position, reason: rejected.rejection.detail.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn lines(&mut self, body: &[u8], context: &Context<'_>) -> Result<(), DecodeError> {
        let mut members = attributes::Members::default();
        let (mut index, mut start) = (0, 0);
        for end in memchr::memchr_iter(b'\n', body).chain([body.len()]) {
            let line = body[start..end].trim_ascii();
            start = end + 1;
            if !line.is_empty() {
                self.alone(index, line, &mut members, context)?;
                index += 1;
            }
        }
        Ok(())
    }

    /// An event that has `text` for itself.
    fn alone<'a>(
        &mut self,
        index: u32,
        text: &'a [u8],
        members: &mut attributes::Members<'a>,
        context: &Context<'_>,
    ) -> Result<(), DecodeError> {
        if text.len() <= self.limits.event_bytes_max
            && let Ok(whole) = std::str::from_utf8(text)
            && self.hopeful(index, whole, &[], members, context).is_some()
        {
            return Ok(());
        }
        self.careful(index, text, members, context)
    }

    fn array(&mut self, body: &[u8], context: &Context<'_>) -> Result<(), DecodeError> {
        let malformed = |position, reason: &str| Err(DecodeError::Malformed { position, reason: reason.into() });
        let start = frame::skip_space(body, 0);
        if body.get(start) != Some(&b'[') {
            return malformed(start, "expected an array of events, which starts with [");
        }
        let utf8 = std::str::from_utf8(body).ok();
        let mut members = attributes::Members::default();
        let mut at = frame::skip_space(body, start + 1);
        let mut index = 0;
        if body.get(at) != Some(&b']') {
            loop {
                let hopeful = utf8.and_then(|text| {
                    // No further than an event may reach, which also bounds what it may grow to.
                    let window = text.floor_char_boundary(at + self.limits.event_bytes_max + 1);
                    self.hopeful(index, &text[at..window], b",]", &mut members, context)
                });
                at += match hopeful {
                    Some(length) => length,
                    None => {
                        let Some(extent) = frame::extent(&body[at..]) else {
                            return malformed(at, "the body ends inside the event that starts here");
                        };
                        let event = frame::trim_space_end(&body[at..at + extent.end]);
                        self.careful(index, event, &mut members, context)?;
                        extent.end
                    }
                };
                index += 1;
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

    /// Reads the event that `text` begins with and says where one of `ends`, or the end if there are none, follows.
    /// `None`, with nothing done, if there is anything about it that needs a closer look.
    fn hopeful<'a>(
        &mut self,
        index: u32,
        text: &'a str,
        ends: &[u8],
        members: &mut attributes::Members<'a>,
        context: &Context<'_>,
    ) -> Option<usize> {
        if index as usize >= self.limits.events_max || !text.starts_with('{') {
            return None;
        }
        let mut scanner = Scanner::new(text, self.limits.depth_max);
        let read = members.read(&mut scanner, &mut self.data, &mut self.builder);
        // Space behind an event is not its own: it would otherwise decide whether the event may grow.
        let length = scanner.at();
        let behind = scanner.peek();
        let ends_well = behind.map_or(ends.is_empty(), |byte| ends.contains(&byte));
        if read.is_err() || !ends_well {
            self.builder.abort();
            return None;
        }
        let row = self.row(length, members, context);
        self.settle(index, row, members, context);
        Some(scanner.at())
    }

    /// One event, which has `text` for itself.
    fn careful<'a>(
        &mut self,
        index: u32,
        text: &'a [u8],
        members: &mut attributes::Members<'a>,
        context: &Context<'_>,
    ) -> Result<(), DecodeError> {
        if index as usize >= self.limits.events_max {
            return Err(DecodeError::TooMany { events_max: self.limits.events_max });
        }
        members.clear();
        let read = self.framed(text).and_then(|text| {
            let mut scanner = Scanner::new(text, self.limits.depth_max);
            members.read(&mut scanner, &mut self.data, &mut self.builder).map_err(|reason| malformed("", &reason))
        });
        let row = read.and_then(|()| self.row(text.len(), members, context));
        self.settle(index, row, members, context);
        Ok(())
    }

    /// An event is a row or a rejection.
    fn settle(
        &mut self,
        index: u32,
        row: Result<(), Rejection>,
        members: &attributes::Members<'_>,
        context: &Context<'_>,
    ) {
        match row {
            Ok(()) => self.index.push(index),
            Err(rejection) => {
                self.builder.abort();
                let (tenant, id) = members.names(context);
                self.rejected.push(Rejected { index, tenant, id, rejection });
            }
        }
    }

    /// Commits the event that was read, of `length` bytes.
    fn row(
        &mut self,
        length: usize,
        members: &attributes::Members<'_>,
        context: &Context<'_>,
    ) -> Result<(), Rejection> {
        let checked = members.check(context, &self.limits)?;
        let time_us = checked.time_us.unwrap_or(context.now_us);
        check_horizon(time_us, context)?;

        if members.has_data() {
            self.data.judge().map_err(|reason| malformed("data", &reason))?;
        }
        if let Some(data) = members.data_base64() {
            self.builder.json("/data_base64", data);
        }
        for (name, json) in members.without_column() {
            self.builder.json(name, json);
        }
        if checked.time_us.is_none() {
            self.builder.json(rest::TIME, "null");
        }
        if self.builder.staged_rest_bytes() > GROWTH_MAX * length {
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

    /// `text` if it is no longer than an event may be and UTF-8 with one JSON object's brackets and nothing behind them.
    fn framed<'a>(&self, text: &'a [u8]) -> Result<&'a str, Rejection> {
        if text.len() > self.limits.event_bytes_max {
            let detail = format!("the event is longer than {} bytes; move bulk elsewhere", self.limits.event_bytes_max);
            return Err(Rejection::new(Reason::TooLarge, "", detail));
        }
        let malformed = |detail: String| Err(Rejection::new(Reason::Malformed, "", detail));
        let Some(extent) = frame::extent(text) else {
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

fn check_horizon(time_us: i64, context: &Context<'_>) -> Result<(), Rejection> {
    if let Some(past_max_us) = context.past_max_us
        && time_us < context.now_us.saturating_sub(past_max_us)
    {
        let detail = format!("time lies more than {} s in the past", past_max_us / 1_000_000);
        return Err(Rejection::new(Reason::TooOld, "time", detail));
    }
    if time_us > context.now_us.saturating_add(context.future_max_us) {
        let detail = format!("time lies more than {} s in the future", context.future_max_us / 1_000_000);
        return Err(Rejection::new(Reason::TooNew, "time", detail));
    }
    Ok(())
}
