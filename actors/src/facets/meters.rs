//! Meters: which there are. A facet of the platform. Not here: computing them.

use std::collections::BTreeMap;

use engine::definition::Definition;
use engine::meter::{Meter, MeterError};
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Effect, Facet, Owner, Turn};
use crate::refusal::{Refusal, RefusalKind, Refused, RefusedField, some};

/// Most meters a platform may define.
pub const METERS_MAX: usize = 256;

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meters {
    /// By name.
    pub meters: BTreeMap<String, Meter>,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetersCommand {
    /// Defines a meter, or changes it; either way its history is computed anew.
    Define(Meter),
    /// Removes a meter and its views.
    Remove {
        /// Which.
        name: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetersChange {
    /// Defined or changed.
    Defined(Meter),
    /// Removed.
    Removed {
        /// Which.
        name: String,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetersRejection {
    /// The definition is not one.
    #[error("{}", told(.0))]
    Invalid(Vec<MeterError>),
    /// There are too many.
    #[error("there are {METERS_MAX} meters already, which is the limit")]
    TooMany,
    /// There is no such meter.
    #[error("there is no meter {0}")]
    Unknown(String),
    /// There are limits on it, which could not be enforced any more.
    #[error("meter {meter} is limited by {}; {way_out}", some(.limited_by))]
    Limited {
        /// Which meter.
        meter: String,
        /// Whose limits these are.
        limited_by: Vec<String>,
        /// What can be done.
        way_out: &'static str,
    },
}

fn told(faults: &[MeterError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Refused for MetersRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Invalid(errors) => {
                let fields = errors.iter().map(|error| RefusedField::of(error.field.clone(), error.reason.clone()));
                Refusal { kind: RefusalKind::Invalid, fields: fields.collect() }
            }
            Self::Unknown(_) => RefusalKind::NotFound.alone(),
            Self::Limited { .. } => RefusalKind::Conflict.of("name", "limited"),
            Self::TooMany => RefusalKind::Conflict.alone(),
        }
    }
}

impl Facet for Meters {
    const NAME: &'static str = "meters";
    const OWNER: Owner = Owner::Platform;
    type Command = MetersCommand;
    type Change = MetersChange;
    type Rejection = MetersRejection;

    fn decide(&self, command: MetersCommand, context: Context<'_>) -> Result<Vec<MetersChange>, MetersRejection> {
        match command {
            MetersCommand::Define(meter) => {
                let faults = meter.faults();
                if !faults.is_empty() {
                    return Err(MetersRejection::Invalid(faults));
                }
                if !meter.aggregation.is_additive() {
                    let way_out = "only count and sum can be limited: keep one of them, or remove the limits first";
                    refuse_if_limited(&meter.name, context, way_out)?;
                }
                let known = self.meters.get(&meter.name);
                if known == Some(&meter) {
                    return Ok(Vec::new());
                }
                if known.is_none() && self.meters.len() >= METERS_MAX {
                    return Err(MetersRejection::TooMany);
                }
                Ok(vec![MetersChange::Defined(meter)])
            }
            MetersCommand::Remove { name } if self.meters.contains_key(&name) => {
                refuse_if_limited(&name, context, "remove the limits first")?;
                Ok(vec![MetersChange::Removed { name }])
            }
            MetersCommand::Remove { name } => Err(MetersRejection::Unknown(name)),
        }
    }

    fn apply(&mut self, change: &MetersChange) {
        match change {
            MetersChange::Defined(meter) => drop(self.meters.insert(meter.name.clone(), meter.clone())),
            MetersChange::Removed { name } => drop(self.meters.remove(name)),
        }
    }

    fn event(change: &MetersChange) -> Option<&'static str> {
        match change {
            MetersChange::Defined(_) => Some("meter.defined"),
            MetersChange::Removed { .. } => Some("meter.removed"),
        }
    }

    fn effects(_: &MetersChange) -> &'static [Effect] {
        &[Effect::Define]
    }

    fn turn(_: &MetersCommand) -> Turn {
        Turn::Changes
    }

    fn defines(command: &MetersCommand) -> Option<Definition> {
        match command {
            MetersCommand::Define(meter) => Some(meter.clone().into()),
            MetersCommand::Remove { .. } => None,
        }
    }
}

fn refuse_if_limited(meter: &str, context: Context<'_>, way_out: &'static str) -> Result<(), MetersRejection> {
    let limited_by = context.everybody.limiting(meter);
    if limited_by.is_empty() {
        return Ok(());
    }
    Err(MetersRejection::Limited { meter: meter.to_owned(), limited_by, way_out })
}
