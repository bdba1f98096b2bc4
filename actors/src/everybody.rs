//! What tenants rely on, as the directory tells it and as changes on their way would have it.
//!
//! Pure. Not here: the rules that ask (`facets`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::directory::Edition;
use crate::facet::Everybody;
use crate::facets::lifecycle::Status;
use crate::tenant::TenantState;

/// All tenants of an edition; those that are staged are taken as they are there.
pub(crate) struct All<'a> {
    pub(crate) edition: Arc<Edition>,
    pub(crate) staged: &'a BTreeMap<&'a str, TenantState>,
}

impl All<'_> {
    fn living(&self) -> impl Iterator<Item = (&str, &TenantState)> {
        let newest = |(tenant, state)| -> (&str, &TenantState) {
            let (tenant, state): (&Arc<str>, &Arc<TenantState>) = (tenant, state);
            (tenant, self.staged.get(&**tenant).unwrap_or(state))
        };
        self.edition.iter().map(newest).filter(|(_, state)| state.lifecycle().status != Status::Deleted)
    }
}

impl Everybody for All<'_> {
    fn limiting(&self, meter: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (tenant, state) in self.living() {
            if state.quota().limits.contains_key(meter) {
                names.push(format!("tenant {tenant}"));
            }
            let plans = state.plans().plans.iter().filter(|(_, plan)| plan.limits.contains_key(meter));
            names.extend(plans.map(|(plan, _)| format!("plan {plan}")));
        }
        names.sort_unstable();
        names
    }

    fn on_plan(&self, plan: &str) -> Vec<String> {
        let mut names: Vec<_> =
            self.living().filter(|(_, state)| state.plan().name == plan).map(|(tenant, _)| tenant.to_owned()).collect();
        names.sort_unstable();
        names
    }
}
