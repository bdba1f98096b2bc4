//! A kind whose type is not known: what is the same of all kinds, over JSON.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::{Kind, shown};
use crate::facet::Owner;
use crate::tenant::{Change, Command, TenantState};

/// See [`Kind`], whose methods these are.
pub trait AnyKind: Sync {
    /// What one of them is called.
    fn name(&self) -> &'static str;
    /// Whose they are.
    fn owner(&self) -> Owner;
    /// Whether a tenant's own keys may declare them for it.
    fn is_tenants_own(&self) -> bool;
    /// JSON Schema (2020-12) of a specification, without references. A name that is told beside it may be in it too.
    fn schema(&self) -> Value;
    /// Those that a state has, by name, without members that only say the name again.
    fn all(&self, state: &TenantState) -> BTreeMap<String, Value>;
    /// The specification as it will be shown, absent members filled in.
    ///
    /// # Errors
    /// What does not fit.
    fn read(&self, name: &str, spec: Value) -> Result<Value, Misfit>;
    /// The commands that declare `spec`.
    ///
    /// # Errors
    /// What does not fit.
    fn declare(&self, name: &str, spec: Value, is_new: bool) -> Result<Vec<Command>, Misfit>;
    /// The command that removes it.
    fn withdraw(&self, name: &str) -> Command;
    /// Of which one a change tells, and what it is then.
    fn told(&self, change: &Change) -> Option<(String, Option<Value>)>;
}

/// Why something is not a specification of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {words}")]
pub struct Misfit {
    /// Path of the member; `.` if all of it is meant.
    pub path: String,
    /// What is wrong, in the words of whoever read it.
    pub words: String,
}

/// The kind `K`.
pub(super) struct Of<K>(PhantomData<K>);

impl<K> Of<K> {
    pub(super) const KIND: Self = Self(PhantomData);
}

/// The member by which some specifications name themselves.
const NAME: &str = "name";

impl<K: Kind> Of<K> {
    fn spec(name: &str, spec: Value) -> Result<K::Spec, Misfit> {
        let Value::Object(mut members) = spec else {
            return Err(Misfit { path: ".".into(), words: "expected an object".into() });
        };
        if K::NAMES_ITSELF {
            members.insert(NAME.into(), name.into());
        }
        serde_path_to_error::deserialize(Value::Object(members))
            .map_err(|error| Misfit { path: error.path().to_string(), words: error.inner().to_string() })
    }

    fn nameless(spec: &K::Spec) -> Value {
        let mut value = shown(spec);
        if let Some(members) = value.as_object_mut().filter(|_| K::NAMES_ITSELF) {
            members.remove(NAME);
        }
        value
    }
}

impl<K: Kind> AnyKind for Of<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn owner(&self) -> Owner {
        K::OWNER
    }

    fn is_tenants_own(&self) -> bool {
        K::IS_TENANTS_OWN
    }

    fn schema(&self) -> Value {
        let inlined = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut schema = inlined.into_generator().into_root_schema_for::<K::Spec>().to_value();
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|member| !K::NAMES_ITSELF || member != NAME);
        }
        schema
    }

    fn all(&self, state: &TenantState) -> BTreeMap<String, Value> {
        K::all(state).into_iter().map(|(name, spec)| (name, Self::nameless(&spec))).collect()
    }

    fn read(&self, name: &str, spec: Value) -> Result<Value, Misfit> {
        Ok(Self::nameless(&Self::spec(name, spec)?))
    }

    fn declare(&self, name: &str, spec: Value, is_new: bool) -> Result<Vec<Command>, Misfit> {
        Ok(K::declare(name, Self::spec(name, spec)?, is_new))
    }

    fn withdraw(&self, name: &str) -> Command {
        K::withdraw(name)
    }

    fn told(&self, change: &Change) -> Option<(String, Option<Value>)> {
        K::told(change).map(|(name, spec)| (name.to_owned(), spec.as_ref().map(Self::nameless)))
    }
}

/// A specification without members that are as if they were absent: what a file needs to say.
pub fn without_nulls(spec: Value) -> Value {
    match spec {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
