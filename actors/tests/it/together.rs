//! Commands to several tenants as one change: all or none, for readers, for the journal and for the commands beside it.

use std::sync::Arc;

use actors::facets::lifecycle::LifecycleCommand;
use actors::facets::meters::MetersCommand;
use actors::facets::plans::PlansCommand;
use actors::facets::quota::QuotaCommand;
use actors::limit::{Limit, Rate};
use actors::plan::Plan;
use actors::refusal::Refused;
use actors::snapshots::MemorySnapshots;
use actors::together::{Mode, TogetherError};
use actors::{Command, CommandError, PLATFORM, Tenants, TenantsHandle, TenantsOptions};
use engine::clock::ManualClock;
use engine::log::SharedLog;
use engine::log::memory::MemoryLog;
use engine::meter::{Aggregation, Meter, Window};
use engine::units::Units;

use crate::world::{audit, run};

async fn open(log: SharedLog) -> TenantsHandle {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let options = TenantsOptions { commands_waiting_max: 1000, ..TenantsOptions::default() };
    Tenants::open(options, log, Box::new(MemorySnapshots::default()), clock).await.unwrap()
}

fn meter(name: &str, aggregation: Aggregation) -> Command {
    Command::Meters(MetersCommand::Define(Meter {
        name: name.into(),
        event_type: "call".into(),
        value: (aggregation == Aggregation::Max).then(|| "$.v".into()),
        aggregation,
        dimensions: Vec::new(),
        window: Window::Tumbling { size_s: 60 },
        allowed_lateness_s: 0,
        description: String::new(),
    }))
}

fn quota(meter: &str, burst: i64) -> Command {
    let rate = Some(Rate { units_per_s: Units::whole(1), burst: Units::whole(burst) });
    Command::Quota(QuotaCommand::Set { meter: meter.into(), limit: Limit { allowance: None, rate, hard: false } })
}

fn of(tenant: &str, command: Command) -> (String, Command) {
    (tenant.to_owned(), command)
}

fn burst(tenants: &TenantsHandle, tenant: &str) -> Option<Units> {
    let state = tenants.state(tenant)?;
    state.quota().limits.get("calls").and_then(|limit| limit.rate.as_ref()).map(|rate| rate.burst)
}

#[test]
fn what_relies_on_each_other_is_decided_in_order_and_journaled_as_one() {
    run(async {
        let log: SharedLog = Arc::new(MemoryLog::new().unwrap());
        let tenants = open(Arc::clone(&log)).await;
        tenants.create_many(&["acme".to_owned(), "globex".to_owned()], "ops").await.unwrap();
        let all = [
            of(PLATFORM, meter("calls", Aggregation::Count)),
            of("acme", quota("calls", 5)),
            of("globex", quota("calls", 5)),
        ];
        let before = log.end();
        let tried = tenants.together(all.to_vec(), "ops", Mode::Try).await.unwrap();
        assert_eq!((tried.iter().map(Vec::len).collect::<Vec<_>>(), log.end()), (vec![1, 1, 1], before));
        assert_eq!((burst(&tenants, "acme"), tenants.meters().len()), (None, 0));

        let done = tenants.together(all.to_vec(), "ops", Mode::Do).await.unwrap();
        assert_eq!((done, log.end()), (tried, before + 3));
        assert_eq!(
            (burst(&tenants, "acme"), burst(&tenants, "globex")),
            (Some(Units::whole(5)), Some(Units::whole(5)))
        );
        // One record: whoever reads from its middle gets the rest of it only with it.
        let records = log.read(before).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(records.iter().map(|(_, record)| record.header.rows).collect::<Vec<_>>(), [3]);

        let again = tenants.together(all.to_vec(), "ops", Mode::Do).await.unwrap();
        assert!(again.iter().all(Vec::is_empty) && log.end() == before + 3, "nothing has changed");
        // Their actors go on behind it.
        tenants.command("acme", quota("calls", 7), "ops").await.unwrap();
        assert_eq!(audit(&tenants, "acme").len(), 3);
        tenants.drain().await;

        let tenants = open(log).await;
        assert_eq!(
            (burst(&tenants, "acme"), burst(&tenants, "globex")),
            (Some(Units::whole(7)), Some(Units::whole(5)))
        );
        tenants.drain().await;
    });
}

#[test]
fn everything_that_is_refused_is_told_and_nothing_happens() {
    run(async {
        let tenants = open(Arc::new(MemoryLog::new().unwrap())).await;
        tenants.create("acme", "ops").await.unwrap();
        let all = vec![
            of(PLATFORM, meter("calls", Aggregation::Count)),
            of("acme", quota("calls", 0)),
            of("acme", quota("nothing", 1)),
            of("acme", Command::Lifecycle(LifecycleCommand::RecordErasure)),
        ];
        let Err(TogetherError::Rejected(refused)) = tenants.together(all, "ops", Mode::Do).await else { panic!() };
        let fields =
            refused.iter().map(|(at, why)| (*at, why.refusal().fields.into_iter().next().map(|field| field.name)));
        let expect = [(1, Some("rate.burst".to_owned())), (2, Some("meter".to_owned())), (3, None)];
        assert_eq!(fields.collect::<Vec<_>>(), expect);
        assert!(tenants.meters().is_empty() && burst(&tenants, "acme").is_none());

        let unknown = tenants.together(vec![of("nobody", quota("calls", 1))], "ops", Mode::Do).await;
        let Err(TogetherError::Command(CommandError::Unknown(name))) = unknown else { panic!("{unknown:?}") };
        assert_eq!(name, "nobody");
        tenants.drain().await;
    });
}

#[test]
fn rules_see_what_the_same_change_takes_away() {
    run(async {
        let tenants = open(Arc::new(MemoryLog::new().unwrap())).await;
        tenants.create("acme", "ops").await.unwrap();
        let begin = vec![of(PLATFORM, meter("calls", Aggregation::Count)), of("acme", quota("calls", 5))];
        tenants.together(begin, "ops", Mode::Do).await.unwrap();
        let other = of(PLATFORM, meter("calls", Aggregation::Max));
        let Err(TogetherError::Rejected(_)) = tenants.together(vec![other.clone()], "ops", Mode::Do).await else {
            panic!("a limit would remain on a meter that can't be limited");
        };
        let remove = of("acme", Command::Quota(QuotaCommand::Remove { meter: "calls".into() }));
        tenants.together(vec![remove, other], "ops", Mode::Do).await.unwrap();
        assert_eq!(tenants.meters()[0].aggregation, Aggregation::Max);
        tenants.drain().await;
    });
}

#[test]
fn a_plan_that_somebody_is_on_stays() {
    run(async {
        let tenants = open(Arc::new(MemoryLog::new().unwrap())).await;
        let define = Command::Plans(PlansCommand::Define { name: "pro".into(), plan: Plan::default() });
        let remove = Command::Plans(PlansCommand::Remove { name: "pro".into() });
        tenants.command(PLATFORM, define, "ops").await.unwrap();
        tenants.create_on("acme", Some("pro"), "ops").await.unwrap();
        let CommandError::Rejected(refused) = tenants.command(PLATFORM, remove.clone(), "ops").await.unwrap_err()
        else {
            panic!();
        };
        assert_eq!(refused.to_string(), "plan pro is that of tenant acme; put them on another plan first");
        let leave = actors::facets::plan::SetPlan { plan: "default".into() };
        tenants.command("acme", Command::Plan(leave), "ops").await.unwrap();
        tenants.command(PLATFORM, remove.clone(), "ops").await.unwrap();
        assert!(tenants.platform().plans().plans.is_empty());
        assert!(tenants.command(PLATFORM, remove, "ops").await.is_err(), "there is none any more");
        tenants.drain().await;
    });
}

#[test]
fn many_at_once_beside_single_commands_never_mix() {
    run(async {
        let log: SharedLog = Arc::new(MemoryLog::new().unwrap());
        let tenants = open(Arc::clone(&log)).await;
        let names = ["acme", "globex", "initech"];
        tenants.create_many(&names.map(str::to_owned), "ops").await.unwrap();
        tenants.command(PLATFORM, meter("calls", Aggregation::Count), "ops").await.unwrap();
        let mut work = tokio::task::JoinSet::new();
        for number in 1..=20 {
            let tenants = tenants.clone();
            work.spawn(async move {
                let all = names.map(|name| of(name, quota("calls", number))).to_vec();
                let all = if number % 2 == 0 { all } else { all.into_iter().rev().collect() };
                tenants.together(all, "ops", Mode::Do).await.map(drop).unwrap();
            });
        }
        for number in 0..20 {
            let tenants = tenants.clone();
            work.spawn(async move {
                let other = format!("other{number}");
                tenants.command(PLATFORM, meter(&other, Aggregation::Count), "ops").await.map(drop).unwrap();
                tenants.command("acme", quota(&other, 1), "ops").await.map(drop).unwrap();
            });
        }
        while let Some(done) = work.join_next().await {
            done.unwrap();
            let edition = tenants.directory().edition();
            let found = names.map(|name| edition.get(name).unwrap().quota().limits.get("calls").cloned());
            assert!(found.iter().all(|limit| *limit == found[0]), "{found:?}");
        }
        assert_eq!(tenants.state("acme").unwrap().quota().limits.len(), 21);
        tenants.drain().await;
        // The chains are whole.
        let tenants = open(log).await;
        assert_eq!(tenants.state("acme").unwrap().quota().limits.len(), 21);
        tenants.drain().await;
    });
}
