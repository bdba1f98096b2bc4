//! Random commands over all facets, good and bad ones, few enough names that they meet.

use std::sync::LazyLock;

use actors::api_key::ApiKey;
use actors::endpoint::{Endpoint, Secret};
use actors::facets::alerts::{AlertsCommand, By, Observation, RuleId, Seen, Sighting};
use actors::facets::endpoints::{EndpointsCommand, MessageId, Settled};
use actors::facets::keys::{KeysCommand, Scope, Scopes};
use actors::facets::lifecycle::LifecycleCommand;
use actors::facets::meters::MetersCommand;
use actors::facets::outbox::OutboxCommand;
use actors::facets::plan::SetPlan;
use actors::facets::plans::PlansCommand;
use actors::facets::quota::QuotaCommand;
use actors::facets::views::ViewsCommand;
use actors::limit::{Allowance, Limit, Rate};
use actors::plan::Plan;
use actors::rule::{Direction, Level, Measure, Rule, Severity};
use actors::scram::ScramVerifier;
use actors::{Command, PLATFORM};
use engine::calendar::{Calendar, Period};
use engine::meter::{Aggregation, Dimension, Meter, Window};
use engine::units::Units;
use engine::view::View;
use proptest::prelude::*;
use proptest::sample::select;

/// A command, whom it is for, and how much later than the one before it comes, in microseconds.
pub(crate) type Step = (String, Command, i64);

/// Some steps.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tenant = select(vec![PLATFORM, "acme", "globex"]).prop_map(str::to_owned);
    proptest::collection::vec((tenant, command(), 0..5_000_000i64), 0..40)
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => lifecycle().prop_map(Command::Lifecycle),
        1 => name().prop_map(|plan| Command::Plan(SetPlan { plan })),
        3 => quota().prop_map(Command::Quota),
        4 => keys().prop_map(Command::Keys),
        2 => meters().prop_map(Command::Meters),
        2 => plans().prop_map(Command::Plans),
        2 => views().prop_map(Command::Views),
        3 => alerts().prop_map(Command::Alerts),
        3 => endpoints().prop_map(Command::Endpoints),
        1 => (0..50u64).prop_map(|from| Command::Outbox(OutboxCommand::Advance { from })),
    ]
}

fn name() -> impl Strategy<Value = String> {
    select(vec!["alpha", "beta", "gamma"]).prop_map(str::to_owned)
}

fn lifecycle() -> impl Strategy<Value = LifecycleCommand> {
    prop_oneof![
        Just(LifecycleCommand::Provision),
        Just(LifecycleCommand::Activate),
        name().prop_map(|reason| LifecycleCommand::Suspend { reason }),
        name().prop_map(|reason| LifecycleCommand::Offboard { reason }),
        name().prop_map(|location| LifecycleCommand::RecordExport { location }),
        any::<bool>().prop_map(|without_export| LifecycleCommand::Delete { without_export }),
        Just(LifecycleCommand::RecordErasure),
    ]
}

fn calendar() -> impl Strategy<Value = Calendar> {
    let zone = select(vec!["UTC", "Europe/Zurich", "Nowhere/AtAll"]);
    (select(vec![Period::Hour, Period::Day, Period::Month]), zone)
        .prop_map(|(period, zone)| Calendar { period, time_zone: zone.to_owned() })
}

fn limit() -> impl Strategy<Value = Limit> {
    let units = || (-1..1_000_000i64).prop_map(Units::whole);
    let allowance = (units(), calendar()).prop_map(|(units, per)| Allowance { units, per });
    let rate = (units(), units()).prop_map(|(units_per_s, burst)| Rate { units_per_s, burst });
    (proptest::option::of(allowance), proptest::option::of(rate), any::<bool>())
        .prop_map(|(allowance, rate, hard)| Limit { allowance, rate, hard })
}

fn quota() -> impl Strategy<Value = QuotaCommand> {
    prop_oneof![
        3 => (name(), limit()).prop_map(|(meter, limit)| QuotaCommand::Set { meter, limit }),
        1 => name().prop_map(|meter| QuotaCommand::Remove { meter }),
    ]
}

fn key() -> impl Strategy<Value = ApiKey> {
    (0..5u8).prop_map(|n| ApiKey::generate([n; 8], [n; 32]).0)
}

/// Deriving one for each of thousands of commands would take minutes.
fn scram(key: &ApiKey) -> ScramVerifier {
    static OF_ALL: LazyLock<Vec<ScramVerifier>> =
        LazyLock::new(|| (0..5).map(|n: u8| ScramVerifier::derive("acme", &n.to_string())).collect());
    OF_ALL[usize::from(key.id.as_bytes()[1] - b'0')].clone()
}

fn keys() -> impl Strategy<Value = KeysCommand> {
    let scopes = proptest::collection::vec(select(Scope::ALL.to_vec()), 0..4);
    let expiry = proptest::option::of(0..100_000_000i64);
    let tenants = proptest::option::weighted(0.2, proptest::collection::btree_set(name(), 0..3));
    let create = (key(), scopes, name(), expiry, tenants).prop_map(|(key, scopes, label, expires_at_us, tenants)| {
        KeysCommand::Create {
            scram: scram(&key),
            id: key.id,
            hash: key.hash,
            scopes: scopes.into_iter().collect(),
            label,
            expires_at_us,
            tenants,
        }
    });
    let rotate = (key(), key(), -1..10_000_000i64).prop_map(|(old, new, overlap_us)| KeysCommand::Rotate {
        holder: Scopes::all(),
        id: old.id,
        new_scram: scram(&new),
        new_id: new.id,
        new_hash: new.hash,
        overlap_us,
    });
    prop_oneof![3 => create, 2 => rotate, 1 => key().prop_map(|key| KeysCommand::Revoke { id: key.id })]
}

fn meters() -> impl Strategy<Value = MetersCommand> {
    let aggregation = prop_oneof![
        Just(Aggregation::Count),
        Just(Aggregation::Sum),
        Just(Aggregation::Percentile { q: Units(950_000_000) }),
        name().prop_map(|expression| Aggregation::Sql { expression }),
    ];
    let window = prop_oneof![
        (0..120u32).prop_map(|size_s| Window::Tumbling { size_s }),
        (0..120u32, 0..60u32).prop_map(|(size_s, slide_s)| Window::Sliding { size_s, slide_s }),
        (0..120u32).prop_map(|gap_s| Window::Session { gap_s }),
        calendar().prop_map(Window::Calendar),
    ];
    let dimensions =
        proptest::collection::vec(name().prop_map(|name| Dimension { path: format!("$.{name}"), name }), 0..3);
    let value = proptest::option::of(Just("$.tokens".to_owned()));
    let define =
        (name(), value, aggregation, dimensions, window).prop_map(|(name, value, aggregation, dimensions, window)| {
            MetersCommand::Define(Meter {
                name,
                event_type: "request".into(),
                value,
                aggregation,
                dimensions,
                window,
                allowed_lateness_s: 60,
                description: String::new(),
            })
        });
    prop_oneof![3 => define, 1 => name().prop_map(|name| MetersCommand::Remove { name })]
}

fn views() -> impl Strategy<Value = ViewsCommand> {
    let view = |name| View { name, query: "SELECT source, count(*) FROM events GROUP BY source".into() };
    prop_oneof![
        3 => name().prop_map(view).prop_map(ViewsCommand::Create),
        1 => name().prop_map(|name| ViewsCommand::Drop { name })
    ]
}

fn plans() -> impl Strategy<Value = PlansCommand> {
    (name(), proptest::collection::btree_map(name(), limit(), 0..3), calendar())
        .prop_map(|(name, limits, billing)| PlansCommand::Define { name, plan: Plan { limits, billing } })
}

fn rule() -> impl Strategy<Value = Rule> {
    let measure = prop_oneof![
        name().prop_map(|meter| Measure::Quota { meter }),
        name().prop_map(|meter| Measure::Total { meter }),
        name().prop_map(|meter| Measure::Silence { meter }),
        (0u32..3).prop_map(|every_s| Measure::Query { sql: "SELECT 1 AS value".into(), every_s }),
    ];
    let level = |severity| {
        (0..10i64, proptest::option::of(0..10i64)).prop_map(move |(at, until)| Level {
            severity,
            at: Units::whole(at),
            until: until.map(Units::whole),
        })
    };
    let levels = (level(Severity::Info), proptest::option::of(level(Severity::Critical)))
        .prop_map(|(first, second)| std::iter::once(first).chain(second).collect());
    let direction = select(vec![Direction::AtLeast, Direction::AtMost]);
    (measure, direction, levels, 0u32..3, 0u32..3).prop_map(|(measure, direction, levels, for_s, keep_firing_for_s)| {
        Rule {
            measure,
            direction,
            levels,
            for_s,
            keep_firing_for_s,
            plans: None,
            tenants: None,
            labels: [("team".to_owned(), "billing".to_owned())].into(),
            summary: Some("it is near".into()),
        }
    })
}

fn alerts() -> impl Strategy<Value = AlertsCommand> {
    let id = || {
        let by = select(vec![By::Platform, By::Tenant]);
        (by, name()).prop_map(|(by, name)| RuleId { by, name })
    };
    let seen = prop_oneof![
        6 => (0..10i64).prop_map(|value| {
            Seen::Value(Sighting { value: Units::whole(value), revision: value, watermark_us: 0 })
        }),
        1 => name().prop_map(Seen::Unmeasurable),
        1 => Just(Seen::Nothing),
        1 => Just(Seen::NotMeant),
    ];
    let observation = (id(), seen).prop_map(|(rule, seen)| Observation { rule, measure: None, seen });
    prop_oneof![
        2 => (name(), rule()).prop_map(|(name, rule)| AlertsCommand::Declare { name, rule }),
        1 => name().prop_map(|name| AlertsCommand::Remove { name }),
        6 => proptest::collection::vec(observation, 1..4).prop_map(AlertsCommand::Observe),
        2 => Just(AlertsCommand::Wake),
        1 => (id(), name()).prop_map(|(rule, note)| AlertsCommand::Acknowledge { rule, note }),
    ]
}

fn endpoints() -> impl Strategy<Value = EndpointsCommand> {
    let secret = || Secret::new([7; 32]);
    let spec = (name(), any::<bool>()).prop_map(|(host, ordered)| Endpoint {
        url: format!("https://{host}.example/"),
        events: ["alert.*".to_owned()].into(),
        headers: [("x-a".to_owned(), "b".to_owned())].into(),
        ordered,
    });
    let id = || (0..4u64, 0..2u16).prop_map(|(offset, index)| MessageId { offset, index });
    let ids = || proptest::collection::vec(id(), 0..3);
    let settled = (name(), ids(), any::<bool>(), ids(), any::<bool>(), proptest::option::of(id())).prop_map(
        |(name, taken, any_taken, failed, is_gone, behind)| {
            let failed = failed.into_iter().map(|message| (message, Some(5))).collect();
            Settled { name, taken, any_taken, failed, is_gone, behind }
        },
    );
    prop_oneof![
        3 => (name(), spec).prop_map(move |(name, spec)| {
            EndpointsCommand::Declare { name, spec, secret: Some(secret()) }
        }),
        1 => name().prop_map(|name| EndpointsCommand::Remove { name }),
        1 => (name(), 0..9u32).prop_map(move |(name, overlap_s)| {
            EndpointsCommand::Rotate { name, secret: secret(), overlap_s }
        }),
        1 => name().prop_map(|name| EndpointsCommand::Disable { name }),
        1 => name().prop_map(|name| EndpointsCommand::Enable { name }),
        6 => settled.prop_map(EndpointsCommand::Settle),
    ]
}
