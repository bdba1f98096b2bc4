//! A facet: one capability of a tenant as a pure, synchronous state machine.
//!
//! A command is decided against the state and gives changes or a rejection; changes are journaled, then applied. The same
//! changes give the same state, whoever replays them (I4). What follows from a change, whose the facet is and how a rejection
//! is told is declared here too, so that nobody above has to know which facets there are. A facet is its file and a line in the
//! list of [`crate::tenant`], and sees what the platform has of others ([`Context::platforms`]). Not here: I/O, clocks, actors.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt::{self, Debug};

use engine::definition::Definition;
use engine::log::Offset;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::Refused;
use crate::written::ChangeError;

/// What a decision may know besides the facet's own state.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The node's clock, microseconds.
    pub now_us: i64,
    /// Whether the tenant is the platform.
    pub is_platform: bool,
    /// What the platform is.
    pub platform: &'a dyn Facets,
    /// What tenants rely on.
    pub everybody: &'a dyn Everybody,
}

/// The facets of a tenant, by their types.
pub trait Facets: Sync {
    /// A facet, if the tenant uses it.
    fn find(&self, facet: TypeId) -> Option<&dyn Any>;
}

/// What tenants rely on, for rules that keep it there. Looking goes over all tenants.
pub trait Everybody: Sync {
    /// Whose limits are on a meter: tenants' own, and plans'.
    fn limiting(&self, meter: &str) -> Vec<String>;
    /// Tenants that are on a plan.
    fn on_plan(&self, plan: &str) -> Vec<String>;
}

/// No facets, and nobody.
struct Nothing;

impl Everybody for Nothing {
    fn limiting(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn on_plan(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

impl Facets for Nothing {
    fn find(&self, _: TypeId) -> Option<&dyn Any> {
        None
    }
}

impl Context<'static> {
    /// A time and nothing else.
    pub fn at(now_us: i64) -> Self {
        Self { now_us, is_platform: false, platform: &Nothing, everybody: &Nothing }
    }
}

impl<'a> Context<'a> {
    /// What the platform has of the facet `F`.
    pub fn platforms<F: Facet>(&self) -> Cow<'a, F> {
        let found = self.platform.find(TypeId::of::<F>()).and_then(<dyn Any>::downcast_ref);
        found.map_or_else(|| Cow::Owned(F::default()), Cow::Borrowed)
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
    /// The gate learns what the tenant may send. Done before the command is answered.
    Regate,
    /// The gate learns what each tenant may send. Done before the command is answered.
    RegateAll,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Nobody's.
    None,
    /// It relies on what there is.
    Reads,
    /// It changes what others rely on.
    Changes,
}

/// One capability of a tenant.
pub trait Facet: Default + Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What a tenant has of it, for sentences: "meters".
    const NAME: &'static str;
    /// Who may have it.
    const OWNER: Owner;
    /// Version of its changes; see `written` on what needs another.
    const VERSION: u16 = 1;
    /// What is asked.
    type Command;
    /// What happened; journaled for ever by the names of its variants and fields.
    type Change: Serialize + DeserializeOwned;
    /// Why it did not happen.
    type Rejection: std::error::Error + Refused;

    /// Decides, changing nothing.
    fn decide(&self, command: Self::Command, context: Context<'_>) -> Result<Vec<Self::Change>, Self::Rejection>;

    /// Applies a change; cannot fail.
    fn apply(&mut self, change: &Self::Change);

    /// Whether the facet wants to know where in the journal its changes stand.
    const PLACES: bool = false;

    /// Takes note of where a change stands that was just applied; cannot fail either.
    fn place(&mut self, _change: &Self::Change, _offset: Offset) {}

    /// What a change of an earlier version means now.
    ///
    /// # Errors
    /// [`ChangeError`] for a version that never was, or a body that is not of that version.
    fn upcast(version: u16, _body: &[u8]) -> Result<Self::Change, ChangeError> {
        Err(ChangeError::Version { facet: Self::NAME, version })
    }

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

    /// What others are told of a change, as the type of an event: `quota.set`. `None` if it is nobody else's business.
    fn event(_change: &Self::Change) -> Option<&'static str> {
        None
    }

    /// When it next wants to be asked, microseconds, and what. A timer is this and nothing else: none is stored, so none can be
    /// lost, be left over or fire twice.
    fn due(&self) -> Option<(i64, Self::Command)> {
        None
    }

    /// What the command defines, if it does: whether that can be computed is checked before it is decided.
    fn defines(_command: &Self::Command) -> Option<Definition> {
        None
    }
}
