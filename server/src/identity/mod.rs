//! Who asks, and which tenant's rows they may see: the one place where a credential becomes a visibility (I6).
//!
//! Used by every door. A key belongs to a tenant; those of the tenant `platform` see all, or the tenants that they are
//! confined to. Not here: what keys look like
//! and where they are kept (`actors`), how a door carries them. Keys never get into errors or logs (I12).

use std::collections::BTreeSet;
use std::time::Duration;

use actors::scram::PROOF_BYTES;
use actors::{AuthError, PLATFORM, TenantsHandle};
use pipelines::catalog::Visibility;
use tokio::time::sleep;

pub use actors::facets::keys::{Scope, Scopes};

/// In place of a key's id in the audit trail.
const OPERATOR: &str = "operator";
/// Between two looks whether a key is still good.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The caller that `key` belongs to, if it is good now.
///
/// # Errors
/// [`Refusal::Key`] says what is wrong with it, and nothing about keys that it resembles.
pub fn identify(tenants: &TenantsHandle, key: &str) -> Result<Identity, Refusal> {
    Ok(Identity::from(tenants.authenticate(key)?))
}

/// The caller that proves to have a key of `tenant`, and the signature that answers the proof.
///
/// # Errors
/// As [`identify`], but whose key it is can't be known before the proof fits.
pub fn prove(
    tenants: &TenantsHandle,
    tenant: &str,
    message: &[u8],
    proof: &[u8; PROOF_BYTES],
) -> Result<(Identity, [u8; PROOF_BYTES]), Refusal> {
    match tenants.prove(tenant, message, proof) {
        Ok((known, signature)) => Ok((Identity::from(known), signature)),
        Err(AuthError::Unknown) => Err(Refusal::Unproved(tenant.to_owned())),
        Err(other) => Err(Refusal::Key(other)),
    }
}

/// A caller whose key is good now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    known: actors::Identity,
    principal: String,
}

impl From<actors::Identity> for Identity {
    fn from(known: actors::Identity) -> Self {
        let principal = format!("{}/{}", known.tenant, known.key_id);
        Self { known, principal }
    }
}

/// Why a caller does not get what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No credential.
    #[error("no API key: send the header `Authorization: Bearer tn_…`")]
    Missing,
    /// Not the way to send one.
    #[error("the header Authorization is not `Bearer tn_…`")]
    NotBearer,
    /// A key that opens nothing.
    #[error(transparent)]
    Key(#[from] AuthError),
    /// None of the user's keys was used.
    #[error(
        "this password is no key of {0:?}: the user is the tenant whose key it is, or {PLATFORM}; the password is the whole \
         key, tn_…"
    )]
    Unproved(String),
    /// The key is good, but not for this.
    #[error("this key lacks the scope {}; use one that has it, or have one made", .0.as_str())]
    Scope(Scope),
    /// The key is a tenant's.
    #[error("only a key of the platform may do this")]
    PlatformOnly,
    /// The key is another tenant's.
    #[error("there is no tenant {0:?}, or it is not yours")]
    OtherTenant(String),
}

impl Identity {
    /// Whoever may write the data folder: the command line on this machine. It has no key and may do everything.
    pub fn operator() -> Self {
        Self::from(actors::Identity {
            tenant: PLATFORM.into(),
            scopes: Scopes::all(),
            key_id: OPERATOR.into(),
            confined: None,
        })
    }

    /// The same caller as of now.
    ///
    /// # Errors
    /// If its key has been revoked or has expired.
    pub fn still(&self, tenants: &TenantsHandle) -> Result<Self, Refusal> {
        // The operator has no key that could go.
        if self.known.key_id == OPERATOR {
            return Ok(self.clone());
        }
        Ok(Self::from(tenants.still(&self.known)?))
    }

    /// Ends within a second of when its key opens nothing any more, and says why: what is open for a caller lives no longer.
    pub fn gone(&self, tenants: &TenantsHandle) -> impl Future<Output = Refusal> + Send + use<> {
        let (identity, tenants) = (self.clone(), tenants.clone());
        async move {
            loop {
                if let Err(refusal) = identity.still(&tenants) {
                    return refusal;
                }
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// The tenant whose key it has.
    pub fn tenant(&self) -> &str {
        &self.known.tenant
    }

    /// Whose rows it may see.
    pub fn visibility(&self) -> Visibility {
        match &self.known.confined {
            Some(tenants) => Visibility::Tenants(tenants.clone()),
            None if self.is_platform() => Visibility::Platform,
            None => Visibility::Tenant(self.known.tenant.to_string()),
        }
    }

    /// Name for the audit trail: tenant and id of the key, for instance `acme/0123456789abcdef`.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// What it may do.
    pub fn scopes(&self) -> Scopes {
        self.known.scopes
    }

    /// Refuses a caller without `scope`.
    pub fn require(&self, scope: Scope) -> Result<(), Refusal> {
        if self.known.scopes.contains(scope) { Ok(()) } else { Err(Refusal::Scope(scope)) }
    }

    /// Refuses a caller that is not the platform.
    pub fn require_platform(&self) -> Result<(), Refusal> {
        if self.is_platform() { Ok(()) } else { Err(Refusal::PlatformOnly) }
    }

    /// Refuses a caller that is neither `tenant` nor the platform.
    pub fn require_tenant(&self, tenant: &str) -> Result<(), Refusal> {
        let among = |tenants: &BTreeSet<String>| tenants.contains(tenant);
        let own = self.known.confined.as_ref().map_or(*self.known.tenant == *tenant, among);
        if self.is_platform() || own { Ok(()) } else { Err(Refusal::OtherTenant(tenant.to_owned())) }
    }

    fn is_platform(&self) -> bool {
        self.known.is_platform()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tenant: &str, scopes: &[Scope]) -> Identity {
        let scopes = scopes.iter().copied().collect();
        Identity::from(actors::Identity {
            tenant: tenant.into(),
            scopes,
            key_id: "0707070707070707".into(),
            confined: None,
        })
    }

    #[test]
    fn a_tenants_key_sees_its_tenant() {
        let identity = of("acme", &[Scope::Query]);
        assert_eq!(identity.visibility(), Visibility::Tenant("acme".into()));
        assert_eq!(identity.principal(), "acme/0707070707070707");
        assert_eq!(identity.require(Scope::Query), Ok(()));
        assert_eq!(identity.require(Scope::Ingest), Err(Refusal::Scope(Scope::Ingest)));
        assert_eq!(identity.require_tenant("acme"), Ok(()));
        assert_eq!(identity.require_tenant("other"), Err(Refusal::OtherTenant("other".into())));
        assert_eq!(identity.require_platform(), Err(Refusal::PlatformOnly));
    }

    #[test]
    fn a_confined_key_sees_its_tenants() {
        let tenants: BTreeSet<String> = ["acme".to_owned(), "globex".to_owned()].into();
        let mut identity = of(PLATFORM, &[Scope::Query]);
        identity.known.confined = Some(tenants.clone());
        assert_eq!(identity.visibility(), Visibility::Tenants(tenants));
        assert_eq!(identity.require_tenant("acme"), Ok(()));
        assert_eq!(identity.require_tenant(PLATFORM), Err(Refusal::OtherTenant(PLATFORM.into())));
        assert_eq!(identity.require_tenant("other"), Err(Refusal::OtherTenant("other".into())));
        assert_eq!(identity.require_platform(), Err(Refusal::PlatformOnly));
    }

    #[test]
    fn the_platforms_key_sees_all() {
        let identity = of(PLATFORM, &[Scope::Admin]);
        assert_eq!(identity.visibility(), Visibility::Platform);
        assert_eq!(identity.require_tenant("other"), Ok(()));
        assert_eq!(identity.require_platform(), Ok(()));
        assert_eq!(identity.require(Scope::Ingest), Err(Refusal::Scope(Scope::Ingest)));
    }
}
