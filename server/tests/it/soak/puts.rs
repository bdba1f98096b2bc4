//! Events as Arrow batches: streams of Flight's `DoPut`, whose batches are answered one by one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_flight::FlightDescriptor;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::book::Book;
use crate::torture::script::{Event, Random};

const EVENTS_MAX: u64 = 120;
const BATCHES_MAX: u64 = 4;

pub(super) struct Puts {
    book: Book,
    random: Random,
    batches: u64,
    /// Batches without an answer.
    pending: VecDeque<Vec<Event>>,
}

impl Puts {
    pub(super) fn new(seed: u64) -> Self {
        Self { book: Book::of("/put"), random: Random::new(seed, 201), batches: 0, pending: VecDeque::new() }
    }

    fn draw(&mut self, site: &Site<'_>) -> Vec<Event> {
        let tenants = site.known.lock().unwrap().tenants.clone();
        self.batches += 1;
        let count = 1 + self.random.below(EVENTS_MAX);
        let event = |at| {
            let tenant = tenants.any_free(&mut self.random);
            Event::random(&mut self.random, tenant, format!("p{}-{at}", self.batches))
        };
        (0..count).map(event).collect()
    }

    fn batch(&self, events: &[Event]) -> RecordBatch {
        let texts = |of: &dyn Fn(&Event) -> String| {
            Arc::new(events.iter().map(of).map(Some).collect::<StringArray>()) as ArrayRef
        };
        let times =
            TimestampMicrosecondArray::from_iter_values(events.iter().map(|event| event.time_us)).with_timezone("UTC");
        let tokens = Int64Array::from_iter_values(events.iter().map(|event| event.tokens));
        let columns = [
            ("id", texts(&|event| event.id.clone())),
            ("source", texts(&|_| self.book.source.clone())),
            ("type", texts(&|_| "call".to_owned())),
            ("time", Arc::new(times) as ArrayRef),
            ("tenant", texts(&|event| event.tenant.clone())),
            ("tokens", Arc::new(tokens) as ArrayRef),
            ("model", texts(&|event| format!("m{}", event.model))),
            ("user", texts(&|event| format!("u{}", event.user))),
        ];
        RecordBatch::try_from_iter(columns).expect("columns are of one length")
    }

    /// Sends what is pending as one stream and takes note of each answer, also of those before a stream broke off.
    fn put(&mut self, site: &Site<'_>) -> Attempt {
        let batches = self.pending.iter().map(|events| Ok(self.batch(events))).collect::<Vec<_>>();
        self.book.sent += self.pending.iter().map(|events| events.len() as u64).sum::<u64>();
        let descriptor = FlightDescriptor::new_path(vec!["events".to_owned()]);
        let encoded =
            FlightDataEncoderBuilder::new().with_flight_descriptor(Some(descriptor)).build(stream::iter(batches));
        let messages = encoded.map(|message| message.expect("a batch can be encoded"));
        let (mut client, mut answers) = (site.flight(site.key), Vec::new());
        let put = async {
            let mut results = client.do_put(messages).await?;
            while let Some(result) = results.try_next().await? {
                answers.push(serde_json::from_slice::<Value>(&result.app_metadata).expect("an answer is JSON"));
            }
            Ok::<_, FlightError>(())
        };
        let ended = site.call("DoPut", "events", put);
        for answer in answers {
            let events = self.pending.pop_front().expect("a batch has one answer");
            let count = |name: &str| answer[name].as_u64().expect("a number");
            assert_eq!(
                (count("admitted") + count("duplicate"), count("rejected")),
                (events.len() as u64, 0),
                "{answer}"
            );
            self.book.taken.extend(events);
        }
        match ended {
            Ok(Ok(())) => {
                assert!(self.pending.is_empty(), "{} batches have no answer", self.pending.len());
                Attempt::Answered
            }
            Ok(Err(status)) => panic!("DoPut was refused: {status}"),
            Err(attempt) => attempt,
        }
    }
}

impl Client for Puts {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        if self.pending.is_empty() {
            let count = 1 + self.random.below(BATCHES_MAX);
            self.pending = (0..count).map(|_| self.draw(site)).collect();
        }
        self.put(site)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(200 + self.random.below(400))
    }

    fn settle(&mut self, site: &Site<'_>) {
        site.door.until_done(|| self.pending.is_empty() || self.put(site) == Attempt::Answered);
    }

    fn book(&self) -> Option<&Book> {
        Some(&self.book)
    }
}
