//! The directory: what every door asks about tenants, and who a key belongs to. Read by all threads, written by the owners
//! of tenants after each durable change.
//!
//! It is an [`Edition`] that is swapped for the next one: who reads waits for nobody and makes nobody wait, and whatever runs
//! while somebody goes through all tenants may ask and publish as it likes (I15). Not here: changing anything.

mod edition;
mod shared_map;

use std::sync::Arc;

use arc_swap::ArcSwap;
use engine::lock::Lock;

use crate::scram::PROOF_BYTES;
use crate::snapshots::TenantRecord;
use crate::tenant::TenantState;

pub use edition::{AuthError, Edition, Identity};

/// Every tenant's state and every key, in memory.
#[derive(Debug, Default)]
pub struct Directory {
    newest: ArcSwap<Edition>,
    /// Whose turn it is to make the next one.
    publishing: Lock<()>,
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a tenant's new state to all who ask from now on. Each tenant has one publisher at a time.
    pub fn publish(&self, tenant: &str, record: impl Into<TenantRecord>) {
        self.publish_all([(tenant, record.into())]);
    }

    /// The same of many tenants, all at one moment.
    pub fn publish_all<'a>(&self, tenants: impl IntoIterator<Item = (&'a str, TenantRecord)>) {
        let tenants: Vec<_> = tenants.into_iter().collect();
        let turn = self.publishing.lock();
        let mut next = Edition::clone(&self.newest.load());
        tenants.into_iter().for_each(|(tenant, record)| next.put(tenant, record));
        let last = self.newest.swap(Arc::new(next));
        drop(turn);
        // Last, because it may be the only one who still has it, and letting go of much takes long.
        drop(last);
    }

    /// What is known now. Of several questions whose answers must agree, each is asked of the same edition.
    pub fn edition(&self) -> Arc<Edition> {
        self.newest.load_full()
    }

    /// A tenant as of its last durable change.
    pub fn get(&self, tenant: &str) -> Option<Arc<TenantState>> {
        self.newest.load().get(tenant).cloned()
    }

    /// The same, with its place in the journal.
    pub fn record(&self, tenant: &str) -> Option<TenantRecord> {
        self.newest.load().record(tenant).cloned()
    }

    /// As [`Edition::authenticate`], now.
    ///
    /// # Errors
    /// As there.
    pub fn authenticate(&self, presented: &str, now_us: i64) -> Result<Identity, AuthError> {
        self.newest.load().authenticate(presented, now_us)
    }

    /// As [`Edition::takes_proofs`], now.
    pub fn takes_proofs(&self, tenant: &str, now_us: i64) -> bool {
        self.newest.load().takes_proofs(tenant, now_us)
    }

    /// As [`Edition::prove`], now.
    ///
    /// # Errors
    /// As there.
    pub fn prove(
        &self,
        tenant: &str,
        message: &[u8],
        proof: &[u8; PROOF_BYTES],
        now_us: i64,
    ) -> Result<(Identity, [u8; PROOF_BYTES]), AuthError> {
        self.newest.load().prove(tenant, message, proof, now_us)
    }

    /// As [`Edition::still`], now.
    ///
    /// # Errors
    /// As there.
    pub fn still(&self, known: &Identity, now_us: i64) -> Result<Identity, AuthError> {
        self.newest.load().still(known, now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_key::{ApiKey, ApiKeyError};
    use crate::facet::Context;
    use crate::facets::keys::{KeysChange, KeysCommand, Scope};
    use crate::facets::lifecycle::LifecycleChange;
    use crate::facets::plan::PlanSet;
    use crate::scram::ScramVerifier;
    use crate::tenant::{Change, Command};

    fn with_key(n: u8, expires_at_us: Option<i64>) -> (TenantState, String) {
        let mut state = TenantState::default();
        let text = create(&mut state, "acme", n, expires_at_us);
        (state, text)
    }

    fn create(state: &mut TenantState, tenant: &str, n: u8, expires_at_us: Option<i64>) -> String {
        let (key, text) = ApiKey::generate([n; 8], [n; 32]);
        accept(state, tenant, key, &text, expires_at_us);
        text
    }

    fn accept(state: &mut TenantState, tenant: &str, key: ApiKey, text: &str, expires_at_us: Option<i64>) {
        let command = KeysCommand::Create {
            id: key.id,
            hash: key.hash,
            scram: ScramVerifier::derive(tenant, text),
            scopes: [Scope::Query].into_iter().collect(),
            label: String::new(),
            expires_at_us,
            tenants: None,
        };
        apply(state, command);
    }

    fn apply(state: &mut TenantState, command: KeysCommand) {
        let changes = state.decide(Command::Keys(command), Context::at(10)).unwrap();
        changes.iter().for_each(|change| state.apply(change));
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
        accept(&mut squatter, "squatter", key, &squatter_key, None);
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
        let key = state.keys().keys[&id(1)].clone();
        let changes = [KeysChange::Forgotten { id: id(1) }, KeysChange::Created { id: id(1), key }];
        changes.into_iter().for_each(|change| state.apply(&Change::Keys(change)));
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

        apply(&mut state, KeysCommand::Revoke { id: id(1) });
        publish(&directory, "acme", state.clone());
        assert_eq!(directory.authenticate(&text, 19), Err(AuthError::Revoked));

        state.apply(&Change::Keys(KeysChange::Forgotten { id: id(1) }));
        publish(&directory, "acme", state);
        assert_eq!(directory.authenticate(&text, 19), Err(AuthError::Unknown));
        assert_eq!(directory.still(&known, 19), Err(AuthError::Unknown));
    }

    #[test]
    fn tenants_are_there_once() {
        let directory = Directory::new();
        assert!(directory.edition().is_empty());
        for name in ["globex", "acme", "globex"] {
            publish(&directory, name, TenantState::default());
        }
        let edition = directory.edition();
        let mut names: Vec<_> = edition.iter().map(|(name, _)| name.to_string()).collect();
        names.sort_unstable();
        assert_eq!((names, edition.len()), (vec!["acme".to_owned(), "globex".to_owned()], 2));
        assert!(directory.get("acme").is_some() && directory.get("initech").is_none());
    }

    #[test]
    fn an_edition_stays_as_it_was() {
        let directory = Directory::new();
        let (state, text) = with_key(1, None);
        publish(&directory, "acme", state.clone());
        let before = directory.edition();
        let mut gold = TenantState::default();
        gold.apply(&Change::Plan(PlanSet { plan: "gold".into() }));
        publish(&directory, "acme", gold);
        publish(&directory, "globex", TenantState::default());
        assert_eq!((before.get("acme").map(|acme| &**acme), before.len()), (Some(&state), 1));
        assert!(before.authenticate(&text, 10).is_ok(), "a tenant and its keys are of the same moment");
        assert_eq!(directory.authenticate(&text, 10), Err(AuthError::Unknown));
        let now = directory.edition();
        assert!(!now.agrees(&before, "acme") && now.agrees(&before, "initech"));
        assert!(
            !now.agrees_on(&before, "acme", TenantState::plan) && now.agrees_on(&before, "initech", TenantState::plan)
        );
        let mut again = TenantState::clone(now.get("acme").unwrap());
        again.apply(&Change::Lifecycle(LifecycleChange::Activated));
        publish(&directory, "acme", again);
        let later = directory.edition();
        assert!(!later.agrees(&now, "acme") && later.agrees_on(&now, "acme", TenantState::plan));
        let news: Vec<_> = now.news(&before).map(|name| name.to_string()).collect();
        assert!(["acme", "globex"].iter().all(|name| news.iter().any(|new| new == name)), "{news:?}");
    }
}
