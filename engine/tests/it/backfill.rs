//! A new meter's history that can't be read: half of it is never shown, never checkpointed, and all of it is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::admission::{Rejection, RejectionCount};
use engine::calendar::Interval;
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::ipc;
use engine::fact::Billed;
use engine::lake::{Lake, LakeError};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Log, Offset};
use engine::service::{EngineError, EngineOptions, Ground, Handle};
use engine::shard::{Arrival, Operator, Position, RestoreError, Seal, SealedFiles};
use engine::snapshot::ArchiveFile;
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, Storage, StorageError};

use crate::counting::Limited;

/// Events by meter.
type ByMeter = BTreeMap<String, u64>;

/// Every meter counts every event; a new one wants all history.
#[derive(Default)]
struct Metered(ByMeter);

struct Sealed(ByMeter);

impl Seal for Sealed {
    fn write(
        self: Box<Self>,
        _storage: &dyn Storage,
        _prefix: &str,
        _files: &mut SealedFiles,
    ) -> Result<serde_json::Value, StorageError> {
        Ok(serde_json::to_value(self.0).unwrap())
    }
}

impl Operator for Metered {
    type Snapshot = ByMeter;

    fn vet(&mut self, _arrival: &Arrival<'_>, _reject: &mut dyn FnMut(usize, Rejection)) {}

    fn expect(&mut self, _batch: &EventBatch) {}

    fn units(&self, _meter: &str, _batch: &EventBatch) -> Option<Vec<i128>> {
        None
    }

    fn used(&mut self, _tenant: &str, _meter: &str, _period: Interval) -> Option<i128> {
        Some(0)
    }

    fn apply(&mut self, batch: &EventBatch, _position: Position) {
        self.0.values_mut().for_each(|count| *count += batch.len() as u64);
    }

    fn reject(&mut self, _counts: &[RejectionCount], _position: Position) {}

    fn publish(&mut self, _watermark_us: i64) -> Arc<ByMeter> {
        Arc::new(self.0.clone())
    }

    fn seal(&mut self) -> Box<dyn Seal> {
        Box::new(Sealed(self.0.clone()))
    }

    fn restore(&mut self, description: &serde_json::Value, _storage: &dyn Storage) -> Result<(), RestoreError> {
        self.0 = serde_json::from_value(description.clone()).unwrap();
        Ok(())
    }

    fn follows(&self, definitions: &[Definition]) -> bool {
        definitions.len() == self.0.len()
            && definitions.iter().all(|definition| self.0.contains_key(&*definition.key()))
    }

    fn configure(
        &mut self,
        definitions: &[Definition],
        _position: Option<Position>,
    ) -> Result<Vec<String>, RestoreError> {
        let new: Vec<String> = definitions
            .iter()
            .map(|definition| definition.key().into_owned())
            .filter(|name| !self.0.contains_key(name))
            .collect();
        self.0.extend(new.iter().map(|name| (name.clone(), 0)));
        Ok(new)
    }

    fn bill(&mut self, _: &Billed, _: Position) -> Result<(), RestoreError> {
        Ok(())
    }

    fn forget(&mut self, _tenants: &BTreeSet<String>, _position: Position) -> Result<(), RestoreError> {
        unreachable!("nobody is erased")
    }

    fn backfill(&mut self, meters: &[String], batch: &EventBatch, _position: Position) {
        for meter in meters {
            *self.0.get_mut(meter).unwrap() += batch.len() as u64;
        }
    }
}

/// Keeps what is archived in memory and, while it is broken, gives half of it back and then an error.
#[derive(Default)]
struct HalfLake {
    records: Mutex<Vec<(u16, EventBatch, Position)>>,
    is_broken: AtomicBool,
}

impl Lake for HalfLake {
    fn archive(
        &self,
        log: &dyn Log,
        from: Offset,
        until: Offset,
        _erased: &BTreeSet<String>,
        _storage: &dyn Storage,
        prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError> {
        let mut records = self.records.lock().unwrap();
        for entry in log.read(from)? {
            let (offset, record) = entry?;
            if offset < until && !record.payload.is_empty() {
                let (watermark_us, admitted_at_us) = (record.header.watermark_us, record.header.admitted_at_us);
                let position = Position { offset, watermark_us, admitted_at_us };
                records.push((record.header.shard, ipc::decode(&record.payload).unwrap(), position));
            }
        }
        let (time_min_us, time_max_us, offset_min, offset_max) = (0, 0, from, until - 1);
        let (name, shard, rows, bytes) = (format!("{prefix}all"), 0, until - from, 0);
        Ok(vec![ArchiveFile {
            name,
            shard,
            rows,
            bytes,
            time_min_us,
            time_max_us,
            offset_min,
            offset_max,
            checksums: None,
        }])
    }

    fn erase(
        &self,
        _files: &[ArchiveFile],
        _erased: &BTreeSet<String>,
        _storage: &dyn Storage,
        _prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError> {
        unreachable!("nobody is erased")
    }

    fn read(
        &self,
        _files: &[ArchiveFile],
        shard: u16,
        _storage: &dyn Storage,
        each: &mut dyn FnMut(EventBatch, Position),
    ) -> Result<(), LakeError> {
        let records = self.records.lock().unwrap();
        let of_shard: Vec<_> = records.iter().filter(|(of, ..)| *of == shard).collect();
        let is_broken = self.is_broken.load(Ordering::Relaxed);
        let given = if is_broken { of_shard.len() / 2 } else { of_shard.len() };
        for (_, batch, position) in &of_shard[..given] {
            each(batch.clone(), *position);
        }
        match is_broken {
            true => Err(StorageError::Io { name: "lake".into(), message: "injected".into() }.into()),
            false => Ok(()),
        }
    }
}

/// A node's storage, lake and what breaks them.
struct Place {
    faulty: Arc<FaultyStorage>,
    lake: Arc<HalfLake>,
    /// Whether history is in the lake; else it is in the log.
    is_archived: bool,
}

impl Place {
    fn new(is_archived: bool) -> Self {
        Self { faulty: Arc::new(FaultyStorage::new(Arc::new(MemoryStorage::new()))), lake: Arc::default(), is_archived }
    }

    fn open(&self, meters: &[Definition]) -> Result<Handle<Metered>, EngineError> {
        let storage: SharedStorage = Arc::clone(&self.faulty) as SharedStorage;
        let options = EngineOptions {
            publish_every: Duration::from_secs(3600),
            checkpoint_every: Duration::from_secs(3600),
            archive_above_bytes: if self.is_archived { 1 } else { u64::MAX },
            ..EngineOptions::default()
        };
        let log = SegmentLog::open(Arc::clone(&storage), "log/events", SegmentOptions::default()).unwrap();
        let ground = Ground {
            storage: Arc::clone(&storage),
            log: Arc::new(log),
            manifests: Arc::new(Manifests::new(storage, "checkpoints")),
            lake: Arc::clone(&self.lake) as Arc<dyn Lake>,
            clock: Arc::new(ManualClock::new(1_000_000)),
            shards: 3,
            seed: 7,
        };
        let gate = |_, _| Limited::new(i128::MAX);
        engine::service::open(options, ground, meters.to_vec(), |_| Metered::default(), gate)
    }

    fn break_history(&self) {
        self.lake.is_broken.store(self.is_archived, Ordering::Relaxed);
        if !self.is_archived {
            // Some reads pass first, so that the shards have got a part.
            let (operation, name_contains, fault) = (Operation::Read, "log/events".to_owned(), Fault::Io);
            self.faulty.inject(Rule { operation, name_contains, skip: 4, times: u64::MAX, fault });
        }
    }

    fn heal(&self) {
        self.lake.is_broken.store(false, Ordering::Relaxed);
        self.faulty.heal();
    }

    fn manifests(&self) -> Vec<String> {
        self.faulty.list("checkpoints").unwrap().into_iter().filter(|name| name.contains("manifest")).collect()
    }
}

fn meter(name: &str) -> Definition {
    let definition = serde_json::json!({"name": name, "event_type": "event", "aggregation": "count",
        "window": {"tumbling": {"size_s": 60}}});
    Definition::Meter(serde_json::from_value(definition).unwrap())
}

/// One event for each of 20 tenants, so that every shard has some; large, so that a log is read in several chunks.
fn batch(id: u64) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for tenant in 0..20 {
        let (tenant, id) = (&format!("t{tenant}"), &id.to_string());
        let subject = format!("{id}-{tenant}-{}", "s".repeat(20_000));
        let subject = Some(subject.as_str());
        builder.commit(Attributes { tenant, id, source: "test", event_type: "event", subject, time_us: 0 });
    }
    builder.finish()
}

/// All shards together, of a fresh cut.
fn counts(handle: &Handle<Metered>) -> ByMeter {
    let mut all = ByMeter::new();
    for shard in &handle.cut().unwrap().shards {
        for (meter, count) in &*shard.state {
            *all.entry(meter.clone()).or_default() += count;
        }
    }
    all
}

fn check(is_archived: bool) {
    let place = Place::new(is_archived);
    let old = [meter("old")];
    let handle = place.open(&old).unwrap();
    for id in 0..20 {
        handle.submit_and_wait(batch(id)).unwrap();
    }
    handle.checkpoint().unwrap();
    assert_eq!(counts(&handle), ByMeter::from([("old".into(), 400)]));
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_archived && handle.cut().unwrap().archive.until == 0 {
        assert!(Instant::now() < deadline, "never moved to the lake");
        handle.checkpoint().unwrap();
    }
    let before = place.manifests();

    place.break_history();
    let both = [meter("old"), meter("new")];
    let error = handle.configure(both.to_vec()).expect_err("history can't be read");
    assert!(matches!(error, EngineError::Lake(_) | EngineError::Log(_)), "{error}");
    let deadline = Instant::now() + Duration::from_secs(10);
    while handle.is_alive() {
        assert!(Instant::now() < deadline, "the engine goes on with half a history");
        std::thread::yield_now();
    }
    let failure = handle.failure().expect("it says why it stopped");
    assert!(failure.contains("history") && failure.contains("restart"), "{failure}");
    let shown = handle.snapshot();
    assert!(shown.shards.iter().all(|shard| !shard.state.contains_key("new")), "half a history is shown");
    handle.checkpoint().expect_err("nobody writes checkpoints any more");
    handle.drain().expect_err("and a drain is no way around it");
    assert_eq!(place.manifests(), before, "half a history is in a checkpoint");

    if is_archived {
        assert!(place.open(&both).is_err(), "a start does not go on with half a history either");
        assert_eq!(place.manifests(), before);
    }
    place.heal();
    let handle = place.open(&both).unwrap();
    assert_eq!(counts(&handle), ByMeter::from([("new".into(), 400), ("old".into(), 400)]));
    handle.submit_and_wait(batch(20)).unwrap();
    assert_eq!(counts(&handle), ByMeter::from([("new".into(), 420), ("old".into(), 420)]));
    handle.drain().unwrap();
}

#[test]
fn a_lake_that_breaks_within_a_history_stops_the_engine_and_is_read_again() {
    check(true);
}

#[test]
fn a_log_that_breaks_within_a_history_stops_the_engine_and_is_read_again() {
    check(false);
}
