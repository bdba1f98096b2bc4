//! Limits on how much of a meter may be used: what they say, and which can be enforced.
//!
//! One that could not be enforced is refused: only what a meter adds up, event by event, can be limited. Values below zero give
//! back, and what is limited is the sum. Not here: whose they are (`facets::quota`, `plan`), counting and leases (`gate`).

use std::collections::BTreeMap;

use engine::calendar::{Calendar, CalendarError};
use engine::meter::{Aggregation, Meter};
use engine::units::{ONE, Units};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, RefusalKind, Refused};

/// Limits by meter.
pub type Limits = BTreeMap<String, Limit>;

/// How much of one meter may be used.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Limit {
    /// Units per calendar period.
    pub allowance: Option<Allowance>,
    /// Units per second.
    pub rate: Option<Rate>,
    /// Refuse what is beyond (hard), or let it in and show it (soft).
    pub hard: bool,
}

/// Units per calendar period.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Allowance {
    /// How many.
    pub units: Units,
    /// Per what.
    pub per: Calendar,
}

/// Units per second, by the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Rate {
    /// Sustained.
    pub units_per_s: Units,
    /// At once, after a silence.
    pub burst: Units,
}

/// Why a limit can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitRejection {
    /// Neither allowance nor rate.
    #[error("field limit: give an allowance, a rate, or both")]
    Empty,
    /// A number that makes no sense.
    #[error("field {field}: must be {expect}")]
    OutOfRange {
        /// Which.
        field: &'static str,
        /// What would be right.
        expect: &'static str,
    },
    /// The calendar can't be used.
    #[error("field allowance.per: {0}")]
    Calendar(CalendarError),
    /// There is no such meter.
    #[error("field meter: no meter is called {0:?}; define it first")]
    NoMeter(String),
    /// What an event adds to it is not known before the event is counted.
    #[error("field meter: {meter} is a {aggregation} meter, and only count and sum can be limited")]
    NotAdditive {
        /// Which meter.
        meter: String,
        /// What it is.
        aggregation: &'static str,
    },
}

impl Limit {
    /// Whether this can be enforced as a limit of `meter`, for tenants and plans alike.
    ///
    /// # Errors
    /// The first of [`Self::faults`].
    pub fn validate(&self, meter: &str, meters: &BTreeMap<String, Meter>) -> Result<(), LimitRejection> {
        self.faults(meter, meters).into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that keeps this from being enforced as a limit of `meter`.
    pub fn faults(&self, meter: &str, meters: &BTreeMap<String, Meter>) -> Vec<LimitRejection> {
        let Some(meter) = meters.get(meter) else { return vec![LimitRejection::NoMeter(meter.to_owned())] };
        let mut faults = Vec::new();
        let mut refuse = |field, expect| faults.push(LimitRejection::OutOfRange { field, expect });
        if let Some(Allowance { units, .. }) = &self.allowance
            && units.0 < 0
        {
            refuse("allowance.units", "zero or more");
        }
        if let Some(Rate { units_per_s, burst }) = &self.rate {
            if units_per_s.0 <= 0 {
                refuse("rate.units_per_s", "more than zero");
            }
            if burst.0 <= 0 {
                refuse("rate.burst", "more than zero");
            } else if burst.0 < ONE && meter.aggregation == Aggregation::Count {
                let least = "at least 1, which is what an event of a count meter weighs: below that none ever passes";
                refuse("rate.burst", least);
            }
        }
        if let Some(Err(error)) = self.allowance.as_ref().map(|allowance| allowance.per.periods()) {
            faults.push(LimitRejection::Calendar(error));
        }
        if self.allowance.is_none() && self.rate.is_none() {
            faults.push(LimitRejection::Empty);
        }
        if !meter.aggregation.is_additive() {
            let aggregation = meter.aggregation.name();
            faults.insert(0, LimitRejection::NotAdditive { meter: meter.name.clone(), aggregation });
        }
        faults
    }
}

/// All of them, in words.
pub(crate) fn told(rejections: &[LimitRejection]) -> String {
    rejections.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Refused for LimitRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::NoMeter(_) => RefusalKind::NotFound.of("meter", "unknown"),
            Self::NotAdditive { .. } => RefusalKind::Invalid.of("meter", "invalid"),
            Self::Empty => RefusalKind::Invalid.of("limit", "invalid"),
            Self::OutOfRange { field, .. } => RefusalKind::Invalid.of(*field, "invalid"),
            Self::Calendar(_) => RefusalKind::Invalid.of("allowance.per", "invalid"),
        }
    }
}
