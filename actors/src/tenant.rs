//! A tenant's state: the struct of its facets, and the commands, changes and rejections over all of them.
//!
//! Pure like the facets themselves. Not here: the actor around it (`shell`), the journal.

use engine::definition::Definition;
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Facet};
use crate::facets::keys::{Keys, KeysChange, KeysCommand, KeysRejection};
use crate::facets::lifecycle::{Lifecycle, LifecycleChange, LifecycleCommand, LifecycleRejection};
use crate::facets::meters::{Meters, MetersChange, MetersCommand, MetersRejection};
use crate::facets::plans::{DEFAULT_PLAN, Plans, PlansChange, PlansCommand, PlansRejection};
use crate::facets::quota::{Quota, QuotaChange, QuotaCommand, QuotaRejection};
use crate::facets::views::{Views, ViewsChange, ViewsCommand, ViewsRejection};

/// The tenant that is the platform itself: it owns meters, views and plans, and its keys see all tenants.
pub const PLATFORM: &str = "platform";
/// Longest name of a tenant, in bytes.
pub const TENANT_BYTES_MAX: usize = 128;

/// Whether `name` can be a tenant's: 1 to 128 of `A-Z a-z 0-9 . _ -`, not starting with a point.
pub fn is_tenant_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=TENANT_BYTES_MAX).contains(&bytes.len())
        && bytes[0] != b'.'
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether a new tenant may be called `name`: a tenant's name that nobody takes for the platform's.
pub fn is_free_name(name: &str) -> bool {
    is_tenant_name(name) && (name == PLATFORM || !name.eq_ignore_ascii_case(PLATFORM))
}

/// Everything a tenant is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantState {
    /// Where it stands.
    pub lifecycle: Lifecycle,
    /// Name of its plan.
    pub plan: String,
    /// Its own limits.
    pub quota: Quota,
    /// Its API keys.
    pub keys: Keys,
    /// The platform's meters; empty for other tenants.
    pub meters: Meters,
    /// The platform's plans; empty for other tenants.
    pub plans: Plans,
    /// The platform's materialized views; empty for other tenants.
    pub views: Views,
}

impl Default for TenantState {
    fn default() -> Self {
        Self {
            lifecycle: Lifecycle::default(),
            plan: DEFAULT_PLAN.to_owned(),
            quota: Quota::default(),
            keys: Keys::default(),
            meters: Meters::default(),
            plans: Plans::default(),
            views: Views::default(),
        }
    }
}

/// What can be asked of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Of its lifecycle.
    Lifecycle(LifecycleCommand),
    /// Puts it on a plan.
    SetPlan {
        /// Name of the plan.
        plan: String,
    },
    /// Of its limits.
    Quota(QuotaCommand),
    /// Of its keys.
    Keys(KeysCommand),
    /// Of the platform's meters.
    Meters(MetersCommand),
    /// Of the platform's plans.
    Plans(PlansCommand),
    /// Of the platform's materialized views.
    Views(ViewsCommand),
}

/// What happened to a tenant. Journaled for ever: variants are only ever added at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// To its lifecycle.
    Lifecycle(LifecycleChange),
    /// It is on another plan.
    PlanSet {
        /// Name of the plan.
        plan: String,
    },
    /// To its limits.
    Quota(QuotaChange),
    /// To its keys.
    Keys(KeysChange),
    /// To the platform's meters.
    Meters(MetersChange),
    /// To the platform's plans.
    Plans(PlansChange),
    /// To the platform's materialized views.
    Views(ViewsChange),
}

/// Why a command changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// By the lifecycle.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleRejection),
    /// By the limits.
    #[error(transparent)]
    Quota(#[from] QuotaRejection),
    /// By the keys.
    #[error(transparent)]
    Keys(#[from] KeysRejection),
    /// By the meters.
    #[error(transparent)]
    Meters(#[from] MetersRejection),
    /// By the plans.
    #[error(transparent)]
    Plans(#[from] PlansRejection),
    /// By the materialized views.
    #[error(transparent)]
    Views(#[from] ViewsRejection),
    /// Meters, views, plans and keys for several tenants are the platform's.
    #[error("only the platform has {0}")]
    PlatformOnly(&'static str),
    /// The platform is always there.
    #[error("the platform has no lifecycle")]
    PlatformLifecycle,
}

impl TenantState {
    /// Decides, changing nothing. `platform`: whether this is the platform's state.
    pub fn decide(&self, command: Command, context: Context<'_>, platform: bool) -> Result<Vec<Change>, Rejected> {
        fn all<T>(changes: Vec<T>, wrap: fn(T) -> Change) -> Vec<Change> {
            changes.into_iter().map(wrap).collect()
        }
        Ok(match command {
            Command::Lifecycle(_) if platform && self.lifecycle.created_at_us != 0 => {
                return Err(Rejected::PlatformLifecycle);
            }
            Command::Lifecycle(command) => all(self.lifecycle.decide(command, context)?, Change::Lifecycle),
            Command::SetPlan { plan } if plan == self.plan => Vec::new(),
            Command::SetPlan { plan } => vec![Change::PlanSet { plan }],
            Command::Quota(command) => all(self.quota.decide(command, context)?, Change::Quota),
            Command::Keys(KeysCommand::Create { tenants: Some(_), .. }) if !platform => {
                return Err(Rejected::PlatformOnly("keys for several tenants"));
            }
            Command::Keys(command) => all(self.keys.decide(command, context)?, Change::Keys),
            Command::Meters(_) if !platform => return Err(Rejected::PlatformOnly("meters")),
            Command::Meters(command) => all(self.meters.decide(command, context)?, Change::Meters),
            Command::Plans(_) if !platform => return Err(Rejected::PlatformOnly("plans")),
            Command::Plans(command) => all(self.plans.decide(command, context)?, Change::Plans),
            Command::Views(_) if !platform => return Err(Rejected::PlatformOnly("materialized views")),
            Command::Views(command) => all(self.views.decide(command, context)?, Change::Views),
        })
    }

    /// Applies a change; cannot fail.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Lifecycle(change) => self.lifecycle.apply(change),
            Change::PlanSet { plan } => self.plan.clone_from(plan),
            Change::Quota(change) => self.quota.apply(change),
            Change::Keys(change) => self.keys.apply(change),
            Change::Meters(change) => self.meters.apply(change),
            Change::Plans(change) => self.plans.apply(change),
            Change::Views(change) => self.views.apply(change),
        }
    }
}

impl Command {
    /// What the command defines, if it does: doors check that it can be computed before it is journaled.
    pub fn defines(&self) -> Option<Definition> {
        match self {
            Self::Meters(MetersCommand::Define(meter)) => Some(meter.clone().into()),
            Self::Views(ViewsCommand::Create(view)) => Some(view.clone().into()),
            _ => None,
        }
    }

    /// The meter that the command takes away or makes one that can't be limited.
    pub(crate) fn unlimits(&self) -> Option<&str> {
        match self {
            Self::Meters(MetersCommand::Define(meter)) if !meter.aggregation.is_additive() => Some(&meter.name),
            Self::Meters(MetersCommand::Remove { name }) => Some(name),
            _ => None,
        }
    }
}
