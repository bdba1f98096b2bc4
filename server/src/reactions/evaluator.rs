//! The evaluator of rules that follow each cut: whom to look at, what to measure, where edges are.
//!
//! Looked at is whoever the log or the journal has something new of, and whoever's time has come: a period has ended, a silence
//! has become long enough. With no rules nothing is looked at. Not here: rules by query (`queries`), reading the meters
//! (`measures`).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use actors::facets::alerts::{By, Observation, RuleId, Seen, Sighting};
use actors::rule::{Measure, Rule};
use actors::timers::Queue;
use actors::{Edition, PLATFORM, TenantState};
use engine::calendar::Calendar;
use engine::event::split::shard_of;
use engine::log::Offset;
use engine::snapshot::Snapshot;
use engine::units::{ONE, Units};
use pipelines::metering::{MeteringError, MeteringSnapshot, moved};

use crate::node::Node;

use super::edges::{Edges, Heard};
use super::evaluation::{Evaluated, Name};
use super::measures::{Found, Total, Wanted, percent};
use super::rules;

/// Before a tenant that could not be told is looked at again, microseconds.
const UNHEARD_US: i64 = 1_000_000;

/// See the module.
pub(super) struct Evaluator {
    node: Arc<Node>,
    /// What was looked at last.
    looked: Option<Looked>,
    /// Who is to be looked at at a time, though nothing of it changes.
    wakes: Queue,
    /// Who is to be looked at the next time.
    again: BTreeSet<Arc<str>>,
    /// Who has rules or episodes; without any nobody is looked at.
    concerned: HashSet<Arc<str>>,
}

struct Looked {
    offset: Offset,
    edition: Arc<Edition>,
}

impl Evaluator {
    /// One that has seen nothing yet.
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Self {
            node: Arc::clone(node),
            looked: None,
            wakes: Queue::default(),
            again: BTreeSet::new(),
            concerned: HashSet::new(),
        }
    }

    /// What has changed since the last call. Reads and computes: not for the threads of a runtime.
    pub(super) fn look(&mut self) -> Edges {
        let began = Instant::now();
        let (snapshot, edition) = (self.node.engine.snapshot(), self.node.tenants.directory().edition());
        let now_us = self.node.tenants.now_us();
        let whom = self.whom(&snapshot, &edition, now_us);
        if whom.is_empty() {
            return Vec::new();
        }
        let mut wanted = Wanted::default();
        let known: Vec<_> = whom.iter().filter_map(|tenant| Some((tenant, edition.get(tenant)?))).collect();
        for (tenant, state) in &known {
            for held in rules::of_tenant(&edition, tenant, state) {
                want(&mut wanted, &edition, &snapshot, tenant, state, held.rule);
            }
        }
        let found = wanted.read(&snapshot, now_us);
        let mut edges = Vec::new();
        let mut evaluated = Evaluating::new();
        for (tenant, state) in known {
            let look = Look { edition: &edition, snapshot: &snapshot, found: &found, tenant, state };
            let (observations, wake_us) = look.look(&mut evaluated);
            self.wakes.set(tenant, wake_us);
            if !observations.is_empty() {
                edges.push((Arc::clone(tenant), observations));
            }
        }
        let (at_us, took) = (self.node.tenants.now_us(), began.elapsed());
        let took_us = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        let noted = evaluated.into_iter().map(|((owner, name), error)| {
            let name: Name = (owner.to_owned(), name.to_owned());
            (name, Evaluated { at_us, took_us, error })
        });
        self.node.evaluations.note(noted.collect());
        edges
    }

    /// Who has heard of edges is looked at again, since it may have heard of one of several; who has not, a moment later.
    pub(super) fn look_again(&mut self, heard: Heard) {
        self.again.extend(heard.told);
        let again_us = self.node.tenants.now_us().saturating_add(UNHEARD_US);
        heard.unheard.iter().for_each(|tenant| self.wakes.set(tenant, Some(again_us)));
    }

    fn whom(
        &mut self,
        snapshot: &Snapshot<MeteringSnapshot>,
        edition: &Arc<Edition>,
        now_us: i64,
    ) -> BTreeSet<Arc<str>> {
        let before = self.looked.take();
        let is_same = before.as_ref().is_some_and(|before| Arc::ptr_eq(&before.edition, edition));
        let had_rules = !self.concerned.is_empty();
        let mut whom = std::mem::take(&mut self.again);
        if !is_same {
            for (tenant, state) in rules::changed(edition, before.as_ref().map(|before| &*before.edition)) {
                let alerts = state.alerts();
                let is_concerned = !alerts.rules.is_empty() || !alerts.episodes.is_empty();
                let was_concerned = match is_concerned {
                    true => !self.concerned.insert(Arc::clone(tenant)),
                    false => self.concerned.remove(tenant),
                };
                if was_concerned {
                    self.node.evaluations.keep(tenant, &alerts.rules);
                }
                whom.insert(Arc::clone(tenant));
            }
        }
        let all = || edition.iter().map(|(tenant, _)| Arc::clone(tenant));
        let is_platform_same = |before: &&Looked| {
            edition.agrees_on(&before.edition, PLATFORM, TenantState::alerts)
                && edition.agrees_on(&before.edition, PLATFORM, TenantState::plans)
        };
        match before.as_ref().filter(|_| had_rules).filter(is_platform_same) {
            _ if self.concerned.is_empty() => whom.clear(),
            // Rules, plans or meters are others, or nobody was looked at before.
            None => whom.extend(all()),
            Some(before) if snapshot.offset == before.offset => {}
            Some(before) => match moved(snapshot, before.offset) {
                Some(moved) => whom.extend(moved.into_iter().map(Arc::from)),
                None => whom.extend(all()),
            },
        }
        while let Some(tenant) = self.wakes.take(now_us) {
            whom.insert(tenant);
        }
        self.looked = Some(Looked { offset: snapshot.offset, edition: Arc::clone(edition) });
        whom
    }
}

/// What has to be read for a rule.
fn want(
    wanted: &mut Wanted,
    edition: &Edition,
    snapshot: &Snapshot<MeteringSnapshot>,
    tenant: &str,
    state: &TenantState,
    rule: &Rule,
) {
    match &rule.measure {
        Measure::Quota { meter } => {
            if let Some((_, calendar)) = allowance(edition, state, meter) {
                wanted.total(tenant, meter, calendar);
            }
        }
        Measure::Total { meter } => wanted.total(tenant, meter, billing(snapshot, tenant)),
        Measure::Silence { meter } => wanted.newest(tenant, meter),
        Measure::Query { .. } => {}
    }
}

fn allowance<'a>(edition: &'a Edition, state: &'a TenantState, meter: &str) -> Option<(Units, &'a Calendar)> {
    let allowance = edition.limit_of(state, meter)?.allowance.as_ref()?;
    Some((allowance.units, &allowance.per))
}

/// The periods that the cut bills a tenant by.
fn billing<'a>(snapshot: &'a Snapshot<MeteringSnapshot>, tenant: &str) -> &'a Calendar {
    let count = u16::try_from(snapshot.shards.len()).unwrap_or(u16::MAX);
    snapshot.shards[usize::from(shard_of(tenant, count))].state.calendar(tenant)
}

/// One tenant's rules over what was read.
struct Look<'a> {
    edition: &'a Edition,
    snapshot: &'a Snapshot<MeteringSnapshot>,
    found: &'a Found,
    tenant: &'a Arc<str>,
    state: &'a TenantState,
}

/// Why each rule could not be measured, if for anybody it could not.
type Evaluating<'a> = BTreeMap<(&'a str, &'a str), Option<String>>;

/// Whether what was seen could begin an alert.
fn reaches(rule: &Rule, seen: &Seen) -> bool {
    matches!(seen, Seen::Value(sighting) if rule.severity(sighting.value, None).is_some())
}

/// What was seen of a rule, and when it is to be looked at again though nothing changes.
struct View {
    seen: Seen,
    wake_us: Option<i64>,
}

impl<'a> Look<'a> {
    /// The edges, and when the tenant is to be looked at again. Most looks find nothing, so nothing is allocated for these.
    fn look(&self, evaluated: &mut Evaluating<'a>) -> (Vec<Observation>, Option<i64>) {
        let alerts = self.state.alerts();
        let (mut observations, mut wake_us) = (Vec::new(), None::<i64>);
        let mut holding = HashSet::new();
        for held in rules::of_tenant(self.edition, self.tenant, self.state) {
            if !alerts.episodes.is_empty() {
                holding.insert((held.by, held.name));
            }
            let Some(view) = self.view(held.rule) else { continue };
            wake_us = wake_us.into_iter().chain(view.wake_us).min();
            let owner = if held.by == By::Platform { PLATFORM } else { self.tenant };
            let failed = match &view.seen {
                Seen::Unmeasurable(reason) => Some(reason.clone()),
                _ => None,
            };
            let last = evaluated.entry((owner, held.name)).or_default();
            *last = last.take().or(failed);
            if alerts.episodes.is_empty() && !reaches(held.rule, &view.seen) {
                continue;
            }
            let id = held.id();
            if alerts.edge(&id, Some(held.rule), &view.seen, self.found.now_us()).is_some() {
                let measure = Some(held.rule.measure.clone());
                observations.push(Observation { rule: id, measure, seen: view.seen });
            }
        }
        let left_over = rules::left_over(alerts, &holding).cloned();
        observations.extend(left_over.map(|rule: RuleId| Observation { rule, measure: None, seen: Seen::NotMeant }));
        (observations, wake_us)
    }

    /// `None` if the rule is not evaluated here, or can't be just now.
    fn view(&self, rule: &Rule) -> Option<View> {
        match &rule.measure {
            Measure::Quota { meter } => match allowance(self.edition, self.state, meter) {
                None => Some(View { seen: Seen::Nothing, wake_us: None }),
                Some((units, calendar)) => self.of_total(meter, calendar, |value| percent(value, units)),
            },
            Measure::Total { meter } => self.of_total(meter, billing(self.snapshot, self.tenant), |value| value),
            Measure::Silence { meter } => match self.found.newest(self.tenant, meter)? {
                Err(error) => self.unmeasurable(error),
                Ok(None) => Some(View { seen: Seen::Nothing, wake_us: None }),
                Ok(Some(newest_us)) => Some(self.silence(rule, newest_us)),
            },
            Measure::Query { .. } => None,
        }
    }

    fn of_total(&self, meter: &str, calendar: &Calendar, value: impl Fn(Units) -> Units) -> Option<View> {
        match self.found.total(self.tenant, meter, calendar)? {
            Err(error) => self.unmeasurable(error),
            Ok((Total { value: total, revision }, period)) => {
                let seen = Seen::Value(self.sighting(value(total), revision));
                Some(View { seen, wake_us: Some(period.end_us) })
            }
        }
    }

    fn silence(&self, rule: &Rule, newest_us: i64) -> View {
        let now_us = self.found.now_us();
        let silent_us = now_us.saturating_sub(newest_us).max(0);
        let value = Units(i128::from(silent_us) * (ONE / 1_000_000));
        let edges = rule.levels.iter().flat_map(|level| [Some(level.at), level.until]).flatten();
        // The microsecond at which the value has reached an edge, or has passed it.
        let reached = edges.map(|edge| {
            let us = i64::try_from(edge.0 / (ONE / 1_000_000)).unwrap_or(i64::MAX);
            newest_us.saturating_add(us).saturating_add(1)
        });
        let wake_us = reached.filter(|at_us| *at_us > now_us).min();
        // Silence has no offset of its own: it is as of the end of the cut.
        let revision = i64::try_from(self.snapshot.offset).unwrap_or(i64::MAX) - 1;
        View { seen: Seen::Value(self.sighting(value, revision)), wake_us }
    }

    /// Definitions that are just being changed are looked at again when they are.
    fn unmeasurable(&self, error: &MeteringError) -> Option<View> {
        match error {
            MeteringError::Changing(_) => None,
            error => Some(View { seen: Seen::Unmeasurable(error.to_string()), wake_us: None }),
        }
    }

    fn sighting(&self, value: Units, revision: i64) -> Sighting {
        let watermark_us = self.snapshot.shards.iter().map(|shard| shard.watermark_us).min().unwrap_or(i64::MIN);
        Sighting { value, revision, watermark_us }
    }
}
