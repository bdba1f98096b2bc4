//! The service as a whole: commands through actors, starting again, and tenants that are kept out.

use std::sync::Arc;

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scopes};
use actors::facets::lifecycle::{LifecycleCommand, Status};
use actors::journal::Journal;
use actors::scram::ScramVerifier;
use actors::snapshots::{MemorySnapshots, Snapshots, SnapshotsError, TenantRecord};
use actors::{AuthError, Command, CommandError, PLATFORM, Tenants, TenantsHandle, TenantsOptions};
use engine::clock::ManualClock;
use engine::log::memory::MemoryLog;
use engine::log::{Offset, SharedLog};

use crate::world::{audit, chain, noted, run};

/// Snapshots that outlive a node.
#[derive(Clone, Default)]
struct Kept(Arc<MemorySnapshots>);

impl Snapshots for Kept {
    fn for_each(&self, each: &mut dyn FnMut(String, TenantRecord)) -> Result<(), SnapshotsError> {
        self.0.for_each(each)
    }

    fn put_batch(&self, records: &[(String, TenantRecord)], valid_until: Offset) -> Result<(), SnapshotsError> {
        self.0.put_batch(records, valid_until)
    }

    fn valid_until(&self) -> Result<Offset, SnapshotsError> {
        self.0.valid_until()
    }

    fn clear(&self) -> Result<(), SnapshotsError> {
        self.0.clear()
    }

    fn rebuilt(&self) -> u64 {
        self.0.rebuilt()
    }
}

async fn open(log: &SharedLog, snapshots: &Kept) -> TenantsHandle {
    open_at(log, snapshots, Arc::new(ManualClock::new(1_000_000))).await
}

async fn open_at(log: &SharedLog, snapshots: &Kept, clock: Arc<ManualClock>) -> TenantsHandle {
    Tenants::open(TenantsOptions::default(), Arc::clone(log), Box::new(snapshots.clone()), clock).await.unwrap()
}

fn memory() -> (SharedLog, Kept) {
    (Arc::new(MemoryLog::new().unwrap()), Kept::default())
}

fn suspend() -> Command {
    Command::Lifecycle(LifecycleCommand::Suspend { reason: "unpaid".into() })
}

fn status(tenants: &TenantsHandle, tenant: &str) -> Status {
    tenants.state(tenant).unwrap().lifecycle().status
}

#[test]
fn what_was_answered_is_there_after_a_start_with_and_without_snapshots() {
    let (log, snapshots) = memory();
    run(async {
        let tenants = open(&log, &snapshots).await;
        let names = ["acme", "globex", "acme"].map(str::to_owned);
        assert_eq!(tenants.create_many(&names, "ops").await.unwrap(), 2, "a name that is given twice is one tenant");
        assert!(matches!(tenants.create("acme", "ops").await, Err(CommandError::Exists(_))));
        tenants.command("acme", suspend(), "ops").await.unwrap();
        tenants.drain().await;
        assert_eq!(snapshots.valid_until(), Ok(log.end()));
        for snapshots in [snapshots, Kept::default()] {
            let again = open(&log, &snapshots).await;
            assert_eq!((status(&again, "acme"), status(&again, "globex")), (Status::Suspended, Status::Active));
            assert_eq!(again.directory().edition().len(), 3);
            again.drain().await;
        }
    });
}

#[test]
fn entries_behind_the_snapshots_are_in_the_next_ones() {
    let (log, snapshots) = memory();
    run(async {
        let tenants = open(&log, &snapshots).await;
        tenants.create("acme", "ops").await.unwrap();
        tenants.drain().await;
        let crashed = open(&log, &snapshots).await;
        crashed.command("acme", suspend(), "ops").await.unwrap();
        // No drain: the snapshots know nothing of it. The next node only starts and stops.
        open(&log, &snapshots).await.drain().await;
        assert_eq!(snapshots.valid_until(), Ok(log.end()));
        assert_eq!(status(&open(&log, &snapshots).await, "acme"), Status::Suspended);
    });
}

#[test]
fn a_tenant_whose_chain_is_broken_is_kept_out_and_the_node_goes_on() {
    let (log, snapshots) = memory();
    run(async {
        open(&log, &snapshots).await.drain().await;
        let entries = chain("acme", &["a", "b", "c"]);
        Journal::new(Arc::clone(&log)).append(&[entries[0].clone(), entries[2].clone()]).await.unwrap();
        // Again and again: saving must not carry the snapshots over the break.
        for attempt in 0..2 {
            let tenants = open(&log, &snapshots).await;
            assert!(matches!(tenants.command("acme", suspend(), "ops").await, Err(CommandError::Quarantined)));
            tenants.release("acme").await.unwrap();
            assert!(matches!(tenants.command("acme", suspend(), "ops").await, Err(CommandError::Quarantined)));
            assert_eq!(tenants.report().1, ["acme"]);
            let platform = tenants.command(PLATFORM, noted(&format!("after {attempt}")), "ops").await;
            assert!(platform.is_ok());
            tenants.drain().await;
        }
    });
}

#[test]
fn commands_to_many_tenants_at_once_are_all_in_the_audit_trail() {
    let (log, snapshots) = memory();
    run(async {
        let tenants = open(&log, &snapshots).await;
        let names: Vec<String> = (0..100).map(|n| format!("tenant-{n}")).collect();
        tenants.create_many(&names, "ops").await.unwrap();
        let mut waiting = tokio::task::JoinSet::new();
        for name in names {
            let tenants = tenants.clone();
            waiting.spawn(async move { tenants.command(&name, suspend(), "ops").await.unwrap() });
        }
        assert_eq!(waiting.join_all().await.len(), 100);
        assert_eq!(tenants.audit(None).count(), 201);
        let trail = audit(&tenants, "tenant-7");
        assert_eq!(trail.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
        tenants.drain().await;
    });
}

#[test]
fn a_clock_that_is_set_back_gives_no_life_to_a_key_that_has_expired() {
    let (log, snapshots) = memory();
    let (key, text) = ApiKey::generate([1; 8], [1; 32]);
    let create = KeysCommand::Create {
        id: key.id,
        hash: key.hash,
        scram: ScramVerifier::derive("acme", &text),
        scopes: Scopes::all(),
        label: String::new(),
        expires_at_us: Some(2_000_000),
        tenants: None,
    };
    run(async {
        let clock = Arc::new(ManualClock::new(1_000_000));
        let tenants = open_at(&log, &snapshots, clock.clone()).await;
        tenants.create("acme", PLATFORM).await.unwrap();
        tenants.command("acme", Command::Keys(create), PLATFORM).await.unwrap();
        let known = tenants.authenticate(&text).unwrap();
        clock.set(2_000_000);
        assert_eq!(tenants.authenticate(&text), Err(AuthError::Expired));
        tenants.command("acme", suspend(), PLATFORM).await.unwrap();
        clock.set(1_500_000);
        assert_eq!(tenants.authenticate(&text), Err(AuthError::Expired));
        assert_eq!(tenants.still(&known), Err(AuthError::Expired));
        tenants.create("globex", PLATFORM).await.unwrap();
        assert_eq!(audit(&tenants, "globex")[0].at_us, 2_000_000, "no entry is older than the one before");
        tenants.drain().await;
        let again = open_at(&log, &snapshots, clock).await;
        assert_eq!((again.authenticate(&text), again.now_us()), (Err(AuthError::Expired), 2_000_000));
        again.drain().await;
    });
}

#[test]
fn nobody_is_called_as_the_platform_is_but_for_case() {
    let (log, snapshots) = memory();
    run(async {
        let tenants = open(&log, &snapshots).await;
        for name in ["Platform", "PLATFORM", "pLatform"] {
            let refused = tenants.create(name, PLATFORM).await.unwrap_err();
            assert!(matches!(&refused, CommandError::Reserved(said) if said == name), "{refused}");
            let many = tenants.create_many(&["acme".to_owned(), name.to_owned()], PLATFORM).await.unwrap_err();
            assert!(matches!(many, CommandError::Reserved(_)), "{many}");
        }
        assert!(matches!(tenants.create(PLATFORM, PLATFORM).await, Err(CommandError::Exists(_))));
        assert_eq!(tenants.create_many(&["platforms".to_owned()], PLATFORM).await.unwrap(), 1);
        assert_eq!(tenants.directory().edition().len(), 2, "nothing of a refused list");
        tenants.drain().await;
    });
}
