//! What a plan says. Not here: which plans there are (`facets::plans`), which tenant is on which (`facets::plan`).

use engine::calendar::{Calendar, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limit::Limits;

/// Name of the plan that a tenant is on if it was not put on another.
pub const DEFAULT_PLAN: &str = "default";

/// What tenants on it share.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
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
