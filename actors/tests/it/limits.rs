//! Limits are set only where they can be enforced, and stay enforceable: meters that limits name are not taken away.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::facets::meters::{MetersCommand, MetersRejection};
use actors::facets::plans::{PlansCommand, PlansRejection};
use actors::facets::quota::{QuotaCommand, QuotaRejection};
use actors::limit::{Allowance, Limit, LimitRejection, Rate};
use actors::plan::Plan;
use actors::snapshots::MemorySnapshots;
use actors::{Command, CommandError, PLATFORM, Rejected, Tenants, TenantsHandle, TenantsOptions};
use engine::calendar::{Calendar, Period};
use engine::clock::ManualClock;
use engine::log::memory::MemoryLog;
use engine::meter::{Aggregation, Meter, Window};
use engine::units::Units;

use crate::world::run;

fn meter(name: &str, aggregation: Aggregation) -> Command {
    Command::Meters(MetersCommand::Define(Meter {
        name: name.into(),
        event_type: "u".into(),
        value: Some("$.n".into()),
        aggregation,
        dimensions: Vec::new(),
        window: Window::Tumbling { size_s: 3600 },
        allowed_lateness_s: 0,
        description: String::new(),
    }))
}

fn remove(name: &str) -> Command {
    Command::Meters(MetersCommand::Remove { name: name.into() })
}

fn limit() -> Limit {
    let per = Calendar { period: Period::Month, time_zone: "UTC".into() };
    Limit { allowance: Some(Allowance { units: Units::whole(100), per }), rate: None, hard: true }
}

fn of_tenant(meter: &str, limit: Limit) -> Command {
    Command::Quota(QuotaCommand::Set { meter: meter.into(), limit })
}

fn of_plan(meter: &str, limit: Limit) -> Command {
    let plan = Plan { limits: BTreeMap::from([(meter.to_owned(), limit)]), ..Plan::default() };
    Command::Plans(PlansCommand::Define { name: "pro".into(), plan })
}

async fn open() -> TenantsHandle {
    let log = Arc::new(MemoryLog::new().unwrap());
    let clock = Arc::new(ManualClock::new(1_000_000));
    let tenants =
        Tenants::open(TenantsOptions::default(), log, Box::new(MemorySnapshots::default()), clock).await.unwrap();
    tenants.create_many(&["acme".to_owned(), "globex".to_owned()], "ops").await.unwrap();
    for (name, aggregation) in [("calls", Aggregation::Count), ("tokens", Aggregation::Sum), ("peak", Aggregation::Max)]
    {
        tenants.command(PLATFORM, meter(name, aggregation), "ops").await.unwrap();
    }
    tenants
}

async fn refused(tenants: &TenantsHandle, tenant: &str, command: Command) -> Rejected {
    match tenants.command(tenant, command, "ops").await {
        Err(CommandError::Rejected(rejected)) => rejected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_could_not_be_enforced_is_refused_for_tenants_and_plans_alike() {
    run(async {
        let tenants = open().await;
        let check = async |meter: &str, limit: Limit, expect: LimitRejection| {
            assert_eq!(
                refused(&tenants, "acme", of_tenant(meter, limit.clone())).await,
                Rejected::Quota(QuotaRejection::Limit(vec![expect.clone()]))
            );
            let expect = PlansRejection::Limits(vec![(meter.into(), expect)]);
            assert_eq!(refused(&tenants, PLATFORM, of_plan(meter, limit)).await, Rejected::Plans(expect));
        };
        check("toks", limit(), LimitRejection::NoMeter("toks".into())).await;
        let not_additive = LimitRejection::NotAdditive { meter: "peak".into(), aggregation: "max" };
        check("peak", limit(), not_additive.clone()).await;
        check("peak", Limit { hard: false, ..limit() }, not_additive).await;
        let burst = |units| {
            let rate = Some(Rate { units_per_s: Units::whole(10), burst: Units(units) });
            Limit { allowance: None, rate, hard: true }
        };
        let expect = "at least 1, which is what an event of a count meter weighs: below that none ever passes";
        check("calls", burst(999_999_999), LimitRejection::OutOfRange { field: "rate.burst", expect }).await;
        tenants.command("acme", of_tenant("tokens", burst(1)), "ops").await.unwrap();
        tenants.command("acme", of_tenant("calls", burst(1_000_000_000)), "ops").await.unwrap();
        tenants.drain().await;
    });
}

#[test]
fn a_meter_that_limits_name_stays_one_that_can_be_limited() {
    run(async {
        let tenants = open().await;
        tenants.command("acme", of_tenant("tokens", limit()), "ops").await.unwrap();
        tenants.command("globex", of_tenant("tokens", limit()), "ops").await.unwrap();
        tenants.command(PLATFORM, of_plan("tokens", limit()), "ops").await.unwrap();
        for command in [remove("tokens"), meter("tokens", Aggregation::Max)] {
            let Rejected::Meters(MetersRejection::Limited { meter, limited_by, .. }) =
                refused(&tenants, PLATFORM, command).await
            else {
                panic!("by the limits")
            };
            assert_eq!(
                (meter.as_str(), limited_by),
                ("tokens", ["plan pro", "tenant acme", "tenant globex"].map(str::to_owned).into())
            );
        }
        tenants.command(PLATFORM, meter("tokens", Aggregation::Count), "ops").await.unwrap();
        for tenant in ["acme", "globex"] {
            let lift = Command::Quota(QuotaCommand::Remove { meter: "tokens".into() });
            tenants.command(tenant, lift, "ops").await.unwrap();
        }
        tenants.command(PLATFORM, of_plan("calls", limit()), "ops").await.unwrap();
        tenants.command(PLATFORM, remove("tokens"), "ops").await.unwrap();
        tenants.drain().await;
    });
}

#[test]
fn of_a_limit_set_and_its_meter_removed_at_the_same_time_one_is_refused() {
    run(async {
        let tenants = open().await;
        for round in 0..50 {
            tenants.command(PLATFORM, meter("tokens", Aggregation::Sum), "ops").await.unwrap();
            let set = tenants.command("acme", of_tenant("tokens", limit()), "ops");
            let removed = tenants.command(PLATFORM, remove("tokens"), "ops");
            let (set, removed) = tokio::join!(set, removed);
            assert_eq!((set.is_ok(), removed.is_ok()), (removed.is_err(), set.is_err()), "round {round}");
            if set.is_ok() {
                let lift = Command::Quota(QuotaCommand::Remove { meter: "tokens".into() });
                tenants.command("acme", lift, "ops").await.unwrap();
            }
        }
        tenants.drain().await;
    });
}
