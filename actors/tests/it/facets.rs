//! What facets declare, and what the list makes of it: whose they are, what follows their changes, how refusals are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use actors::facet::{Context, Effect};
use actors::facets::lifecycle::LifecycleCommand;
use actors::facets::meters::MetersCommand;
use actors::facets::plan::SetPlan;
use actors::facets::plans::PlansCommand;
use actors::facets::views::ViewsCommand;
use actors::plan::Plan;
use actors::refusal::{RefusalKind, Refused};
use actors::snapshots::MemorySnapshots;
use actors::{Change, Command, CommandError, PLATFORM, Rejected, TenantState, Tenants, TenantsHandle, TenantsOptions};
use engine::clock::ManualClock;
use engine::log::memory::MemoryLog;

use crate::world::{audit, run};

async fn open() -> TenantsHandle {
    let (log, clock) = (Arc::new(MemoryLog::new().unwrap()), Arc::new(ManualClock::new(1_000_000)));
    Tenants::open(TenantsOptions::default(), log, Box::new(MemorySnapshots::default()), clock).await.unwrap()
}

fn define(plan: &str) -> Command {
    Command::Plans(PlansCommand::Define { name: plan.into(), plan: Plan::default() })
}

fn set(plan: &str) -> Command {
    Command::Plan(SetPlan { plan: plan.into() })
}

#[test]
fn what_is_the_platforms_other_tenants_have_not() {
    let platforms = [
        (Command::Meters(MetersCommand::Remove { name: "m".into() }), "meters"),
        (define("pro"), "plans"),
        (Command::Views(ViewsCommand::Drop { name: "v".into() }), "materialized views"),
    ];
    for (command, name) in platforms {
        let refused = TenantState::default().decide(command, Context::at(7)).unwrap_err();
        assert_eq!(refused, Rejected::PlatformOnly(name));
        assert_eq!(refused.refusal(), RefusalKind::Conflict.alone());
    }
}

#[test]
fn a_tenant_is_created_on_its_plan_at_once_or_not_at_all() {
    run(async {
        let tenants = open().await;
        let refused = tenants.create_on("acme", Some("pro"), "ops").await.unwrap_err();
        let CommandError::Rejected(refused) = refused else { panic!("{refused}") };
        let told = refused.refusal();
        assert_eq!((told.kind, told.fields[0].name.as_str()), (RefusalKind::NotFound, "plan"));
        assert!(tenants.state("acme").is_none() && audit(&tenants, "acme").is_empty());

        tenants.command(PLATFORM, define("pro"), "ops").await.unwrap();
        tenants.create_on("acme", Some("pro"), "ops").await.unwrap();
        assert_eq!((tenants.state("acme").unwrap().plan().name.as_str(), audit(&tenants, "acme").len()), ("pro", 1));
        assert!(matches!(tenants.command("acme", set("gold"), "ops").await, Err(CommandError::Rejected(_))));
        assert_eq!(tenants.command("acme", set("pro"), "ops").await.unwrap(), []);
        tenants.command("acme", set("default"), "ops").await.unwrap();
        tenants.drain().await;
    });
}

#[test]
fn what_follows_is_told_by_changes_and_what_is_left_of_it_by_the_state() {
    run(async {
        let tenants = open().await;
        tenants.create("acme", "ops").await.unwrap();
        let effects = async |tenant: &str, command: Command| {
            let changes = tenants.command(tenant, command, "ops").await.unwrap();
            changes.iter().flat_map(Change::effects).copied().collect::<Vec<_>>()
        };
        assert_eq!(effects(PLATFORM, define("pro")).await, [Effect::RegateAll, Effect::BillAll]);
        assert_eq!(effects(PLATFORM, define("pro")).await, [], "nothing has changed");
        assert_eq!(effects("acme", set("pro")).await, [Effect::Regate, Effect::Bill]);
        let step = Command::Lifecycle;
        assert_eq!(effects("acme", step(LifecycleCommand::Offboard { reason: "left".into() })).await, [Effect::Regate]);
        let delete = step(LifecycleCommand::Delete { without_export: true });
        assert_eq!(effects("acme", delete.clone()).await, [Effect::Regate, Effect::Erase]);
        // If the erasure failed, whoever asks again finds it still owed.
        assert_eq!(effects("acme", delete).await, []);
        assert_eq!(tenants.state("acme").unwrap().owes(), BTreeSet::from([Effect::Erase]));
        effects("acme", step(LifecycleCommand::RecordErasure)).await;
        assert_eq!(tenants.state("acme").unwrap().owes(), BTreeSet::new());
        tenants.drain().await;
    });
}
