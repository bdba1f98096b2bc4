//! Who goes through all tenants beside who changes them: nobody waits for ever (I15), and the gate ends with what holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use actors::facets::lifecycle::{LifecycleCommand, Status};
use actors::facets::meters::MetersCommand;
use actors::facets::plan::SetPlan;
use actors::facets::plans::PlansCommand;
use actors::gate::ShardGate;
use actors::limit::{Allowance, Limit, Limits};
use actors::plan::Plan;
use actors::snapshots::MemorySnapshots;
use actors::{Command, PLATFORM, Tenants, TenantsHandle, TenantsOptions};
use engine::calendar::{Calendar, Interval, Period};
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::log::memory::MemoryLog;
use engine::meter::{Aggregation, Meter, Window};
use engine::shard::{Gate, Measure};
use engine::units::{ONE, Units};
use futures::FutureExt;
use tokio::runtime::Builder;

const TENANTS: usize = 400;
const PLANS: [&str; 3] = ["bronze", "silver", "gold"];
const ROUNDS: i64 = 60;
/// Longer than it takes where a hundred others compile, and less than for ever.
const WITHIN: Duration = Duration::from_secs(120);

/// Runs `work` on a thread of its own and fails if it does not end, rather than not ending.
fn ends(work: impl FnOnce() + Send + 'static) {
    let (ended, end) = channel();
    let thread = std::thread::spawn(move || {
        work();
        ended.send(()).unwrap();
    });
    match end.recv_timeout(WITHIN) {
        Err(RecvTimeoutError::Timeout) => panic!("it hangs; these threads wait: {:#?}", engine::lock::waits()),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => thread.join().unwrap(),
    }
}

fn plan(units: i64) -> Plan {
    let calendar = Calendar { period: Period::Month, time_zone: "UTC".into() };
    let allowance = Some(Allowance { units: Units::whole(units), per: calendar.clone() });
    let limits = Limits::from([("calls".into(), Limit { allowance, rate: None, hard: true })]);
    Plan { limits, billing: calendar }
}

fn meter() -> Command {
    Command::Meters(MetersCommand::Define(Meter {
        name: "calls".into(),
        event_type: "call".into(),
        value: Some("$.n".into()),
        aggregation: Aggregation::Sum,
        dimensions: Vec::new(),
        window: Window::Tumbling { size_s: 3600 },
        allowed_lateness_s: 0,
        description: String::new(),
    }))
}

fn name(tenant: usize) -> String {
    format!("tenant-{tenant}")
}

async fn change_plans(tenants: TenantsHandle, plan_name: &'static str, begin: i64) {
    for round in 0..ROUNDS {
        let define = PlansCommand::Define { name: plan_name.into(), plan: plan(begin + round) };
        tenants.command(PLATFORM, Command::Plans(define), "ops").await.unwrap();
    }
}

async fn change_tenants(tenants: TenantsHandle, nth: usize) {
    for round in 0..ROUNDS as usize * 4 {
        let tenant = name((nth * 100 + round) % TENANTS);
        let set = Command::Plan(SetPlan { plan: PLANS[round % PLANS.len()].into() });
        tenants.command(&tenant, set, "ops").await.unwrap();
        if round % 5 == nth {
            let suspend = Command::Lifecycle(LifecycleCommand::Suspend { reason: "unpaid".into() });
            // It may be so already.
            let _ = tenants.command(&tenant, suspend, "ops").await;
        }
    }
}

/// Goes through all tenants, and asks the directory about each while it does.
fn read(tenants: &TenantsHandle) {
    let edition = tenants.directory().edition();
    for (name, state) in edition.iter() {
        assert_eq!(edition.plan_of(state), edition.plan_of(edition.get(name).unwrap()), "of one moment");
        assert!(tenants.state(name).is_some() && tenants.directory().get(PLATFORM).is_some());
        let _ = (tenants.limits_of(state), tenants.gate_table().leases(name));
    }
}

/// Weighs an event as it is told.
struct Weighs(i128);

impl Measure for Weighs {
    fn units(&mut self, _: &str, _: &EventBatch) -> Option<Vec<i128>> {
        Some(vec![self.0])
    }

    fn used(&mut self, _: &str, _: &str, _: Interval) -> Option<i128> {
        Some(0)
    }
}

/// Whether the gate lets one event of so many units pass.
fn passes(tenants: &TenantsHandle, tenant: &str, units: i128) -> bool {
    let mut gate = ShardGate::new(tenants.gate_table(), 0, Arc::new(ManualClock::new(0)));
    let mut builder = EventBatchBuilder::new();
    builder.commit(Attributes { tenant, id: "1", source: "s", event_type: "call", subject: None, time_us: 0 });
    let mut open = [true];
    gate.admit(&builder.finish(), &mut open, &mut Weighs(units), &mut |_, _| ());
    gate.refund(());
    open[0]
}

#[test]
fn readers_of_all_tenants_beside_changes_of_plans_end_and_the_gate_knows_the_newest() {
    ends(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(async {
            let (log, clock) = (Arc::new(MemoryLog::new().unwrap()), Arc::new(ManualClock::new(1_000_000)));
            let snapshots = Box::new(MemorySnapshots::default());
            let tenants = Tenants::open(TenantsOptions::default(), log, snapshots, clock).await.unwrap();
            tenants.create_many(&(0..TENANTS).map(name).collect::<Vec<_>>(), "ops").await.unwrap();
            tenants.command(PLATFORM, meter(), "ops").await.unwrap();
            for (plan_name, begin) in PLANS.into_iter().zip([1000, 2000, 3000]) {
                let define = PlansCommand::Define { name: plan_name.into(), plan: plan(begin) };
                tenants.command(PLATFORM, Command::Plans(define), "ops").await.unwrap();
            }
            let over = Arc::new(AtomicBool::new(false));
            let readers: Vec<_> = (0..5)
                .map(|_| {
                    let (tenants, over) = (tenants.clone(), Arc::clone(&over));
                    std::thread::spawn(move || {
                        while !over.load(Ordering::Relaxed) {
                            read(&tenants);
                        }
                    })
                })
                .collect();
            let mut changes = tokio::task::JoinSet::new();
            for (plan_name, begin) in PLANS.into_iter().zip([1000, 2000, 3000]) {
                changes.spawn(change_plans(tenants.clone(), plan_name, begin));
            }
            (0..4).for_each(|nth| drop(changes.spawn(change_tenants(tenants.clone(), nth))));
            changes.join_all().await;
            over.store(true, Ordering::Relaxed);
            readers.into_iter().for_each(|reader| reader.join().unwrap());

            for (tenant, state) in tenants.directory().edition().iter().filter(|(name, _)| ***name != *PLATFORM) {
                let is_active = state.lifecycle().status == Status::Active;
                let limit = match tenants.limits_of(state).get("calls") {
                    Some(limit) => limit.allowance.as_ref().unwrap().units.0,
                    None => continue,
                };
                assert_eq!(passes(&tenants, tenant, limit), is_active, "{tenant}");
                assert!(!passes(&tenants, tenant, limit + ONE), "{tenant}");
            }
            tenants.drain().await;
        });
    });
}

#[test]
fn two_who_make_the_same_tenants_make_them_once() {
    ends(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(async {
            let (log, clock) = (Arc::new(MemoryLog::new().unwrap()), Arc::new(ManualClock::new(1_000_000)));
            let snapshots = Box::new(MemorySnapshots::default());
            let tenants = Tenants::open(TenantsOptions::default(), log, snapshots, clock).await.unwrap();
            let mut makers = tokio::task::JoinSet::new();
            for from in 0..8 {
                let tenants = tenants.clone();
                let names: Vec<String> = (from..from + 50).map(name).collect();
                makers.spawn(async move { tenants.create_many(&names, "import").await.unwrap() });
            }
            assert_eq!(makers.join_all().await.into_iter().sum::<usize>(), 57);
            assert_eq!(tenants.audit(None).count(), 58, "and the platform");
            tenants.drain().await;
        });
    });
}

#[test]
fn a_tenant_whose_maker_went_away_is_known_all_the_same() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (log, clock) = (Arc::new(MemoryLog::new().unwrap()), Arc::new(ManualClock::new(1_000_000)));
        let snapshots = Box::new(MemorySnapshots::default());
        let tenants = Tenants::open(TenantsOptions::default(), log, snapshots, clock).await.unwrap();
        // It has begun and is dropped.
        assert!(Box::pin(tenants.create("acme", "ops")).now_or_never().is_none());
        let again = tenants.create("acme", "ops").await;
        assert!(matches!(again, Err(actors::CommandError::Exists(_))), "{again:?}");
        assert_eq!(crate::world::audit(&tenants, "acme").len(), 1);
        tenants.drain().await;
    });
}
