//! A facet: one capability of a tenant as a pure, synchronous state machine.
//!
//! A command is decided against the state and gives changes or a rejection; changes are journaled, then applied. The same
//! changes give the same state, whoever replays them (I4). Not here: I/O, clocks, actors.

use std::collections::BTreeMap;
use std::fmt::Debug;

use engine::meter::Meter;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a decision may know besides the facet's own state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// The node's clock, microseconds.
    pub now_us: i64,
    /// The platform's meters, which limits name.
    pub meters: &'a BTreeMap<String, Meter>,
    /// Whose limits are on the meter that a command takes away or makes one that can't be limited.
    pub limited_by: &'a [String],
}

static NO_METERS: BTreeMap<String, Meter> = BTreeMap::new();

impl Context<'static> {
    /// A time and nothing else.
    pub fn at(now_us: i64) -> Self {
        Self { now_us, meters: &NO_METERS, limited_by: &[] }
    }
}

/// One capability of a tenant.
pub trait Facet: Default + Clone + Debug + Serialize + DeserializeOwned {
    /// What is asked.
    type Command;
    /// What happened; journaled for ever, so variants are only ever added at the end.
    type Change;
    /// Why it did not happen.
    type Rejection: std::error::Error;

    /// Decides, changing nothing.
    fn decide(&self, command: Self::Command, context: Context<'_>) -> Result<Vec<Self::Change>, Self::Rejection>;

    /// Applies a change; cannot fail.
    fn apply(&mut self, change: &Self::Change);
}
