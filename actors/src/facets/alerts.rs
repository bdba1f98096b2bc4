//! Alerts: the rules that a tenant has declared, and the episodes that are under way for it.
//!
//! An episode begins when a value reaches a level and ends when it has left all of them. It is told about only at its edges: the
//! same value again changes nothing, so whoever measures may repeat itself (I2). Waiting is the episode's own state: [`due`]
//! says when it next wants to be asked, and nothing else is stored of timers. Episodes of the platform's rules are each
//! tenant's own. Not here: what a rule says (`crate::rule`), where edges
//! are ([`episode`]), measuring, telling anybody.
//!
//! [`due`]: Facet::due

mod episode;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facet::{Context, Facet, Owner};
use crate::facets::meters::Meters;
use crate::refusal::{Refusal, RefusalKind, Refused};
use crate::rule::{Measure, Rule, RuleFault, told};

pub use episode::{By, Edge, Episode, Phase, RuleId, Seen, Sighting};

/// Most rules a tenant, or the platform, may have.
pub const RULES_MAX: usize = 1000;

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    /// What was declared, by name.
    pub rules: BTreeMap<String, Rule>,
    /// What is under way, by rule.
    pub episodes: BTreeMap<RuleId, Episode>,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertsCommand {
    /// Declares a rule, or another one in its place.
    Declare {
        /// Its name.
        name: String,
        /// What it says.
        rule: Rule,
    },
    /// Removes a rule; its episodes end.
    Remove {
        /// Which.
        name: String,
    },
    /// Says what was measured.
    Observe(Vec<Observation>),
    /// Says that it is time.
    Wake,
    /// Says that somebody has seen an alert that fires.
    Acknowledge {
        /// Of which rule.
        rule: RuleId,
        /// For the audit trail.
        note: String,
    },
}

/// What was measured for one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Which.
    pub rule: RuleId,
    /// By what it was measured. One that was declared otherwise meanwhile takes no values of its old measure.
    pub measure: Option<Measure>,
    /// What.
    pub seen: Seen,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertsChange {
    /// A rule holds.
    Declared {
        /// Its name.
        name: String,
        /// What it says.
        rule: Box<Rule>,
    },
    /// A rule is gone.
    Removed {
        /// Which.
        name: String,
    },
    /// An alert came to an edge.
    Edge {
        /// Of which rule.
        rule: RuleId,
        /// Which edge.
        edge: Edge,
        /// The episode as it is behind the edge, or was before its end.
        episode: Box<Episode>,
        /// What was said of it.
        note: Option<String>,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertsRejection {
    /// The name can't be a rule's.
    #[error("field name: must be 1 to 128 of A-Z, a-z, 0-9, '.', '_' and '-', not starting with '.'")]
    Name,
    /// The rule can't be used, for each of these reasons.
    #[error("{}", told(.0))]
    Rule(Vec<RuleFault>),
    /// There are too many.
    #[error("there are {RULES_MAX} alert rules already, which is the limit")]
    TooMany,
    /// There is no such rule.
    #[error("there is no alert rule {0}")]
    Unknown(String),
    /// Its alert does not fire.
    #[error("the alert {0} does not fire for this tenant")]
    NotFiring(String),
}

impl Refused for AlertsRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Name => RefusalKind::Invalid.of("name", "invalid"),
            Self::Rule(faults) => Refusal::all(faults),
            Self::TooMany | Self::NotFiring(_) => RefusalKind::Conflict.alone(),
            Self::Unknown(_) => RefusalKind::NotFound.alone(),
        }
    }
}

impl Facet for Alerts {
    const NAME: &'static str = "alerts";
    const OWNER: Owner = Owner::Tenant;
    type Command = AlertsCommand;
    type Change = AlertsChange;
    type Rejection = AlertsRejection;

    fn decide(&self, command: AlertsCommand, context: Context<'_>) -> Result<Vec<AlertsChange>, AlertsRejection> {
        match command {
            AlertsCommand::Declare { name, rule } => self.declare(name, rule, context),
            AlertsCommand::Remove { name } => match self.rules.contains_key(&name) {
                true => Ok(vec![AlertsChange::Removed { name }]),
                false => Err(AlertsRejection::Unknown(name)),
            },
            AlertsCommand::Observe(observations) => {
                let platform = context.platforms::<Self>();
                let edge = |Observation { rule: id, measure, seen }: Observation| {
                    let rule = self.rule(&id, &platform);
                    if rule.zip(measure).is_some_and(|(rule, measure)| rule.measure != measure) {
                        return None;
                    }
                    self.edge(&id, rule, &seen, context.now_us)
                };
                Ok(observations.into_iter().filter_map(edge).collect())
            }
            AlertsCommand::Wake => {
                let overdue = |(id, episode): (&RuleId, &Episode)| episode.overdue(id, context.now_us);
                Ok(self.episodes.iter().filter_map(overdue).collect())
            }
            AlertsCommand::Acknowledge { rule, note } => match self.episodes.get(&rule) {
                Some(episode) if episode.fires() => {
                    Ok(episode.acknowledged(&rule, context.now_us, note).into_iter().collect())
                }
                _ => Err(AlertsRejection::NotFiring(rule.name)),
            },
        }
    }

    fn apply(&mut self, change: &AlertsChange) {
        match change {
            AlertsChange::Declared { name, rule } => drop(self.rules.insert(name.clone(), Rule::clone(rule))),
            AlertsChange::Removed { name } => drop(self.rules.remove(name)),
            AlertsChange::Edge { rule, edge, .. } if edge.is_end() => drop(self.episodes.remove(rule)),
            AlertsChange::Edge { rule, episode, .. } => {
                drop(self.episodes.insert(rule.clone(), Episode::clone(episode)));
            }
        }
    }

    fn event(change: &AlertsChange) -> Option<&'static str> {
        match change {
            AlertsChange::Declared { .. } => Some("alert_rule.declared"),
            AlertsChange::Removed { .. } => Some("alert_rule.removed"),
            AlertsChange::Edge { edge, .. } => Some(edge.event()),
        }
    }

    fn due(&self) -> Option<(i64, AlertsCommand)> {
        self.episodes.values().filter_map(Episode::due_us).min().map(|due_us| (due_us, AlertsCommand::Wake))
    }
}

impl Alerts {
    fn declare(&self, name: String, rule: Rule, context: Context<'_>) -> Result<Vec<AlertsChange>, AlertsRejection> {
        if !crate::tenant::is_tenant_name(&name) {
            return Err(AlertsRejection::Name);
        }
        let faults = rule.faults(context.is_platform, &context.platforms::<Meters>().meters);
        if !faults.is_empty() {
            return Err(AlertsRejection::Rule(faults));
        }
        match self.rules.get(&name) {
            Some(old) if *old == rule => Ok(Vec::new()),
            None if self.rules.len() >= RULES_MAX => Err(AlertsRejection::TooMany),
            _ => Ok(vec![AlertsChange::Declared { name, rule: Box::new(rule) }]),
        }
    }

    /// The rule that is meant, if there is one.
    pub fn rule<'a>(&'a self, id: &RuleId, platform: &'a Self) -> Option<&'a Rule> {
        match id.by {
            By::Platform => platform.rules.get(&id.name),
            By::Tenant => self.rules.get(&id.name),
        }
    }

    /// What changes with what was seen; `None` if it is as before. Whoever measures asks it first, so that an actor hears of
    /// edges only.
    pub fn edge(&self, id: &RuleId, rule: Option<&Rule>, seen: &Seen, now_us: i64) -> Option<AlertsChange> {
        episode::edge(self.episodes.get(id), id, rule, seen, now_us)
    }
}
