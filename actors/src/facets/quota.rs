//! Quota: how much a tenant may use, by meter: allowance per calendar period and rate; hard or soft.
//!
//! A tenant's own limit stands before its plan's. One that could not be enforced is refused: only what a meter adds up,
//! event by event, can be limited. Values below zero give back, and what is limited is the sum. Not here: counting (the log's panes are the counter, I7), and leases
//! (`lease`), which live and die with a shard's epoch and are not journaled.

use std::collections::BTreeMap;

use engine::calendar::{Calendar, CalendarError};
use engine::meter::{Aggregation, Meter};
use engine::units::{ONE, Units};
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Facet};

/// Limits by meter.
pub type Limits = BTreeMap<String, Limit>;

/// How much of one meter may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Units per calendar period.
    pub allowance: Option<Allowance>,
    /// Units per second.
    pub rate: Option<Rate>,
    /// Refuse what is beyond (hard), or let it in and show it (soft).
    pub hard: bool,
}

/// Units per calendar period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// How many.
    pub units: Units,
    /// Per what.
    pub per: Calendar,
}

/// Units per second, by the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Sustained.
    pub units_per_s: Units,
    /// At once, after a silence.
    pub burst: Units,
}

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The tenant's own limits; its plan's hold for meters that are not named here.
    pub limits: Limits,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaCommand {
    /// Sets the tenant's own limit of a meter.
    Set {
        /// Which meter.
        meter: String,
        /// How much.
        limit: Limit,
    },
    /// Removes it; the plan's holds again.
    Remove {
        /// Which meter.
        meter: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaChange {
    /// A limit holds.
    Set {
        /// Of which meter.
        meter: String,
        /// How much.
        limit: Limit,
    },
    /// No own limit any more.
    Removed {
        /// Of which meter.
        meter: String,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaRejection {
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
    /// There is no such limit.
    #[error("the tenant has no limit of its own on meter {0}")]
    Unknown(String),
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
    pub fn validate(&self, meter: &str, meters: &BTreeMap<String, Meter>) -> Result<(), QuotaRejection> {
        let Some(meter) = meters.get(meter) else { return Err(QuotaRejection::NoMeter(meter.to_owned())) };
        if !meter.aggregation.is_additive() {
            let aggregation = meter.aggregation.name();
            return Err(QuotaRejection::NotAdditive { meter: meter.name.clone(), aggregation });
        }
        if self.allowance.is_none() && self.rate.is_none() {
            return Err(QuotaRejection::Empty);
        }
        if let Some(allowance) = &self.allowance {
            if allowance.units.0 < 0 {
                return Err(QuotaRejection::OutOfRange { field: "allowance.units", expect: "zero or more" });
            }
            allowance.per.periods().map_err(QuotaRejection::Calendar)?;
        }
        match &self.rate {
            Some(rate) if rate.units_per_s.0 <= 0 => {
                Err(QuotaRejection::OutOfRange { field: "rate.units_per_s", expect: "more than zero" })
            }
            Some(rate) if rate.burst.0 <= 0 => {
                Err(QuotaRejection::OutOfRange { field: "rate.burst", expect: "more than zero" })
            }
            Some(rate) if rate.burst.0 < ONE && meter.aggregation == Aggregation::Count => {
                let expect = "at least 1, which is what an event of a count meter weighs: below that none ever passes";
                Err(QuotaRejection::OutOfRange { field: "rate.burst", expect })
            }
            _ => Ok(()),
        }
    }
}

impl Facet for Quota {
    type Command = QuotaCommand;
    type Change = QuotaChange;
    type Rejection = QuotaRejection;

    fn decide(&self, command: QuotaCommand, context: Context<'_>) -> Result<Vec<QuotaChange>, QuotaRejection> {
        match command {
            QuotaCommand::Set { meter, limit } => {
                limit.validate(&meter, context.meters)?;
                if self.limits.get(&meter) == Some(&limit) {
                    return Ok(Vec::new());
                }
                Ok(vec![QuotaChange::Set { meter, limit }])
            }
            QuotaCommand::Remove { meter } if self.limits.contains_key(&meter) => {
                Ok(vec![QuotaChange::Removed { meter }])
            }
            QuotaCommand::Remove { meter } => Err(QuotaRejection::Unknown(meter)),
        }
    }

    fn apply(&mut self, change: &QuotaChange) {
        match change {
            QuotaChange::Set { meter, limit } => drop(self.limits.insert(meter.clone(), limit.clone())),
            QuotaChange::Removed { meter } => drop(self.limits.remove(meter)),
        }
    }
}
