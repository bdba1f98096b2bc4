//! Which facts are to be stated: where the tenants' journal says something else than the engine goes by.
//!
//! Read when the engine asks, so that what is stated last is what was journaled last. A node that stopped in between finds
//! the difference when it starts. Not here: what follows from a fact (the engine).

use std::collections::{BTreeMap, HashMap};

use actors::TenantsHandle;
use actors::facets::lifecycle::Status;
use actors::plan::DEFAULT_PLAN;
use engine::calendar::Calendar;
use engine::definition::Definition;
use engine::event::split::shard_of;
use engine::fact::{Billed, Fact};
use engine::snapshot::Snapshot;
use pipelines::metering::MeteringSnapshot;

/// Whose billing may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// One tenant's.
    Tenant(String),
    /// Anybody's.
    All,
}

/// Other definitions, if the platform's are others.
pub(super) fn defined(tenants: &TenantsHandle, shown: &Snapshot<MeteringSnapshot>) -> Vec<Fact> {
    let definitions = tenants.definitions();
    let by_key = |definitions: &mut dyn Iterator<Item = &Definition>| -> BTreeMap<String, Definition> {
        definitions.map(|definition| (definition.key().into_owned(), definition.clone())).collect()
    };
    let asked = by_key(&mut definitions.iter());
    match shown.shards.iter().all(|shard| by_key(&mut shard.state.definitions()) == asked) {
        true => Vec::new(),
        false => vec![Fact::Defined { definitions }],
    }
}

/// Other billing calendars, if plans say so.
pub(super) fn billed(tenants: &TenantsHandle, whose: &Whose, shown: &Snapshot<MeteringSnapshot>) -> Vec<Fact> {
    let mut calendars: HashMap<String, Calendar> = HashMap::new();
    let mut calendar_of = |plan: &str, of_plan: &dyn Fn() -> Calendar| match calendars.get(plan) {
        Some(calendar) => calendar.clone(),
        None => calendars.entry(plan.to_owned()).or_insert_with(of_plan).clone(),
    };
    let default = calendar_of(DEFAULT_PLAN, &|| tenants.plan(DEFAULT_PLAN).billing);
    let is_default = shown.shards.iter().all(|shard| *shard.state.default_calendar() == default);
    let mut billed = Billed { default: (!is_default).then(|| default.clone()), tenants: BTreeMap::new() };
    let shards = u16::try_from(shown.shards.len()).unwrap_or(u16::MAX);
    let mut look = |tenant: &str, state: &actors::TenantState| {
        if state.lifecycle().status == Status::Deleted {
            return;
        }
        let calendar = calendar_of(&state.plan().name, &|| tenants.plan_of(state).billing);
        let Some(shard) = shown.shards.get(usize::from(shard_of(tenant, shards))) else { return };
        let before = if shard.state.is_named(tenant) { shard.state.calendar(tenant) } else { &default };
        if *before != calendar {
            billed.tenants.insert(tenant.to_owned(), calendar);
        }
    };
    match whose {
        Whose::Tenant(tenant) if is_default => {
            if let Some(state) = tenants.state(tenant) {
                look(tenant, &state);
            }
        }
        _ => {
            tenants.directory().edition().iter().for_each(|(tenant, state)| look(tenant, state));
        }
    }
    match billed.default.is_none() && billed.tenants.is_empty() {
        true => Vec::new(),
        false => vec![Fact::Billed(billed)],
    }
}
