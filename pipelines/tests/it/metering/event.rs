//! Events of the tests, batches of them, and shards that fold them.

use std::sync::Arc;

use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::{Aggregation, Dimension, Meter, Window};
use engine::shard::{Operator, Position, SealedFiles};
use engine::snapshot::ShardView;
use engine::storage::memory::MemoryStorage;
use engine::units::{ONE, Units};
use pipelines::metering::{MeteringOperator, MeteringOptions, MeteringSnapshot};
use proptest::prelude::*;

pub(crate) const SECOND: i64 = 1_000_000;
/// Saturday before the spring change of clocks in Zurich, 2026-03-28T00:00:00Z.
pub(crate) const BASE: i64 = 1_774_656_000 * SECOND;
/// Events that share a record, and so a watermark.
pub(crate) const RECORD: usize = 16;

/// One event as the oracle sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) event_type: &'static str,
    pub(crate) time_us: i64,
    pub(crate) value: Option<i128>,
    pub(crate) region: Option<Region>,
}

/// A dimension's value: its canonical text counts, not its JSON type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Region {
    Text(&'static str),
    Number(i64),
    Flag(bool),
}

impl Region {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

/// Some events within `seconds` of [`BASE`], in order of arrival.
pub(crate) fn events(seconds: i64) -> impl Strategy<Value = Vec<Event>> {
    let region = prop_oneof![
        3 => prop::sample::select(vec!["eu", "us", "1"]).prop_map(|text| Some(Region::Text(text))),
        1 => Just(Some(Region::Number(1))),
        1 => Just(Some(Region::Flag(true))),
        1 => Just(None),
    ];
    let value = prop_oneof![
        4 => (-50i128..50).prop_map(|n| Some(n * ONE / 8)),
        1 => (-1_000_000_000_000i128..1_000_000_000_000).prop_map(Some),
        1 => Just(None),
    ];
    let time = prop_oneof![(0..seconds).prop_map(|s| s * SECOND), 0..seconds * SECOND];
    let event = (0usize..3, 0u8..8, time, value, region).prop_map(|(tenant, other, time, value, region)| Event {
        tenant: ["acme", "zeta", "mid"][tenant].to_owned(),
        id: String::new(),
        event_type: if other == 0 { "other" } else { "call" },
        time_us: BASE + time,
        value,
        region,
    });
    prop::collection::vec(event, 1..120).prop_map(|mut events| {
        for (at, event) in events.iter_mut().enumerate() {
            event.id = format!("id-{}", at * 7919 % 1000);
        }
        events
    })
}

/// The events as a batch.
pub(crate) fn batch(events: &[Event]) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for event in events {
        if let Some(value) = event.value {
            builder.units("/value", Units(value));
        }
        match &event.region {
            Some(Region::Text(text)) => builder.text("/region", text),
            Some(Region::Number(number)) => builder.units("/region", Units::whole(*number)),
            Some(Region::Flag(flag)) => builder.boolean("/region", *flag),
            None => {}
        }
        builder.commit(Attributes {
            tenant: &event.tenant,
            id: &event.id,
            source: "test",
            event_type: event.event_type,
            subject: None,
            time_us: event.time_us,
        });
    }
    builder.finish()
}

/// The watermark that the event arriving at `at` was admitted with.
pub(crate) fn watermark(at: usize) -> i64 {
    BASE + (at / RECORD) as i64 * 900 * SECOND
}

/// The watermark when all is read.
pub(crate) const NOW: i64 = BASE + 6 * 3600 * SECOND;

pub(crate) fn meter(aggregation: Aggregation, window: Window) -> Meter {
    Meter {
        name: "m".into(),
        event_type: "call".into(),
        value: match &aggregation {
            Aggregation::Count => None,
            Aggregation::UniqueCount | Aggregation::UniqueCountSketch => Some("$.region".into()),
            _ => Some("$.value".into()),
        },
        aggregation,
        dimensions: vec![Dimension { name: "region".into(), path: "$.region".into() }],
        window,
        allowed_lateness_s: 600,
        description: String::new(),
    }
}

pub(crate) fn definitions(meters: &[Meter]) -> Vec<Definition> {
    meters.iter().cloned().map(Definition::from).collect()
}

/// A shard without a worker.
pub(crate) struct Shard {
    pub(crate) operator: MeteringOperator,
    pub(crate) storage: MemoryStorage,
    seals: usize,
}

impl Shard {
    pub(crate) fn new(meters: &[Meter]) -> Self {
        let storage = MemoryStorage::new();
        let mut shard = Self { operator: operator(&storage), storage, seals: 0 };
        shard.operator.configure(&definitions(meters), None).unwrap();
        shard
    }

    /// Folds `events`, of which the first one arrived as number `at`, in records cut further at `cuts`.
    pub(crate) fn apply(&mut self, events: &[Event], at: usize, mut is_cut: impl FnMut(&mut Self, usize) -> bool) {
        let mut from = 0;
        for next in 1..=events.len() {
            let arrival = at + next;
            if next == events.len() || arrival.is_multiple_of(RECORD) || is_cut(self, arrival) {
                self.operator.apply(&batch(&events[from..next]), position(at + from));
                from = next;
            }
        }
    }

    /// Through a checkpoint and back, with a fresh operator.
    pub(crate) fn restart(&mut self, meters: &[Meter]) {
        self.seals += 1;
        let prefix = format!("checkpoints/{}/", self.seals);
        let description = self.operator.seal().write(&self.storage, &prefix, &mut SealedFiles::default()).unwrap();
        self.operator = operator(&self.storage);
        self.operator.restore(&description, &self.storage).unwrap();
        assert!(self.operator.follows(&definitions(meters)), "nothing needs history again");
        assert_eq!(self.operator.configure(&definitions(meters), None).unwrap(), Vec::<String>::new());
    }

    pub(crate) fn view(&mut self) -> ShardView<MeteringSnapshot> {
        view_of(&mut self.operator)
    }
}

/// What `operator` shows now.
pub(crate) fn view_of(operator: &mut MeteringOperator) -> ShardView<MeteringSnapshot> {
    ShardView {
        shard: 0,
        applied: 0,
        watermark_us: NOW,
        admitted: 0,
        lag: 0,
        remembered_ids: 0,
        state: operator.publish(NOW),
    }
}

pub(crate) fn operator(storage: &MemoryStorage) -> MeteringOperator {
    // Small enough for some panes to grow cold in most cases.
    let options = MeteringOptions { hot_us: 1800 * SECOND, cold_rows_min: 3, ..MeteringOptions::default() };
    MeteringOperator::new(options, Arc::new(storage.clone()))
}

pub(crate) fn position(arrival: usize) -> Position {
    let watermark_us = watermark(arrival);
    Position { offset: arrival as u64, watermark_us, admitted_at_us: watermark_us }
}
