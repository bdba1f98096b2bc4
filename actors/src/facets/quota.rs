//! Quota: how much a tenant may use, by meter: allowance per calendar period and rate; hard or soft.
//!
//! A tenant's own limit stands before its plan's. Not here: what a limit says (`crate::limit`), counting (the log's panes are the
//! counter, I7), and leases (`lease`), which live and die with a shard's epoch and are not journaled.

use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Owner, Turn};
use crate::facets::meters::Meters;
use crate::limit::{Limit, LimitRejection, Limits, told};
use crate::refusal::{Refusal, RefusalKind, Refused};

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The tenant's own limits; its plan's hold for meters that are not named here.
    pub limits: Limits,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaCommand {
    /// Sets the tenant's own limit of a meter.
    Set {
        /// Which meter.
        meter: String,
        /// How much.
        limit: Limit,
    },
    /// Removes it; the plan's holds again.
    Remove {
        /// Which meter.
        meter: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaChange {
    /// A limit holds.
    Set {
        /// Of which meter.
        meter: String,
        /// How much.
        limit: Limit,
    },
    /// No own limit any more.
    Removed {
        /// Of which meter.
        meter: String,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaRejection {
    /// The limit can't be used, for each of these reasons.
    #[error("{}", told(.0))]
    Limit(Vec<LimitRejection>),
    /// There is no such limit.
    #[error("the tenant has no limit of its own on meter {0}")]
    Unknown(String),
}

impl Refused for QuotaRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Limit(rejections) => Refusal::all(rejections),
            Self::Unknown(_) => RefusalKind::NotFound.alone(),
        }
    }
}

impl Facet for Quota {
    const NAME: &'static str = "limits";
    const OWNER: Owner = Owner::Tenant;
    type Command = QuotaCommand;
    type Change = QuotaChange;
    type Rejection = QuotaRejection;

    fn decide(&self, command: QuotaCommand, context: Context<'_>) -> Result<Vec<QuotaChange>, QuotaRejection> {
        match command {
            QuotaCommand::Set { meter, limit } => {
                let faults = limit.faults(&meter, &context.platforms::<Meters>().meters);
                if !faults.is_empty() {
                    return Err(QuotaRejection::Limit(faults));
                }
                if self.limits.get(&meter) == Some(&limit) {
                    return Ok(Vec::new());
                }
                Ok(vec![QuotaChange::Set { meter, limit }])
            }
            QuotaCommand::Remove { meter } if self.limits.contains_key(&meter) => {
                Ok(vec![QuotaChange::Removed { meter }])
            }
            QuotaCommand::Remove { meter } => Err(QuotaRejection::Unknown(meter)),
        }
    }

    fn apply(&mut self, change: &QuotaChange) {
        match change {
            QuotaChange::Set { meter, limit } => drop(self.limits.insert(meter.clone(), limit.clone())),
            QuotaChange::Removed { meter } => drop(self.limits.remove(meter)),
        }
    }

    fn event(change: &QuotaChange) -> Option<&'static str> {
        match change {
            QuotaChange::Set { .. } => Some("quota.set"),
            QuotaChange::Removed { .. } => Some("quota.removed"),
        }
    }

    fn effects(_: &QuotaChange) -> &'static [Effect] {
        &[Effect::Regate]
    }

    fn turn(command: &QuotaCommand) -> Turn {
        match command {
            QuotaCommand::Set { .. } => Turn::Reads,
            QuotaCommand::Remove { .. } => Turn::None,
        }
    }
}
