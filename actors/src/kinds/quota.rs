//! Tenants' own limits as a declared kind: a quota has its meter's name.

use std::collections::BTreeMap;

use super::Kind;
use crate::facet::Owner;
use crate::facets::quota::{QuotaChange, QuotaCommand};
use crate::limit::Limit;
use crate::tenant::{Change, Command, TenantState};

/// See the module.
pub struct Quota;

impl Kind for Quota {
    const NAME: &'static str = "quota";
    const OWNER: Owner = Owner::Tenant;
    type Spec = Limit;

    fn all(state: &TenantState) -> BTreeMap<String, Limit> {
        state.quota().limits.clone()
    }

    fn declare(name: &str, spec: Limit, _: bool) -> Vec<Command> {
        vec![Command::Quota(QuotaCommand::Set { meter: name.to_owned(), limit: spec })]
    }

    fn withdraw(name: &str) -> Command {
        Command::Quota(QuotaCommand::Remove { meter: name.to_owned() })
    }

    fn told(change: &Change) -> Option<(&str, Option<Limit>)> {
        match change {
            Change::Quota(QuotaChange::Set { meter, limit }) => Some((meter, Some(limit.clone()))),
            Change::Quota(QuotaChange::Removed { meter }) => Some((meter, None)),
            _ => None,
        }
    }
}
