//! A producer that numbers its bodies: a number that was taken changes nothing, whatever is sent again (I2).

use std::time::Duration;

use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::book::Book;
use crate::torture::script::{Event, Random};

const EVENTS_MAX: u64 = 80;

pub(super) struct Sequenced {
    book: Book,
    random: Random,
    epoch: u64,
    number: u64,
    /// The body that has no answer yet.
    pending: Option<Vec<Event>>,
    /// The body that was answered last.
    answered: Option<Vec<Event>>,
}

impl Sequenced {
    pub(super) fn new(seed: u64) -> Self {
        let random = Random::new(seed, 200);
        Self { book: Book::of("/sequenced"), random, epoch: 0, number: 0, pending: None, answered: None }
    }

    fn draw(&mut self, site: &Site<'_>) -> Vec<Event> {
        if self.random.percent(3) {
            (self.epoch, self.number, self.answered) = (self.epoch + 1, 0, None);
        }
        let tenants = site.known.lock().unwrap().tenants.clone();
        let count = 1 + self.random.below(EVENTS_MAX);
        let id = |at: u64| format!("e{}-n{}-{at}", self.epoch, self.number);
        let ids = (0..count).map(id).collect::<Vec<_>>();
        let event = |id| {
            let tenant = tenants.any_free(&mut self.random);
            Event::random(&mut self.random, tenant, id)
        };
        ids.into_iter().map(event).collect()
    }

    /// Sends `events` under `number`; how many of them were new.
    fn send(&mut self, site: &Site<'_>, number: u64, events: &[Event]) -> Result<u64, Attempt> {
        let lines = events.iter().map(|event| event.json(&self.book.source, true).to_string() + "\n");
        let mut body = lines.collect::<String>().into_bytes();
        self.book.sent += events.len() as u64;
        let (epoch, number) = (self.epoch.to_string(), number.to_string());
        let mut headers = vec![
            ("content-type", "application/x-ndjson"),
            ("tenantry-producer", "soak"),
            ("tenantry-epoch", epoch.as_str()),
            ("tenantry-sequence", number.as_str()),
        ];
        if self.random.percent(30) {
            body = zstd::encode_all(body.as_slice(), 1).expect("a text can be compressed");
            headers.push(("content-encoding", "zstd"));
        }
        let answer = site.door.send_with("POST", "/v1/events", site.key, &headers, &body).map_err(|_| Attempt::Gone)?;
        match answer.status {
            200 => {
                let told = answer.json();
                let count = |name: &str| told[name].as_u64().expect("a number");
                assert_eq!(
                    (count("admitted") + count("duplicate"), count("rejected")),
                    (events.len() as u64, 0),
                    "{told}"
                );
                Ok(count("admitted"))
            }
            429 | 503 => Err(Attempt::NotNow),
            status => panic!("epoch {epoch}, number {number}: {status} {}", answer.text),
        }
    }
}

impl Client for Sequenced {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        if self.pending.is_none() && self.answered.is_some() && self.random.percent(15) {
            let events = self.answered.take().expect("there is one");
            return match self.send(site, self.number - 1, &events) {
                Ok(new) => {
                    assert_eq!(new, 0, "number {} of epoch {} counted twice", self.number - 1, self.epoch);
                    Attempt::Answered
                }
                Err(attempt) => attempt,
            };
        }
        let events = self.pending.take().unwrap_or_else(|| self.draw(site));
        match self.send(site, self.number, &events) {
            Ok(_) => {
                self.number += 1;
                self.book.taken.extend(events.iter().cloned());
                self.answered = Some(events);
                Attempt::Answered
            }
            Err(attempt) => {
                self.pending = Some(events);
                attempt
            }
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(200))
    }

    fn settle(&mut self, site: &Site<'_>) {
        site.door.until_done(|| self.pending.is_none() || self.once(site) == Attempt::Answered);
    }

    fn book(&self) -> Option<&Book> {
        Some(&self.book)
    }
}
