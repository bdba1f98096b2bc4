//! The tenants as a service: `TenantsOptions` → [`Tenants::open`] → a cheap [`TenantsHandle`].
//!
//! Opening folds the journal's tail into the snapshots, checks the hash chains, fills the directory and the gate. Not here:
//! rules (the facets), actors (`shell`, `supervisor`).

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use engine::clock::Clock;
use engine::definition::Definition;
use engine::log::{Offset, SharedLog};
use engine::meter::Meter;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorRef, RpcReplyPort};
use tokio::sync::Semaphore;

use crate::active::Active;
use crate::audit::Audit;
use crate::claims::Claims;
use crate::directory::{AuthError, Directory, Identity};
use crate::facet::Context;
use crate::facets::lifecycle::LifecycleCommand;
use crate::facets::plan::SetPlan;
use crate::facets::views::Created;
use crate::gate::GateTable;
use crate::handle::{Lent, TenantHandle};
use crate::journal::{ChainBreak, Head, Journal, JournalError, Sealed};
use crate::limit::Limits;
use crate::plan::Plan;
use crate::publish::Publisher;
use crate::restore::{RestoreError, Restored, restore};
use crate::scram::PROOF_BYTES;
use crate::settle::Settler;
use crate::shell::Shell;
use crate::snapshots::{Snapshots, SnapshotsError, TenantRecord};
use crate::supervisor::{Supervisor, SupervisorMessage};
use crate::tenant::{Change, Command, PLATFORM, Rejected, TenantState, is_free_name, is_tenant_name};
use crate::time::JournalTime;

/// Tenants created by one journal record at most, which bounds the record.
const CREATE_AT_ONCE_MAX: usize = 1024;

/// Options of the tenants' actors.
#[derive(Debug, Clone)]
pub struct TenantsOptions {
    /// A tenant without commands for so long is passivated, microseconds.
    pub idle_us: i64,
    /// Failures within the window after which a tenant is quarantined.
    pub restarts_max: usize,
    /// The window, microseconds.
    pub restart_window_us: i64,
    /// Commands that may wait for one tenant (I8).
    pub commands_waiting_max: usize,
    /// Callers that may wait for tenants to be activated or released (I8).
    pub activations_waiting_max: usize,
    /// How long a caller waits for an answer.
    pub timeout: Duration,
}

impl Default for TenantsOptions {
    fn default() -> Self {
        Self {
            idle_us: 300_000_000,
            restarts_max: 5,
            restart_window_us: 60_000_000,
            commands_waiting_max: 32,
            activations_waiting_max: 1024,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Why the tenants can't be recovered.
#[derive(Debug, thiserror::Error)]
pub enum TenantsError {
    /// The journal can't be read.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The platform's chain is broken; without meters, plans and keys there is nothing to run.
    #[error("the journal's entries of the platform are damaged: {0}; restore the journal from a backup")]
    PlatformBroken(ChainBreak),
    /// The platform's first entry could not be written.
    #[error("the platform could not be set up: {0}")]
    Platform(CommandError),
    /// The supervisor did not start.
    #[error("the tenants' supervisor did not start: {0}")]
    Supervisor(String),
}

/// Why a command changed nothing, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A rule says no.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// No such tenant.
    #[error("there is no tenant {0:?}")]
    Unknown(String),
    /// The name can't be a tenant's.
    #[error("{0:?} can't be a tenant's name: use 1 to 128 of A-Z, a-z, 0-9, '.', '_' and '-', not starting with '.'")]
    Name(String),
    /// The name looks like the platform's.
    #[error("{0:?} can't be a tenant's name: it is the platform's but for upper and lower case")]
    Reserved(String),
    /// The name is taken.
    #[error("there is a tenant {0:?} already")]
    Exists(String),
    /// Too many commands wait for this tenant, or for tenants to be activated.
    #[error("too many commands wait; retry")]
    Busy,
    /// No answer in time; the command may still be carried out.
    #[error("the tenant did not answer in time; look before you retry, it may still be done")]
    Timeout,
    /// The tenant's actor failed at it.
    #[error("the tenant's actor failed; retry, and if it persists see the node's log")]
    Failed,
    /// The tenant is kept out.
    #[error("the tenant is quarantined after repeated failures; release it when the cause is mended")]
    Quarantined,
    /// The changes could not be made durable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The node drains.
    #[error("the node is shutting down")]
    Closed,
}

/// Opens the tenants.
pub struct Tenants;

/// The tenants; cheap to clone.
#[derive(Clone)]
pub struct TenantsHandle {
    inner: Arc<Inner>,
}

struct Inner {
    options: TenantsOptions,
    journal: Arc<Journal>,
    publisher: Arc<Publisher>,
    snapshots: Arc<dyn Snapshots>,
    supervisor: ActorRef<SupervisorMessage>,
    active: Arc<Active>,
    settler: Arc<Settler>,
    /// For whoever asks the supervisor: its mailbox has no limit of its own (I8).
    activations: Semaphore,
    clock: Arc<dyn Clock>,
    creating: Claims,
    /// Tenants whose chain was found broken.
    broken: Arc<BTreeSet<String>>,
}

impl Tenants {
    /// Recovers all tenants from snapshots and journal.
    ///
    /// # Errors
    /// [`TenantsError`]; snapshots that can't be used are rebuilt, not an error (I9).
    pub async fn open(
        options: TenantsOptions,
        journal: SharedLog,
        snapshots: Box<dyn Snapshots>,
        clock: Arc<dyn Clock>,
    ) -> Result<TenantsHandle, TenantsError> {
        let journal = Arc::new(Journal::new(journal));
        let clock: Arc<dyn Clock> = Arc::new(JournalTime::new(clock, Arc::clone(&journal)));
        let snapshots: Arc<dyn Snapshots> = Arc::from(snapshots);
        let publisher = Arc::new(Publisher::new(Arc::default(), Arc::default()));
        let restored = {
            let (journal, snapshots, publisher) =
                (Arc::clone(&journal), Arc::clone(&snapshots), Arc::clone(&publisher));
            let restored = tokio::task::spawn_blocking(move || restored(&*snapshots, &journal, &publisher));
            restored.await.map_err(|error| TenantsError::Supervisor(error.to_string()))??
        };
        let broken: Arc<BTreeSet<String>> = Arc::new(restored.broken.into_keys().collect());
        broken.iter().for_each(|tenant| publisher.gate.quarantine(tenant, true));
        let shell =
            Shell { journal: Arc::clone(&journal), publisher: Arc::clone(&publisher), clock: Arc::clone(&clock) };
        let active = Arc::new(Active::new(BTreeSet::clone(&broken)));
        let settler = Arc::new(Settler::new(Arc::clone(&journal), Arc::clone(&publisher)));
        let supervisor = Supervisor {
            shell,
            options: options.clone(),
            active: Arc::clone(&active),
            settler: Arc::clone(&settler),
            broken: Arc::clone(&broken),
        };
        let (supervisor, _) =
            Actor::spawn(None, supervisor, ()).await.map_err(|error| TenantsError::Supervisor(error.to_string()))?;
        let activations = Semaphore::new(options.activations_waiting_max);
        let creating = Claims::default();
        let inner = Inner {
            options,
            journal,
            publisher,
            snapshots,
            supervisor,
            active,
            settler,
            activations,
            clock,
            creating,
            broken,
        };
        let handle = TenantsHandle { inner: Arc::new(inner) };
        if handle.directory().get(PLATFORM).is_none() {
            handle.create_all(&[PLATFORM.to_owned()], None, PLATFORM).await.map_err(TenantsError::Platform)?;
        }
        Ok(handle)
    }
}

impl TenantsHandle {
    /// Makes a tenant known and active.
    ///
    /// # Errors
    /// [`CommandError::Name`], [`CommandError::Reserved`], [`CommandError::Exists`], or why it could not be made durable.
    pub async fn create(&self, name: &str, principal: &str) -> Result<(), CommandError> {
        self.create_on(name, None, principal).await
    }

    /// The same on `plan`, at once.
    ///
    /// # Errors
    /// As [`Self::create`], and [`CommandError::Rejected`] if there is no such plan.
    pub async fn create_on(&self, name: &str, plan: Option<&str>, principal: &str) -> Result<(), CommandError> {
        check_name(name)?;
        match self.create_all(&[name.to_owned()], plan, principal).await? {
            0 => Err(CommandError::Exists(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// Makes those known and active that are not known; how many. One commit for up to a thousand.
    ///
    /// # Errors
    /// As [`Self::create`]; a name that can't be a tenant's refuses all.
    pub async fn create_many(&self, names: &[String], principal: &str) -> Result<usize, CommandError> {
        names.iter().try_for_each(|name| check_name(name))?;
        self.create_all(names, None, principal).await
    }

    /// Goes on to its end if nobody waits for it any more: a tenant must not be durable and known to nobody.
    async fn create_all(&self, names: &[String], plan: Option<&str>, principal: &str) -> Result<usize, CommandError> {
        let (tenants, names, principal) = (self.clone(), names.to_vec(), principal.to_owned());
        let plan = plan.map(str::to_owned);
        let created = tokio::spawn(async move { tenants.create_free(&names, plan.as_deref(), &principal).await });
        created.await.unwrap_or(Err(CommandError::Failed))
    }

    async fn create_free(&self, names: &[String], plan: Option<&str>, principal: &str) -> Result<usize, CommandError> {
        let now_us = self.inner.clock.now_us();
        let platform = self.directory().get(PLATFORM).unwrap_or_default();
        let first = First { plan, platform: &platform, principal, now_us };
        let mut created = 0;
        for names in names.chunks(CREATE_AT_ONCE_MAX) {
            // What is free stays free until the entry is durable.
            let _claim = self.inner.creating.claim(names).await;
            // Whoever is known is not free, and has an actor that may be at work.
            for name in names.iter().filter(|name| self.directory().get(name).is_none()) {
                self.inner.settler.settle(name).await?;
            }
            let mut free: HashSet<&String> = names.iter().collect();
            free.retain(|name| self.directory().get(name).is_none());
            // In the order in which they were given, each once.
            let names = names.iter().filter(|name| free.remove(*name));
            let entries = names.map(|name| first.entry(name)).collect::<Result<Vec<_>, _>>()?;
            if entries.is_empty() {
                continue;
            }
            let publisher = &self.inner.publisher;
            publisher.begin(&self.inner.journal, &entries);
            let appended = self.inner.journal.append(&entries).await.inspect_err(|_| {
                entries.iter().for_each(|sealed| publisher.nothing_happened(&sealed.entry().tenant));
            })?;
            let record = |(offset, sealed): (Offset, &Sealed)| {
                let mut record = TenantRecord::default();
                record.apply(offset, sealed.entry(), sealed.head().hash).expect("the first entry follows nothing");
                (sealed.entry().tenant.clone(), record)
            };
            let records: Vec<_> = (appended..).zip(&entries).map(record).collect();
            let records: Vec<_> = records.iter().map(|(tenant, record)| (tenant.as_str(), record)).collect();
            let changes = entries.iter().flat_map(|sealed| &sealed.entry().changes);
            publisher.publish(&records, &changes.flat_map(Change::effects).copied().collect()).await;
            created += entries.len();
        }
        Ok(created)
    }

    /// Has a tenant decide a command; answers when its changes are durable.
    ///
    /// # Errors
    /// [`CommandError`]: the tenant's own rejection, or why nobody could decide.
    pub async fn command(&self, tenant: &str, command: Command, principal: &str) -> Result<Vec<Change>, CommandError> {
        // A second try finds the actor that takes the place of one that was just passivated.
        for _ in 0..2 {
            let handle = self.find(tenant).await?;
            if let Some(answer) = handle.command(command.clone(), principal).await {
                return answer;
            }
            self.await_end(tenant, &handle).await?;
        }
        Err(CommandError::Failed)
    }

    /// Has a tenant's actor lend its record, and keep still until it is given back.
    pub(crate) async fn lend(&self, tenant: &str) -> Result<Lent, CommandError> {
        for _ in 0..2 {
            let handle = self.find(tenant).await?;
            if let Some(lent) = handle.lend().await {
                return lent;
            }
            self.await_end(tenant, &handle).await?;
        }
        Err(CommandError::Failed)
    }

    async fn find(&self, tenant: &str) -> Result<TenantHandle, CommandError> {
        match self.inner.active.find(tenant, self.inner.clock.now_us())? {
            Some(handle) => Ok(handle),
            None => self.activate(tenant).await,
        }
    }

    /// It may have commands of before that it carries out to the end; two actors would write two chains.
    async fn await_end(&self, tenant: &str, handle: &TenantHandle) -> Result<(), CommandError> {
        let gone = handle.actor();
        gone.wait(Some(self.inner.options.timeout)).await.map_err(|_| CommandError::Timeout)?;
        self.inner.active.remove(tenant, gone.get_id());
        Ok(())
    }

    pub(crate) fn publisher(&self) -> &Arc<Publisher> {
        &self.inner.publisher
    }

    pub(crate) fn journal(&self) -> &Arc<Journal> {
        &self.inner.journal
    }

    async fn activate(&self, tenant: &str) -> Result<TenantHandle, CommandError> {
        let _permit = self.inner.activations.try_acquire().map_err(|_| CommandError::Busy)?;
        self.inner.settler.settle(tenant).await?;
        self.ask(|reply| SupervisorMessage::Activate { tenant: tenant.to_owned(), reply }).await?
    }

    async fn ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<T>) -> SupervisorMessage,
    ) -> Result<T, CommandError> {
        match self.inner.supervisor.call(message, Some(self.inner.options.timeout)).await {
            Ok(CallResult::Success(answer)) => Ok(answer),
            Ok(CallResult::Timeout) => Err(CommandError::Timeout),
            Ok(CallResult::SenderError) | Err(_) => Err(CommandError::Closed),
        }
    }

    /// Every tenant's state as last made durable.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.inner.publisher.directory
    }

    /// A tenant's state.
    pub fn state(&self, tenant: &str) -> Option<TenantState> {
        self.directory().get(tenant).map(Arc::unwrap_or_clone)
    }

    /// Who presents an API key.
    ///
    /// # Errors
    /// [`AuthError`] says why it opens nothing.
    pub fn authenticate(&self, key: &str) -> Result<Identity, AuthError> {
        self.directory().authenticate(key, self.inner.clock.now_us())
    }

    /// Whether all of a tenant's keys that may ask can be proved by SCRAM.
    pub fn takes_proofs(&self, tenant: &str) -> bool {
        self.directory().takes_proofs(tenant, self.inner.clock.now_us())
    }

    /// Who proves to have a key of `tenant`, and the signature that shows the other side that its key is known.
    ///
    /// # Errors
    /// [`AuthError`] says why it opens nothing.
    pub fn prove(
        &self,
        tenant: &str,
        message: &[u8],
        proof: &[u8; PROOF_BYTES],
    ) -> Result<(Identity, [u8; PROOF_BYTES]), AuthError> {
        self.directory().prove(tenant, message, proof, self.inner.clock.now_us())
    }

    /// Who was let in before, if the key is still good.
    ///
    /// # Errors
    /// [`AuthError`] says why it opens nothing any more.
    pub fn still(&self, known: &Identity) -> Result<Identity, AuthError> {
        self.directory().still(known, self.inner.clock.now_us())
    }

    /// Now, as far as keys are concerned: the clock's time, but none before what the journal says.
    pub fn now_us(&self) -> i64 {
        self.inner.clock.now_us()
    }

    /// The platform's meters, by name.
    pub fn meters(&self) -> Vec<Meter> {
        self.platform().meters().meters.values().cloned().collect()
    }

    /// The platform's materialized views, by name.
    pub fn views(&self) -> Vec<Created> {
        self.platform().views().views.values().cloned().collect()
    }

    /// The platform's own state.
    pub fn platform(&self) -> Arc<TenantState> {
        self.directory().get(PLATFORM).expect("the platform is there before anybody has a handle, and stays")
    }

    /// Everything that shards compute: meters and materialized views.
    pub fn definitions(&self) -> Vec<Definition> {
        let views = self.views().into_iter().map(|created| created.view.into());
        self.meters().into_iter().map(Definition::from).chain(views).collect()
    }

    /// The plan that a tenant is on.
    pub fn plan_of(&self, state: &TenantState) -> Plan {
        self.directory().edition().plan_of(state)
    }

    /// The plan of that name, or what a tenant gets that is on a plan that is not there.
    pub fn plan(&self, name: &str) -> Plan {
        self.directory().edition().plan(name)
    }

    /// The limits that hold for a tenant: its own before its plan's.
    pub fn limits_of(&self, state: &TenantState) -> Limits {
        self.directory().edition().limits_of(state)
    }

    /// What shards read.
    pub fn gate_table(&self) -> Arc<GateTable> {
        Arc::clone(&self.inner.publisher.gate)
    }

    /// The journal, of all tenants or of some, each one's oldest first; read as it is asked for. Blocks: not for the threads
    /// of a runtime.
    pub fn audit(&self, tenants: Option<&BTreeSet<String>>) -> Audit<'_> {
        let Inner { journal, publisher, broken, active, .. } = &*self.inner;
        Audit::new(journal, publisher, broken, active, tenants)
    }

    /// How many actors are active, and which tenants are quarantined.
    pub fn report(&self) -> (usize, Vec<String>) {
        self.inner.active.report()
    }

    /// Lets a quarantined tenant in again; whether it was quarantined.
    ///
    /// # Errors
    /// If the supervisor does not answer, or too many wait for it.
    pub async fn release(&self, tenant: &str) -> Result<bool, CommandError> {
        let _permit = self.inner.activations.try_acquire().map_err(|_| CommandError::Busy)?;
        self.ask(|reply| SupervisorMessage::Release { tenant: tenant.to_owned(), reply }).await
    }

    /// Saves what has changed, so that the next start reads little of the journal. Writes files: not for the threads of a
    /// runtime. One at a time.
    ///
    /// # Errors
    /// If the cache can't be written; nothing is lost, the journal has it.
    pub fn save(&self) -> Result<(), SnapshotsError> {
        let publisher = &self.inner.publisher;
        let (changed, settled) = publisher.take_changed(&self.inner.journal);
        let saved_records =
            changed.iter().filter_map(|tenant| Some((tenant.clone(), publisher.directory.record(tenant)?)));
        let records: Vec<(String, TenantRecord)> = saved_records.collect();
        // Behind a mark that stays, the next start comes again upon what a dead actor left, and upon broken chains.
        let is_whole = self.inner.broken.is_empty();
        let mark = if is_whole { Ok(settled) } else { self.inner.snapshots.valid_until() };
        let saved = mark.and_then(|mark| self.inner.snapshots.put_batch(&records, mark));
        if saved.is_err() {
            publisher.put_back(changed);
        }
        saved
    }

    /// How often the snapshots had to begin anew since the start (I9).
    pub fn snapshots_rebuilt(&self) -> u64 {
        self.inner.snapshots.rebuilt()
    }

    /// Lets every actor finish, saves, stops. The only clean way out.
    pub async fn drain(&self) {
        if self.ask(SupervisorMessage::Drain).await.is_err() {
            return;
        }
        self.inner.supervisor.stop(None);
        let handle = self.clone();
        let saved = tokio::task::spawn_blocking(move || handle.save()).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(%error, "the tenants' snapshots could not be saved; the next start reads the journal instead");
        }
    }
}

fn check_name(name: &str) -> Result<(), CommandError> {
    match is_free_name(name) {
        true => Ok(()),
        false if is_tenant_name(name) => Err(CommandError::Reserved(name.to_owned())),
        false => Err(CommandError::Name(name.to_owned())),
    }
}

/// Reads what is known of all tenants and makes it known.
fn restored(snapshots: &dyn Snapshots, journal: &Journal, publisher: &Publisher) -> Result<Restored, TenantsError> {
    let mut restored = restore(snapshots, journal)?;
    if let Some(reason) = restored.broken.get(PLATFORM) {
        return Err(TenantsError::PlatformBroken(*reason));
    }
    let tenants = std::mem::take(&mut restored.tenants);
    publisher.directory.publish_all(tenants.iter().map(|(tenant, record)| (tenant.as_str(), record.clone())));
    publisher.put_back(std::mem::take(&mut restored.stale));
    publisher.tell_gate_all();
    publisher.tell_of_idle_limits();
    Ok(restored)
}

/// First entries of tenants: known, active, and on a plan if one is given.
struct First<'a> {
    plan: Option<&'a str>,
    platform: &'a TenantState,
    principal: &'a str,
    now_us: i64,
}

impl First<'_> {
    fn entry(&self, name: &str) -> Result<Sealed, CommandError> {
        let mut state = TenantState::default();
        let mut all = Vec::new();
        let known = [LifecycleCommand::Provision, LifecycleCommand::Activate].map(Command::Lifecycle);
        let on_plan = self.plan.map(|plan| Command::Plan(SetPlan { plan: plan.to_owned() }));
        let context = Context { platform: self.platform, ..Context::at(self.now_us) };
        for command in known.into_iter().chain(on_plan) {
            let changes = state.decide(command, context)?;
            changes.iter().for_each(|change| state.apply(change));
            all.extend(changes);
        }
        Ok(Head::default().seal(name, self.now_us, self.principal, all).map_err(JournalError::from)?)
    }
}
