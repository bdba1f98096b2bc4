//! Every fault of the disk at every operation of a small life of an engine with meters: panes, cold panes, the lake,
//! backfills and erasures. Typed errors or recovery while it lasts; after it usage and events are exactly those that were
//! acknowledged, once, and who was erased stays so (I1, I2, I3, I10).
//!
//! `TENANTRY_FAULTS=all` tries all of them; else one in [`ONE_IN`] by `TENANTRY_SEED`. Not here: log, marks and manifests
//! alone (the engine's tests).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Decimal128Type, Int32Type};
use engine::admission::{Outcome, Rejection};
use engine::calendar::{Calendar, Period};
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::meter::Meter;
use engine::service::{EngineError, EngineOptions, Ground, Handle};
use engine::shard::{Gate, Measure};
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule, matrix};
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, Storage};
use engine::units::{ONE, Units};
use pipelines::lake::history::{Places, history};
use pipelines::lake::{ParquetLake, Selection};
use pipelines::metering::{MeteringOperator, MeteringOptions, WindowFilter, totals};

const ONE_IN: u64 = 40;
const SHARDS: u16 = 2;
const TENANTS: [&str; 3] = ["a", "b", "c"];
/// Who is erased.
const LEAVER: &str = "leaver";
/// Events of each tenant in a batch.
const EVENTS: usize = 12;
/// 2026-01-15T00:00:00Z.
const DAY_US: i64 = 1_768_435_200_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// Lets everybody in.
struct OpenGate;

impl Gate for OpenGate {
    type Spend = ();

    fn admit(
        &mut self,
        _batch: &EventBatch,
        _open: &mut [bool],
        _measure: &mut dyn Measure,
        _reject: &mut dyn FnMut(usize, Rejection),
    ) {
    }

    fn settle(&mut self, (): ()) {}

    fn refund(&mut self, (): ()) {}

    fn knows(&self, _: &str) -> bool {
        true
    }

    fn recount(&mut self) {}
}

fn meter(name: &str, aggregation: &str, by_kind: bool) -> Meter {
    let dimensions =
        if by_kind { serde_json::json!([{"name": "kind", "path": "$.kind"}]) } else { serde_json::json!([]) };
    let definition = serde_json::json!({"name": name, "event_type": "call", "aggregation": aggregation,
        "value": "$.tokens", "dimensions": dimensions, "window": {"tumbling": {"size_s": 600}}});
    serde_json::from_value(definition).unwrap()
}

/// Batch `number`, of a source of its own. The first ones have events of [`LEAVER`] too.
fn batch(number: usize) -> EventBatch {
    let tenants = TENANTS.iter().chain((number < 2).then_some(&LEAVER));
    let mut builder = EventBatchBuilder::new();
    for tenant in tenants {
        for at in 0..EVENTS {
            let time_us = DAY_US + (number * 3 + at % 3) as i64 * HOUR_US;
            builder.units("/tokens", Units(at as i128 * ONE));
            builder.text("/kind", ["x", "y"][at % 2]);
            let (id, source) = (at.to_string(), format!("source-{number}"));
            builder.commit(Attributes { tenant, id: &id, source: &source, event_type: "call", subject: None, time_us });
        }
    }
    builder.finish()
}

struct Life {
    rules: Vec<Rule>,
    memory: MemoryStorage,
    faulty: Arc<FaultyStorage>,
    engine: Option<Handle<MeteringOperator>>,
    meters: Vec<Meter>,
    /// Batches without an answer so far.
    open: BTreeSet<usize>,
    /// Acknowledged.
    taken: BTreeSet<usize>,
    next: usize,
    /// Whether [`LEAVER`] is to be erased, which the node asks for again at each start until it is done.
    leaves: bool,
    is_erased: bool,
}

impl Life {
    fn new(rules: Vec<Rule>) -> Self {
        let memory = MemoryStorage::new();
        let faulty = Arc::new(FaultyStorage::new(Arc::new(memory.clone())));
        rules.iter().for_each(|rule| faulty.inject(rule.clone()));
        let meters = vec![meter("calls", "count", true), meter("tokens", "sum", false)];
        let (open, taken) = (BTreeSet::new(), BTreeSet::new());
        Self { rules, memory, faulty, engine: None, meters, open, taken, next: 0, leaves: false, is_erased: false }
    }

    fn open(&self) -> Result<Handle<MeteringOperator>, EngineError> {
        let storage = Arc::clone(&self.faulty) as SharedStorage;
        let options = EngineOptions {
            publish_every: Duration::from_secs(3600),
            checkpoint_every: Duration::from_secs(3600),
            archive_above_bytes: 4000,
            ..EngineOptions::default()
        };
        let segments = SegmentOptions { segment_bytes: 3000, ..SegmentOptions::default() };
        let ground = Ground {
            storage: Arc::clone(&storage),
            log: Arc::new(SegmentLog::open(Arc::clone(&storage), "log/events", segments)?),
            manifests: Arc::new(Manifests::new(Arc::clone(&storage), "checkpoints")),
            lake: Arc::new(ParquetLake),
            clock: Arc::new(ManualClock::new(DAY_US)),
            shards: SHARDS,
            seed: 7,
        };
        // Panes get cold within a few batches.
        let metering = MeteringOptions { hot_us: 4 * HOUR_US, cold_rows_min: 4, ..MeteringOptions::default() };
        let operator = |_| MeteringOperator::new(metering.clone(), Arc::clone(&storage));
        engine::service::open(options, ground, self.definitions(), operator, |_, _| OpenGate)
    }

    /// Starts; after a failed start once more, as somebody would.
    fn start(&mut self) {
        let started = self.open().or_else(|error| {
            self.is_typed(&error.to_string());
            self.lose_power();
            self.open()
        });
        self.engine =
            Some(started.unwrap_or_else(|error| panic!("{:?}: it does not start again: {error}", self.rules)));
        self.erase();
        self.send_again();
    }

    fn engine(&self) -> &Handle<MeteringOperator> {
        self.engine.as_ref().expect("it was started")
    }

    fn send(&mut self) {
        self.open.insert(self.next);
        self.next += 1;
        self.send_again();
    }

    fn send_again(&mut self) {
        for number in self.open.clone() {
            // Nothing of a leaver is let in any more; the gate sees to that in a node.
            if self.leaves && number < 2 {
                continue;
            }
            match self.engine().submit_and_wait(batch(number)) {
                Ok(_) => {
                    self.open.remove(&number);
                    self.taken.insert(number);
                }
                Err(error) => self.is_typed(&error.to_string()),
            }
        }
    }

    fn checkpoint(&self) {
        if let Err(error) = self.engine().checkpoint() {
            self.is_typed(&error.to_string());
        }
    }

    fn definitions(&self) -> Vec<Definition> {
        self.meters.iter().cloned().map(Definition::from).collect()
    }

    /// A new meter, whose history is in log and lake; the definition holds whatever becomes of that.
    fn define(&mut self) {
        self.meters.push(meter("peak", "max", false));
        if let Err(error) = self.engine().configure(self.definitions()) {
            self.is_typed(&error.to_string());
        }
    }

    fn erase(&mut self) {
        if !self.leaves || self.is_erased {
            return;
        }
        match self.engine().erase(BTreeSet::from([LEAVER.to_owned()])) {
            Ok(()) => self.is_erased = true,
            Err(error) => self.is_typed(&error.to_string()),
        }
    }

    fn is_typed(&self, error: &str) {
        assert!(self.faulty.struck() > 0 && !error.contains("panicked"), "{:?}: {error}", self.rules);
    }

    fn lose_power(&mut self) {
        self.faulty.halt();
        if let Some(engine) = self.engine.take() {
            // Its threads must be gone before somebody else takes up the files.
            let _ = engine.drain();
        }
        let kept = self.rules.first().map_or(0, |rule| rule.skip as usize % 3);
        self.memory.crash_torn(|_, unsynced| unsynced * kept / 2);
        self.faulty.resume();
    }

    fn live(&mut self) {
        self.start();
        self.send();
        self.checkpoint();
        self.send();
        self.checkpoint();
        self.send();
        self.lose_power();

        self.start();
        self.send();
        self.define();
        self.send();
        self.checkpoint();
        self.leaves = self.taken.contains(&0) && self.taken.contains(&1);
        self.erase();
        self.send();
        self.checkpoint();
        self.lose_power();

        self.start();
        self.send();
        self.checkpoint();
        self.send();
        self.lose_power();
    }

    fn all_is_there(mut self) {
        self.faulty.heal();
        self.lose_power();
        self.engine = Some(self.open().unwrap_or_else(|error| panic!("{:?}: it can't be opened: {error}", self.rules)));
        if self.is_erased {
            self.nobody_left_comes_back();
        }
        self.leaves = true;
        for number in 0..self.next {
            let of_leaver = TENANTS.len() * EVENTS;
            let whole = batch(number);
            let receipt = self.engine().submit_and_wait(whole.slice(0, of_leaver)).unwrap();
            let is_lost = receipt.outcomes.iter().any(|outcome| *outcome != Outcome::Duplicate);
            assert!(!(self.taken.contains(&number) && is_lost), "{:?}: batch {number} is lost", self.rules);
        }
        self.erase();
        assert!(self.is_erased);
        self.nobody_left_comes_back();
        let events = TENANTS.map(|tenant| (tenant.to_owned(), self.next * EVENTS));
        assert_eq!(self.events(), BTreeMap::from(events), "{:?}: events", self.rules);
        let count = (self.next * EVENTS) as i128 * ONE;
        let sum = self.next as i128 * (0..EVENTS as i128).sum::<i128>() * ONE;
        let expect = [("calls", count), ("tokens", sum), ("peak", (EVENTS as i128 - 1) * ONE)];
        assert_eq!(self.meters.len(), expect.len());
        for (name, value) in expect {
            assert_eq!(
                self.usage(name),
                BTreeMap::from(TENANTS.map(|t| (t.to_owned(), value))),
                "{:?}: {name}",
                self.rules
            );
        }
        self.engine.take().unwrap().drain().expect("it ends well");
    }

    fn nobody_left_comes_back(&self) {
        assert!(!self.events().contains_key(LEAVER), "{:?}: events of who was erased are back", self.rules);
        for meter in &self.meters {
            assert!(!self.usage(&meter.name).contains_key(LEAVER), "{:?}: usage of who was erased is back", self.rules);
        }
    }

    /// Events by tenant, from lake and log.
    fn events(&self) -> BTreeMap<String, usize> {
        let cut = self.engine().cut().unwrap();
        let (log, storage) = (self.engine().log(), Arc::clone(&self.faulty) as SharedStorage);
        let archive_now = || Arc::clone(&cut.archive);
        let archive = Arc::clone(&cut.archive);
        let places = Places { archive, archive_now: &archive_now, log: &*log, storage: &storage, shards: SHARDS };
        let mut events = BTreeMap::new();
        let mut emit = |batch: arrow::array::RecordBatch| {
            let tenants = batch["tenant"].as_dictionary::<Int32Type>();
            let names = tenants.values().as_string::<i32>();
            let keys = tenants.keys().iter().flatten();
            keys.for_each(|key| *events.entry(names.value(key as usize).to_owned()).or_default() += 1);
            ControlFlow::Continue(())
        };
        history(&places, cut.offset, &Selection::default(), &mut emit).unwrap();
        events
    }

    fn usage(&self, meter: &str) -> BTreeMap<String, i128> {
        let cut = self.engine().cut().unwrap();
        let month = |_: &str| Calendar { period: Period::Month, time_zone: "UTC".into() };
        let totals = totals(&cut.shards, meter, &month, &WindowFilter::default()).unwrap();
        let (tenants, values) = (totals["tenant"].as_string::<i32>(), totals["value"].as_primitive::<Decimal128Type>());
        let usage = (0..totals.num_rows()).map(|row| (tenants.value(row).to_owned(), values.value(row)));
        let usage = usage.collect::<BTreeMap<_, _>>();
        assert_eq!((usage.len(), values.null_count()), (totals.num_rows(), 0), "one period each");
        usage
    }
}

#[test]
fn whatever_fails_whenever_usage_is_that_of_what_was_acknowledged() {
    let mut clean = Life::new(Vec::new());
    clean.live();
    assert!(clean.open.is_empty() && clean.is_erased);
    let seen = clean.faulty.seen();
    let panes = clean.memory.list_folders("lake/panes").unwrap();
    assert!(!panes.is_empty(), "panes got cold");
    clean.all_is_there();
    let seed =
        std::env::var("TENANTRY_SEED").map_or_else(|_| u64::from(std::process::id()), |text| text.parse().unwrap());
    let rules = matrix::rules(&seen);
    let of = rules.len();
    let all = std::env::var("TENANTRY_FAULTS").as_deref() == Ok("all");
    let mut rules = if all { rules } else { matrix::sample(rules, ONE_IN, seed) };
    // The history of a meter can't be read, which ends the engine while batches wait for it.
    let skip = 4;
    rules.push(Rule {
        operation: Operation::OpenAppend,
        name_contains: String::new(),
        skip,
        times: 1,
        fault: Fault::Halt,
    });
    println!("{} of {of} faults, TENANTRY_SEED={seed}; operations: {seen:?}", rules.len());
    let mut struck = 0;
    for rule in rules {
        let mut life = Life::new(vec![rule]);
        life.live();
        struck += life.faulty.struck();
        life.all_is_there();
    }
    println!("{struck} struck");
    assert!(struck > 0);
}
