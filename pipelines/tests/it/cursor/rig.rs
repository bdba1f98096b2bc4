//! An engine over storage that can lose power, with what a node's journal would know: definitions, plans, who has left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::admission::Rejection;
use engine::calendar::Calendar;
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::event::split::shard_of;
use engine::fact::{Billed, Fact};
use engine::log::SharedLog;
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::meter::Meter;
use engine::service::{EngineError, EngineOptions, Ground, Handle};
use engine::shard::{Gate, Measure};
use engine::snapshot::Snapshot;
use engine::storage::SharedStorage;
use engine::storage::faulty::FaultyStorage;
use engine::storage::memory::MemoryStorage;
use pipelines::catalog::{Catalog, CatalogOptions, EmitPage, Source};
use pipelines::lake::ParquetLake;
use pipelines::metering::{MeteringOperator, MeteringOptions, MeteringSnapshot};
use pipelines::views::ViewError;
use pipelines::views::alert_history::AlertEventRow;
use pipelines::views::alert_rules::AlertRuleRow;
use pipelines::views::alerts::AlertRow;
use pipelines::views::audit::AuditRow;
use pipelines::views::declarations::DeclarationRow;
use pipelines::views::delivery_attempts::DeliveryAttemptRow;
use pipelines::views::endpoints::EndpointRow;
use pipelines::views::materialized_views::ViewRow;
use pipelines::views::queries::QueryRow;
use pipelines::views::quotas::QuotaRow;
use pipelines::views::tenants::TenantRow;

pub(super) const SHARDS: u16 = 2;
/// 2026-01-15T00:00:00Z.
pub(super) const BASE_US: i64 = 1_768_435_200_000_000;
pub(super) const HOUR_US: i64 = 3_600_000_000;

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

/// See the module.
pub(super) struct Rig {
    memory: MemoryStorage,
    pub(super) faulty: Arc<FaultyStorage>,
    engine: Option<Handle<MeteringOperator>>,
    pub(super) meters: BTreeMap<String, Meter>,
    pub(super) default: Calendar,
    pub(super) calendars: BTreeMap<String, Calendar>,
    pub(super) left: BTreeSet<String>,
    erased: BTreeSet<String>,
    /// Faults that struck before the last start.
    struck: u64,
}

impl Rig {
    pub(super) fn new(default: Calendar) -> Self {
        let memory = MemoryStorage::new();
        let faulty = Arc::new(FaultyStorage::new(Arc::new(memory.clone())));
        let (meters, calendars, left) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let erased = BTreeSet::new();
        Self { memory, faulty, engine: None, meters, default, calendars, left, erased, struck: 0 }
    }

    fn open(&self) -> Result<Handle<MeteringOperator>, EngineError> {
        let storage = Arc::clone(&self.faulty) as SharedStorage;
        let options = EngineOptions {
            publish_every: Duration::from_secs(3600),
            checkpoint_every: Duration::from_secs(3600),
            archive_above_bytes: 3000,
            ..EngineOptions::default()
        };
        let segments = SegmentOptions { segment_bytes: 3000, ..SegmentOptions::default() };
        let ground = Ground {
            storage: Arc::clone(&storage),
            log: Arc::new(SegmentLog::open(Arc::clone(&storage), "log/events", segments)?),
            manifests: Arc::new(Manifests::new(Arc::clone(&storage), "checkpoints")),
            lake: Arc::new(ParquetLake),
            clock: Arc::new(ManualClock::new(BASE_US)),
            shards: SHARDS,
            seed: 7,
        };
        // Panes, and rows that have ended, get cold soon.
        let metering = MeteringOptions { hot_us: 20 * HOUR_US, cold_rows_min: 3, ..MeteringOptions::default() };
        let operator = |_| MeteringOperator::new(metering.clone(), Arc::clone(&storage));
        engine::service::open(options, ground, self.definitions(), operator, |_, _| OpenGate)
    }

    /// Starts, and states what a node would find to be stated; whether it did.
    pub(super) fn start(&mut self) -> bool {
        match self.open() {
            Ok(engine) => self.engine = Some(engine),
            Err(error) => return self.broke(&error),
        }
        self.bill() && self.erase()
    }

    pub(super) fn engine(&self) -> &Handle<MeteringOperator> {
        self.engine.as_ref().expect("it was started")
    }

    fn definitions(&self) -> Vec<Definition> {
        self.meters.values().cloned().map(Definition::from).collect()
    }

    pub(super) fn define(&self) -> bool {
        let definitions = self.definitions();
        self.done(self.engine().configure(definitions))
    }

    /// As the node finds out: where the cut goes by something else than plans say.
    pub(super) fn bill(&self) -> bool {
        let (default, calendars, left) = (self.default.clone(), self.calendars.clone(), self.left.clone());
        self.done(self.engine().state(move |shown| {
            let is_default = shown.shards.iter().all(|shard| *shard.state.default_calendar() == default);
            let own = calendars.into_iter().filter(|(tenant, calendar)| {
                let state = &shown.shards[usize::from(shard_of(tenant, SHARDS))].state;
                let before = if state.is_named(tenant) { state.calendar(tenant) } else { &default };
                !left.contains(tenant) && before != calendar
            });
            let billed = Billed { tenants: own.collect(), default: (!is_default).then_some(default.clone()) };
            if billed == Billed::default() { Vec::new() } else { vec![Fact::Billed(billed)] }
        }))
    }

    pub(super) fn erase(&mut self) -> bool {
        if self.left == self.erased {
            return true;
        }
        let is_done = self.done(self.engine().erase(self.left.clone()));
        if is_done {
            self.erased.clone_from(&self.left);
        }
        is_done
    }

    pub(super) fn send(&self, batch: EventBatch) -> bool {
        match self.engine().submit_and_wait(batch) {
            Ok(_) => true,
            Err(error) => self.broke(&error),
        }
    }

    pub(super) fn checkpoint(&self) -> bool {
        self.done(self.engine().checkpoint())
    }

    pub(super) fn cut(&self) -> bool {
        self.done(self.engine().cut().map(drop))
    }

    fn done(&self, result: Result<(), EngineError>) -> bool {
        result.map_or_else(|error| self.broke(&error), |()| true)
    }

    fn broke(&self, error: &dyn std::fmt::Display) -> bool {
        assert!(self.is_struck(), "nothing was broken, and yet: {error}");
        false
    }

    /// Whether a fault has struck since the last start.
    pub(super) fn is_struck(&self) -> bool {
        self.faulty.struck() > self.struck
    }

    /// Loses power, and with it some of what was not synced.
    pub(super) fn lose_power(&mut self, kept: usize) {
        self.faulty.halt();
        if let Some(engine) = self.engine.take() {
            // Its threads must be gone before somebody else takes up the files.
            let _ = engine.drain();
        }
        self.memory.crash_torn(|_, unsynced| unsynced * (kept % 3) / 2);
        self.faulty.heal();
        self.struck = self.faulty.struck();
    }

    pub(super) fn catalog(&self) -> Catalog {
        let source = Shown { engine: self.engine().clone(), storage: Arc::clone(&self.faulty) as SharedStorage };
        let options = CatalogOptions { partitions: 1, ..CatalogOptions::default() };
        Catalog::new(Arc::new(source), options)
    }
}

/// The newest cut and nothing of the tenants: totals need nothing else.
struct Shown {
    engine: Handle<MeteringOperator>,
    storage: SharedStorage,
}

impl Source for Shown {
    fn snapshot(&self) -> Arc<Snapshot<MeteringSnapshot>> {
        self.engine.snapshot()
    }

    fn log(&self) -> SharedLog {
        self.engine.log()
    }

    fn storage(&self) -> SharedStorage {
        Arc::clone(&self.storage)
    }

    fn meters(&self) -> Vec<Meter> {
        Vec::new()
    }

    fn views(&self) -> Vec<ViewRow> {
        Vec::new()
    }

    fn tenants(&self) -> Result<Vec<TenantRow>, ViewError> {
        Ok(Vec::new())
    }

    fn declarations(&self, _: Option<&str>) -> Result<Vec<DeclarationRow>, ViewError> {
        Ok(Vec::new())
    }

    fn quotas(&self, _: Option<&str>, _: i64) -> Result<Vec<QuotaRow>, ViewError> {
        Ok(Vec::new())
    }

    fn audit(&self, _: Option<&BTreeSet<String>>, _: &mut EmitPage<'_, AuditRow>) -> Result<(), ViewError> {
        Ok(())
    }

    fn alerts(&self, _: Option<&str>) -> Result<Vec<AlertRow>, ViewError> {
        Ok(Vec::new())
    }

    fn alert_rules(&self, _: Option<&str>) -> Result<Vec<AlertRuleRow>, ViewError> {
        Ok(Vec::new())
    }

    fn alert_history(
        &self,
        _: Option<&BTreeSet<String>>,
        _: &mut EmitPage<'_, AlertEventRow>,
    ) -> Result<(), ViewError> {
        Ok(())
    }

    fn endpoints(&self, _: Option<&str>) -> Result<Vec<EndpointRow>, ViewError> {
        Ok(Vec::new())
    }

    fn delivery_attempts(&self, _: Option<&str>) -> Result<Vec<DeliveryAttemptRow>, ViewError> {
        Ok(Vec::new())
    }

    fn queries(&self, _: Option<&str>) -> Result<Vec<QueryRow>, ViewError> {
        Ok(Vec::new())
    }

    fn ids_known_since_us(&self) -> Option<i64> {
        None
    }

    fn now_us(&self) -> i64 {
        BASE_US
    }
}
