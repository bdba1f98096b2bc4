//! A node: one data folder, its engine, its tenants and its catalog, composed. Every door and command works on this.
//!
//! Opening takes the folder's lock, recovers tenants from the journal and events from log and checkpoint, and is ready.
//! [`Node::drain`] is the only clean way out; kill -9 is the other one, and loses nothing that was answered (I1).
//!
//! Not here: rules of any kind, sockets.

mod alert_rows;
pub mod declared;
mod endpoint_rows;
mod facts;
mod mended;
mod options;
mod source;

pub use mended::Mended;
pub use options::NodeOptions;

use std::collections::BTreeSet;
use std::sync::Arc;

use actors::facet::Effect;
use actors::facets::lifecycle::{LifecycleCommand, Status};
use actors::gate::ShardGate;
use actors::journal::SEGMENT_BYTES_MAX;
use actors::snapshots::{SledSnapshots, SnapshotsError};
use actors::tenant::is_free_name;
use actors::{Change, Command, CommandError, TenantState, Tenants, TenantsError, TenantsHandle};
use engine::checkpoint::folder::{self, DataFolder, FolderError};
use engine::checkpoint::manifest::Manifests;
use engine::clock::Clock;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::fact::Fact;
use engine::log::LogError;
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::meter::{Meter, MeterError};
use engine::service::{EngineError, Ground, Handle};
use engine::snapshot::Snapshot;
use engine::storage::{SharedStorage, StorageError};
use pipelines::catalog::Catalog;
use pipelines::lake::ParquetLake;
use pipelines::metering::{MeterStatistics, MeteringOperator, MeteringSnapshot, compile, meter_statistics};

use crate::import::ImportError;
use crate::outbox::Attempts;
use crate::reactions::Evaluations;

use self::facts::Whose;

/// The composed node.
pub struct Node {
    /// Events in, aggregates out.
    pub engine: Handle<MeteringOperator>,
    /// Who the tenants are and what they may.
    pub tenants: TenantsHandle,
    /// SQL.
    pub catalog: Arc<Catalog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How alert rules were evaluated last.
    pub evaluations: Arc<Evaluations>,
    /// The last attempts to send messages.
    pub attempts: Arc<Attempts>,
    /// What the start had to put right.
    pub mended: Mended,
    runtime: tokio::runtime::Handle,
    /// Dropped last: the lock on the folder.
    folder: DataFolder,
}

/// Why a node does not open.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data folder can't be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A log can't be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Files can't be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Checkpoints can't be read.
    #[error(transparent)]
    Checkpoint(#[from] engine::checkpoint::CheckpointError),
    /// Tenants can't be recovered.
    #[error(transparent)]
    Tenants(#[from] TenantsError),
    /// The tenants' snapshots can be neither opened nor rebuilt.
    #[error(transparent)]
    Snapshots(#[from] SnapshotsError),
    /// Events can't be recovered.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread of the engine could not be joined.
    #[error("a thread of the node died: {0}")]
    Thread(String),
}

/// Why an administrative command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The tenant's own rules say no.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The meter can't be computed, for each of these reasons.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Meter(Vec<MeterError>),
    /// The view can't be kept current.
    #[error("a materialized view can't be kept current with this: {0}")]
    View(#[from] engine::view::ViewRefusal),
    /// The meter or view is defined, but its history could not be computed; it is tried again at the next start.
    #[error("it is defined, its history is not yet computed: {0}")]
    Backfill(String),
    /// The plan is set, but totals could not be cut at its periods; it is tried again at the next start.
    #[error("the plan is set, totals are not yet by its billing periods: {0}")]
    Billing(String),
    /// The tenant is deleted, but something of it is left.
    #[error("the tenant is deleted, but not yet erased: {0}; delete it again, or restart the node, which tries again")]
    Erasure(String),
}

/// Folder for what statements put aside.
const SPILL: &str = "spill";

impl Node {
    /// Opens `options.data`, which is made if it is not there and `options.make` says so; ready when it returns.
    pub async fn open(options: NodeOptions, clock: Arc<dyn Clock>) -> Result<Arc<Self>, NodeError> {
        let runtime = tokio::runtime::Handle::current();
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| NodeError::Thread(error.to_string()))?;
        let new = folder::Node {
            format: folder::FORMAT,
            shards: if options.shards_if_new == 0 { one_a_core() } else { options.shards_if_new },
            seed: u64::from_le_bytes(seed),
            created_at_us: clock.now_us(),
        };
        let mut options = options;
        let folder = DataFolder::open(&options.data, options.make.then_some(new))?;
        options.catalog.spill_folder = Some(folder.scratch(SPILL)?);
        let storage = folder.storage();

        let segment_bytes = options.segments.segment_bytes.min(SEGMENT_BYTES_MAX);
        // Tenants' actors append from the doors' threads, which must not wait for room: how much of the events may be in flight
        // is none of the journal's business, which has a limit of its own, well below this one.
        let in_flight_bytes_max = SegmentOptions::default().in_flight_bytes_max;
        let journal = SegmentOptions { segment_bytes, in_flight_bytes_max };
        let journal = SegmentLog::open(Arc::clone(&storage), "log/journal", journal)?;
        let mut mended = Mended { log_bytes_cut: journal.recovered_bytes(), ..Mended::default() };
        let snapshots = Box::new(SledSnapshots::open(&options.data.join("cache"))?);
        let tenants = Tenants::open(options.tenants.clone(), Arc::new(journal), snapshots, Arc::clone(&clock)).await?;

        mended.snapshots_rebuilt = tenants.snapshots_rebuilt();
        let (engine, of_engine) = {
            let (options, clock, tenants) = (options.clone(), Arc::clone(&clock), tenants.clone());
            let (storage, shards, seed) = (Arc::clone(&storage), folder.node().shards, folder.node().seed);
            let open = move || open_engine(options, storage, clock, &tenants, shards, seed);
            tokio::task::spawn_blocking(open).await.map_err(|error| NodeError::Thread(error.to_string()))??
        };
        mended += of_engine;
        let (evaluations, attempts): (Arc<Evaluations>, Arc<Attempts>) = Default::default();
        let source = source::NodeSource {
            engine: engine.clone(),
            tenants: tenants.clone(),
            storage,
            history: options.history,
            evaluations: Arc::clone(&evaluations),
            attempts: Arc::clone(&attempts),
            clock: Arc::clone(&clock),
            dedup_horizon_us: options.engine.dedup.horizon_us,
            created_at_us: folder.node().created_at_us,
        };
        let catalog = Arc::new(Catalog::new(Arc::new(source), options.catalog.clone()));
        let node = Arc::new(Self { engine, tenants, catalog, clock, evaluations, attempts, mended, runtime, folder });
        if let Err(error) = node.bill(Whose::All).await {
            // Totals are by the periods of before, and say so: whoever asks for the plan's again is heard.
            tracing::error!(%error, "totals are not by the billing periods that plans say");
        }
        if let Err(error) = node.erase_deleted().await {
            // Everybody else can be served; a full disk, say, is no reason to keep them out.
            tracing::error!(%error, "deleted tenants could not be erased");
        }
        Ok(node)
    }

    /// Shards of the data folder, which keeps those that it was made with.
    pub fn shards(&self) -> u16 {
        self.folder.node().shards
    }

    /// Whether the data folder was made by this opening.
    pub fn is_new(&self) -> bool {
        self.folder.is_new()
    }

    /// Carries out a command on a tenant; a change of the platform's meters and views is in force when it returns, history
    /// included, totals are by the periods that plans say, and a deleted tenant is erased.
    pub async fn command(&self, tenant: &str, command: Command, principal: &str) -> Result<Vec<Change>, AdminError> {
        match command.defines() {
            Some(Definition::Meter(meter)) => check(&meter).map_err(AdminError::Meter)?,
            Some(Definition::View(view)) => compile::check_view(&view)?,
            None => {}
        }
        let changes = self.tenants.command(tenant, command, principal).await?;
        let owed = self.tenants.state(tenant).map(|state| state.owes()).unwrap_or_default();
        let caused = changes.iter().flat_map(Change::effects).copied();
        self.perform(tenant, caused.chain(owed).collect()).await?;
        Ok(changes)
    }

    /// Makes a tenant known and active, on `plan` if one is given.
    pub async fn create(&self, tenant: &str, plan: Option<&str>, principal: &str) -> Result<(), AdminError> {
        self.tenants.create_on(tenant, plan, principal).await?;
        let effects = if plan.is_some() { [Effect::Bill].into() } else { BTreeSet::new() };
        self.perform(tenant, effects).await
    }

    async fn perform(&self, tenant: &str, effects: BTreeSet<Effect>) -> Result<(), AdminError> {
        for effect in effects {
            match effect {
                // The tenants have told the gate before they answered.
                Effect::Regate | Effect::RegateAll => {}
                Effect::Define => self.define().await?,
                Effect::Bill => self.bill(Whose::Tenant(tenant.to_owned())).await?,
                Effect::BillAll => self.bill(Whose::All).await?,
                Effect::Erase => self.erase_deleted().await?,
            }
        }
        Ok(())
    }

    /// Erases tenants that were deleted and are not erased yet. Goes on to its end even if nobody waits for it any more.
    async fn erase_deleted(&self) -> Result<(), AdminError> {
        let pending: BTreeSet<String> = {
            let edition = self.tenants.directory().edition();
            let is_due = |state: &TenantState| state.lifecycle().status == Status::Deleted && !state.lifecycle().erased;
            edition.iter().filter(|(_, state)| is_due(state)).map(|(tenant, _)| tenant.to_string()).collect()
        };
        if pending.is_empty() {
            return Ok(());
        }
        let (engine, tenants, runtime) = (self.engine.clone(), self.tenants.clone(), self.runtime.clone());
        let erase = move || -> Result<(), AdminError> {
            engine.erase(pending.clone()).map_err(|error| AdminError::Erasure(error.to_string()))?;
            for tenant in &pending {
                let record = Command::Lifecycle(LifecycleCommand::RecordErasure);
                runtime.block_on(tenants.command(tenant, record, "node"))?;
            }
            Ok(())
        };
        let erased = tokio::task::spawn_blocking(erase).await;
        erased.unwrap_or_else(|error| Err(AdminError::Erasure(error.to_string())))
    }

    /// What a meter has counted of all that was answered before; `None` if there is no such meter, or the engine is gone.
    pub async fn counted(&self, meter: &str) -> Option<MeterStatistics> {
        let engine = self.engine.clone();
        let snapshot = tokio::task::spawn_blocking(move || engine.cut()).await.ok()?.ok()?;
        meter_statistics(&snapshot.shards).into_iter().find(|statistics| statistics.meter == meter)
    }

    async fn define(&self) -> Result<(), AdminError> {
        let tenants = self.tenants.clone();
        self.state(move |shown| facts::defined(&tenants, shown)).await.map_err(AdminError::Backfill)
    }

    async fn bill(&self, whose: Whose) -> Result<(), AdminError> {
        let tenants = self.tenants.clone();
        self.state(move |shown| facts::billed(&tenants, &whose, shown)).await.map_err(AdminError::Billing)
    }

    async fn state(
        &self,
        ask: impl FnOnce(&Snapshot<MeteringSnapshot>) -> Vec<Fact> + Send + 'static,
    ) -> Result<(), String> {
        let engine = self.engine.clone();
        let stated = tokio::task::spawn_blocking(move || engine.state(ask)).await;
        stated.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// The tenants of `batch` that the node does not know and could create.
    pub(crate) fn missing_tenants(&self, batch: &EventBatch) -> Vec<String> {
        let directory = self.tenants.directory();
        let names: BTreeSet<&str> = batch.tenants().values.iter().flatten().collect();
        // A name that can't be a tenant's stays unknown, and the gate refuses its events one by one.
        let is_missing = |name: &&str| directory.get(name).is_none() && is_free_name(name);
        names.into_iter().filter(is_missing).map(str::to_owned).collect()
    }

    /// Creates and activates the tenants of `batch` that the node does not know; how many. Blocks: for importers' threads.
    pub(crate) fn create_missing(&self, batch: &EventBatch) -> Result<usize, ImportError> {
        let missing = self.missing_tenants(batch);
        if missing.is_empty() {
            return Ok(0);
        }
        let created = self.runtime.block_on(self.tenants.create_many(&missing, "import"));
        created.map_err(|error| ImportError::Tenant { tenant: missing[0].clone(), reason: error.to_string() })
    }

    /// Stops taking events, answers what is in flight, checkpoints, passivates the tenants.
    pub async fn drain(&self) -> Result<(), NodeError> {
        let engine = self.engine.clone();
        let drained = tokio::task::spawn_blocking(move || engine.drain()).await;
        self.tenants.drain().await;
        Ok(drained.map_err(|error| NodeError::Thread(error.to_string()))??)
    }
}

fn one_a_core() -> u16 {
    std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(u16::MAX))
}

fn open_engine(
    options: NodeOptions,
    storage: SharedStorage,
    clock: Arc<dyn Clock>,
    tenants: &TenantsHandle,
    shards: u16,
    seed: u64,
) -> Result<(Handle<MeteringOperator>, Mended), NodeError> {
    let log = SegmentLog::open(Arc::clone(&storage), "log/events", options.segments)?;
    let manifests = Arc::new(Manifests::new(Arc::clone(&storage), "checkpoints"));
    let mut mended = Mended { log_bytes_cut: log.recovered_bytes(), ..Mended::default() };
    let ground = Ground {
        storage: Arc::clone(&storage),
        log: Arc::new(log),
        manifests: Arc::clone(&manifests),
        lake: Arc::new(ParquetLake),
        clock: Arc::clone(&clock),
        shards,
        seed,
    };
    let operator = |_shard| MeteringOperator::new(options.metering.clone(), Arc::clone(&storage));
    let gate = |shard, _epoch| ShardGate::new(tenants.gate_table(), shard, Arc::clone(&clock));
    let engine = engine::service::open(options.engine, ground, tenants.definitions(), operator, gate)?;
    mended.checkpoint_fallbacks = manifests.fallbacks();
    Ok((engine, mended))
}

/// Whether a meter can be computed; everything that is wrong with it otherwise.
fn check(meter: &Meter) -> Result<(), Vec<MeterError>> {
    let faults = meter.faults();
    if faults.is_empty() { compile::check(meter).map_err(|error| vec![error]) } else { Err(faults) }
}
