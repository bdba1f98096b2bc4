//! The demonstration: a hundred tenants whose invocations are generated live, with meters, plans and quotas in force.
//!
//! The same main job as on real events: generated batches go through the same admission, durability and views as any. Not
//! here: generating (`datasets::generator`), what is printed (`cli`).

mod live;

use std::sync::Arc;

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scopes};
use actors::facets::meters::MetersCommand;
use actors::facets::plan::SetPlan;
use actors::facets::plans::PlansCommand;
use actors::limit::{Allowance, Limit, Limits};
use actors::plan::Plan;
use actors::scram::ScramVerifier;
use actors::{Command, CommandError, PLATFORM};
use datasets::generator::{Generator, GeneratorOptions, OptionsError, Tenant, plans};
use engine::calendar::{Calendar, Period};
use engine::units::Units;

use crate::node::{AdminError, Node};

pub use live::{Pulse, drive};

/// Under what the demonstration's changes are journaled.
const PRINCIPAL: &str = "demo";
/// The meter that plans limit.
const LIMITED_METER: &str = "invocations";

/// What there is to see: a title and the statement that shows it.
pub const REPORT: [(&str, &str); 4] = [
    (
        "Top tenants",
        "SELECT tenant, CAST(sum(value) AS BIGINT) AS invocations FROM meter_invocations \
         GROUP BY tenant ORDER BY invocations DESC, tenant LIMIT 10",
    ),
    (
        "Usage of the billing period, largest tenant",
        "SELECT tenant, meter, value, final FROM usage_total WHERE tenant = \
         (SELECT tenant FROM meter_invocations GROUP BY tenant ORDER BY sum(value) DESC, tenant LIMIT 1) ORDER BY meter",
    ),
    (
        "Quota rejections",
        "SELECT tenant, reason, field AS meter, count FROM rejections \
         WHERE reason IN ('quota_exceeded', 'rate_limited') ORDER BY count DESC, tenant LIMIT 10",
    ),
    (
        "Shards",
        "SELECT shard, epoch, \"offset\", admitted, lag, remembered_ids, watermark_lag_ms FROM engine_shards ORDER BY shard",
    ),
];

/// Statements worth trying.
pub const TRY: [&str; 3] = [
    "SELECT tenant, sum(value) AS invocations FROM meter_invocations GROUP BY tenant ORDER BY 2 DESC LIMIT 5",
    "SELECT meter, \"limit\", used, remaining FROM quotas ORDER BY remaining LIMIT 5",
    "SELECT window_start, value FROM usage WHERE meter = 'gb_seconds' ORDER BY window_start DESC LIMIT 5",
];

/// What the demonstration is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// How many tenants.
    pub tenants: u32,
    /// Events a second, on average.
    pub events_per_s: u32,
    /// The same seed, the same events.
    pub seed: u64,
    /// When events begin, before the node's now, seconds.
    pub begin_s_ago: u32,
}

/// A demonstration that is set up.
pub struct Demo {
    /// The events to come.
    pub generator: Generator,
    /// A key of the platform, which sees everything.
    pub platform_key: String,
    /// A tenant, the largest one, and its key, which sees that tenant only.
    pub tenant_key: (String, String),
}

/// Why there is no demonstration.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Numbers that make no sense.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A command of the set-up was refused.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Tenants could not be made.
    #[error(transparent)]
    Tenants(#[from] CommandError),
    /// The machine has no randomness for keys.
    #[error("no randomness: {0}")]
    Randomness(String),
}

/// Defines meters and plans, makes the tenants and two keys.
///
/// # Errors
/// If the options make no sense or the node refuses.
pub async fn prepare(node: &Arc<Node>, options: &DemoOptions) -> Result<Demo, DemoError> {
    let shape = GeneratorOptions {
        seed: options.seed,
        tenants: options.tenants,
        events_per_s: options.events_per_s,
        ..GeneratorOptions::default()
    };
    let start_us = node.clock.now_us() - i64::from(options.begin_s_ago) * 1_000_000;
    let generator = Generator::new(shape, start_us)?;
    define_meters(node).await?;
    define_plans(node).await?;

    let tenants: Vec<Tenant> = generator.tenants().collect();
    let names: Vec<String> = tenants.iter().map(|tenant| tenant.name.clone()).collect();
    node.tenants.create_many(&names, PRINCIPAL).await?;
    for tenant in &tenants {
        let command = Command::Plan(SetPlan { plan: tenant.plan.name.to_owned() });
        node.command(&tenant.name, command, PRINCIPAL).await?;
    }
    let platform_key = issue_key(node, PLATFORM).await?;
    let largest = names[0].clone();
    let tenant_key = (largest.clone(), issue_key(node, &largest).await?);
    Ok(Demo { generator, platform_key, tenant_key })
}

async fn define_meters(node: &Node) -> Result<(), DemoError> {
    let known = node.tenants.meters();
    for meter in datasets::invocation_meters() {
        if known.iter().all(|known| known.name != meter.name) {
            node.command(PLATFORM, Command::Meters(MetersCommand::Define(meter)), PRINCIPAL).await?;
        }
    }
    Ok(())
}

async fn define_plans(node: &Node) -> Result<(), DemoError> {
    for plan in plans::PLANS {
        let limits: Limits = plan
            .invocations_per_day
            .map(|units| {
                let per = Calendar { period: Period::Day, time_zone: "UTC".into() };
                let allowance = Some(Allowance { units: Units::whole(units as i64), per });
                (LIMITED_METER.to_owned(), Limit { allowance, rate: None, hard: true })
            })
            .into_iter()
            .collect();
        let plan_body = Plan { limits, ..Plan::default() };
        let command = Command::Plans(PlansCommand::Define { name: plan.name.to_owned(), plan: plan_body });
        node.command(PLATFORM, command, PRINCIPAL).await?;
    }
    Ok(())
}

/// Makes a key of all scopes; only its hash is kept (I12).
async fn issue_key(node: &Node, tenant: &str) -> Result<String, DemoError> {
    let (mut id, mut secret) = ([0; 8], [0; 32]);
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|error| DemoError::Randomness(error.to_string()));
    random(&mut id)?;
    random(&mut secret)?;
    let (ApiKey { id, hash }, text) = ApiKey::generate(id, secret);
    let create = KeysCommand::Create {
        id,
        hash,
        scram: ScramVerifier::derive(tenant, &text),
        scopes: Scopes::all(),
        label: PRINCIPAL.to_owned(),
        expires_at_us: None,
        tenants: None,
    };
    node.command(tenant, Command::Keys(create), PRINCIPAL).await?;
    Ok(text)
}
