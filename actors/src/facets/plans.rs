//! Plans: named limits and billing calendars that tenants share. A facet of the platform.
//!
//! Not here: which tenant is on which plan (`tenant`), prices.

use std::collections::BTreeMap;

use engine::calendar::{Calendar, CalendarError, Period};
use serde::{Deserialize, Serialize};

use super::quota::{Limits, QuotaRejection};
use crate::facet::{Context, Facet};

/// Name of the plan that a tenant is on if it was not put on another.
pub const DEFAULT_PLAN: &str = "default";

/// What tenants on it share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Limits of tenants that have none of their own, by meter.
    pub limits: Limits,
    /// Billing period.
    pub billing: Calendar,
}

impl Default for Plan {
    fn default() -> Self {
        Self { limits: Limits::new(), billing: Calendar { period: Period::Month, time_zone: "UTC".into() } }
    }
}

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plans {
    /// By name; `default` exists even when it is not here.
    pub plans: BTreeMap<String, Plan>,
}

impl Plans {
    /// The plan of that name; a name that is not known means the default plan.
    pub fn get(&self, name: &str) -> Plan {
        self.plans.get(name).or_else(|| self.plans.get(DEFAULT_PLAN)).cloned().unwrap_or_default()
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
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlansRejection {
    /// The name can't be used.
    #[error("field name: use 1 to 63 of a-z, 0-9 and _, not starting with a digit")]
    Name,
    /// A limit can't be used.
    #[error("limit of meter {meter}: {rejection}")]
    Limit {
        /// On which meter.
        meter: String,
        /// Why.
        rejection: QuotaRejection,
    },
    /// The billing calendar can't be used.
    #[error("field billing: {0}")]
    Calendar(CalendarError),
}

impl Facet for Plans {
    type Command = PlansCommand;
    type Change = PlansChange;
    type Rejection = PlansRejection;

    fn decide(&self, command: PlansCommand, context: Context<'_>) -> Result<Vec<PlansChange>, PlansRejection> {
        let PlansCommand::Define { name, plan } = command;
        if !engine::meter::is_sql_name(&name) {
            return Err(PlansRejection::Name);
        }
        for (meter, limit) in &plan.limits {
            limit
                .validate(meter, context.meters)
                .map_err(|rejection| PlansRejection::Limit { meter: meter.clone(), rejection })?;
        }
        plan.billing.periods().map_err(PlansRejection::Calendar)?;
        if self.plans.get(&name) == Some(&plan) {
            return Ok(Vec::new());
        }
        Ok(vec![PlansChange::Defined { name, plan }])
    }

    fn apply(&mut self, change: &PlansChange) {
        let PlansChange::Defined { name, plan } = change;
        self.plans.insert(name.clone(), plan.clone());
    }
}
