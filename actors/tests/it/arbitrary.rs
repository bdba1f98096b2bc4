//! Random commands over all facets, good and bad ones, few enough names that they meet.

use std::sync::LazyLock;

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scope, Scopes};
use actors::facets::lifecycle::LifecycleCommand;
use actors::facets::meters::MetersCommand;
use actors::facets::plan::SetPlan;
use actors::facets::plans::PlansCommand;
use actors::facets::quota::QuotaCommand;
use actors::facets::views::ViewsCommand;
use actors::limit::{Allowance, Limit, Rate};
use actors::plan::Plan;
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
