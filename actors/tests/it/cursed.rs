//! A tenant whose actor fails at every command: started again within its budget, then kept out until it is released, while
//! the others and the node go on (I11).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actors::gate::ShardGate;
use actors::snapshots::MemorySnapshots;
use actors::{Command, CommandError, Tenants, TenantsHandle, TenantsOptions};
use engine::calendar::Interval;
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::memory::MemoryLog;
use engine::log::{Barrier, Completion, Log, LogError, Offset, Record, Records};
use engine::shard::{Gate, Measure};

use crate::world::run;

const CURSED: &str = "cursed";

/// A log that panics at what one tenant wants to append, in the thread and in the actor of who appends.
struct Curse {
    log: MemoryLog,
    is_on: AtomicBool,
}

impl Log for Curse {
    fn append(&self, record: Record, done: Completion) {
        let is_theirs = record.payload.windows(CURSED.len()).any(|bytes| bytes == CURSED.as_bytes());
        assert!(!(is_theirs && self.is_on.load(Ordering::Relaxed)), "a curse, as this test wants it");
        self.log.append(record, done);
    }

    fn barrier(&self, reached: Barrier) {
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

    fn used(&mut self, _tenant: &str, _meter: &str, _period: Interval) -> i128 {
        0
    }
}

struct Node {
    tenants: TenantsHandle,
    curse: Arc<Curse>,
    clock: Arc<ManualClock>,
    options: TenantsOptions,
    plans: u32,
}

impl Node {
    async fn new() -> Self {
        let curse = Arc::new(Curse { log: MemoryLog::new().unwrap(), is_on: AtomicBool::new(false) });
        let (clock, options) = (Arc::new(ManualClock::new(1_000_000)), TenantsOptions::default());
        let (log, snapshots) = (Arc::clone(&curse), Box::new(MemorySnapshots::default()));
        let tenants = Tenants::open(options.clone(), log, snapshots, clock.clone()).await.unwrap();
        tenants.create(CURSED, "ops").await.unwrap();
        tenants.create("acme", "ops").await.unwrap();
        curse.is_on.store(true, Ordering::Relaxed);
        Self { tenants, curse, clock, options, plans: 0 }
    }

    async fn command(&mut self, tenant: &str) -> Result<(), CommandError> {
        self.plans += 1;
        let plan = format!("plan-{}", self.plans);
        self.tenants.command(tenant, Command::SetPlan { plan }, "ops").await.map(drop)
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
        assert_eq!(node.tenants.report().await.unwrap().1, [CURSED]);

        node.curse.is_on.store(false, Ordering::Relaxed);
        assert!(node.tenants.release(CURSED).await.unwrap());
        node.command(CURSED).await.unwrap();
        assert!(node.is_let_in(CURSED));
        let trail = node.tenants.audit(Some(CURSED)).unwrap();
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
