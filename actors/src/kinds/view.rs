//! Materialized views as a declared kind. One that changes is dropped and created anew.

use std::collections::BTreeMap;

use super::Kind;
use crate::facet::Owner;
use crate::facets::views::{ViewsChange, ViewsCommand};
use crate::tenant::{Change, Command, TenantState};

/// See the module.
pub struct View;

impl Kind for View {
    const NAME: &'static str = "view";
    const OWNER: Owner = Owner::Platform;
    const NAMES_ITSELF: bool = true;
    type Spec = engine::view::View;

    fn all(state: &TenantState) -> BTreeMap<String, Self::Spec> {
        state.views().views.iter().map(|(name, created)| (name.clone(), created.view.clone())).collect()
    }

    fn declare(name: &str, spec: Self::Spec, is_new: bool) -> Vec<Command> {
        let create = Command::Views(ViewsCommand::Create(spec));
        if is_new { vec![create] } else { vec![Self::withdraw(name), create] }
    }

    fn withdraw(name: &str) -> Command {
        Command::Views(ViewsCommand::Drop { name: name.to_owned() })
    }

    fn told(change: &Change) -> Option<(&str, Option<Self::Spec>)> {
        match change {
            Change::Views(ViewsChange::Created(created)) => Some((&created.view.name, Some(created.view.clone()))),
            Change::Views(ViewsChange::Dropped { name }) => Some((name, None)),
            _ => None,
        }
    }
}
