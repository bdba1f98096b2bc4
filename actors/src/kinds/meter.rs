//! Meters as a declared kind.

use std::collections::BTreeMap;

use super::Kind;
use crate::facet::Owner;
use crate::facets::meters::{MetersChange, MetersCommand};
use crate::tenant::{Change, Command, TenantState};

/// See the module.
pub struct Meter;

impl Kind for Meter {
    const NAME: &'static str = "meter";
    const OWNER: Owner = Owner::Platform;
    const NAMES_ITSELF: bool = true;
    type Spec = engine::meter::Meter;

    fn all(state: &TenantState) -> BTreeMap<String, Self::Spec> {
        state.meters().meters.clone()
    }

    fn declare(_: &str, spec: Self::Spec, _: bool) -> Vec<Command> {
        vec![Command::Meters(MetersCommand::Define(spec))]
    }

    fn withdraw(name: &str) -> Command {
        Command::Meters(MetersCommand::Remove { name: name.to_owned() })
    }

    fn told(change: &Change) -> Option<(&str, Option<Self::Spec>)> {
        match change {
            Change::Meters(MetersChange::Defined(meter)) => Some((&meter.name, Some(meter.clone()))),
            Change::Meters(MetersChange::Removed { name }) => Some((name, None)),
            _ => None,
        }
    }
}
