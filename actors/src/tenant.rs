//! A tenant's state: its facets, and the commands, changes and rejections over all of them, which one list gives.
//!
//! A new facet is a line in the list, with a number that no facet ever had: by it the journal knows its changes (I4). A tenant
//! keeps the facets that it uses and no others, and its next state shares all of them but the one that has changed. Pure like
//! the facets themselves. Not here: the actor around it (`shell`), the journal.

use std::any::{Any, TypeId};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use engine::definition::Definition;
use engine::log::Offset;
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Facets, Owner, Turn};
use crate::facets::alerts::Alerts;
use crate::facets::endpoints::Endpoints;
use crate::facets::keys::Keys;
use crate::facets::lifecycle::Lifecycle;
use crate::facets::meters::Meters;
use crate::facets::outbox::Outbox;
use crate::facets::plan::OnPlan;
use crate::facets::plans::Plans;
use crate::facets::quota::Quota;
use crate::facets::views::Views;
use crate::refusal::{Refusal, RefusalKind, Refused};
use crate::written::{ChangeError, Written};

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
    ($($(#[doc = $doc:literal])+ $number:literal $variant:ident = $name:literal, $field:ident: $facet:ty;)*) => {
        /// Everything a tenant is.
        #[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct TenantState {
            /// The facets that are not as they are in everybody, by number.
            used: Vec<Used>,
        }

        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        enum Used {
            $($variant(Arc<$facet>),)*
        }

        /// What can be asked of a tenant.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Command {
            $($(#[doc = $doc])+ $variant(<$facet as Facet>::Command),)*
        }

        /// What happened to a tenant.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

        /// Every facet there is: its number and its name in the journal, and whose it is.
        pub const FACETS: &[(u32, &str, Owner)] = &[$(($number, $name, <$facet>::OWNER),)*];

        impl Used {
            fn number(&self) -> u32 {
                match self {
                    $(Self::$variant(_) => $number,)*
                }
            }
        }

        impl TenantState {
            $(
                $(#[doc = $doc])+
                pub fn $field(&self) -> &$facet {
                    static UNUSED: LazyLock<$facet> = LazyLock::new(<$facet>::default);
                    let used = self.used.iter().find_map(|used| match used {
                        Used::$variant(facet) => Some(&**facet),
                        _ => None,
                    });
                    used.unwrap_or(&UNUSED)
                }
            )*

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
                        let changes = self.$field().decide(command, context)?;
                        Ok(changes.into_iter().map(Change::$variant).collect())
                    })*
                }
            }

            /// Applies a change; cannot fail.
            pub fn apply(&mut self, change: &Change) {
                match change {
                    $(Change::$variant(change) => {
                        let mut facet = match self.take($number) {
                            Some(Used::$variant(facet)) => facet,
                            _ => Arc::default(),
                        };
                        Arc::make_mut(&mut facet).apply(change);
                        if *facet != <$facet>::default() {
                            self.put(Used::$variant(facet));
                        }
                    })*
                }
            }

            /// Takes note of where in the journal a change stands that was just applied.
            pub(crate) fn place(&mut self, change: &Change, offset: Offset) {
                match change {
                    $(Change::$variant(change) if <$facet>::PLACES => {
                        if let Some(Used::$variant(mut facet)) = self.take($number) {
                            Arc::make_mut(&mut facet).place(change, offset);
                            self.put(Used::$variant(facet));
                        }
                    })*
                    _ => {}
                }
            }

            /// When it next wants to be asked, microseconds, and what.
            pub fn due(&self) -> Option<(i64, Command)> {
                let due = self.used.iter().filter_map(|used| match used {
                    $(Used::$variant(facet) => {
                        facet.due().map(|(at_us, command)| (at_us, Command::$variant(command)))
                    })*
                });
                due.min_by_key(|(at_us, _)| *at_us)
            }

            /// What has to follow changes of before and has not yet.
            pub fn owes(&self) -> BTreeSet<Effect> {
                let owed = self.used.iter().flat_map(|used| match used {
                    $(Used::$variant(facet) => facet.owes(),)*
                });
                owed.copied().collect()
            }
        }

        impl Facets for TenantState {
            fn find(&self, facet: TypeId) -> Option<&dyn Any> {
                self.used.iter().find_map(|used| match used {
                    $(Used::$variant(used) => (TypeId::of::<$facet>() == facet).then_some(&**used as &dyn Any),)*
                })
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

            /// What others are told of it, as the type of an event.
            pub fn event(&self) -> Option<&'static str> {
                match self {
                    $(Self::$variant(change) => <$facet>::event(change),)*
                }
            }

            /// The change as the journal keeps it.
            ///
            /// # Errors
            /// What can't be encoded, in words.
            pub(crate) fn written(&self) -> Result<Written, String> {
                match self {
                    $(Self::$variant(change) => Written::new::<$facet>($number, change),)*
                }
            }

            /// The change that the journal keeps.
            pub(crate) fn read(written: &Written) -> Result<Self, ChangeError> {
                match written.facet {
                    $($number => written.read::<$facet>().map(Self::$variant),)*
                    later => Err(ChangeError::Facet(later)),
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
    1 Lifecycle = "lifecycle", lifecycle: Lifecycle;
    /// On which plan it is.
    2 Plan = "plan_set", plan: OnPlan;
    /// Its own limits.
    3 Quota = "quota", quota: Quota;
    /// Its API keys.
    4 Keys = "keys", keys: Keys;
    /// The platform's meters.
    5 Meters = "meters", meters: Meters;
    /// The platform's plans.
    6 Plans = "plans", plans: Plans;
    /// The platform's materialized views.
    7 Views = "views", views: Views;
    /// Its alert rules, and what came of the platform's.
    8 Alerts = "alerts", alerts: Alerts;
    /// Where its messages go.
    9 Endpoints = "endpoints", endpoints: Endpoints;
    /// How far the platform has come with everybody's messages.
    10 Outbox = "outbox", outbox: Outbox;
}

impl TenantState {
    fn take(&mut self, number: u32) -> Option<Used> {
        let at = self.used.iter().position(|used| used.number() == number)?;
        Some(self.used.remove(at))
    }

    fn put(&mut self, facet: Used) {
        let at = self.used.partition_point(|used| used.number() < facet.number());
        // A million tenants have few facets each, and no room for more of them.
        self.used.reserve_exact(1);
        self.used.insert(at, facet);
    }
}
