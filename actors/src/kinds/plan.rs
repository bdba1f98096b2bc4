//! Plans as a declared kind.

use std::collections::BTreeMap;

use super::Kind;
use crate::facet::Owner;
use crate::facets::plans::{PlansChange, PlansCommand};
use crate::tenant::{Change, Command, TenantState};

/// See the module.
pub struct Plan;

impl Kind for Plan {
    const NAME: &'static str = "plan";
    const OWNER: Owner = Owner::Platform;
    type Spec = crate::plan::Plan;

    fn all(state: &TenantState) -> BTreeMap<String, Self::Spec> {
        state.plans().plans.clone()
    }

    fn declare(name: &str, spec: Self::Spec, _: bool) -> Vec<Command> {
        vec![Command::Plans(PlansCommand::Define { name: name.to_owned(), plan: spec })]
    }

    fn withdraw(name: &str) -> Command {
        Command::Plans(PlansCommand::Remove { name: name.to_owned() })
    }

    fn told(change: &Change) -> Option<(&str, Option<Self::Spec>)> {
        match change {
            Change::Plans(PlansChange::Defined { name, plan }) => Some((name, Some(plan.clone()))),
            Change::Plans(PlansChange::Removed { name }) => Some((name, None)),
            _ => None,
        }
    }
}
