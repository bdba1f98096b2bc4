//! Alerts: where edges are, that time alone moves them, and that every timer fires once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::facet::Context;
use actors::facets::alerts::{
    Alerts, AlertsChange, AlertsCommand, By, Edge, Episode, Observation, RuleId, Seen, Sighting,
};
use actors::refusal::Refused;
use actors::rule::{Direction, Level, Measure, Rule, Severity};
use actors::snapshots::MemorySnapshots;
use actors::{Change, Command, TenantState, Tenants, TenantsHandle, TenantsOptions, Timers};
use engine::clock::ManualClock;
use engine::log::SharedLog;
use engine::log::memory::MemoryLog;
use engine::units::Units;
use proptest::prelude::*;

use crate::world::{audit, run};

const SECOND: i64 = 1_000_000;

fn rule(for_s: u32, keep_firing_for_s: u32) -> Rule {
    let level =
        |severity, at, until: Option<i64>| Level { severity, at: Units::whole(at), until: until.map(Units::whole) };
    Rule {
        measure: Measure::Query { sql: "SELECT 1 AS value".into(), every_s: 60 },
        direction: Direction::AtLeast,
        levels: vec![level(Severity::Warning, 80, Some(70)), level(Severity::Critical, 100, None)],
        for_s,
        keep_firing_for_s,
        plans: None,
        tenants: None,
        labels: BTreeMap::new(),
        summary: None,
    }
}

fn id() -> RuleId {
    RuleId { by: By::Tenant, name: "near".into() }
}

fn declare(rule: Rule) -> Command {
    Command::Alerts(AlertsCommand::Declare { name: "near".into(), rule })
}

fn value(value: i64, revision: i64) -> Seen {
    Seen::Value(Sighting { value: Units::whole(value), revision, watermark_us: 0 })
}

fn observe(seen: Seen) -> Command {
    Command::Alerts(AlertsCommand::Observe(vec![Observation { rule: id(), measure: None, seen }]))
}

fn edges(changes: &[Change]) -> Vec<Edge> {
    let edge = |change: &Change| match change {
        Change::Alerts(AlertsChange::Edge { edge, .. }) => Some(*edge),
        _ => None,
    };
    changes.iter().filter_map(edge).collect()
}

/// A tenant that is driven by commands at times that are given in seconds.
struct World(TenantState);

impl World {
    fn new(rule: Rule) -> Self {
        let mut world = Self(TenantState::default());
        world.act(0, declare(rule));
        world
    }

    fn act(&mut self, at_s: i64, command: Command) -> Vec<Change> {
        let changes = self.0.decide(command, Context::at(at_s * SECOND)).unwrap();
        changes.iter().for_each(|change| self.0.apply(change));
        changes
    }

    fn see(&mut self, at_s: i64, number: i64) -> Vec<Change> {
        self.act(at_s, observe(value(number, at_s)))
    }

    fn alerts(&self) -> &Alerts {
        self.0.alerts()
    }

    fn state(&self) -> Option<(&str, Severity)> {
        self.alerts().episodes.get(&id()).map(|episode| (episode.state(), episode.severity))
    }

    fn due_s(&self) -> Option<i64> {
        self.0.due().map(|(at_us, _)| at_us / SECOND)
    }

    fn wake(&mut self, at_s: i64) -> Vec<Change> {
        self.act(at_s, Command::Alerts(AlertsCommand::Wake))
    }
}

#[test]
fn an_alert_fires_at_its_level_moves_and_resolves_behind_its_edge() {
    let mut world = World::new(rule(0, 0));
    assert!(world.see(1, 79).is_empty());
    assert_eq!(world.see(2, 80).len(), 1);
    assert_eq!(world.state(), Some(("firing", Severity::Warning)));
    assert!(world.see(3, 80).is_empty() && world.see(4, 70).is_empty(), "an edge is told once");
    world.see(5, 100);
    assert_eq!(world.state(), Some(("firing", Severity::Critical)));
    world.see(6, 99);
    assert_eq!(world.state(), Some(("firing", Severity::Warning)));
    let ended = world.see(7, 69);
    let [Change::Alerts(AlertsChange::Edge { edge: Edge::Resolved, episode, .. })] = &ended[..] else {
        panic!("{ended:?}")
    };
    assert_eq!((episode.sighting.value, world.state(), world.due_s()), (Units::whole(69), None, None));
}

#[test]
fn a_level_that_does_not_hold_for_long_enough_fires_nothing() {
    let mut world = World::new(rule(10, 0));
    world.see(1, 90);
    assert_eq!((world.state(), world.due_s()), (Some(("pending", Severity::Warning)), Some(11)));
    assert!(world.wake(10).is_empty(), "it is not time");
    assert_eq!(edges(&world.see(10, 60)), [Edge::Withdrawn]);

    world.see(20, 90);
    world.see(25, 120);
    assert_eq!(world.due_s(), Some(30), "another level does not wait anew");
    assert_eq!(edges(&world.wake(30)), [Edge::Fired]);
    assert!(world.wake(30).is_empty() && world.wake(99).is_empty(), "once");
    assert_eq!((world.state(), world.due_s()), (Some(("firing", Severity::Critical)), None));
}

#[test]
fn an_alert_that_keeps_firing_ends_when_it_was_calm_for_long_enough() {
    let mut world = World::new(rule(0, 10));
    world.see(1, 90);
    world.see(2, 10);
    assert_eq!((world.state(), world.due_s()), (Some(("firing", Severity::Warning)), Some(12)));
    assert!(world.see(3, 5).is_empty());
    world.see(4, 90);
    assert_eq!(world.due_s(), None);
    let first = world.alerts().episodes[&id()].id.clone();
    world.see(5, 10);
    world.wake(15);
    assert_eq!(world.state(), None);
    world.see(16, 90);
    assert_ne!(world.alerts().episodes[&id()].id, first, "another episode has another name");
}

#[test]
fn what_cant_be_measured_freezes() {
    let lost = || observe(Seen::Unmeasurable("the panes are damaged".into()));
    let mut world = World::new(rule(10, 0));
    assert!(world.act(1, lost()).is_empty(), "nothing is under way");
    world.see(2, 90);
    world.act(3, lost());
    assert_eq!((world.state(), world.due_s()), (Some(("unmeasurable", Severity::Warning)), None));
    assert!(world.act(4, lost()).is_empty() && world.wake(50).is_empty());
    world.see(60, 90);
    assert_eq!(world.due_s(), Some(70), "what it waits for begins anew");
    world.wake(70);
    world.act(71, lost());
    assert_eq!(world.state(), Some(("unmeasurable", Severity::Warning)), "it does not resolve");
    world.see(72, 10);
    assert_eq!(world.state(), Some(("firing", Severity::Warning)));
    world.see(72, 10);
    assert_eq!(world.state(), None);
}

#[test]
fn a_rule_that_goes_takes_its_episode_with_it() {
    let mut world = World::new(rule(0, 10));
    world.see(1, 90);
    world.act(2, Command::Alerts(AlertsCommand::Remove { name: "near".into() }));
    assert!(world.state().is_some(), "whoever evaluates tells of it");
    assert_eq!(edges(&world.see(3, 90)), [Edge::Dropped]);
    assert!(world.see(4, 90).is_empty(), "no rule, no alert");
    let mut world = World::new(rule(0, 10));
    world.see(1, 90);
    world.act(2, observe(Seen::NotMeant));
    assert_eq!(world.state(), None);
}

#[test]
fn an_acknowledged_alert_is_to_be_seen_again_when_it_gets_worse() {
    let seen = || Command::Alerts(AlertsCommand::Acknowledge { rule: id(), note: "on it".into() });
    let mut world = World::new(rule(10, 0));
    let refused = |world: &World| world.0.decide(seen(), Context::at(0)).unwrap_err().to_string();
    assert_eq!(refused(&world), "the alert near does not fire for this tenant");
    world.see(1, 90);
    assert_eq!(refused(&world), "the alert near does not fire for this tenant");
    world.wake(11);
    assert_eq!((world.act(12, seen()).len(), world.act(13, seen()).len()), (1, 0));
    assert_eq!(world.state(), Some(("acknowledged", Severity::Warning)));
    world.see(14, 100);
    assert_eq!(world.state(), Some(("firing", Severity::Critical)));
    world.act(15, seen());
    world.see(16, 90);
    assert_eq!(world.state(), Some(("acknowledged", Severity::Warning)), "less bad is known already");
}

#[test]
fn a_value_of_another_measure_is_no_value_of_the_rule() {
    let mut world = World::new(rule(0, 0));
    let seen = |measure: Measure| {
        let observation = Observation { rule: id(), measure: Some(measure), seen: value(90, 1) };
        Command::Alerts(AlertsCommand::Observe(vec![observation]))
    };
    assert!(world.act(1, seen(Measure::Total { meter: "tokens".into() })).is_empty());
    assert_eq!(edges(&world.act(2, seen(rule(0, 0).measure))), [Edge::Fired]);
}

#[test]
fn a_rule_that_cant_be_is_refused_with_every_reason() {
    let mut wrong = rule(0, 0);
    wrong.levels.reverse();
    wrong.plans = Some(["pro".to_owned()].into());
    let refused = TenantState::default().decide(declare(wrong), Context::at(0)).unwrap_err();
    let fields: Vec<_> = refused.refusal().fields.into_iter().map(|field| field.name).collect();
    assert_eq!(fields, ["levels[1].severity", "levels[1].at", "plans"], "{refused}");
    let unnamed = Command::Alerts(AlertsCommand::Declare { name: "a b".into(), rule: rule(0, 0) });
    let refused = TenantState::default().decide(unnamed, Context::at(0)).unwrap_err();
    assert_eq!(refused.refusal().fields[0].name, "name");
}

/// What Prometheus does, second by second and without a state machine: at each sample a series is active if its value holds; it
/// fires when it has been active for `for`, and then for `keep` behind the last sample at which it was.
fn prometheus(samples: &[bool], for_s: usize, keep_s: usize) -> Vec<Option<bool>> {
    let (mut since, mut last): (Option<usize>, Option<usize>) = (None, None);
    let mut fires = false;
    let mut told = Vec::new();
    for (now, active) in samples.iter().enumerate() {
        match active {
            true => {
                since = since.or(Some(now));
                last = None;
            }
            false if fires && keep_s > 0 => last = last.or(Some(now)),
            false => (since, last) = (None, None),
        }
        if last.is_some_and(|last| now - last >= keep_s) {
            (since, last) = (None, None);
        }
        fires = since.is_some_and(|since| fires || now - since >= for_s);
        told.push(since.map(|_| fires));
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn for_and_keep_firing_are_prometheus(
        samples in proptest::collection::vec(any::<bool>(), 1..40),
        for_s in 0u32..6,
        keep_s in 0u32..6,
    ) {
        let mut rule = rule(for_s, keep_s);
        rule.levels.truncate(1);
        rule.levels[0].until = None;
        let mut world = World::new(rule);
        let expect = prometheus(&samples, for_s as usize, keep_s as usize);
        for (now, (active, expect)) in samples.iter().zip(expect).enumerate() {
            let now = now as i64;
            world.see(now, if *active { 90 } else { 10 });
            if world.due_s().is_some_and(|due_s| due_s <= now) {
                world.wake(now);
            }
            let found = world.alerts().episodes.get(&id()).map(Episode::fires);
            prop_assert_eq!(found, expect, "at {}", now);
        }
    }

    #[test]
    fn whatever_is_seen_twice_changes_nothing(
        seen in proptest::collection::vec((0i64..120, any::<bool>()), 1..30),
        for_s in 0u32..3,
        keep_s in 0u32..3,
    ) {
        let mut world = World::new(rule(for_s, keep_s));
        for (at_s, (number, is_lost)) in seen.into_iter().enumerate() {
            let seen = || if is_lost { Seen::Unmeasurable("lost".into()) } else { value(number, at_s as i64) };
            // The first may only make it measurable again, the second sees the value, the third nothing new.
            world.act(at_s as i64, observe(seen()));
            world.act(at_s as i64, observe(seen()));
            prop_assert!(world.act(at_s as i64, observe(seen())).is_empty());
        }
    }
}

async fn open(log: &SharedLog, clock: &Arc<ManualClock>) -> TenantsHandle {
    let (log, clock) = (Arc::clone(log), Arc::clone(clock));
    Tenants::open(TenantsOptions::default(), log, Box::new(MemorySnapshots::default()), clock).await.unwrap()
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How often an alert of the tenant has fired.
fn fired(tenants: &TenantsHandle, tenant: &str) -> usize {
    let changes: Vec<_> = audit(tenants, tenant).into_iter().flat_map(|entry| entry.changes).collect();
    edges(&changes).into_iter().filter(|edge| *edge == Edge::Fired).count()
}

#[test]
fn a_timer_fires_once_whatever_the_clock_does_and_behind_a_start() {
    let log: SharedLog = Arc::new(MemoryLog::new().unwrap());
    let clock = Arc::new(ManualClock::new(SECOND));
    run(async {
        let tenants = open(&log, &clock).await;
        let names = ["acme", "globex", "initech"].map(str::to_owned);
        tenants.create_many(&names, "ops").await.unwrap();
        for (name, for_s) in names.iter().zip([30, 10, 20]) {
            tenants.command(name, declare(rule(for_s, 0)), "ops").await.unwrap();
            tenants.command(name, observe(value(90, 7)), "ops").await.unwrap();
        }
        let timers = tokio::spawn(Timers::new(tenants.clone()).run());
        clock.set(11 * SECOND);
        until("the first is due", || fired(&tenants, "globex") == 1).await;
        // Back behind all of it, and on again: what has fired is state.
        clock.set(0);
        tokio::time::sleep(Duration::from_millis(100)).await;
        clock.set(12 * SECOND);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(names.each_ref().map(|name| fired(&tenants, name)), [0, 1, 0]);
        timers.abort();
        tenants.drain().await;

        // Nothing of a timer is stored: another node finds them in the states, and fires both at once.
        let tenants = open(&log, &clock).await;
        clock.set(1000 * SECOND);
        let timers = tokio::spawn(Timers::new(tenants.clone()).run());
        until("all are due", || fired(&tenants, "acme") + fired(&tenants, "initech") == 2).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(names.each_ref().map(|name| fired(&tenants, name)), [1, 1, 1]);
        timers.abort();
        tenants.drain().await;
    });
}
