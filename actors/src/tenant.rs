//! A tenant's state: its facets, and the commands, changes and rejections over all of them, which one list gives.
//!
//! A new facet is a line at the end of the list: its place there is its number in the journal (I4). Pure like the facets
//! themselves. Not here: the actor around it (`shell`), the journal.

use std::collections::BTreeSet;

use engine::definition::Definition;
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Owner, Turn};
use crate::facets::keys::Keys;
use crate::facets::lifecycle::Lifecycle;
use crate::facets::meters::Meters;
use crate::facets::plan::OnPlan;
use crate::facets::plans::Plans;
use crate::facets::quota::Quota;
use crate::facets::views::Views;
use crate::refusal::{Refusal, RefusalKind, Refused};

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

macro_rules! facets {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $field:ident: $facet:ty;)*) => {
        /// Everything a tenant is.
        #[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct TenantState {
            $($(#[doc = $doc])+ pub $field: $facet,)*
        }

        /// What can be asked of a tenant.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Command {
            $($(#[doc = $doc])+ $variant(<$facet as Facet>::Command),)*
        }

        /// What happened to a tenant. Journaled for ever: variants are only ever added at the end.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Change {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant(<$facet as Facet>::Change),)*
        }

        /// Why a command changed nothing.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum Rejected {
            $($(#[doc = $doc])+ #[error(transparent)] $variant(#[from] <$facet as Facet>::Rejection),)*
            /// Other tenants have no such facet.
            #[error("only the platform has {0}")]
            PlatformOnly(&'static str),
        }

        impl TenantState {
            /// Decides, changing nothing.
            ///
            /// # Errors
            /// What the facet refuses, or [`Rejected::PlatformOnly`].
            pub fn decide(&self, command: Command, context: Context<'_>) -> Result<Vec<Change>, Rejected> {
                match command {
                    $(Command::$variant(command) => {
                        if <$facet>::OWNER == Owner::Platform && !context.is_platform {
                            return Err(Rejected::PlatformOnly(<$facet>::NAME));
                        }
                        let changes = self.$field.decide(command, context)?;
                        Ok(changes.into_iter().map(Change::$variant).collect())
                    })*
                }
            }

            /// Applies a change; cannot fail.
            pub fn apply(&mut self, change: &Change) {
                match change {
                    $(Change::$variant(change) => self.$field.apply(change),)*
                }
            }

            /// What has to follow changes of before and has not yet.
            pub fn owes(&self) -> BTreeSet<Effect> {
                let mut all = BTreeSet::new();
                $(all.extend(self.$field.owes());)*
                all
            }
        }

        impl Command {
            /// What the command defines, if it does: doors check that it can be computed before it is journaled.
            pub fn defines(&self) -> Option<Definition> {
                match self {
                    $(Self::$variant(command) => <$facet>::defines(command),)*
                }
            }

            /// Whose turn it has to wait for.
            pub(crate) fn turn(&self) -> Turn {
                match self {
                    $(Self::$variant(command) => <$facet>::turn(command),)*
                }
            }
        }

        impl Change {
            /// What has to follow.
            pub fn effects(&self) -> &'static [Effect] {
                match self {
                    $(Self::$variant(change) => <$facet>::effects(change),)*
                }
            }
        }

        impl Refused for Rejected {
            fn refusal(&self) -> Refusal {
                match self {
                    $(Self::$variant(rejection) => rejection.refusal(),)*
                    Self::PlatformOnly(_) => RefusalKind::Conflict.alone(),
                }
            }
        }
    };
}

facets! {
    /// Where it stands.
    Lifecycle = "lifecycle", lifecycle: Lifecycle;
    /// On which plan it is.
    Plan = "plan_set", plan: OnPlan;
    /// Its own limits.
    Quota = "quota", quota: Quota;
    /// Its API keys.
    Keys = "keys", keys: Keys;
    /// The platform's meters.
    Meters = "meters", meters: Meters;
    /// The platform's plans.
    Plans = "plans", plans: Plans;
    /// The platform's materialized views.
    Views = "views", views: Views;
}
