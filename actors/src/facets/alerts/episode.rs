//! Episodes: an alert from its first edge to its last, and where its edges are.
//!
//! Pure. Not here: keeping them (the facet).

use std::collections::BTreeMap;
use std::fmt;

use engine::units::Units;
use serde::{Deserialize, Serialize};

use super::AlertsChange;
use crate::rule::{Rule, Severity};

/// Longest reason and note that is kept, bytes.
const WORDS_BYTES_MAX: usize = 512;
const US_PER_S: i64 = 1_000_000;

/// Which rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId {
    /// Who declared it.
    pub by: By,
    /// Its name.
    pub name: String,
}

/// Who declared a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The platform, for its tenants.
    Platform,
    /// The tenant, for itself.
    Tenant,
}

impl By {
    /// The name used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Tenant => "tenant",
        }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// An alert from its first edge to its last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Its name, which no other episode of the tenant has: rule, revision of the first edge, and when that was.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// How far it has come.
    pub phase: Phase,
    /// When its first edge was, microseconds.
    pub opened_us: i64,
    /// When it fired.
    pub fired_us: Option<i64>,
    /// When somebody said to have seen it.
    pub acknowledged_us: Option<i64>,
    /// Why it can't be measured now; it stays as it is until it can.
    pub unmeasurable: Option<String>,
    /// What was measured at its last edge.
    pub sighting: Sighting,
    /// What the rule said of it when it began.
    pub summary: Option<String>,
    /// The rule's labels then.
    pub labels: BTreeMap<String, String>,
}

/// How far an episode has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A level holds, not yet for long enough.
    Pending {
        /// When it will have, microseconds.
        until_us: i64,
    },
    /// It fires.
    Firing,
    /// It still fires though no level holds any more.
    Calming {
        /// When it ends, microseconds.
        until_us: i64,
    },
}

/// What was measured, and of which events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The value.
    pub value: Units,
    /// The largest offset of what it was computed from.
    pub revision: i64,
    /// The watermark it was computed under, microseconds.
    pub watermark_us: i64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A value.
    Value(Sighting),
    /// Something that can't be read or computed, and why.
    Unmeasurable(String),
    /// Nothing there to be measured, so that no level holds.
    Nothing,
    /// The rule is not for this tenant any more.
    NotMeant,
}

/// A place where an episode changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// A level holds; it fires if it goes on holding.
    Pending,
    /// It fires.
    Fired,
    /// Another level holds.
    Moved,
    /// No level holds any more; it goes on firing for a while.
    Calming,
    /// A level holds again.
    Returned,
    /// It can't be measured any more.
    Unmeasurable,
    /// It can be measured again; what it waits for begins anew.
    Measurable,
    /// Somebody has seen it.
    Acknowledged,
    /// It fired, and no level holds any more.
    Resolved,
    /// No level held for long enough, so it never fired.
    Withdrawn,
    /// Its rule is gone, or is not for this tenant any more.
    Dropped,
}

impl Edge {
    /// The name used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Fired => "fired",
            Self::Moved => "moved",
            Self::Calming => "calming",
            Self::Returned => "returned",
            Self::Unmeasurable => "unmeasurable",
            Self::Measurable => "measurable",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Withdrawn => "withdrawn",
            Self::Dropped => "dropped",
        }
    }

    /// The type of the event that tells others of it.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Pending => "alert.pending",
            Self::Fired => "alert.fired",
            Self::Moved => "alert.moved",
            Self::Calming => "alert.calming",
            Self::Returned => "alert.returned",
            Self::Unmeasurable => "alert.unmeasurable",
            Self::Measurable => "alert.measurable",
            Self::Acknowledged => "alert.acknowledged",
            Self::Resolved => "alert.resolved",
            Self::Withdrawn => "alert.withdrawn",
            Self::Dropped => "alert.dropped",
        }
    }

    /// Whether the episode ends there.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Resolved | Self::Withdrawn | Self::Dropped)
    }

    fn of(self, rule: &RuleId, episode: Episode) -> AlertsChange {
        AlertsChange::Edge { rule: rule.clone(), edge: self, episode: Box::new(episode), note: None }
    }
}

/// What changes with what was seen, for a rule with the episode `open` or none.
pub(super) fn edge(
    open: Option<&Episode>,
    id: &RuleId,
    rule: Option<&Rule>,
    seen: &Seen,
    now_us: i64,
) -> Option<AlertsChange> {
    let (rule, sighting) = match (rule, seen) {
        (None, _) | (_, Seen::NotMeant) => return Some(Edge::Dropped.of(id, open?.clone())),
        (Some(_), Seen::Unmeasurable(reason)) => return open?.lost(id, reason),
        (Some(rule), Seen::Value(sighting)) => (rule, Some(*sighting)),
        (Some(rule), Seen::Nothing) => (rule, None),
    };
    let current = open.map(|episode| episode.severity);
    let reached = sighting.and_then(|sighting| Some((rule.severity(sighting.value, current)?, sighting)));
    let Some(before) = open else {
        let (severity, sighting) = reached?;
        return Some(opened(id, rule, severity, sighting, now_us));
    };
    if before.unmeasurable.is_some() {
        return Some(before.measurable(id, rule, now_us));
    }
    let seen = Episode { sighting: sighting.unwrap_or(before.sighting), ..before.clone() };
    let Some((severity, _)) = reached else {
        return match before.phase {
            Phase::Pending { .. } => Some(Edge::Withdrawn.of(id, seen)),
            Phase::Firing if rule.keep_firing_for_s == 0 => Some(Edge::Resolved.of(id, seen)),
            Phase::Firing => {
                let phase = Phase::Calming { until_us: after(now_us, rule.keep_firing_for_s) };
                Some(Edge::Calming.of(id, Episode { phase, ..seen }))
            }
            Phase::Calming { .. } => None,
        };
    };
    // What somebody has seen was not so bad: it is to be seen again.
    let acknowledged_us = before.acknowledged_us.filter(|_| severity <= before.severity);
    let seen = Episode { severity, acknowledged_us, ..seen };
    match before.phase {
        Phase::Calming { .. } => Some(Edge::Returned.of(id, Episode { phase: Phase::Firing, ..seen })),
        _ if severity == before.severity => None,
        _ => Some(Edge::Moved.of(id, seen)),
    }
}

impl Episode {
    /// When it wants to be asked again, microseconds.
    pub(super) fn due_us(&self) -> Option<i64> {
        match self.phase {
            Phase::Pending { until_us } | Phase::Calming { until_us } if self.unmeasurable.is_none() => Some(until_us),
            _ => None,
        }
    }

    /// Whether it fires.
    pub fn fires(&self) -> bool {
        !matches!(self.phase, Phase::Pending { .. })
    }

    /// How it stands, as views tell it.
    pub fn state(&self) -> &'static str {
        match (&self.unmeasurable, self.fires(), self.acknowledged_us) {
            (Some(_), ..) => "unmeasurable",
            (None, false, _) => "pending",
            (None, true, Some(_)) => "acknowledged",
            (None, true, None) => "firing",
        }
    }

    /// What time alone changes.
    pub(super) fn overdue(&self, id: &RuleId, now_us: i64) -> Option<AlertsChange> {
        self.due_us().filter(|due_us| *due_us <= now_us)?;
        match self.phase {
            Phase::Pending { .. } => {
                let fired = Self { phase: Phase::Firing, fired_us: Some(now_us), ..self.clone() };
                Some(Edge::Fired.of(id, fired))
            }
            Phase::Calming { .. } => Some(Edge::Resolved.of(id, self.clone())),
            Phase::Firing => None,
        }
    }

    /// What changes when somebody has seen it; nothing if that is known.
    pub(super) fn acknowledged(&self, id: &RuleId, now_us: i64, note: String) -> Option<AlertsChange> {
        let seen = self.acknowledged_us.is_none().then(|| Self { acknowledged_us: Some(now_us), ..self.clone() })?;
        Some(AlertsChange::Edge {
            rule: id.clone(),
            edge: Edge::Acknowledged,
            episode: Box::new(seen),
            note: Some(shortened(note)),
        })
    }

    /// Another reason is no edge: it would be one with each message that names a moment or a number.
    fn lost(&self, id: &RuleId, reason: &str) -> Option<AlertsChange> {
        let unmeasurable = Some(shortened(reason.to_owned()));
        self.unmeasurable.is_none().then(|| Edge::Unmeasurable.of(id, Self { unmeasurable, ..self.clone() }))
    }

    fn measurable(&self, id: &RuleId, rule: &Rule, now_us: i64) -> AlertsChange {
        let phase = match self.phase {
            Phase::Pending { .. } => Phase::Pending { until_us: after(now_us, rule.for_s) },
            Phase::Calming { .. } => Phase::Calming { until_us: after(now_us, rule.keep_firing_for_s) },
            Phase::Firing => Phase::Firing,
        };
        Edge::Measurable.of(id, Self { unmeasurable: None, phase, ..self.clone() })
    }
}

fn opened(id: &RuleId, rule: &Rule, severity: Severity, sighting: Sighting, now_us: i64) -> AlertsChange {
    let fires = rule.for_s == 0;
    let episode = Episode {
        id: format!("{}-{}-{now_us}", id.name, sighting.revision),
        severity,
        phase: if fires { Phase::Firing } else { Phase::Pending { until_us: after(now_us, rule.for_s) } },
        opened_us: now_us,
        fired_us: fires.then_some(now_us),
        acknowledged_us: None,
        unmeasurable: None,
        sighting,
        summary: rule.summary.clone(),
        labels: rule.labels.clone(),
    };
    if fires { Edge::Fired } else { Edge::Pending }.of(id, episode)
}

fn after(now_us: i64, seconds: u32) -> i64 {
    now_us.saturating_add(i64::from(seconds) * US_PER_S)
}

/// Words that are not ours, no longer than is of use.
fn shortened(mut words: String) -> String {
    if let Some((end, _)) = words.char_indices().take_while(|(at, _)| *at <= WORDS_BYTES_MAX).last()
        && words.len() > WORDS_BYTES_MAX
    {
        words.truncate(end);
    }
    words
}
