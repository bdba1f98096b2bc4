//! A fact is taken up by every shard where it stands in the log: with all that is before it and nothing behind it, live and in
//! replay alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::admission::{Rejection, RejectionCount};
use engine::calendar::{Calendar, Interval, Period};
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::split::shard_of;
use engine::fact::{Billed, Fact};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::service::{EngineOptions, Ground, Handle};
use engine::shard::{Arrival, Operator, Position, RestoreError, Seal, SealedFiles};
use engine::storage::SharedStorage;
use engine::storage::faulty::FaultyStorage;
use engine::storage::memory::MemoryStorage;
use engine::storage::{Storage, StorageError};

use crate::counting::{Limited, OneFile};

const SHARDS: u16 = 3;

/// Writes down what it is told, in order.
#[derive(Default, Clone)]
struct Diary(Vec<String>);

impl Seal for Diary {
    fn write(
        self: Box<Self>,
        _storage: &dyn Storage,
        _prefix: &str,
        _files: &mut SealedFiles,
    ) -> Result<serde_json::Value, StorageError> {
        Ok(serde_json::json!(self.0))
    }
}

impl Operator for Diary {
    type Snapshot = Vec<String>;

    fn vet(&mut self, _arrival: &Arrival<'_>, _reject: &mut dyn FnMut(usize, Rejection)) {}

    fn expect(&mut self, _batch: &EventBatch) {}

    fn units(&self, _meter: &str, _batch: &EventBatch) -> Option<Vec<i128>> {
        None
    }

    fn used(&mut self, _tenant: &str, _meter: &str, _period: Interval) -> Option<i128> {
        Some(0)
    }

    fn apply(&mut self, batch: &EventBatch, position: Position) {
        self.0.push(format!("{} events at {}", batch.len(), position.offset));
    }

    fn reject(&mut self, _counts: &[RejectionCount], _position: Position) {}

    fn publish(&mut self, _watermark_us: i64) -> Arc<Vec<String>> {
        Arc::new(self.0.clone())
    }

    fn seal(&mut self) -> Box<dyn Seal> {
        Box::new(self.clone())
    }

    fn restore(&mut self, description: &serde_json::Value, _storage: &dyn Storage) -> Result<(), RestoreError> {
        self.0 = serde_json::from_value(description.clone()).unwrap();
        Ok(())
    }

    fn follows(&self, definitions: &[Definition]) -> bool {
        definitions.is_empty()
    }

    fn configure(
        &mut self,
        definitions: &[Definition],
        position: Option<Position>,
    ) -> Result<Vec<String>, RestoreError> {
        let Some(Position { offset, watermark_us, .. }) = position else { return Ok(Vec::new()) };
        self.0.push(format!("{} definitions at {offset} under {watermark_us}", definitions.len()));
        Ok(definitions.iter().map(|definition| definition.key().into_owned()).collect())
    }

    fn bill(&mut self, billed: &Billed, position: Position) -> Result<(), RestoreError> {
        self.0.push(format!("billed {:?} at {}", billed.tenants.keys(), position.offset));
        Ok(())
    }

    fn forget(&mut self, tenants: &BTreeSet<String>, position: Position) -> Result<(), RestoreError> {
        self.0.push(format!("erased {tenants:?} at {}", position.offset));
        Ok(())
    }

    fn backfill(&mut self, keys: &[String], batch: &EventBatch, position: Position) {
        self.0.push(format!("{} events at {} for {keys:?}", batch.len(), position.offset));
    }
}

fn open(storage: &Arc<FaultyStorage>) -> Handle<Diary> {
    let storage = Arc::clone(storage) as SharedStorage;
    let options = EngineOptions {
        publish_every: Duration::from_secs(3600),
        checkpoint_every: Duration::from_secs(3600),
        archive_above_bytes: u64::MAX,
        ..EngineOptions::default()
    };
    let ground = Ground {
        storage: Arc::clone(&storage),
        log: Arc::new(SegmentLog::open(Arc::clone(&storage), "log/events", SegmentOptions::default()).unwrap()),
        manifests: Arc::new(Manifests::new(storage, "checkpoints")),
        lake: Arc::new(OneFile { rows_max: u64::MAX }),
        clock: Arc::new(ManualClock::new(1_000_000)),
        shards: SHARDS,
        seed: 7,
    };
    engine::service::open(options, ground, Vec::new(), |_| Diary::default(), |_, _| Limited::new(i128::MAX)).unwrap()
}

fn send(engine: &Handle<Diary>, id: &str, tenant: &str) {
    let mut builder = EventBatchBuilder::new();
    let (source, event_type) = ("test", "event");
    builder.commit(Attributes { tenant, id, source, event_type, subject: None, time_us: 500_000_000 });
    engine.submit_and_wait(builder.finish()).unwrap();
}

fn diaries(engine: &Handle<Diary>) -> Vec<Vec<String>> {
    engine.cut().unwrap().shards.iter().map(|shard| shard.state.to_vec()).collect()
}

fn view() -> Definition {
    let definition = serde_json::json!({"view": {"name": "v", "query": "SELECT 1"}});
    serde_json::from_value(definition).unwrap()
}

#[test]
fn a_fact_stands_where_it_was_stated_and_replay_comes_upon_it_there() {
    let memory = MemoryStorage::new();
    let faulty = Arc::new(FaultyStorage::new(Arc::new(memory.clone())));
    let engine = open(&faulty);
    // One tenant for each shard, so that it is known who is told what.
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let of = |shard: u16| *names.iter().find(|name| shard_of(name, SHARDS) == shard).expect("names enough");
    let tenants = [of(0), of(1), of(2)];
    tenants.iter().for_each(|tenant| send(&engine, "1", tenant));
    let calendar = Calendar { period: Period::Day, time_zone: "UTC".into() };
    let billed = Billed { default: None, tenants: BTreeMap::from([(tenants[1].to_owned(), calendar)]) };
    let before = engine.cut().unwrap().offset;
    engine
        .state(move |shown| {
            assert_eq!(shown.offset, before, "it is asked with the newest cut");
            vec![Fact::Billed(billed)]
        })
        .unwrap();
    assert_eq!(engine.snapshot().offset, before + 1, "it takes an offset, and is shown");
    send(&engine, "2", tenants[0]);
    engine.state(|_| vec![Fact::Erased { tenants: BTreeSet::from(["z".to_owned()]) }]).unwrap();
    engine.state(|_| Vec::new()).unwrap();
    let live = diaries(&engine);
    let own = |shard: usize| if shard == 1 { format!("[{:?}]", tenants[1]) } else { "[]".to_owned() };
    for (shard, diary) in live.iter().enumerate() {
        assert_eq!(diary[1], format!("billed {} at 3", own(shard)));
        assert_eq!(diary.last().unwrap(), "erased {\"z\"} at 5");
        assert_eq!(diary.len(), if shard == 0 { 4 } else { 3 }, "{diary:?}");
    }
    // Killed: nothing but the log knows of it.
    faulty.halt();
    let _ = engine.drain();
    memory.crash();
    faulty.resume();
    let engine = open(&faulty);
    assert_eq!(diaries(&engine), live);

    // A definition's history is what is before it, and nothing else.
    engine.configure(vec![view()]).unwrap();
    send(&engine, "3", tenants[0]);
    let live = diaries(&engine);
    let told = &live[0][4..];
    assert!(told[0].starts_with("1 definitions at 6 under "), "{told:?}");
    assert_eq!(told[1..], ["1 events at 0 for [\"view.v\"]", "1 events at 4 for [\"view.v\"]", "1 events at 7"]);
    assert_eq!(live[1].len(), 5, "{:?}", live[1]);
    engine.drain().unwrap();
}
