//! Endpoints: what becomes of messages that are not taken, and what the journal says to others.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::endpoint::{Endpoint, Secret};
use actors::facet::Context;
use actors::facets::endpoints::{ATTEMPTS_MAX, Disabled, EndpointsChange, EndpointsCommand, Kept, MessageId, Settled};
use actors::facets::lifecycle::LifecycleCommand;
use actors::facets::plan::SetPlan;
use actors::facets::plans::PlansCommand;
use actors::plan::Plan;
use actors::refusal::Refused;
use actors::snapshots::MemorySnapshots;
use actors::{Change, Command, Message, PLATFORM, TenantState, Tenants, TenantsOptions};
use engine::clock::ManualClock;
use engine::log::memory::MemoryLog;
use serde_json::json;

use crate::world::run;

const HOUR: i64 = 3600 * 1_000_000;

fn spec() -> Endpoint {
    Endpoint {
        url: "https://example.com/hook".into(),
        events: ["*".to_owned()].into(),
        headers: BTreeMap::new(),
        ordered: false,
    }
}

fn declare(spec: Endpoint) -> Command {
    let secret = Some(Secret::generate().unwrap());
    Command::Endpoints(EndpointsCommand::Declare { name: "hook".into(), spec, secret })
}

fn id(offset: u64) -> MessageId {
    MessageId { offset, index: 0 }
}

/// A tenant with an endpoint.
struct World(TenantState);

impl World {
    fn new() -> Self {
        let mut world = Self(TenantState::default());
        world.act(0, declare(spec()));
        world
    }

    fn act(&mut self, now_us: i64, command: Command) -> Vec<EndpointsChange> {
        let changes = self.0.decide(command, Context::at(now_us)).unwrap();
        changes.iter().for_each(|change| self.0.apply(change));
        let own = |change| match change {
            Change::Endpoints(change) => change,
            other => panic!("{other:?}"),
        };
        changes.into_iter().map(own).collect()
    }

    fn settle(&mut self, now_us: i64, taken: &[u64], failed: &[u64]) -> Vec<EndpointsChange> {
        let settled = Settled {
            name: "hook".into(),
            taken: taken.iter().copied().map(id).collect(),
            any_taken: !taken.is_empty(),
            failed: failed.iter().map(|offset| (id(*offset), None)).collect(),
            is_gone: false,
            behind: None,
        };
        self.act(now_us, Command::Endpoints(EndpointsCommand::Settle(settled)))
    }

    fn kept(&self) -> &Kept {
        &self.0.endpoints().endpoints["hook"]
    }
}

#[test]
fn what_is_taken_at_once_costs_nothing() {
    let mut world = World::new();
    assert!(world.settle(1, &[7, 8], &[]).is_empty());
    assert!(world.kept().retries.is_empty() && world.kept().failing.is_none());
}

#[test]
fn a_message_is_tried_again_until_it_is_taken_or_exhausted() {
    let mut world = World::new();
    assert_eq!(world.settle(1, &[], &[7, 9]).len(), 1);
    assert_eq!(world.kept().retries.keys().copied().collect::<Vec<_>>(), [id(7), id(9)]);
    let recovered = world.settle(2, &[9], &[]);
    assert!(matches!(&recovered[0], EndpointsChange::Recovered { message, .. } if *message == id(9)));
    assert!(world.kept().failing.is_none(), "it takes messages");
    for attempt in 2..=ATTEMPTS_MAX {
        let now_us = world.kept().retries[&id(7)].at_us;
        let changes = world.settle(now_us, &[], &[7]);
        let is_exhausted = changes.iter().any(|change| matches!(change, EndpointsChange::Exhausted { .. }));
        assert_eq!(is_exhausted, attempt == ATTEMPTS_MAX, "{attempt}");
    }
    assert!(world.kept().retries.is_empty());
}

#[test]
fn an_endpoint_that_takes_nothing_for_days_or_is_gone_is_given_up_until_it_is_enabled() {
    let mut world = World::new();
    for hour in [0, 13, 60, 119] {
        world.settle(hour * HOUR, &[], &[hour as u64]);
    }
    assert_eq!(world.kept().disabled, None);
    world.settle(121 * HOUR, &[], &[121]);
    assert_eq!(world.kept().disabled, Some(Disabled::Failing));
    let enable = || Command::Endpoints(EndpointsCommand::Enable { name: "hook".into() });
    assert_eq!(world.act(122 * HOUR, enable()).len(), 1);
    assert_eq!((world.kept().disabled, world.kept().failing), (None, None));
    assert!(world.act(122 * HOUR, enable()).is_empty());

    let gone = Settled { name: "hook".into(), is_gone: true, ..settled() };
    world.act(123 * HOUR, Command::Endpoints(EndpointsCommand::Settle(gone)));
    assert_eq!(world.kept().disabled, Some(Disabled::Gone));
    let unknown = Settled { name: "other".into(), ..settled() };
    assert!(world.act(1, Command::Endpoints(EndpointsCommand::Settle(unknown))).is_empty(), "it was removed meanwhile");
}

fn settled() -> Settled {
    Settled {
        name: String::new(),
        taken: Vec::new(),
        any_taken: false,
        failed: Vec::new(),
        is_gone: false,
        behind: None,
    }
}

#[test]
fn secrets_overlap_while_they_are_rotated() {
    let mut world = World::new();
    let first = world.kept().secrets[0].secret.clone();
    let second = Secret::generate().unwrap();
    let rotate = EndpointsCommand::Rotate { name: "hook".into(), secret: second.clone(), overlap_s: 60 };
    world.act(1_000_000, Command::Endpoints(rotate));
    let signing = |now_us| world.kept().signing(now_us).cloned().collect::<Vec<_>>();
    assert_eq!(signing(60_999_999), [second.clone(), first]);
    assert_eq!(signing(61_000_000), [second]);
    // Another specification keeps the secrets.
    let mut world = World::new();
    let secret = world.kept().secrets.clone();
    world.act(1, declare(Endpoint { ordered: true, ..spec() }));
    assert!(world.kept().spec.ordered);
    assert_eq!(world.kept().secrets, secret);
}

#[test]
fn an_endpoint_that_cant_be_is_refused_with_every_reason() {
    let wrong = Endpoint { url: "example.com".into(), events: [].into(), ..spec() };
    let refused = TenantState::default().decide(declare(wrong), Context::at(0)).unwrap_err();
    let fields: Vec<_> = refused.refusal().fields.into_iter().map(|field| field.name).collect();
    assert_eq!(fields, ["url", "events"], "{refused}");
    let without = EndpointsCommand::Declare { name: "hook".into(), spec: spec(), secret: None };
    let refused = TenantState::default().decide(Command::Endpoints(without), Context::at(0)).unwrap_err();
    assert!(refused.to_string().contains("random"), "{refused}");
}

#[test]
fn the_journal_tells_others_what_they_may_know_in_order() {
    run(async {
        let (log, clock) = (Arc::new(MemoryLog::new().unwrap()), Arc::new(ManualClock::new(1_000_000)));
        let snapshots = Box::new(MemorySnapshots::default());
        let tenants = Tenants::open(TenantsOptions::default(), log, snapshots, clock).await.unwrap();
        tenants.create("acme", "ops").await.unwrap();
        let plan = PlansCommand::Define { name: "pro".into(), plan: Plan::default() };
        tenants.command(PLATFORM, Command::Plans(plan), "ops").await.unwrap();
        tenants.command("acme", Command::Plan(SetPlan { plan: "pro".into() }), "ops").await.unwrap();
        tenants.command("acme", declare(spec()), "ops").await.unwrap();
        let suspend = LifecycleCommand::Suspend { reason: "unpaid".into() };
        tenants.command("acme", Command::Lifecycle(suspend), "ops").await.unwrap();
        assert_eq!(tenants.known_until(), tenants.journaled());
        let told: Vec<Message> = tenants.messages(0, tenants.journaled()).flat_map(|entry| entry.unwrap().1).collect();
        let kinds: Vec<_> = told.iter().map(|message| (message.tenant.as_str(), message.kind)).collect();
        let expect = [
            ("platform", "tenant.provisioned"),
            ("platform", "tenant.activated"),
            ("acme", "tenant.provisioned"),
            ("acme", "tenant.activated"),
            ("platform", "plan.defined"),
            ("acme", "tenant.plan_set"),
            ("acme", "endpoint.declared"),
            ("acme", "tenant.suspended"),
        ];
        assert_eq!(kinds, expect);
        let data = |at: usize| told[at].data.clone();
        assert_eq!((data(3), data(5)), (json!({}), json!({"plan": "pro"})));
        assert_eq!(data(7), json!({"reason": "unpaid"}));
        assert_eq!((data(6)["secret"].clone(), told[6].about.as_deref()), (json!("whsec"), Some("hook")));
        for message in &told {
            assert_eq!(tenants.message(message.id).unwrap().as_ref(), Some(message));
        }
        tenants.drain().await;
    });
}
