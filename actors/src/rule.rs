//! Alert rules: what is measured of a tenant, and which values are worth telling somebody.
//!
//! Pure. Not here: whose rules they are and what came of them (`facets::alerts`), measuring (`pipelines`, `server`).

use std::collections::{BTreeMap, BTreeSet};

use engine::meter::Meter;
use engine::units::Units;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, RefusalKind, Refused};

/// Longest `for_s` and `keep_firing_for_s`: thirty days.
pub const WAIT_S_MAX: u32 = 2_592_000;
/// Shortest and longest time between two runs of a rule's query, seconds.
pub const EVERY_S: (u32, u32) = (1, 86_400);
/// Shortest for a tenant's own rule.
pub const OWN_EVERY_S_MIN: u32 = 10;
/// Longest query of a rule, bytes.
pub const SQL_BYTES_MAX: usize = 16_384;
/// Most labels of a rule.
pub const LABELS_MAX: usize = 32;
/// Longest label name, label value and summary, bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// When an alert fires, for whom, and how severe it is.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What is measured.
    pub measure: Measure,
    /// Whether the value has to rise or to fall to a level.
    #[serde(default)]
    pub direction: Direction,
    /// The levels, the least severe first.
    pub levels: Vec<Level>,
    /// How long a level has to hold before the alert fires, seconds.
    #[serde(default)]
    pub for_s: u32,
    /// How long the alert goes on firing after the last level was left, seconds.
    #[serde(default)]
    pub keep_firing_for_s: u32,
    /// Only tenants on these plans; a rule of the platform holds for every tenant otherwise.
    #[serde(default)]
    pub plans: Option<BTreeSet<String>>,
    /// Only these tenants.
    #[serde(default)]
    pub tenants: Option<BTreeSet<String>>,
    /// What else is told of it, for whoever sorts alerts.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// One sentence for the person who is called.
    #[serde(default)]
    pub summary: Option<String>,
}

/// What is measured of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Measure {
    /// Percent of its allowance of a meter that a tenant has used in the current period. Tenants without an allowance are left
    /// out.
    Quota {
        /// Which meter.
        meter: String,
    },
    /// A tenant's total of a meter in the current billing period.
    Total {
        /// Which meter.
        meter: String,
    },
    /// Seconds since the newest event that a meter counted, by the event's own time. Tenants that never had one are left out.
    Silence {
        /// Which meter.
        meter: String,
    },
    /// The column `value` of an SQL query, run on a schedule. The column `tenant` says whose value it is; a tenant's own rule
    /// may leave it out. A tenant without a row reaches no level.
    Query {
        /// The query.
        sql: String,
        /// Seconds between two runs; 10 at least for a tenant's own rule.
        every_s: u32,
    },
}

/// Whether a value has to rise or to fall to a level.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A level holds when the value is at it or above.
    #[default]
    AtLeast,
    /// A level holds when the value is at it or below.
    AtMost,
}

/// A value that is worth telling.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// How bad it is.
    pub severity: Severity,
    /// The value at which the level is reached.
    pub at: Units,
    /// The value that has to be passed before the level is left again (hysteresis); `at` if absent.
    #[serde(default)]
    pub until: Option<Units>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it today.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl Severity {
    /// The name used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// A field that makes no sense.
    #[error("field {field}: must be {expect}")]
    OutOfRange {
        /// Which.
        field: String,
        /// What would be right.
        expect: &'static str,
    },
    /// There is no such meter.
    #[error("field measure: no meter is called {0:?}; define it first")]
    NoMeter(String),
    /// There can be no allowance of the meter.
    #[error("field measure: {meter} is a {aggregation} meter, and only count and sum meters have allowances")]
    NotAdditive {
        /// Which meter.
        meter: String,
        /// What it is.
        aggregation: &'static str,
    },
    /// A tenant's rule holds for itself.
    #[error("field {0}: only a rule of the platform can say for whom it holds")]
    PlatformOnly(&'static str),
}

impl Rule {
    /// Everything that is wrong with it.
    pub fn faults(&self, is_platform: bool, meters: &BTreeMap<String, Meter>) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        let mut refuse = |field: String, expect| faults.push(RuleFault::OutOfRange { field, expect });
        if self.levels.is_empty() {
            refuse("levels".into(), "one level or more");
        }
        for (at, pair) in self.levels.windows(2).enumerate() {
            if pair[0].severity >= pair[1].severity {
                refuse(format!("levels[{}].severity", at + 1), "more severe than the level before");
            }
            if !self.direction.holds(pair[1].at, pair[0].at) || pair[1].at == pair[0].at {
                refuse(format!("levels[{}].at", at + 1), "farther than the level before, in the rule's direction");
            }
        }
        for (at, level) in self.levels.iter().enumerate() {
            if level.until.is_some_and(|until| !self.direction.holds(level.at, until)) {
                refuse(format!("levels[{at}].until"), "on the near side of `at`: the level is left behind it");
            }
        }
        for (field, seconds) in [("for_s", self.for_s), ("keep_firing_for_s", self.keep_firing_for_s)] {
            if seconds > WAIT_S_MAX {
                refuse(field.into(), "at most 2592000 (30 days)");
            }
        }
        let is_long = |text: &String| text.len() > TEXT_BYTES_MAX;
        if self.labels.len() > LABELS_MAX || self.labels.iter().any(|(name, value)| is_long(name) || is_long(value)) {
            refuse("labels".into(), "at most 32 labels, names and values of at most 1024 bytes");
        }
        if self.summary.as_ref().is_some_and(is_long) {
            refuse("summary".into(), "at most 1024 bytes");
        }
        if let Measure::Query { sql, every_s } = &self.measure {
            if sql.trim().is_empty() || sql.len() > SQL_BYTES_MAX {
                refuse("measure.query.sql".into(), "a SELECT of at most 16384 bytes");
            }
            if !(EVERY_S.0..=EVERY_S.1).contains(every_s) {
                refuse("measure.query.every_s".into(), "1 to 86400");
            } else if !is_platform && *every_s < OWN_EVERY_S_MIN {
                refuse("measure.query.every_s".into(), "10 or more for a tenant's own rule");
            }
        }
        if let Some(name) = self.measure.meter() {
            match meters.get(name) {
                None => faults.push(RuleFault::NoMeter(name.to_owned())),
                Some(meter) if matches!(self.measure, Measure::Quota { .. }) && !meter.aggregation.is_additive() => {
                    let aggregation = meter.aggregation.name();
                    faults.push(RuleFault::NotAdditive { meter: name.to_owned(), aggregation });
                }
                Some(_) => {}
            }
        }
        if !is_platform {
            let confined = [("plans", self.plans.is_some()), ("tenants", self.tenants.is_some())];
            faults.extend(
                confined.into_iter().filter(|(_, is_given)| *is_given).map(|(f, _)| RuleFault::PlatformOnly(f)),
            );
        }
        faults
    }

    /// The severity of `value` for a tenant whose alert has `current` now: levels that hold, and those that are not left yet.
    pub fn severity(&self, value: Units, current: Option<Severity>) -> Option<Severity> {
        let holds = |level: &&Level| {
            let is_current = current.is_some_and(|current| level.severity <= current);
            let at = level.until.filter(|_| is_current).unwrap_or(level.at);
            self.direction.holds(value, at)
        };
        self.levels.iter().filter(holds).map(|level| level.severity).next_back()
    }

    /// Whether a rule of the platform is for the tenant.
    pub fn is_for(&self, tenant: &str, plan: &str) -> bool {
        self.plans.as_ref().is_none_or(|plans| plans.contains(plan))
            && self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }
}

impl Direction {
    /// Whether `value` is at `at`, or beyond it.
    pub fn holds(self, value: Units, at: Units) -> bool {
        match self {
            Self::AtLeast => value >= at,
            Self::AtMost => value <= at,
        }
    }
}

impl Measure {
    /// The meter that it reads, unless it is a query.
    pub fn meter(&self) -> Option<&str> {
        match self {
            Self::Quota { meter } | Self::Total { meter } | Self::Silence { meter } => Some(meter),
            Self::Query { .. } => None,
        }
    }

    /// The name used outside.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Quota { .. } => "quota",
            Self::Total { .. } => "total",
            Self::Silence { .. } => "silence",
            Self::Query { .. } => "query",
        }
    }
}

/// All of them, in words.
pub(crate) fn told(faults: &[RuleFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Refused for RuleFault {
    fn refusal(&self) -> Refusal {
        match self {
            Self::OutOfRange { field, .. } => RefusalKind::Invalid.of(field.clone(), "invalid"),
            Self::NoMeter(_) => RefusalKind::NotFound.of("measure", "unknown"),
            Self::NotAdditive { .. } => RefusalKind::Invalid.of("measure", "invalid"),
            Self::PlatformOnly(field) => RefusalKind::Invalid.of(*field, "invalid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(direction: Direction, levels: &[(Severity, i64, Option<i64>)]) -> Rule {
        let level = |&(severity, at, until): &(Severity, i64, Option<i64>)| Level {
            severity,
            at: Units::whole(at),
            until: until.map(Units::whole),
        };
        Rule {
            measure: Measure::Query { sql: "SELECT 1 AS value".into(), every_s: 60 },
            direction,
            levels: levels.iter().map(level).collect(),
            for_s: 0,
            keep_firing_for_s: 0,
            plans: None,
            tenants: None,
            labels: BTreeMap::new(),
            summary: None,
        }
    }

    #[test]
    fn a_level_holds_until_its_near_edge_is_passed() {
        use Severity::{Critical, Warning};
        let rule = rule(Direction::AtLeast, &[(Warning, 80, Some(70)), (Critical, 100, None)]);
        assert!(rule.faults(true, &BTreeMap::new()).is_empty());
        let seen = |value, current| rule.severity(Units::whole(value), current);
        assert_eq!(seen(79, None), None);
        assert_eq!(seen(80, None), Some(Warning));
        assert_eq!(seen(70, Some(Warning)), Some(Warning));
        assert_eq!(seen(69, Some(Warning)), None);
        assert_eq!(seen(100, Some(Warning)), Some(Critical));
        assert_eq!(seen(99, Some(Critical)), Some(Warning), "a level without `until` is left where it is reached");
        assert_eq!(seen(75, Some(Critical)), Some(Warning), "levels below the current one are held too");
    }

    #[test]
    fn levels_below_are_mirrored() {
        use Severity::{Info, Warning};
        let rule = rule(Direction::AtMost, &[(Info, 10, Some(12)), (Warning, 5, None)]);
        assert!(rule.faults(true, &BTreeMap::new()).is_empty());
        let seen = |value, current| rule.severity(Units::whole(value), current);
        assert_eq!((seen(11, None), seen(10, None), seen(5, None)), (None, Some(Info), Some(Warning)));
        assert_eq!((seen(12, Some(Info)), seen(13, Some(Info))), (Some(Info), None));
    }

    #[test]
    fn every_fault_is_told() {
        use Severity::{Info, Warning};
        let mut wrong = rule(Direction::AtLeast, &[(Warning, 80, Some(90)), (Info, 70, None)]);
        wrong.for_s = WAIT_S_MAX + 1;
        wrong.measure = Measure::Total { meter: "nothing".into() };
        wrong.plans = Some(BTreeSet::new());
        let told: Vec<_> = wrong.faults(false, &BTreeMap::new()).iter().map(ToString::to_string).collect();
        let about = |words: &str| told.iter().filter(|fault| fault.contains(words)).count();
        for words in ["levels[1].severity", "levels[1].at", "levels[0].until", "for_s", "nothing", "plans"] {
            assert_eq!(about(words), 1, "{words}: {told:?}");
        }
    }
}
