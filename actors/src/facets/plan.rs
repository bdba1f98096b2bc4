//! Plan: which of the platform's plans a tenant is on. Not here: what plans say (`crate::plan`), which there are (`plans`).

use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Owner, Turn};
use crate::facets::plans::Plans;
use crate::plan::DEFAULT_PLAN;
use crate::refusal::{Refusal, RefusalKind, Refused, RefusedField};

/// State of the facet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPlan {
    /// Name of the plan.
    pub name: String,
}

impl Default for OnPlan {
    fn default() -> Self {
        Self { name: DEFAULT_PLAN.to_owned() }
    }
}

/// What can be asked: to be put on a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPlan {
    /// Name of the plan.
    pub plan: String,
}

/// What happened: it is on another plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSet {
    /// Name of the plan.
    pub plan: String,
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanRejection {
    /// A plan that is not defined would silently be the default one.
    #[error("no plan is called {0:?}")]
    Unknown(String),
}

impl Refused for PlanRejection {
    fn refusal(&self) -> Refusal {
        let detail = Some("define it first".to_owned());
        let field = RefusedField { name: "plan".to_owned(), reason: "unknown", detail };
        Refusal { kind: RefusalKind::NotFound, fields: vec![field] }
    }
}

impl Facet for OnPlan {
    const NAME: &'static str = "a plan";
    const OWNER: Owner = Owner::Tenant;
    type Command = SetPlan;
    type Change = PlanSet;
    type Rejection = PlanRejection;

    fn decide(&self, SetPlan { plan }: SetPlan, context: Context<'_>) -> Result<Vec<PlanSet>, PlanRejection> {
        if plan != DEFAULT_PLAN && !context.platforms::<Plans>().plans.contains_key(&plan) {
            return Err(PlanRejection::Unknown(plan));
        }
        if plan == self.name {
            return Ok(Vec::new());
        }
        Ok(vec![PlanSet { plan }])
    }

    fn apply(&mut self, PlanSet { plan }: &PlanSet) {
        self.name.clone_from(plan);
    }

    fn event(_: &PlanSet) -> Option<&'static str> {
        Some("tenant.plan_set")
    }

    fn effects(_: &PlanSet) -> &'static [Effect] {
        &[Effect::Regate, Effect::Bill]
    }

    fn turn(_: &SetPlan) -> Turn {
        Turn::Reads
    }
}
