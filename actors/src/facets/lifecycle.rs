//! Lifecycle: provisioned → active ⇄ suspended → offboarding → deleted.
//!
//! A tenant is deleted only when its data was exported, or when the operator waived that in so many words; erasure follows
//! deletion. Not here: the export itself, and what a status permits (the gate, the doors).

use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Owner};
use crate::refusal::{Refusal, RefusalKind, Refused};

/// Where a tenant stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Known, but not yet allowed anything.
    #[default]
    Provisioned,
    /// In use.
    Active,
    /// Its events are refused; it may still read.
    Suspended,
    /// On its way out: its events are refused, its data can be exported.
    Offboarding,
    /// Gone; the name stays taken, so that its history can't be mistaken for another's.
    Deleted,
}

impl Status {
    /// The name used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "provisioned",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Offboarding => "offboarding",
            Self::Deleted => "deleted",
        }
    }
}

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Where the tenant stands.
    pub status: Status,
    /// Microseconds; 0 before it was provisioned.
    pub created_at_us: i64,
    /// Why it was suspended or offboarded; empty otherwise.
    pub reason: String,
    /// Where its export lies, once there is one.
    pub exported_to: Option<String>,
    /// Whether its events and aggregates have been erased.
    pub erased: bool,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleCommand {
    /// Makes the tenant known.
    Provision,
    /// Allows it in, first or again.
    Activate,
    /// Keeps its events out.
    Suspend {
        /// For the audit trail.
        reason: String,
    },
    /// Starts its leaving.
    Offboard {
        /// For the audit trail.
        reason: String,
    },
    /// Says that its data was exported.
    RecordExport {
        /// Where to.
        location: String,
    },
    /// Ends it.
    Delete {
        /// Delete although nothing was exported.
        without_export: bool,
    },
    /// Says that its data was erased.
    RecordErasure,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleChange {
    /// Known since.
    Provisioned {
        /// Microseconds.
        at_us: i64,
    },
    /// Allowed in.
    Activated,
    /// Kept out.
    Suspended {
        /// Why.
        reason: String,
    },
    /// Leaving.
    Offboarding {
        /// Why.
        reason: String,
    },
    /// Exported.
    Exported {
        /// Where to.
        location: String,
    },
    /// Gone.
    Deleted,
    /// Erased.
    Erased,
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LifecycleRejection {
    /// The status does not allow it.
    #[error("a tenant that is {status} can't be {asked}", status = .status.as_str())]
    NotNow {
        /// Where it stands.
        status: Status,
        /// What was asked.
        asked: &'static str,
    },
    /// Data would be lost.
    #[error("nothing was exported; export first, or delete with without_export")]
    NotExported,
    /// The platform is always there.
    #[error("the platform has no lifecycle")]
    Platform,
}

impl Refused for LifecycleRejection {
    fn refusal(&self) -> Refusal {
        RefusalKind::Conflict.alone()
    }
}

impl Facet for Lifecycle {
    const NAME: &'static str = "a lifecycle";
    const OWNER: Owner = Owner::Tenant;
    type Command = LifecycleCommand;
    type Change = LifecycleChange;
    type Rejection = LifecycleRejection;

    fn decide(
        &self,
        command: LifecycleCommand,
        context: Context<'_>,
    ) -> Result<Vec<LifecycleChange>, LifecycleRejection> {
        use LifecycleCommand as C;
        use Status as S;
        if context.is_platform && self.created_at_us != 0 {
            return Err(LifecycleRejection::Platform);
        }
        let not_now = |asked| Err(LifecycleRejection::NotNow { status: self.status, asked });
        let change = match (self.status, command) {
            (S::Provisioned, C::Provision) if self.created_at_us == 0 => {
                LifecycleChange::Provisioned { at_us: context.now_us }
            }
            (_, C::Provision) => return not_now("provisioned again"),
            (S::Active, C::Activate) => return Ok(Vec::new()),
            (S::Provisioned | S::Suspended, C::Activate) => LifecycleChange::Activated,
            (_, C::Activate) => return not_now("activated"),
            (S::Suspended, C::Suspend { .. }) => return Ok(Vec::new()),
            (S::Provisioned | S::Active, C::Suspend { reason }) => LifecycleChange::Suspended { reason },
            (_, C::Suspend { .. }) => return not_now("suspended"),
            (S::Offboarding, C::Offboard { .. }) => return Ok(Vec::new()),
            (S::Deleted, C::Offboard { .. }) => return not_now("offboarded"),
            (_, C::Offboard { reason }) => LifecycleChange::Offboarding { reason },
            (S::Offboarding, C::RecordExport { location }) => LifecycleChange::Exported { location },
            (_, C::RecordExport { .. }) => return not_now("exported; offboard it first"),
            (S::Deleted, C::Delete { .. }) => return Ok(Vec::new()),
            (S::Offboarding, C::Delete { without_export }) => {
                if self.exported_to.is_none() && !without_export {
                    return Err(LifecycleRejection::NotExported);
                }
                LifecycleChange::Deleted
            }
            (_, C::Delete { .. }) => return not_now("deleted; offboard it first"),
            (S::Deleted, C::RecordErasure) if self.erased => return Ok(Vec::new()),
            (S::Deleted, C::RecordErasure) => LifecycleChange::Erased,
            (_, C::RecordErasure) => return not_now("erased; delete it first"),
        };
        Ok(vec![change])
    }

    fn apply(&mut self, change: &LifecycleChange) {
        match change {
            LifecycleChange::Provisioned { at_us } => self.created_at_us = *at_us,
            LifecycleChange::Activated => {
                self.status = Status::Active;
                self.reason.clear();
            }
            LifecycleChange::Suspended { reason } => {
                self.status = Status::Suspended;
                self.reason.clone_from(reason);
            }
            LifecycleChange::Offboarding { reason } => {
                self.status = Status::Offboarding;
                self.reason.clone_from(reason);
            }
            LifecycleChange::Exported { location } => self.exported_to = Some(location.clone()),
            LifecycleChange::Deleted => self.status = Status::Deleted,
            LifecycleChange::Erased => self.erased = true,
        }
    }

    fn event(change: &LifecycleChange) -> Option<&'static str> {
        match change {
            LifecycleChange::Provisioned { .. } => Some("tenant.provisioned"),
            LifecycleChange::Activated => Some("tenant.activated"),
            LifecycleChange::Suspended { .. } => Some("tenant.suspended"),
            LifecycleChange::Offboarding { .. } => Some("tenant.offboarding"),
            LifecycleChange::Exported { .. } => Some("tenant.exported"),
            LifecycleChange::Deleted => Some("tenant.deleted"),
            LifecycleChange::Erased => Some("tenant.erased"),
        }
    }

    fn effects(change: &LifecycleChange) -> &'static [Effect] {
        match change {
            LifecycleChange::Deleted => &[Effect::Regate, Effect::Erase],
            LifecycleChange::Exported { .. } | LifecycleChange::Erased => &[],
            _ => &[Effect::Regate],
        }
    }

    fn owes(&self) -> &'static [Effect] {
        if self.status == Status::Deleted && !self.erased { &[Effect::Erase] } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(commands: &[LifecycleCommand]) -> (Lifecycle, Option<LifecycleRejection>) {
        let mut state = Lifecycle::default();
        for command in commands {
            match state.decide(command.clone(), Context::at(7)) {
                Ok(changes) => changes.iter().for_each(|change| state.apply(change)),
                Err(rejection) => return (state, Some(rejection)),
            }
        }
        (state, None)
    }

    #[test]
    fn a_whole_life() {
        use LifecycleCommand as C;
        let reason = || "unpaid".to_owned();
        let (state, rejection) = run(&[
            C::Provision,
            C::Activate,
            C::Suspend { reason: reason() },
            C::Activate,
            C::Offboard { reason: reason() },
            C::RecordExport { location: "export.ndjson".into() },
            C::Delete { without_export: false },
            C::RecordErasure,
        ]);
        assert_eq!(rejection, None);
        assert_eq!((state.status, state.erased, state.created_at_us), (Status::Deleted, true, 7));
    }

    #[test]
    fn shortcuts_are_refused() {
        use LifecycleCommand as C;
        let refused = |commands: &[C]| run(commands).1.map(|rejection| rejection.to_string());
        let offboard = C::Offboard { reason: String::new() };
        assert_eq!(
            refused(&[C::Provision, C::Delete { without_export: true }]).as_deref(),
            Some("a tenant that is provisioned can't be deleted; offboard it first")
        );
        assert_eq!(
            refused(&[C::Provision, offboard.clone(), C::Delete { without_export: false }]).as_deref(),
            Some("nothing was exported; export first, or delete with without_export")
        );
        assert_eq!(
            refused(&[C::Provision, offboard, C::Activate]).as_deref(),
            Some("a tenant that is offboarding can't be activated")
        );
        assert!(refused(&[C::Provision, C::Provision]).is_some());
    }
}
