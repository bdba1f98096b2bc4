//! Which rules hold for a tenant: the platform's that are for it, and its own.

use std::collections::HashSet;
use std::sync::Arc;

use actors::facets::alerts::{Alerts, By, RuleId};
use actors::facets::lifecycle::Status;
use actors::rule::Rule;
use actors::{Edition, PLATFORM, TenantState};

/// A rule that holds for a tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding<'a> {
    /// Who declared it.
    pub(super) by: By,
    /// Its name.
    pub(super) name: &'a str,
    /// What it says.
    pub(super) rule: &'a Rule,
}

impl Holding<'_> {
    /// Which it is.
    pub(super) fn id(&self) -> RuleId {
        RuleId { by: self.by, name: self.name.to_owned() }
    }
}

/// The rules of `tenant`, which is in `edition` as `state`. The platform's own hold for others.
pub(super) fn of_tenant<'a>(
    edition: &'a Edition,
    tenant: &'a str,
    state: &'a TenantState,
) -> impl Iterator<Item = Holding<'a>> {
    let of = |by: By| move |(name, rule): (&'a String, &'a Rule)| Holding { by, name, rule };
    let lives = tenant != PLATFORM && state.lifecycle().status != Status::Deleted;
    let platform = edition.get(PLATFORM).map(|platform| platform.alerts()).into_iter();
    let common = platform.flat_map(|alerts| &alerts.rules).filter(|(_, rule)| rule.is_for(tenant, &state.plan().name));
    common.map(of(By::Platform)).chain(state.alerts().rules.iter().map(of(By::Tenant))).filter(move |_| lives)
}

/// Episodes of `alerts` whose rule does not hold any more: they end.
pub(super) fn left_over<'a>(alerts: &'a Alerts, holding: &HashSet<(By, &str)>) -> impl Iterator<Item = &'a RuleId> {
    alerts.episodes.keys().filter(|id| !holding.contains(&(id.by, id.name.as_str())))
}

/// Tenants that may not be the same in `before`; all if there was nothing before.
pub(super) fn changed<'a>(
    edition: &'a Edition,
    before: Option<&'a Edition>,
) -> Box<dyn Iterator<Item = (&'a Arc<str>, &'a Arc<TenantState>)> + 'a> {
    let Some(before) = before else { return Box::new(edition.iter()) };
    let others = edition.news(before).filter(|tenant| !edition.agrees(before, tenant));
    Box::new(others.filter_map(|tenant| Some((tenant, edition.get(tenant)?))))
}
