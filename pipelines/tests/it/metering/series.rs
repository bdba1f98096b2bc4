//! The limit of series: it holds within one body and over all of an hour, and what was counted within the hour is let in,
//! whatever came in between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use engine::admission::Reason;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::{Aggregation, Meter};
use engine::shard::{Arrival, Operator, Position, SealedFiles};
use engine::storage::memory::MemoryStorage;
use engine::units::Units;
use pipelines::metering::{MeteringOperator, MeteringOptions};
use proptest::prelude::*;

use super::event::{definitions, meter};

const HOUR_US: i64 = 3_600_000_000;
const SERIES_MAX: usize = 5;
const TENANTS: [&str; 2] = ["acme", "zeta"];

/// Tenant and series.
type Event = (usize, u32);

fn batch(events: &[Event], number: usize) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for (at, (tenant, series)) in events.iter().enumerate() {
        builder.units("/value", Units::whole(1));
        builder.text("/region", &format!("r{series}"));
        builder.commit(Attributes {
            tenant: TENANTS[*tenant],
            id: &format!("{number}-{at}"),
            source: "test",
            event_type: "call",
            subject: None,
            time_us: i64::from(*series) * 60_000_000,
        });
    }
    builder.finish()
}

/// An operator at a door, and a naive count of what it let in.
struct Door {
    operator: MeteringOperator,
    storage: MemoryStorage,
    meters: Vec<Meter>,
    in_flight: VecDeque<EventBatch>,
    /// What was let in: batches with their clocks.
    log: Vec<(EventBatch, i64)>,
    offset: u64,
    now_us: i64,
    batches: usize,
    restarts: usize,
    brought: BTreeMap<usize, BTreeSet<u32>>,
}

fn operator(storage: &MemoryStorage) -> MeteringOperator {
    let options =
        MeteringOptions { series_max: SERIES_MAX, hot_us: HOUR_US, cold_rows_min: 3, ..MeteringOptions::default() };
    MeteringOperator::new(options, Arc::new(storage.clone()))
}

impl Door {
    fn new() -> Self {
        let storage = MemoryStorage::new();
        let meters = vec![meter(Aggregation::Sum, engine::meter::Window::Tumbling { size_s: 60 })];
        let mut operator = operator(&storage);
        operator.configure(&definitions(&meters), None).unwrap();
        let (in_flight, log, brought) = (VecDeque::new(), Vec::new(), BTreeMap::new());
        Self { operator, storage, meters, in_flight, log, offset: 0, now_us: 0, batches: 0, restarts: 0, brought }
    }

    /// Which of `events` pass; those whose flag is not set are not looked at.
    fn take(&mut self, events: &[Event], open: &[bool]) -> Vec<bool> {
        self.batches += 1;
        let batch = batch(events, self.batches);
        let in_flight: Vec<&EventBatch> = self.in_flight.iter().collect();
        let arrival = Arrival { batch: &batch, open, in_flight: &in_flight, now_us: self.now_us };
        let mut passes = open.to_vec();
        self.operator.vet(&arrival, &mut |row, rejection| {
            assert_eq!(rejection.reason, Reason::CardinalityExceeded);
            passes[row] = false;
        });
        let admitted = batch.filter(&passes.iter().map(|passes| Some(*passes)).collect()).unwrap();
        self.operator.expect(&admitted);
        self.in_flight.push_back(admitted);
        passes
    }

    fn apply(&mut self) {
        let Some(batch) = self.in_flight.pop_front() else { return };
        let position = Position { offset: self.offset, watermark_us: self.now_us, admitted_at_us: self.now_us };
        self.operator.apply(&batch, position);
        self.offset += batch.len() as u64;
        self.log.push((batch, self.now_us));
    }

    fn restart(&mut self) {
        while !self.in_flight.is_empty() {
            self.apply();
        }
        self.restarts += 1;
        let prefix = format!("checkpoints/{}/", self.restarts);
        let description = self.operator.seal().write(&self.storage, &prefix, &mut SealedFiles::default()).unwrap();
        self.operator = operator(&self.storage);
        self.operator.restore(&description, &self.storage).unwrap();
        self.operator.configure(&definitions(&self.meters), None).unwrap();
    }

    /// Another meter with the same dimension comes, and with it new tables.
    fn define(&mut self) {
        self.meters.push(Meter { name: format!("m{}", self.meters.len()), ..self.meters[0].clone() });
        let changed = self.operator.configure(&definitions(&self.meters), None).unwrap();
        let mut offset = 0;
        for (batch, now_us) in &self.log {
            let position = Position { offset, watermark_us: *now_us, admitted_at_us: *now_us };
            self.operator.backfill(&changed, batch, position);
            offset += batch.len() as u64;
        }
        self.in_flight.iter().for_each(|batch| self.operator.expect(batch));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Take(Vec<Event>, Vec<bool>),
    Apply,
    Publish,
    Restart,
    Define,
    NextHour,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = (0usize..2, 0u32..12);
    let take = (prop::collection::vec(event, 1..8), prop::collection::vec(prop::bool::weighted(0.8), 8));
    let step = prop_oneof![
        8 => take.prop_map(|(events, open)| Step::Take(events, open)),
        6 => Just(Step::Apply),
        2 => Just(Step::Publish),
        1 => Just(Step::Restart),
        1 => Just(Step::Define),
        1 => Just(Step::NextHour),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn exactly_the_limit_is_let_in_and_what_was_counted_always_is(steps in steps()) {
        let mut door = Door::new();
        for step in steps {
            match step {
                Step::Take(events, open) => {
                    let open = &open[..events.len()];
                    let passes = door.take(&events, open);
                    for (row, (tenant, series)) in events.iter().enumerate().filter(|(row, _)| open[*row]) {
                        let brought = door.brought.entry(*tenant).or_default();
                        let expect = brought.contains(series) || brought.len() < SERIES_MAX;
                        prop_assert_eq!(passes[row], expect, "row {} of {:?}, after {:?}", row, &events, brought);
                        if expect {
                            brought.insert(*series);
                        }
                    }
                }
                Step::Apply => door.apply(),
                Step::Publish => drop(door.operator.publish(0)),
                Step::Restart => door.restart(),
                Step::Define => door.define(),
                Step::NextHour => {
                    // What is in flight over the hour's edge may count in either.
                    while !door.in_flight.is_empty() {
                        door.apply();
                    }
                    door.now_us += HOUR_US;
                    door.brought.clear();
                }
            }
        }
    }
}

#[test]
fn a_tenant_whose_every_event_is_refused_begins_anew_with_the_hour() {
    let mut door = Door::new();
    let all: Vec<Event> = (0..20).map(|series| (0, series)).collect();
    let passing = |door: &mut Door| door.take(&all, &[true; 20]).iter().filter(|passes| **passes).count();
    assert_eq!(passing(&mut door), SERIES_MAX, "within one body");
    door.apply();
    door.now_us = HOUR_US - 1;
    assert_eq!(door.take(&[(0, 7)], &[true]), [false]);
    door.now_us = HOUR_US;
    assert_eq!(door.take(&[(0, 7)], &[true]), [true], "nothing was applied since, and still it is another hour");
}

#[test]
fn a_busy_tenant_with_few_series_is_never_refused() {
    let mut door = Door::new();
    for number in 0..2_000 {
        assert_eq!(door.take(&[(0, number % 4), (1, number % 5)], &[true; 2]), [true; 2]);
        door.apply();
    }
}

/// Events of one tenant with these values of the dimension.
fn with_regions(regions: &[String]) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for (at, region) in regions.iter().enumerate() {
        builder.units("/value", Units::whole(1));
        builder.text("/region", region);
        let id = &at.to_string();
        builder.commit(Attributes {
            tenant: "acme",
            id,
            source: "test",
            event_type: "call",
            subject: None,
            time_us: 0,
        });
    }
    builder.finish()
}

/// Which rows `operator` refuses for which reason, naming which option.
fn refused(operator: &mut MeteringOperator, batch: &EventBatch) -> Vec<(usize, Reason, String)> {
    let arrival = Arrival { batch, open: &vec![true; batch.len()], in_flight: &[], now_us: 0 };
    let mut refused = Vec::new();
    operator.vet(&arrival, &mut |row, rejection| {
        let option = rejection.detail.split_once("(events.").and_then(|(_, rest)| rest.split_once(')'));
        refused.push((row, rejection.reason, option.map_or_else(String::new, |(option, _)| option.to_owned())));
    });
    refused
}

fn bounded(options: MeteringOptions) -> MeteringOperator {
    let mut operator = MeteringOperator::new(options, Arc::new(MemoryStorage::new()));
    let meters = [meter(Aggregation::Sum, engine::meter::Window::Tumbling { size_s: 60 })];
    operator.configure(&definitions(&meters), None).unwrap();
    operator
}

#[test]
fn the_values_of_an_hour_are_bounded_in_bytes_too() {
    const EACH: usize = 1000;
    let mut operator =
        bounded(MeteringOptions { series_bytes_max: 10 * EACH + EACH / 2, ..MeteringOptions::default() });
    let region = |n: usize| format!("{n:0>EACH$}");
    let regions = |of: std::ops::Range<usize>| with_regions(&of.map(region).collect::<Vec<_>>());
    let mut offset = 0;
    let mut take = |operator: &mut MeteringOperator, batch: &EventBatch| {
        operator.expect(batch);
        operator.apply(batch, Position { offset, watermark_us: 0, admitted_at_us: 0 });
        offset += batch.len() as u64;
    };
    let first = regions(0..6);
    assert_eq!(refused(&mut operator, &first), []);
    take(&mut operator, &first);
    let too_many = (Reason::CardinalityExceeded, "series_bytes_max".to_owned());
    let expect =
        |rows: std::ops::Range<usize>| rows.map(|row| (row, too_many.0, too_many.1.clone())).collect::<Vec<_>>();
    assert_eq!(refused(&mut operator, &regions(0..14)), expect(10..14), "ten fit, six of which are there");
    let all_that_fit = regions(6..10);
    take(&mut operator, &all_that_fit);
    assert_eq!(refused(&mut operator, &regions(0..11)), expect(10..11));
    let again: Vec<String> = (0..50_000).map(|n| region(n % 10)).collect();
    assert_eq!(refused(&mut operator, &with_regions(&again)), [], "what was counted goes on");
    let short = with_regions(&["short".to_owned(), region(77)]);
    assert_eq!(refused(&mut operator, &short), expect(1..2), "what is shorter fits still");
}

#[test]
fn a_value_that_is_too_long_is_refused_and_brings_no_series() {
    let mut operator = bounded(MeteringOptions { dimension_bytes_max: 8, series_max: 2, ..MeteringOptions::default() });
    let values = ["12345678", "123456789", "ééééé", "1", "2"].map(str::to_owned);
    let long = |row| (row, Reason::ValueInvalid, "dimension_bytes_max".to_owned());
    let too_many = (4, Reason::CardinalityExceeded, "series_max".to_owned());
    assert_eq!(refused(&mut operator, &with_regions(&values)), [long(1), long(2), too_many]);

    // A member that is of another type elsewhere in the batch is a leftover here.
    let mut builder = EventBatchBuilder::new();
    for (id, is_text) in [("a", false), ("b", true)] {
        match is_text {
            true => builder.text("/region", "a text that is too long"),
            false => builder.units("/region", Units::whole(1)),
        }
        builder.commit(Attributes {
            tenant: "acme",
            id,
            source: "test",
            event_type: "call",
            subject: None,
            time_us: 0,
        });
    }
    assert_eq!(refused(&mut operator, &builder.finish()), [long(1)]);
}
