//! An edition of the directory: what was known of all tenants and keys at one moment. Nothing in it ever changes, so that a
//! tenant, its plan and its key agree, however long somebody looks.
//!
//! Keeps I6 (a credential opens one tenant, the platform's all) and I12 (hashes are compared in constant time). Keys are found
//! by the hash of their whole text, which nobody can choose, so that no tenant can take the place of another's key. Not here:
//! what an identity may do at which door (`server`).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::api_key::{ApiKey, ApiKeyError, KeyHash};
use crate::facets::keys::{Key, Scope, Scopes, Validity};
use crate::facets::lifecycle::Status;
use crate::limit::{Limit, Limits};
use crate::plan::Plan;
use crate::scram::PROOF_BYTES;
use crate::snapshots::TenantRecord;
use crate::tenant::{PLATFORM, TenantState};

use super::shared_map::SharedMap;

/// See the module.
#[derive(Debug, Default, Clone)]
pub struct Edition {
    tenants: SharedMap<Arc<str>, TenantRecord>,
    keys: SharedMap<KeyHash, Arc<str>>,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whose key it is.
    pub tenant: Arc<str>,
    /// What it may do.
    pub scopes: Scopes,
    /// Which key.
    pub key_id: String,
    /// The only tenants whose rows a key of the platform reads, if it is confined to some.
    pub confined: Option<BTreeSet<String>>,
}

impl Identity {
    /// Whether the key is the platform's and opens all tenants.
    pub fn is_platform(&self) -> bool {
        &*self.tenant == PLATFORM && self.confined.is_none()
    }
}

/// Why a key opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No key looks like that; answered without a lookup.
    #[error(transparent)]
    Malformed(#[from] ApiKeyError),
    /// It was never issued here, or long ago.
    #[error("unknown API key; create one with the keys of the tenant or of the platform")]
    Unknown,
    /// It was revoked, or its tenant is deleted.
    #[error("the API key is revoked; use another")]
    Revoked,
    /// Its time is over.
    #[error("the API key has expired; rotate keys before they do")]
    Expired,
}

impl Edition {
    /// A tenant.
    pub fn get(&self, tenant: &str) -> Option<&Arc<TenantState>> {
        self.record(tenant).map(|record| &record.state)
    }

    /// The same, with its place in the journal.
    pub fn record(&self, tenant: &str) -> Option<&TenantRecord> {
        self.tenants.get(tenant)
    }

    /// Every tenant, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<TenantState>)> {
        self.tenants.iter().map(|(name, record)| (name, &record.state))
    }

    /// How many tenants there are.
    pub fn len(&self) -> usize {
        self.tenants.len()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The plan that a tenant is on.
    pub fn plan_of(&self, state: &TenantState) -> Plan {
        self.plan(&state.plan().name)
    }

    /// The plan of that name, or what a tenant gets that is on a plan that is not there.
    pub fn plan(&self, name: &str) -> Plan {
        self.get(PLATFORM).map(|platform| platform.plans().get(name)).unwrap_or_default()
    }

    /// The limits that hold for a tenant: its own before its plan's.
    pub fn limits_of(&self, state: &TenantState) -> Limits {
        let mut limits = self.plan_of(state).limits;
        limits.extend(state.quota().limits.clone());
        limits
    }

    /// The limit of one meter among them.
    pub fn limit_of<'a>(&'a self, state: &'a TenantState, meter: &str) -> Option<&'a Limit> {
        let of_plan = || self.get(PLATFORM)?.plans().find(&state.plan().name)?.limits.get(meter);
        state.quota().limits.get(meter).or_else(of_plan)
    }

    /// Finds out who presents a key.
    ///
    /// # Errors
    /// [`AuthError`]; only somebody who has the whole key learns that it was ever valid.
    pub fn authenticate(&self, presented: &str, now_us: i64) -> Result<Identity, AuthError> {
        let ApiKey { id, hash } = ApiKey::parse(presented)?;
        let tenant = self.keys.get(&hash).ok_or(AuthError::Unknown)?;
        let state = self.get(tenant).ok_or(AuthError::Unknown)?;
        let key = state.keys().keys.get(&id).filter(|key| key.hash.matches(&hash)).ok_or(AuthError::Unknown)?;
        holder(tenant, state, &id, key, now_us)
    }

    /// Whether everybody who may ask as `tenant` can prove it by SCRAM. True of an unknown name too, so that it tells
    /// nothing.
    pub fn takes_proofs(&self, tenant: &str, now_us: i64) -> bool {
        let Some(state) = self.get(tenant) else { return true };
        let asks = |key: &Key| key.validity(now_us) == Validity::Valid && key.scopes.contains(Scope::Query);
        state.keys().keys.iter().all(|(id, key)| !asks(key) || state.keys().verifiers.contains_key(id))
    }

    /// Finds out which key of `tenant` made `proof` for the exchange `message`, and signs that in turn.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub fn prove(
        &self,
        tenant: &str,
        message: &[u8],
        proof: &[u8; PROOF_BYTES],
        now_us: i64,
    ) -> Result<(Identity, [u8; PROOF_BYTES]), AuthError> {
        let state = self.get(tenant).ok_or(AuthError::Unknown)?;
        let mut verifiers = state.keys().verifiers.iter();
        let (id, verifier) =
            verifiers.find(|(_, verifier)| verifier.accepts(message, proof)).ok_or(AuthError::Unknown)?;
        let key = state.keys().keys.get(id).ok_or(AuthError::Unknown)?;
        Ok((holder(&tenant.into(), state, id, key, now_us)?, verifier.sign(message)))
    }

    /// Who was let in by a key before, if it is still good.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub fn still(&self, known: &Identity, now_us: i64) -> Result<Identity, AuthError> {
        let state = self.get(&known.tenant).ok_or(AuthError::Unknown)?;
        let key = state.keys().keys.get(&known.key_id).ok_or(AuthError::Unknown)?;
        holder(&known.tenant, state, &known.key_id, key, now_us)
    }

    /// Puts a tenant's new state in the place of its old one.
    pub(super) fn put(&mut self, tenant: &str, record: TenantRecord) {
        let name: Arc<str> = tenant.into();
        let hashes = |record: &TenantRecord| record.state.keys().keys.values().map(|key| key.hash).collect::<Vec<_>>();
        let new = hashes(&record);
        let old = self.tenants.insert(Arc::clone(&name), record).map(|old| hashes(&old)).unwrap_or_default();
        for hash in new.iter().filter(|hash| !old.contains(hash)) {
            self.keys.insert(*hash, Arc::clone(&name));
        }
        for hash in old.iter().filter(|hash| !new.contains(hash)) {
            if self.keys.get(hash).is_some_and(|owner| **owner == *tenant) {
                self.keys.remove(hash);
            }
        }
    }

    /// Tenants that may not be the same in `older`, all that changed among them.
    pub fn news<'a>(&'a self, older: &'a Self) -> impl Iterator<Item = &'a Arc<str>> {
        self.tenants.news(&older.tenants).map(|(name, _)| name)
    }

    /// Whether one facet of `tenant` is the same in `other`: the others may change all the time.
    pub fn agrees_on<F>(&self, other: &Self, tenant: &str, facet: impl Fn(&TenantState) -> &F) -> bool {
        match (self.get(tenant), other.get(tenant)) {
            // A facet that does not change is shared by a tenant's states.
            (Some(one), Some(another)) => std::ptr::eq(facet(one), facet(another)),
            (None, None) => true,
            _ => false,
        }
    }

    /// Whether `tenant` is the same in `other`.
    pub fn agrees(&self, other: &Self, tenant: &str) -> bool {
        match (self.get(tenant), other.get(tenant)) {
            (Some(one), Some(another)) => Arc::ptr_eq(one, another),
            (None, None) => true,
            _ => false,
        }
    }
}

fn holder(tenant: &Arc<str>, state: &TenantState, id: &str, key: &Key, now_us: i64) -> Result<Identity, AuthError> {
    match key.validity(now_us) {
        Validity::Valid if state.lifecycle().status == Status::Deleted => Err(AuthError::Revoked),
        Validity::Valid => {
            let confined = state.keys().confined.get(id).cloned();
            Ok(Identity { scopes: key.scopes, key_id: id.to_owned(), tenant: Arc::clone(tenant), confined })
        }
        Validity::Expired => Err(AuthError::Expired),
        Validity::Revoked => Err(AuthError::Revoked),
    }
}
