//! The directory: what every door asks about tenants, and who a key belongs to. Read by all threads, written by the owners
//! of tenants after each durable change.
//!
//! Keeps I6 (a credential opens one tenant, the platform's all) and I12 (only hashes are kept, and compared in constant
//! time). Keys are found by the hash of their whole text, which nobody can choose, so that no tenant can take the place of
//! another's key. Not here: what an identity may do at which door (`server`), changing anything.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::api_key::{ApiKey, ApiKeyError, KeyHash};
use crate::facets::keys::{Key, Scope, Scopes, Validity};
use crate::facets::lifecycle::Status;
use crate::scram::PROOF_BYTES;
use crate::snapshots::TenantRecord;
use crate::tenant::{PLATFORM, TenantState};

/// Parts with a lock each; more than a node has cores, so that readers seldom meet a writer.
const PARTS: usize = 64;

/// Every tenant's state and every key, in memory.
#[derive(Default)]
pub struct Directory {
    tenants: Parts<Arc<str>, TenantRecord>,
    keys: Parts<KeyHash, Arc<str>>,
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
    /// Of a key of the platform: the only tenants whose rows it reads.
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

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a tenant's new state to all who ask from now on. Each tenant has one publisher at a time.
    pub fn publish(&self, tenant: &str, record: impl Into<TenantRecord>) {
        let name: Arc<str> = tenant.into();
        let record = record.into();
        let hashes = |record: &TenantRecord| record.state.keys.keys.values().map(|key| key.hash).collect::<Vec<_>>();
        let new = hashes(&record);
        // The state goes first: a key that is found leads to the state that has it, and a stale one to one that has not.
        let old = self.tenants.insert(Arc::clone(&name), record).map(|old| hashes(&old)).unwrap_or_default();
        for hash in new.iter().filter(|hash| !old.contains(hash)) {
            self.keys.insert(*hash, Arc::clone(&name));
        }
        for hash in old.iter().filter(|hash| !new.contains(hash)) {
            self.keys.remove_if(hash, |owner| **owner == *tenant);
        }
    }

    /// A tenant as of its last durable change.
    pub fn get(&self, tenant: &str) -> Option<Arc<TenantState>> {
        self.record(tenant).map(|record| record.state)
    }

    /// The same, with its place in the journal.
    pub fn record(&self, tenant: &str) -> Option<TenantRecord> {
        self.tenants.get(tenant)
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names = Vec::with_capacity(self.len());
        self.for_each(|name, _| names.push(Arc::clone(name)));
        names.sort_unstable();
        names
    }

    /// How many tenants there are.
    pub fn len(&self) -> usize {
        self.tenants.parts.iter().map(|part| read(part).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives every tenant to `each`, in no particular order. Each is as of its last change; together they are not one
    /// moment. `each` must not publish.
    pub fn for_each(&self, mut each: impl FnMut(&Arc<str>, &Arc<TenantState>)) {
        for part in &self.tenants.parts {
            read(part).iter().for_each(|(name, record)| each(name, &record.state));
        }
    }

    /// Finds out who presents a key.
    ///
    /// # Errors
    /// [`AuthError`]; only somebody who has the whole key learns that it was ever valid.
    pub fn authenticate(&self, presented: &str, now_us: i64) -> Result<Identity, AuthError> {
        let ApiKey { id, hash } = ApiKey::parse(presented)?;
        let tenant = self.keys.get(&hash).ok_or(AuthError::Unknown)?;
        let state = self.get(&tenant).ok_or(AuthError::Unknown)?;
        let key = state.keys.keys.get(&id).filter(|key| key.hash.matches(&hash)).ok_or(AuthError::Unknown)?;
        holder(&tenant, &state, &id, key, now_us)
    }

    /// Whether everybody who may ask as `tenant` can prove it by SCRAM; so it seems of tenants that there are not.
    pub fn takes_proofs(&self, tenant: &str, now_us: i64) -> bool {
        let Some(state) = self.get(tenant) else { return true };
        let asks = |key: &Key| key.validity(now_us) == Validity::Valid && key.scopes.contains(Scope::Query);
        state.keys.keys.iter().all(|(id, key)| !asks(key) || state.keys.verifiers.contains_key(id))
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
        let mut verifiers = state.keys.verifiers.iter();
        let (id, verifier) =
            verifiers.find(|(_, verifier)| verifier.accepts(message, proof)).ok_or(AuthError::Unknown)?;
        let key = state.keys.keys.get(id).ok_or(AuthError::Unknown)?;
        Ok((holder(&tenant.into(), &state, id, key, now_us)?, verifier.sign(message)))
    }

    /// Who was let in by a key before, if it is still good.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub fn still(&self, known: &Identity, now_us: i64) -> Result<Identity, AuthError> {
        let state = self.get(&known.tenant).ok_or(AuthError::Unknown)?;
        let key = state.keys.keys.get(&known.key_id).ok_or(AuthError::Unknown)?;
        holder(&known.tenant, &state, &known.key_id, key, now_us)
    }
}

fn holder(tenant: &Arc<str>, state: &TenantState, id: &str, key: &Key, now_us: i64) -> Result<Identity, AuthError> {
    match key.validity(now_us) {
        Validity::Valid if state.lifecycle.status == Status::Deleted => Err(AuthError::Revoked),
        Validity::Valid => {
            let confined = state.keys.confined.get(id).cloned();
            Ok(Identity { scopes: key.scopes, key_id: id.to_owned(), tenant: Arc::clone(tenant), confined })
        }
        Validity::Expired => Err(AuthError::Expired),
        Validity::Revoked => Err(AuthError::Revoked),
    }
}

/// A map in [`PARTS`] parts.
struct Parts<K, V> {
    hasher: RandomState,
    parts: Vec<RwLock<HashMap<K, V>>>,
}

impl<K, V> Default for Parts<K, V> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), parts: (0..PARTS).map(|_| RwLock::default()).collect() }
    }
}

impl<K: Hash + Eq, V: Clone> Parts<K, V> {
    fn part<Q: Hash + ?Sized>(&self, key: &Q) -> &RwLock<HashMap<K, V>> {
        &self.parts[self.hasher.hash_one(key) as usize % PARTS]
    }

    fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        read(self.part(key)).get(key).cloned()
    }

    fn insert(&self, key: K, value: V) -> Option<V> {
        write(self.part(&key)).insert(key, value)
    }

    fn remove_if(&self, key: &K, condition: impl FnOnce(&V) -> bool) {
        let mut part = write(self.part(key));
        if part.get(key).is_some_and(condition) {
            part.remove(key);
        }
    }
}

// A panic can't leave a map half changed: all that is done under these locks is a single insert or remove.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facet::{Context, Facet};
    use crate::facets::keys::{Keys, KeysChange, KeysCommand};
    use crate::facets::lifecycle::LifecycleChange;
    use crate::scram::ScramVerifier;
    use crate::tenant::Change;

    fn with_key(n: u8, expires_at_us: Option<i64>) -> (TenantState, String) {
        let (key, text) = ApiKey::generate([n; 8], [n; 32]);
        let command = KeysCommand::Create {
            id: key.id,
            hash: key.hash,
            scram: ScramVerifier::derive("acme", &text),
            scopes: [Scope::Query].into_iter().collect(),
            label: String::new(),
            expires_at_us,
            tenants: None,
        };
        let mut state = TenantState::default();
        apply(&mut state.keys, command);
        (state, text)
    }

    fn apply(keys: &mut Keys, command: KeysCommand) {
        let changes = keys.decide(command, Context::at(10)).unwrap();
        changes.iter().for_each(|change| keys.apply(change));
    }

    fn publish(directory: &Directory, tenant: &str, state: TenantState) {
        directory.publish(tenant, Arc::new(state));
    }

    fn id(n: u8) -> String {
        ApiKey::generate([n; 8], [n; 32]).0.id
    }

    #[test]
    fn a_key_opens_its_own_tenant_only() {
        let directory = Directory::new();
        let (acme, acme_key) = with_key(1, None);
        let (globex, globex_key) = with_key(2, None);
        publish(&directory, "acme", acme);
        publish(&directory, "globex", globex);
        let who = |key: &str| directory.authenticate(key, 10).map(|identity| identity.tenant.to_string());
        assert_eq!(who(&acme_key), Ok("acme".into()));
        assert_eq!(who(&globex_key), Ok("globex".into()));
        assert_eq!(who(&with_key(3, None).1), Err(AuthError::Unknown));
        assert_eq!(who("password"), Err(AuthError::Malformed(ApiKeyError::Shape)));
    }

    #[test]
    fn the_right_id_with_another_secret_is_unknown() {
        let directory = Directory::new();
        publish(&directory, "acme", with_key(1, None).0);
        let (_, forged) = ApiKey::generate([1; 8], [9; 32]);
        assert_eq!(directory.authenticate(&forged, 10), Err(AuthError::Unknown));
    }

    #[test]
    fn an_id_that_another_tenant_uses_too_takes_nothing_from_it() {
        let directory = Directory::new();
        let (acme, acme_key) = with_key(1, None);
        publish(&directory, "acme", acme);
        let (key, squatter_key) = ApiKey::generate([1; 8], [9; 32]);
        let mut squatter = TenantState::default();
        apply(
            &mut squatter.keys,
            KeysCommand::Create {
                id: key.id,
                hash: key.hash,
                scram: ScramVerifier::derive("squatter", &squatter_key),
                scopes: Scopes::all(),
                label: String::new(),
                expires_at_us: None,
                tenants: None,
            },
        );
        publish(&directory, "squatter", squatter);
        assert_eq!(&*directory.authenticate(&acme_key, 10).unwrap().tenant, "acme");
        assert_eq!(&*directory.authenticate(&squatter_key, 10).unwrap().tenant, "squatter");
    }

    // The example of RFC 7677 is in `scram`; here any bytes will do, since nobody has the key to them.
    #[test]
    fn who_proves_nothing_is_unknown() {
        let directory = Directory::new();
        publish(&directory, "acme", with_key(1, None).0);
        let prove = |tenant| directory.prove(tenant, b"message", &[7; PROOF_BYTES], 10).unwrap_err();
        assert_eq!((prove("acme"), prove("nobody")), (AuthError::Unknown, AuthError::Unknown));
    }

    #[test]
    fn a_key_without_verifier_can_only_be_sent() {
        let directory = Directory::new();
        let (mut state, text) = with_key(1, Some(20));
        publish(&directory, "acme", state.clone());
        assert!(directory.takes_proofs("acme", 10) && directory.takes_proofs("nobody", 10));
        let changes = [
            KeysChange::Forgotten { id: id(1) },
            KeysChange::Created { id: id(1), key: state.keys.keys[&id(1)].clone() },
        ];
        changes.iter().for_each(|change| state.keys.apply(change));
        publish(&directory, "acme", state);
        assert!(!directory.takes_proofs("acme", 10), "it was made before there were verifiers");
        assert!(directory.takes_proofs("acme", 20), "an expired key is in nobody's way");
        assert!(directory.authenticate(&text, 10).is_ok());
    }

    #[test]
    fn spent_keys_say_why() {
        let directory = Directory::new();
        let (mut state, text) = with_key(1, Some(20));
        publish(&directory, "acme", state.clone());
        let known = directory.authenticate(&text, 19).unwrap();
        assert_eq!(directory.still(&known, 19).as_ref(), Ok(&known));
        assert_eq!(directory.authenticate(&text, 20), Err(AuthError::Expired));
        assert_eq!(directory.still(&known, 20), Err(AuthError::Expired));

        let mut deleted = state.clone();
        deleted.apply(&Change::Lifecycle(LifecycleChange::Deleted));
        publish(&directory, "acme", deleted);
        assert_eq!(directory.authenticate(&text, 19), Err(AuthError::Revoked));

        apply(&mut state.keys, KeysCommand::Revoke { id: id(1) });
        publish(&directory, "acme", state.clone());
        assert_eq!(directory.authenticate(&text, 19), Err(AuthError::Revoked));

        state.keys.keys.clear();
        publish(&directory, "acme", state);
        assert_eq!(directory.authenticate(&text, 19), Err(AuthError::Unknown));
        assert_eq!(directory.still(&known, 19), Err(AuthError::Unknown));
    }

    #[test]
    fn names_are_sorted_and_counted_once() {
        let directory = Directory::new();
        assert!(directory.is_empty());
        for name in ["globex", "acme", "globex"] {
            publish(&directory, name, TenantState::default());
        }
        let names: Vec<_> = directory.names().iter().map(|name| name.to_string()).collect();
        assert_eq!((names, directory.len()), (vec!["acme".to_owned(), "globex".to_owned()], 2));
        assert!(directory.get("acme").is_some() && directory.get("initech").is_none());
    }
}
