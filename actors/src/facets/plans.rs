//! Plans: named limits and billing calendars that tenants share. A facet of the platform.
//!
//! Not here: what a plan says (`crate::plan`), which tenant is on which (`plan`), prices.

use std::collections::BTreeMap;

use engine::calendar::CalendarError;
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Owner, Turn};
use crate::facets::meters::Meters;
use crate::limit::LimitRejection;
use crate::plan::{DEFAULT_PLAN, Plan};
use crate::refusal::{Refusal, RefusalKind, Refused, RefusedField, some};

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plans {
    /// By name; `default` exists even when it is not here.
    pub plans: BTreeMap<String, Plan>,
}

impl Plans {
    /// The plan of that name; a name that is not known means the default plan.
    pub fn get(&self, name: &str) -> Plan {
        self.find(name).cloned().unwrap_or_default()
    }

    /// The same; `None` if there is no default plan either, which is one without limits then.
    pub fn find(&self, name: &str) -> Option<&Plan> {
        self.plans.get(name).or_else(|| self.plans.get(DEFAULT_PLAN))
    }
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlansCommand {
    /// Defines a plan, or changes it for all tenants on it.
    Define {
        /// Its name.
        name: String,
        /// What it says.
        plan: Plan,
    },
    /// Removes a plan that nobody is on. The default plan is then what it is if nobody defines it.
    Remove {
        /// Its name.
        name: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlansChange {
    /// Defined or changed.
    Defined {
        /// Its name.
        name: String,
        /// What it says.
        plan: Plan,
    },
    /// Removed.
    Removed {
        /// Its name.
        name: String,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlansRejection {
    /// The name can't be used.
    #[error("field name: use 1 to 63 of a-z, 0-9 and _, not starting with a digit")]
    Name,
    /// Limits can't be used: on which meter, and why.
    #[error("{}", told(.0))]
    Limits(Vec<(String, LimitRejection)>),
    /// There is no such plan.
    #[error("there is no plan {0}")]
    Unknown(String),
    /// Somebody is on it.
    #[error("plan {plan} is that of tenant {}; put them on another plan first", some(.tenants))]
    Used {
        /// Which plan.
        plan: String,
        /// Who is on it.
        tenants: Vec<String>,
    },
    /// The billing calendar can't be used.
    #[error("field billing: {0}")]
    Calendar(CalendarError),
}

fn told(faults: &[(String, LimitRejection)]) -> String {
    faults.iter().map(|(meter, why)| format!("limit of meter {meter}: {why}")).collect::<Vec<_>>().join("; ")
}

impl Refused for PlansRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Name => RefusalKind::Invalid.of("name", "invalid"),
            Self::Limits(all) => Refusal {
                kind: RefusalKind::Invalid,
                fields: all
                    .iter()
                    .map(|(meter, why)| RefusedField::of(format!("limits.{meter}"), why.to_string()))
                    .collect(),
            },
            Self::Calendar(_) => RefusalKind::Invalid.of("billing", "invalid"),
            Self::Unknown(_) => RefusalKind::NotFound.alone(),
            Self::Used { .. } => RefusalKind::Conflict.of("name", "limited"),
        }
    }
}

impl Facet for Plans {
    const NAME: &'static str = "plans";
    const OWNER: Owner = Owner::Platform;
    type Command = PlansCommand;
    type Change = PlansChange;
    type Rejection = PlansRejection;

    fn decide(&self, command: PlansCommand, context: Context<'_>) -> Result<Vec<PlansChange>, PlansRejection> {
        let (name, plan) = match command {
            PlansCommand::Define { name, plan } => (name, plan),
            PlansCommand::Remove { name } if !self.plans.contains_key(&name) => {
                return Err(PlansRejection::Unknown(name));
            }
            PlansCommand::Remove { name } => {
                let tenants = if name == DEFAULT_PLAN { Vec::new() } else { context.everybody.on_plan(&name) };
                return match tenants.is_empty() {
                    true => Ok(vec![PlansChange::Removed { name }]),
                    false => Err(PlansRejection::Used { plan: name, tenants }),
                };
            }
        };
        if !engine::meter::is_sql_name(&name) {
            return Err(PlansRejection::Name);
        }
        let meters = context.platforms::<Meters>();
        let limits = plan.limits.iter().flat_map(|(meter, limit)| {
            limit.faults(meter, &meters.meters).into_iter().map(|rejection| (meter.clone(), rejection))
        });
        let faults: Vec<_> = limits.collect();
        if !faults.is_empty() {
            return Err(PlansRejection::Limits(faults));
        }
        plan.billing.periods().map_err(PlansRejection::Calendar)?;
        if self.plans.get(&name) == Some(&plan) {
            return Ok(Vec::new());
        }
        Ok(vec![PlansChange::Defined { name, plan }])
    }

    fn apply(&mut self, change: &PlansChange) {
        match change {
            PlansChange::Defined { name, plan } => drop(self.plans.insert(name.clone(), plan.clone())),
            PlansChange::Removed { name } => drop(self.plans.remove(name)),
        }
    }

    fn event(change: &PlansChange) -> Option<&'static str> {
        match change {
            PlansChange::Defined { .. } => Some("plan.defined"),
            PlansChange::Removed { .. } => Some("plan.removed"),
        }
    }

    fn effects(_: &PlansChange) -> &'static [Effect] {
        &[Effect::RegateAll, Effect::BillAll]
    }

    fn turn(command: &PlansCommand) -> Turn {
        match command {
            PlansCommand::Define { .. } => Turn::Reads,
            PlansCommand::Remove { .. } => Turn::Changes,
        }
    }
}
