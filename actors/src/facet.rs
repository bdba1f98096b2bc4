//! A facet: one capability of a tenant as a pure, synchronous state machine.
//!
//! A command is decided against the state and gives changes or a rejection; changes are journaled, then applied. The same
//! changes give the same state, whoever replays them (I4). What follows from a change, whose the facet is and how a rejection
//! is told is declared here too, so that nobody above has to know which facets there are. A facet is its file and a line in the
//! list of [`crate::tenant`]. Not here: I/O, clocks, actors.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

use engine::definition::Definition;
use engine::meter::Meter;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::plan::Plan;
use crate::refusal::Refused;

/// What a decision may know besides the facet's own state.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The node's clock, microseconds.
    pub now_us: i64,
    /// Whether the tenant is the platform.
    pub is_platform: bool,
    /// The platform's meters.
    pub meters: &'a BTreeMap<String, Meter>,
    /// The platform's plans.
    pub plans: &'a BTreeMap<String, Plan>,
    /// Whose limits are on a meter: tenants' own, and plans'.
    pub limited_by: &'a (dyn Fn(&str) -> Vec<String> + Sync),
}

static NO_METERS: BTreeMap<String, Meter> = BTreeMap::new();
static NO_PLANS: BTreeMap<String, Plan> = BTreeMap::new();

impl Context<'static> {
    /// A time and nothing else.
    pub fn at(now_us: i64) -> Self {
        let limited_by: &'static (dyn Fn(&str) -> Vec<String> + Sync) = &|_| Vec::new();
        Self { now_us, is_platform: false, meters: &NO_METERS, plans: &NO_PLANS, limited_by }
    }
}

impl Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("now_us", &self.now_us).field("is_platform", &self.is_platform).finish()
    }
}

/// Who may have a facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Every tenant, the platform included.
    Tenant,
    /// The platform alone.
    Platform,
}

/// What has to follow a change; in the order in which it has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The engine learns which meters and views there are, and computes the history of new ones.
    Define,
    /// The tenant's totals are cut at the billing periods that its plan says.
    Bill,
    /// The same of all tenants.
    BillAll,
    /// What the tenant has in the engine is erased.
    Erase,
}

/// Whose turn a command has to wait for, among those that read or change which limits can be enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nobody's.
    None,
    /// It relies on what there is.
    Reads,
    /// It changes what others rely on.
    Changes,
}

/// One capability of a tenant.
pub trait Facet: Default + Clone + Debug + Serialize + DeserializeOwned {
    /// What a tenant has of it, for sentences: "meters".
    const NAME: &'static str;
    /// Who may have it.
    const OWNER: Owner;
    /// What is asked.
    type Command;
    /// What happened; journaled for ever, so variants are only ever added at the end.
    type Change;
    /// Why it did not happen.
    type Rejection: std::error::Error + Refused;

    /// Decides, changing nothing.
    fn decide(&self, command: Self::Command, context: Context<'_>) -> Result<Vec<Self::Change>, Self::Rejection>;

    /// Applies a change; cannot fail.
    fn apply(&mut self, change: &Self::Change);

    /// What has to follow a change.
    fn effects(_change: &Self::Change) -> &'static [Effect] {
        &[]
    }

    /// What has to follow changes of before and has not yet: whoever asks again tries it again.
    fn owes(&self) -> &'static [Effect] {
        &[]
    }

    /// Whose turn the command has to wait for.
    fn turn(_command: &Self::Command) -> Turn {
        Turn::None
    }

    /// What the command defines, if it does: whether that can be computed is checked before it is decided.
    fn defines(_command: &Self::Command) -> Option<Definition> {
        None
    }
}
