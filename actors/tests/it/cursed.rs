//! A tenant whose actor fails at every command: started again within its budget, then kept out until it is released, while
//! the others and the node go on (I11) and wait for nothing of it (I8).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use actors::gate::ShardGate;
use actors::snapshots::MemorySnapshots;
use actors::{CommandError, Tenants, TenantsHandle, TenantsOptions};
use engine::calendar::Interval;
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::memory::MemoryLog;
use engine::log::{Barrier, Completion, Log, LogError, Offset, Record, Records};
use engine::shard::{Gate, Measure};

use crate::world::{audit, has_noted, noted, run};

pub(crate) const CURSED: &str = "cursed";

/// A log that panics at what one tenant wants to append, in the thread and in the actor of who appends.
pub(crate) struct Curse<L> {
    log: L,
    pub(crate) is_on: AtomicBool,
    /// Whether it panics only when the log has the record.
    is_late: AtomicBool,
    /// Whether barriers wait.
    is_held: AtomicBool,
}

impl<L> Curse<L> {
    /// Not yet on.
    pub(crate) fn new(log: L) -> Self {
        Self { log, is_on: AtomicBool::new(false), is_late: AtomicBool::new(false), is_held: AtomicBool::new(false) }
    }
}

impl<L: Log> Log for Curse<L> {
    fn append(&self, record: Record, done: Completion) {
        let is_theirs = record.payload.windows(CURSED.len()).any(|bytes| bytes == CURSED.as_bytes());
        let strikes = is_theirs && self.is_on.load(Ordering::Relaxed);
        let is_late = self.is_late.load(Ordering::Relaxed);
        assert!(is_late || !strikes, "a curse, as this test wants it");
        self.log.append(record, done);
        assert!(!strikes, "a late curse, as this test wants it");
    }

    fn barrier(&self, reached: Barrier) {
        while self.is_held.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        self.log.barrier(reached);
    }

    fn start(&self) -> Offset {
        self.log.start()
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn read(&self, from: Offset) -> Result<Records<'_>, LogError> {
        self.log.read(from)
    }

    fn trim(&self, before: Offset) -> Result<(), LogError> {
        self.log.trim(before)
    }

    fn roll(&self) {
        self.log.roll();
    }

    fn bytes(&self) -> u64 {
        self.log.bytes()
    }
}

struct NoMeters;

impl Measure for NoMeters {
    fn units(&mut self, _meter: &str, _batch: &EventBatch) -> Option<Vec<i128>> {
        None
    }

    fn used(&mut self, _tenant: &str, _meter: &str, _period: Interval) -> Option<i128> {
        Some(0)
    }
}

struct Node {
    tenants: TenantsHandle,
    curse: Arc<Curse<MemoryLog>>,
    clock: Arc<ManualClock>,
    options: TenantsOptions,
    commands: u32,
}

impl Node {
    async fn new() -> Self {
        let curse = Arc::new(Curse::new(MemoryLog::new().unwrap()));
        Self::with(curse, TenantsOptions::default()).await
    }

    async fn with(curse: Arc<Curse<MemoryLog>>, options: TenantsOptions) -> Self {
        let clock = Arc::new(ManualClock::new(1_000_000));
        let (log, snapshots) = (Arc::clone(&curse), Box::new(MemorySnapshots::default()));
        let tenants = Tenants::open(options.clone(), log, snapshots, clock.clone()).await.unwrap();
        tenants.create(CURSED, "ops").await.unwrap();
        tenants.create("acme", "ops").await.unwrap();
        curse.is_on.store(true, Ordering::Relaxed);
        Self { tenants, curse, clock, options, commands: 0 }
    }

    /// Tenants as the next start finds them, if the node is killed now.
    async fn reopened(&self) -> TenantsHandle {
        let (log, snapshots) = (Arc::clone(&self.curse), Box::new(MemorySnapshots::default()));
        Tenants::open(self.options.clone(), log, snapshots, self.clock.clone()).await.unwrap()
    }

    async fn command(&mut self, tenant: &str) -> Result<(), CommandError> {
        self.commands += 1;
        self.tenants.command(tenant, noted(&format!("command {}", self.commands)), "ops").await.map(drop)
    }

    /// Whether events of the tenant are let in.
    fn is_let_in(&self, tenant: &str) -> bool {
        let mut builder = EventBatchBuilder::new();
        let (id, source, event_type) = ("1", "test", "call");
        builder.commit(Attributes { tenant, id, source, event_type, subject: None, time_us: 0 });
        let mut open = [true];
        let mut gate = ShardGate::new(self.tenants.gate_table(), 0, self.clock.clone());
        gate.admit(&builder.finish(), &mut open, &mut NoMeters, &mut |_, _| {});
        open[0]
    }
}

#[test]
fn a_tenant_that_fails_at_everything_is_quarantined_and_the_node_goes_on() {
    run(async {
        let mut node = Node::new().await;
        for _ in 0..=node.options.restarts_max {
            assert!(node.is_let_in(CURSED));
            let answer = node.command(CURSED).await;
            assert!(matches!(answer, Err(CommandError::Failed)), "{answer:?}");
            node.command("acme").await.unwrap();
        }
        for _ in 0..3 {
            let answer = node.command(CURSED).await;
            assert!(matches!(answer, Err(CommandError::Quarantined)), "{answer:?}");
            node.command("acme").await.unwrap();
        }
        assert_eq!((node.is_let_in(CURSED), node.is_let_in("acme")), (false, true));
        assert_eq!(node.tenants.report().1, [CURSED]);

        node.curse.is_on.store(false, Ordering::Relaxed);
        assert!(node.tenants.release(CURSED).await.unwrap());
        node.command(CURSED).await.unwrap();
        assert!(node.is_let_in(CURSED));
        let trail = audit(&node.tenants, CURSED);
        assert_eq!(trail.len(), 2, "its creation and the one command that was carried out");
        node.tenants.drain().await;
    });
}

#[test]
fn a_tenant_that_fails_now_and_then_is_not_quarantined() {
    run(async {
        let mut node = Node::new().await;
        for _ in 0..3 * node.options.restarts_max {
            assert!(matches!(node.command(CURSED).await, Err(CommandError::Failed)));
            node.clock.advance(node.options.restart_window_us / 2);
        }
        assert!(node.is_let_in(CURSED));
        node.tenants.drain().await;
    });
}

#[test]
fn an_entry_that_was_durable_when_its_actor_died_is_there_and_the_chain_goes_on_behind_it() {
    run(async {
        let mut node = Node::new().await;
        node.curse.is_late.store(true, Ordering::Relaxed);
        assert!(matches!(node.command(CURSED).await, Err(CommandError::Failed)));
        node.curse.is_on.store(false, Ordering::Relaxed);
        node.command(CURSED).await.unwrap();
        let sequences = audit(&node.tenants, CURSED).iter().map(|entry| entry.sequence).collect::<Vec<_>>();
        assert_eq!(sequences, [1, 2, 3]);
        assert!(has_noted(&node.tenants.state(CURSED).unwrap(), "command 2"));
        let again = node.reopened().await;
        assert!(has_noted(&again.state(CURSED).unwrap(), "command 2") && again.report().1.is_empty());
        node.tenants.drain().await;
    });
}

#[test]
fn whoever_made_a_tenant_and_did_not_wait_has_made_it_once() {
    run(async {
        let node = Node::new().await;
        for late in ["late-0", "late-1"] {
            // Polled once, so that its entry is on its way, and dropped.
            let mut creating = Box::pin(node.tenants.create(late, "ops"));
            assert!(poll_once(&mut creating).await.is_none());
            drop(creating);
            let again = node.tenants.create(late, "ops").await;
            assert!(matches!(again, Err(CommandError::Exists(_))), "{again:?}");
            assert_eq!(audit(&node.tenants, late).len(), 1);
        }
        node.tenants.drain().await;
    });
}

#[test]
fn a_tenant_that_waits_for_the_journal_holds_nobody_else_up_and_too_many_of_them_are_told() {
    run(async {
        let options = TenantsOptions { activations_waiting_max: 1, ..TenantsOptions::default() };
        let curse = Arc::new(Curse::new(MemoryLog::new().unwrap()));
        let mut node = Node::with(Arc::clone(&curse), options).await;
        node.tenants.create("globex", "ops").await.unwrap();
        node.command("acme").await.unwrap();
        curse.is_held.store(true, Ordering::Relaxed);
        assert!(matches!(node.command(CURSED).await, Err(CommandError::Failed)));
        curse.is_on.store(false, Ordering::Relaxed);
        while node.tenants.report().0 > 1 {
            tokio::task::yield_now().await;
        }
        let tenants = node.tenants.clone();
        let waits = tokio::spawn(async move { tenants.command(CURSED, noted("x"), "ops").await });
        tokio::task::yield_now().await;
        for _ in 0..10 {
            node.command("acme").await.unwrap();
            assert!(matches!(node.command("globex").await, Err(CommandError::Busy)), "it would have to be activated");
            assert_eq!(node.tenants.report().0, 1, "who is active is told meanwhile");
        }
        curse.is_held.store(false, Ordering::Relaxed);
        waits.await.unwrap().unwrap();
        node.command("globex").await.unwrap();
        node.tenants.drain().await;
    });
}

/// What a future gives at once.
async fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    std::future::poll_fn(|context| match Pin::new(&mut *future).poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
