//! Materialized views: which there are. A facet of the platform. Not here: computing them.

use std::collections::BTreeMap;

use engine::definition::Definition;
use engine::view::{View, ViewRefusal};
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Owner};
use crate::refusal::{Refusal, RefusalKind, Refused};

/// Most materialized views a platform may have.
pub const VIEWS_MAX: usize = 64;

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Views {
    /// By name.
    pub views: BTreeMap<String, Created>,
}

/// A view and when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The definition.
    pub view: View,
    /// The node's clock when it was created, microseconds.
    pub at_us: i64,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewsCommand {
    /// Makes a view; its history is computed.
    Create(View),
    /// Removes a view.
    Drop {
        /// Which.
        name: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewsChange {
    /// Made.
    Created(Created),
    /// Removed.
    Dropped {
        /// Which.
        name: String,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewsRejection {
    /// The definition is not one.
    #[error(transparent)]
    Invalid(#[from] ViewRefusal),
    /// There are too many.
    #[error("there are {VIEWS_MAX} materialized views already, which is the limit")]
    TooMany,
    /// The name is taken.
    #[error("there is a materialized view {0} already; drop it first, or give this one another name")]
    Exists(String),
    /// There is no such view.
    #[error("there is no materialized view {0}")]
    Unknown(String),
}

impl Refused for ViewsRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Invalid(_) => RefusalKind::Query.alone(),
            Self::Unknown(_) => RefusalKind::NotFound.alone(),
            Self::Exists(_) | Self::TooMany => RefusalKind::Conflict.alone(),
        }
    }
}

impl Facet for Views {
    const NAME: &'static str = "materialized views";
    const OWNER: Owner = Owner::Platform;
    type Command = ViewsCommand;
    type Change = ViewsChange;
    type Rejection = ViewsRejection;

    fn decide(&self, command: ViewsCommand, context: Context<'_>) -> Result<Vec<ViewsChange>, ViewsRejection> {
        match command {
            ViewsCommand::Create(view) => {
                view.validate()?;
                if self.views.contains_key(&view.name) {
                    return Err(ViewsRejection::Exists(view.name));
                }
                if self.views.len() >= VIEWS_MAX {
                    return Err(ViewsRejection::TooMany);
                }
                Ok(vec![ViewsChange::Created(Created { view, at_us: context.now_us })])
            }
            ViewsCommand::Drop { name } if self.views.contains_key(&name) => Ok(vec![ViewsChange::Dropped { name }]),
            ViewsCommand::Drop { name } => Err(ViewsRejection::Unknown(name)),
        }
    }

    fn apply(&mut self, change: &ViewsChange) {
        match change {
            ViewsChange::Created(created) => drop(self.views.insert(created.view.name.clone(), created.clone())),
            ViewsChange::Dropped { name } => drop(self.views.remove(name)),
        }
    }

    fn event(change: &ViewsChange) -> Option<&'static str> {
        match change {
            ViewsChange::Created(_) => Some("view.created"),
            ViewsChange::Dropped { .. } => Some("view.dropped"),
        }
    }

    fn effects(_: &ViewsChange) -> &'static [Effect] {
        &[Effect::Define]
    }

    fn defines(command: &ViewsCommand) -> Option<Definition> {
        match command {
            ViewsCommand::Create(view) => Some(view.clone().into()),
            ViewsCommand::Drop { .. } => None,
        }
    }
}
