//! A client that sends batches until its node is gone, and what it learns from the answers.
//!
//! Each sender has a source of its own, so nobody else sends its ids: after an answer it knows of each of its events
//! whether it is counted. A batch without an answer is sent again before anything else.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::book::Book;
use super::script::{self, LIMITED, MOODY, Random, Sent, Tenants};
use crate::door::{Attempt, Door};

/// What senders need to know of the operator's doing.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) tenants: Tenants,
    /// Limits that certainly hold.
    pub(crate) limits: BTreeMap<String, u64>,
}

pub(crate) struct Sender {
    pub(crate) book: Book,
    /// The tenant of its key; none for the platform's.
    own: Option<String>,
    key: String,
    random: Random,
    batches: u64,
    pending: Option<Batch>,
    answered: Option<Batch>,
}

struct Batch {
    number: u64,
    events: Vec<Sent>,
    /// Whether the event there is counted.
    is_in: Vec<bool>,
    /// An attempt had no answer, so the node may know more than we do.
    unsure: bool,
}

/// Reasons of the gate, which depend on when an event comes.
fn may_be_refused(tenant: &str) -> Option<&'static str> {
    if tenant == MOODY {
        return Some("tenant_suspended");
    }
    LIMITED.contains(&tenant).then_some("quota_exceeded")
}

impl Sender {
    pub(crate) fn new(number: u64, seed: u64, key: &str, own: Option<&str>) -> Self {
        Self {
            book: Book::of(format!("/sender-{number}")),
            own: own.map(str::to_owned),
            key: key.to_owned(),
            random: Random::new(seed, 100 + number),
            batches: 0,
            pending: None,
            answered: None,
        }
    }

    /// Sends until told to stop or until the node does not answer any more.
    pub(crate) fn run(&mut self, door: &Door, known: &Mutex<Known>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) && self.once(door, known) != Attempt::Gone {}
    }

    /// Sends what had no answer until it has one.
    pub(crate) fn settle(&mut self, door: &Door, known: &Mutex<Known>) {
        door.until_done(|| self.pending.is_none() || self.once(door, known) == Attempt::Answered);
    }

    /// The batch without an answer, as its events by tenant: a record of one shard holds all of a tenant's or none.
    pub(crate) fn unanswered(&self) -> Option<(u64, BTreeMap<&str, u64>)> {
        let batch = self.pending.as_ref().filter(|batch| !batch.is_in.contains(&true))?;
        let mut by_tenant = BTreeMap::new();
        for sent in &batch.events {
            if let Sent::Fresh(event) = sent
                && may_be_refused(&event.tenant).is_none()
            {
                *by_tenant.entry(event.tenant.as_str()).or_default() += 1;
            }
        }
        Some((batch.number, by_tenant))
    }

    pub(crate) fn once(&mut self, door: &Door, known: &Mutex<Known>) -> Attempt {
        let mut batch = match self.pending.take() {
            Some(batch) => batch,
            None if self.answered.is_some() && self.random.percent(15) => self.answered.take().expect("there is one"),
            None => self.next_batch(known),
        };
        let limits = known.lock().unwrap().limits.clone();
        let events = batch.events.iter().map(|sent| self.json(sent)).collect::<Vec<_>>();
        self.book.sent += events.len() as u64;
        let body = Value::from(events).to_string();
        let answer = door.send("POST", "/v1/events", &self.key, "application/cloudevents-batch+json", body.as_bytes());
        match answer {
            Ok(answer) if answer.status == 200 => {
                self.learn(&mut batch, &answer.json(), &limits);
                self.answered = Some(batch);
                Attempt::Answered
            }
            Ok(answer) => {
                assert!(matches!(answer.status, 429 | 503), "{}: {}", answer.status, answer.text);
                self.wonder(batch);
                Attempt::NotNow
            }
            Err(_) => {
                self.wonder(batch);
                Attempt::Gone
            }
        }
    }

    fn next_batch(&mut self, known: &Mutex<Known>) -> Batch {
        let tenants = known.lock().unwrap().tenants.clone();
        self.batches += 1;
        let of = (self.book.source.as_str(), self.own.as_deref());
        let events = script::batch(&mut self.random, self.batches, of, &tenants, &self.book.taken);
        Batch { number: self.batches, is_in: vec![false; events.len()], events, unsure: false }
    }

    fn json(&self, sent: &Sent) -> Value {
        match sent {
            Sent::Fresh(event) | Sent::Repeat(event) | Sent::Conflict(event) => {
                event.json(&self.book.source, self.own.is_none())
            }
            Sent::Bad(json, ..) => json.clone(),
        }
    }

    /// No answer: each refusal of it may be on the record.
    fn wonder(&mut self, mut batch: Batch) {
        batch.unsure = true;
        for (sent, is_in) in batch.events.iter().zip(&batch.is_in) {
            let refusal = match sent {
                Sent::Fresh(event) if !is_in => may_be_refused(&event.tenant).map(|reason| (&event.tenant, reason)),
                Sent::Fresh(_) | Sent::Repeat(_) => None,
                Sent::Conflict(event) => Some((&event.tenant, "conflict")),
                Sent::Bad(_, reason, tenant) => Some((tenant, *reason)),
            };
            if let Some((tenant, reason)) = refusal {
                self.book.rejections.entry((tenant.clone(), reason)).or_default().1 += 1;
            }
        }
        self.pending = Some(batch);
    }

    fn learn(&mut self, batch: &mut Batch, answer: &Value, limits: &BTreeMap<String, u64>) {
        let errors = answer["errors"].as_array().expect("errors");
        let reasons: BTreeMap<usize, &str> = errors
            .iter()
            .map(|error| (error["index"].as_u64().unwrap() as usize, error["reason"].as_str().unwrap()))
            .collect();
        let mut fresh = 0;
        for (at, sent) in batch.events.iter().enumerate() {
            let reason = reasons.get(&at).copied();
            let expected = match sent {
                Sent::Fresh(event) if reason.is_none() => {
                    if !std::mem::replace(&mut batch.is_in[at], true) {
                        self.book.taken.push(event.clone());
                        fresh += 1;
                    }
                    None
                }
                Sent::Fresh(event) => {
                    assert!(!batch.is_in[at], "{event:?} was counted before and is refused now: {answer}");
                    let refusal = may_be_refused(&event.tenant);
                    if refusal == Some("quota_exceeded") {
                        let limit = limits[&event.tenant];
                        let highest = self.book.refused_at.entry(event.tenant.clone()).or_default();
                        *highest = (*highest).max(limit);
                    }
                    Some((&event.tenant, refusal.unwrap_or("nothing")))
                }
                Sent::Repeat(_) => None,
                Sent::Conflict(event) => Some((&event.tenant, "conflict")),
                Sent::Bad(_, reason, tenant) => Some((tenant, *reason)),
            };
            assert_eq!(reason, expected.map(|(_, reason)| reason), "{sent:?} at {at}: {answer}");
            if let Some((tenant, reason)) = expected {
                self.book.rejections.entry((tenant.clone(), reason)).or_default().0 += 1;
            }
        }
        let count = |name: &str| answer[name].as_u64().unwrap();
        assert_eq!(count("rejected"), reasons.len() as u64, "{answer}");
        assert_eq!(count("admitted") + count("duplicate") + count("rejected"), batch.events.len() as u64, "{answer}");
        // After an attempt without an answer what was taken by that one is a duplicate now.
        assert!(count("admitted") == fresh || (batch.unsure && count("admitted") < fresh), "{fresh} fresh: {answer}");
        batch.unsure = false;
    }
}
