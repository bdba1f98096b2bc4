//! Declared kinds: what has a name and a specification, one file each and a line in one list.
//!
//! A kind says what its specification is, which of them a state has, which commands declare or withdraw one, and which changes
//! tell of one. From that alone come `apply`, its dry run, listings, history, export, schemas and explanations, for every kind
//! alike. The facets remain what keeps declarations, and their rules hold whoever asks. Not here: files and requests (`server`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::facet::Owner;
use crate::tenant::{Change, Command, TenantState};

mod any;
pub mod meter;
pub mod plan;
pub mod view;
pub mod quota;
pub mod alert;
pub mod endpoint;

pub use any::{AnyKind, Misfit, without_nulls};

use any::Of;

/// Something that is declared by a name and a specification.
pub trait Kind: Sync + 'static {
    /// What one of them is called in files and on the command line: `meter`.
    const NAME: &'static str;
    /// Whose they are: a tenant's are declared for a tenant.
    const OWNER: Owner;
    /// What is declared. Its doc comments teach what it means.
    type Spec: Serialize + DeserializeOwned + JsonSchema;
    /// Whether a tenant's own keys may declare them for it.
    const IS_TENANTS_OWN: bool = false;
    /// Whether the specification has a member `name` of its own.
    const NAMES_ITSELF: bool = false;

    /// Those that a state has, by name.
    fn all(state: &TenantState) -> BTreeMap<String, Self::Spec>;

    /// The commands that declare `spec`; `is_new` says that nothing of that name is declared yet.
    fn declare(name: &str, spec: Self::Spec, is_new: bool) -> Vec<Command>;

    /// The command that removes it.
    fn withdraw(name: &str) -> Command;

    /// Of which one a change tells, and what it is then; `None` behind the name if it is gone.
    fn told(change: &Change) -> Option<(&str, Option<Self::Spec>)>;
}

/// Every kind, those that others rely on before them.
pub static KINDS: &[&dyn AnyKind] = &[
    &Of::<meter::Meter>::KIND,
    &Of::<plan::Plan>::KIND,
    &Of::<view::View>::KIND,
    &Of::<quota::Quota>::KIND,
    &Of::<alert::Alert>::KIND,
    &Of::<endpoint::Endpoint>::KIND,
];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static dyn AnyKind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// A specification as it is shown.
fn shown<S: Serialize>(spec: &S) -> Value {
    serde_json::to_value(spec).expect("a specification has string keys and finite numbers")
}
