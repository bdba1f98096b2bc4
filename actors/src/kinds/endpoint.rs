//! Endpoints as a declared kind. A secret is made with a new one and is no part of what is declared.

use std::collections::BTreeMap;

use super::Kind;
use crate::endpoint::Secret;
use crate::facet::Owner;
use crate::facets::endpoints::{EndpointsChange, EndpointsCommand};
use crate::tenant::{Change, Command, TenantState};

/// See the module.
pub struct Endpoint;

impl Kind for Endpoint {
    const NAME: &'static str = "endpoint";
    const OWNER: Owner = Owner::Tenant;
    const IS_TENANTS_OWN: bool = true;
    type Spec = crate::endpoint::Endpoint;

    fn all(state: &TenantState) -> BTreeMap<String, Self::Spec> {
        state.endpoints().endpoints.iter().map(|(name, kept)| (name.clone(), kept.spec.clone())).collect()
    }

    fn declare(name: &str, spec: Self::Spec, is_new: bool) -> Vec<Command> {
        // Without random bytes there is no secret, and the facet refuses the endpoint.
        let secret = is_new.then(|| Secret::generate().ok()).flatten();
        vec![Command::Endpoints(EndpointsCommand::Declare { name: name.to_owned(), spec, secret })]
    }

    fn withdraw(name: &str) -> Command {
        Command::Endpoints(EndpointsCommand::Remove { name: name.to_owned() })
    }

    fn told(change: &Change) -> Option<(&str, Option<Self::Spec>)> {
        match change {
            Change::Endpoints(EndpointsChange::Declared { name, spec, .. }) => Some((name, Some(spec.clone()))),
            Change::Endpoints(EndpointsChange::Removed { name }) => Some((name, None)),
            _ => None,
        }
    }
}
