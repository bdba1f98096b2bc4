//! Alert rules as a declared kind: the platform's hold for its tenants, a tenant's for itself.

use std::collections::BTreeMap;

use super::Kind;
use crate::facet::Owner;
use crate::facets::alerts::{AlertsChange, AlertsCommand};
use crate::rule::Rule;
use crate::tenant::{Change, Command, TenantState};

/// See the module.
pub struct Alert;

impl Kind for Alert {
    const NAME: &'static str = "alert";
    const OWNER: Owner = Owner::Tenant;
    const IS_TENANTS_OWN: bool = true;
    type Spec = Rule;

    fn all(state: &TenantState) -> BTreeMap<String, Rule> {
        state.alerts().rules.clone()
    }

    fn declare(name: &str, spec: Rule, _: bool) -> Vec<Command> {
        vec![Command::Alerts(AlertsCommand::Declare { name: name.to_owned(), rule: spec })]
    }

    fn withdraw(name: &str) -> Command {
        Command::Alerts(AlertsCommand::Remove { name: name.to_owned() })
    }

    fn told(change: &Change) -> Option<(&str, Option<Rule>)> {
        match change {
            Change::Alerts(AlertsChange::Declared { name, rule }) => Some((name, Some(Rule::clone(rule)))),
            Change::Alerts(AlertsChange::Removed { name }) => Some((name, None)),
            _ => None,
        }
    }
}
