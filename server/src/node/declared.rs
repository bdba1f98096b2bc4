//! Declarations: what has a name and a specification, applied many at a time, all or none.
//!
//! Everything is read and checked before anything changes, and whatever is wrong is told at once. Not here: what kinds there are
//! and what each comes to (`actors::kinds`), files (`cli`), requests (`http`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actors::facet::{Effect, Owner};
use actors::kinds::{AnyKind, KINDS, Misfit, kind};
use actors::refusal::{Refusal, Refused};
use actors::together::{Mode, TogetherError};
use actors::{Change, Command, CommandError, PLATFORM, TenantState};
use engine::definition::Definition;
use engine::meter::MeterError;
use pipelines::metering::compile;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AdminError, Node, check};

mod asked;
mod cost;
mod difference;
mod versions;

pub use difference::Difference;
pub use versions::Version;

/// Most declarations in one request.
pub const OBJECTS_MAX: usize = 10_000;

/// What is declared, or whose declaration is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// What it is.
    #[schema(example = "meter")]
    pub kind: String,
    /// For a kind that tenants have: whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its name.
    #[schema(example = "tokens")]
    pub name: String,
}

/// A declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What it is.
    #[schema(example = "meter")]
    pub kind: String,
    /// For a kind that tenants have: whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its name.
    #[schema(example = "tokens")]
    pub name: String,
    /// What it says; the schema is at `/schemas/KIND.json`.
    #[schema(value_type = Object)]
    pub spec: Value,
}

impl Declaration {
    fn named(&self) -> Named {
        Named { kind: self.kind.clone(), tenant: self.tenant.clone(), name: self.name.clone() }
    }
}

/// What is to be so.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Asked {
    /// What is declared.
    pub objects: Vec<Declaration>,
    /// What is no longer declared.
    pub remove: Vec<Named>,
    /// Whether everything else of the kinds that are declared is removed.
    pub prune: bool,
    /// Whether it is only told what would change.
    pub is_dry_run: bool,
}

/// What became of a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was none of that name.
    Added,
    /// It says something else now.
    Changed,
    /// It says what it said.
    Unchanged,
    /// It is gone.
    Removed,
}

/// A declaration and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Told {
    /// Which.
    #[serde(flatten)]
    pub named: Named,
    /// What became of it.
    pub outcome: Outcome,
    /// What is different, if it was there before.
    pub differences: Vec<Difference>,
    /// Whether its history is computed from the events that there are.
    pub backfill: bool,
    /// In a dry run, how many events that reads; absent if counting them takes too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

/// What became of everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// Each declaration that was asked for or removed.
    pub objects: Vec<Told>,
    /// What goes on after the answer.
    pub pending: Option<String>,
}

/// Why a declaration can't be.
#[derive(Debug)]
pub struct Wrong {
    /// Which one was asked for: its place in the request.
    pub at: Place,
    /// Which declaration.
    pub named: Named,
    /// Why.
    pub reason: WrongReason,
}

/// A place in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among the objects.
    Object(usize),
    /// Among those that are removed.
    Remove(usize),
    /// It is removed because nobody declares it any more.
    Pruned,
}

/// Why a declaration can't be.
#[derive(Debug)]
pub enum WrongReason {
    /// The member `field` of the declaration, beside its specification.
    Field(&'static str, String),
    /// The specification is not one.
    Spec(Misfit),
    /// It can't be computed, for each of these reasons.
    Meter(Vec<MeterError>),
    /// The query can't be kept current.
    View(engine::view::ViewRefusal),
    /// A rule is against it.
    Rule(Refusal, String),
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Declarations that can't be, all of them.
    #[error("{} of the declarations can't be", .0.len())]
    Wrong(Vec<Wrong>),
    /// There is too much.
    #[error("{0} declarations; one request may have {OBJECTS_MAX}")]
    TooMany(usize),
    /// Nobody could decide.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// A declaration that is understood.
struct Step {
    kind: &'static dyn AnyKind,
    at: Place,
    named: Named,
    /// What it will say; `None` if it is removed.
    spec: Option<Value>,
    before: Option<Value>,
}

impl Step {
    fn owner(&self) -> &str {
        self.named.tenant.as_deref().unwrap_or(PLATFORM)
    }

    fn is_change(&self) -> bool {
        self.spec != self.before
    }

    fn told(&self) -> Told {
        let outcome = match (&self.before, &self.spec) {
            (_, None) => Outcome::Removed,
            (None, Some(_)) => Outcome::Added,
            (Some(before), Some(spec)) if before == spec => Outcome::Unchanged,
            (Some(_), Some(_)) => Outcome::Changed,
        };
        let differences = match (&self.before, &self.spec) {
            (Some(before), Some(spec)) => difference::between(before, spec),
            _ => Vec::new(),
        };
        Told { named: self.named.clone(), outcome, differences, backfill: false, events: None }
    }
}

impl Node {
    /// Makes it so, or tells what would change.
    ///
    /// # Errors
    /// [`ApplyError`] with everything that is wrong; nothing has changed then.
    pub async fn apply(self: &Arc<Self>, asked: Asked, principal: &str) -> Result<Applied, ApplyError> {
        let count = asked.objects.len() + asked.remove.len();
        if count > OBJECTS_MAX {
            return Err(ApplyError::TooMany(count));
        }
        let mode = if asked.is_dry_run { Mode::Try } else { Mode::Do };
        let node = Arc::clone(self);
        // Pruning looks at all tenants.
        let understood = tokio::task::spawn_blocking(move || node.understood(asked)).await;
        let mut steps = understood.map_err(|_| CommandError::Failed)?.map_err(ApplyError::Wrong)?;
        let mut wrong = Vec::new();
        // What goes goes first, and what relies on others goes before them and comes after them.
        steps.sort_by_key(|step| match step.spec {
            None => (0, KINDS.len() - place(step.kind)),
            Some(_) => (1, place(step.kind)),
        });
        let mut commands = Vec::new();
        let mut told: Vec<Told> = steps.iter().map(Step::told).collect();
        for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.is_change()) {
            match commanded(step) {
                Ok(all) => {
                    told[index].backfill = all.iter().any(|command| command.defines().is_some());
                    commands.extend(all.into_iter().map(|command| (index, command)));
                }
                Err(reason) => wrong.push(Wrong { at: step.at, named: step.named.clone(), reason }),
            }
        }
        for (index, reason) in self.misasked(&steps, &commands).await {
            wrong.push(Wrong { at: steps[index].at, named: steps[index].named.clone(), reason });
        }
        if !wrong.is_empty() {
            return Err(ApplyError::Wrong(wrong));
        }
        let (from, commands): (Vec<usize>, Vec<_>) =
            commands.into_iter().map(|(index, command)| (index, (steps[index].owner().to_owned(), command))).unzip();
        let tenants: Vec<String> = commands.iter().map(|(tenant, _): &(String, Command)| tenant.clone()).collect();
        let changes = self.tenants.together(commands, principal, mode).await.map_err(|error| match error {
            TogetherError::Command(error) => ApplyError::Command(error),
            TogetherError::TooMany(count) => ApplyError::TooMany(count),
            TogetherError::Rejected(all) => ApplyError::Wrong(
                all.into_iter()
                    .map(|(at, rejected)| {
                        let step = &steps[from[at]];
                        let reason = WrongReason::Rule(rejected.refusal(), rejected.to_string());
                        Wrong { at: step.at, named: step.named.clone(), reason }
                    })
                    .collect(),
            ),
        })?;
        let pending = match mode {
            Mode::Try => {
                self.count(&steps, &mut told).await;
                None
            }
            Mode::Do => self.follow(&tenants, &changes).await.err().map(|error| error.to_string()),
        };
        Ok(Applied { objects: told, pending })
    }

    /// Says what backfills will cost.
    async fn count(&self, steps: &[Step], told: &mut [Told]) {
        if !told.iter().any(|told| told.backfill) {
            return;
        }
        let Some(events) = self.events_by_type().await else { return };
        for (step, told) in steps.iter().zip(told).filter(|(_, told)| told.backfill) {
            told.events = Some(events.of(step.spec.as_ref()));
        }
    }

    /// Everything that is declared of a kind, by owner and name; of one tenant if it is named. Looks at all tenants: not for the
    /// threads of a runtime.
    pub fn declared(&self, kind: &dyn AnyKind, tenant: Option<&str>) -> BTreeMap<Named, Value> {
        let mut all = BTreeMap::new();
        let mut gather = |tenant: Option<&str>, state: &TenantState| {
            all.extend(kind.all(state).into_iter().map(|(name, spec)| {
                (Named { kind: kind.name().to_owned(), tenant: tenant.map(str::to_owned), name }, spec)
            }));
        };
        match (kind.owner(), tenant) {
            (Owner::Platform, _) => gather(None, &self.tenants.platform()),
            (Owner::Tenant, Some(tenant)) => {
                if let Some(state) = self.tenants.directory().get(tenant) {
                    gather(Some(tenant), &state);
                }
            }
            (Owner::Tenant, None) => {
                let edition = self.tenants.directory().edition();
                edition.iter().for_each(|(tenant, state)| gather(Some(tenant), state));
            }
        }
        all
    }

    fn understood(&self, asked: Asked) -> Result<Vec<Step>, Vec<Wrong>> {
        let (mut steps, mut wrong) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        let mut kinds = BTreeSet::new();
        let objects = asked.objects.into_iter().enumerate();
        let objects = objects.map(|(at, object)| (Place::Object(at), object.named(), Some(object.spec)));
        let removed = asked.remove.into_iter().enumerate().map(|(at, named)| (Place::Remove(at), named, None));
        for (at, named, spec) in objects.chain(removed) {
            let mut refuse = |reason| wrong.push(Wrong { at, named: named.clone(), reason });
            let kind = match self.kind_of(&named) {
                Ok(kind) => kind,
                Err(reason) => {
                    refuse(reason);
                    continue;
                }
            };
            if !seen.insert(named.clone()) {
                refuse(WrongReason::Field("name", "is declared twice".into()));
                continue;
            }
            let state = self.tenants.directory().get(named.tenant.as_deref().unwrap_or(PLATFORM)).unwrap_or_default();
            let before = kind.all(&state).remove(&named.name);
            if spec.is_none() && before.is_none() {
                refuse(WrongReason::Field("name", format!("there is no {} {:?}", kind.name(), named.name)));
                continue;
            }
            let spec = match spec.map(|spec| kind.read(&named.name, spec)).transpose() {
                Ok(spec) => spec,
                Err(misfit) => {
                    refuse(WrongReason::Spec(misfit));
                    continue;
                }
            };
            kinds.insert(kind.name());
            steps.push(Step { kind, at, named, spec, before });
        }
        if asked.prune {
            for kind in KINDS.iter().copied().filter(|kind| kinds.contains(kind.name())) {
                let others = self.declared(kind, None).into_iter().filter(|(named, _)| !seen.contains(named));
                steps.extend(others.map(|(named, before)| Step {
                    kind,
                    at: Place::Pruned,
                    named,
                    spec: None,
                    before: Some(before),
                }));
            }
        }
        if wrong.is_empty() { Ok(steps) } else { Err(wrong) }
    }

    fn kind_of(&self, named: &Named) -> Result<&'static dyn AnyKind, WrongReason> {
        let Some(kind) = kind(&named.kind) else {
            let known = KINDS.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            return Err(WrongReason::Field("kind", format!("there is no kind {:?}; there are {known}", named.kind)));
        };
        match (kind.owner(), &named.tenant) {
            (Owner::Platform, Some(_)) => {
                Err(WrongReason::Field("tenant", format!("a {} is the platform's and no tenant's", kind.name())))
            }
            (Owner::Tenant, None) => Err(WrongReason::Field("tenant", "is missing".into())),
            (Owner::Tenant, Some(tenant)) if self.tenants.directory().get(tenant).is_none() => {
                Err(WrongReason::Field("tenant", format!("there is no tenant {tenant:?}")))
            }
            _ => Ok(kind),
        }
    }

    /// What has to follow the changes of `tenants`, each kind of effect once.
    async fn follow(&self, tenants: &[String], changes: &[Vec<Change>]) -> Result<(), AdminError> {
        let mut by_tenant: BTreeMap<&str, BTreeSet<Effect>> = BTreeMap::new();
        for (tenant, changes) in tenants.iter().zip(changes) {
            by_tenant.entry(tenant).or_default().extend(changes.iter().flat_map(Change::effects).copied());
        }
        for (tenant, effects) in by_tenant {
            self.perform(tenant, effects).await?;
        }
        Ok(())
    }
}

fn place(kind: &dyn AnyKind) -> usize {
    KINDS.iter().position(|known| known.name() == kind.name()).unwrap_or(KINDS.len())
}

/// What has to be commanded for `step`, if it can be computed.
fn commanded(step: &Step) -> Result<Vec<Command>, WrongReason> {
    let name = &step.named.name;
    let Some(spec) = step.spec.clone() else { return Ok(vec![step.kind.withdraw(name)]) };
    let commands = step.kind.declare(name, spec, step.before.is_none()).map_err(WrongReason::Spec)?;
    for command in &commands {
        match command.defines() {
            Some(Definition::Meter(meter)) => check(&meter).map_err(WrongReason::Meter)?,
            Some(Definition::View(view)) => compile::check_view(&view).map_err(WrongReason::View)?,
            None => {}
        }
    }
    Ok(commands)
}
