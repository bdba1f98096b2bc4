//! Keys: which API keys a tenant has, what each may do, and until when.
//!
//! Secrets never come here: a command carries what recognises a key that was made outside (I12). A spent key is remembered, so
//! that its use is answered with "revoked" or "expired", until its place is needed. Not here: text of keys (`api_key`),
//! finding a key's tenant (`directory`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api_key::{KeyHash, is_key_id};
use crate::facet::{Context, Facet, Owner};
use crate::refusal::{Refusal, RefusalKind, Refused};
use crate::scram::ScramVerifier;
use crate::tenant::is_tenant_name;

mod scopes;

pub use scopes::{Scope, Scopes};

/// Most keys a tenant may have, spent ones that are still remembered included.
pub const KEYS_MAX: usize = 100;
/// Longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 128;
/// Most tenants that a key may be confined to.
pub const CONFINED_TENANTS_MAX: usize = 1000;

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// By id.
    pub keys: BTreeMap<String, Key>,
    /// Recognise keys at doors that take proofs, by id; keys from before there were such doors have none.
    pub verifiers: BTreeMap<String, ScramVerifier>,
    /// By id, the tenants whose rows a key of the platform reads; those that are not in it are not confined.
    pub confined: BTreeMap<String, BTreeSet<String>>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Recognises it.
    pub hash: KeyHash,
    /// What it may do.
    pub scopes: Scopes,
    /// For people; may be empty.
    pub label: String,
    /// Microseconds.
    pub created_at_us: i64,
    /// Microseconds; from then on it opens nothing.
    pub expires_at_us: Option<i64>,
    /// Microseconds, once it was revoked.
    pub revoked_at_us: Option<i64>,
    /// Id of the key that takes its place, once it was rotated.
    pub replaced_by: Option<String>,
}

/// Whether a key opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It does.
    Valid,
    /// Not since it expired.
    Expired,
    /// Not since it was revoked.
    Revoked,
}

impl Key {
    /// Whether the key opens anything at `now_us`.
    pub fn validity(&self, now_us: i64) -> Validity {
        match (self.revoked_at_us, self.expires_at_us) {
            (Some(_), _) => Validity::Revoked,
            (None, Some(expires_at_us)) if expires_at_us <= now_us => Validity::Expired,
            _ => Validity::Valid,
        }
    }
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysCommand {
    /// Accepts a new key.
    Create {
        /// Its id.
        id: String,
        /// Recognises it.
        hash: KeyHash,
        /// Recognises a proof of it.
        scram: ScramVerifier,
        /// What it may do.
        scopes: Scopes,
        /// For people; may be empty.
        label: String,
        /// Microseconds; absent for a key that lives until it is revoked.
        expires_at_us: Option<i64>,
        /// Of the platform: the only tenants whose rows it reads.
        tenants: Option<BTreeSet<String>>,
    },
    /// Replaces a key by another of the same scopes, label and expiry; the old one goes on for a while.
    Rotate {
        /// What whoever asks may do: it gets no key that may do more.
        holder: Scopes,
        /// The old key.
        id: String,
        /// Id of the new one.
        new_id: String,
        /// Recognises the new one.
        new_hash: KeyHash,
        /// Recognises a proof of the new one.
        new_scram: ScramVerifier,
        /// How long the old one still works, microseconds.
        overlap_us: i64,
    },
    /// Ends a key at once.
    Revoke {
        /// Which.
        id: String,
    },
}

/// What happened. Journaled for ever: variants are only ever added at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysChange {
    /// A key is accepted.
    Created {
        /// Its id.
        id: String,
        /// Everything about it.
        key: Key,
    },
    /// A key has a successor.
    Rotated {
        /// The old key.
        id: String,
        /// Id of its successor.
        replaced_by: String,
        /// Until when the old one works, microseconds.
        expires_at_us: i64,
    },
    /// A key is no longer accepted.
    Revoked {
        /// Which.
        id: String,
        /// Microseconds.
        at_us: i64,
    },
    /// A spent key made place for another.
    Forgotten {
        /// Which.
        id: String,
    },
    /// A key can be proved without being sent.
    Verifiable {
        /// Which.
        id: String,
        /// Recognises a proof of it.
        scram: ScramVerifier,
    },
    /// A key reads some tenants only. Comes before the key itself, which is never without it.
    Confined {
        /// Which.
        id: String,
        /// Whose rows.
        tenants: BTreeSet<String>,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysRejection {
    /// A value that makes no sense.
    #[error("field {field}: must be {expect}")]
    OutOfRange {
        /// Which.
        field: &'static str,
        /// What would be right.
        expect: &'static str,
    },
    /// There is a key of that id.
    #[error("there is a key {0} already")]
    Taken(String),
    /// There is no such key.
    #[error("there is no key {0}")]
    Unknown(String),
    /// The key opens nothing any more.
    #[error("key {0} is revoked or expired; create a new one")]
    Spent(String),
    /// The key has a successor.
    #[error("key {id} was rotated already; rotate its successor {replaced_by}")]
    Rotated {
        /// Which.
        id: String,
        /// By which it was replaced.
        replaced_by: String,
    },
    /// Whoever rotates it may do less than the key.
    #[error("key {id} has the scope {}, which the key that rotates it lacks; use one that has it", .scope.as_str())]
    Beyond {
        /// Which.
        id: String,
        /// What it may do besides.
        scope: Scope,
    },
    /// There are too many.
    #[error("there are {KEYS_MAX} keys in use, which is the limit; revoke one first")]
    TooMany,
    /// Others see none but their own rows.
    #[error("only the platform has keys for several tenants")]
    PlatformOnly,
}

impl Refused for KeysRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::OutOfRange { field, .. } => RefusalKind::Invalid.of(*field, "invalid"),
            Self::Unknown(_) => RefusalKind::NotFound.alone(),
            Self::Beyond { .. } => RefusalKind::Forbidden.alone(),
            Self::Taken(_) | Self::Spent(_) | Self::Rotated { .. } | Self::TooMany | Self::PlatformOnly => {
                RefusalKind::Conflict.alone()
            }
        }
    }
}

impl Keys {
    fn known(&self, id: &str) -> Result<&Key, KeysRejection> {
        self.keys.get(id).ok_or_else(|| KeysRejection::Unknown(id.to_owned()))
    }

    /// Changes that accept `key`; the spent key that is oldest goes if there is no room.
    fn accept(
        &self,
        id: String,
        key: Key,
        scram: ScramVerifier,
        tenants: Option<BTreeSet<String>>,
        now_us: i64,
    ) -> Result<Vec<KeysChange>, KeysRejection> {
        if !is_key_id(&id) {
            return Err(KeysRejection::OutOfRange { field: "id", expect: "16 digits of lower-case hex" });
        }
        if self.keys.contains_key(&id) {
            return Err(KeysRejection::Taken(id));
        }
        let mut changes = Vec::new();
        if self.keys.len() >= KEYS_MAX {
            let spent = self.keys.iter().filter(|(_, key)| key.validity(now_us) != Validity::Valid);
            let (oldest, _) = spent.min_by_key(|(_, key)| key.created_at_us).ok_or(KeysRejection::TooMany)?;
            changes.push(KeysChange::Forgotten { id: oldest.clone() });
        }
        if let Some(tenants) = tenants {
            changes.push(KeysChange::Confined { id: id.clone(), tenants });
        }
        changes.push(KeysChange::Created { id: id.clone(), key });
        changes.push(KeysChange::Verifiable { id, scram });
        Ok(changes)
    }
}

/// A key that reads several tenants does nothing else.
fn check_confined(scopes: Scopes, tenants: &BTreeSet<String>) -> Result<(), KeysRejection> {
    if scopes != [Scope::Query].into_iter().collect() {
        return Err(KeysRejection::OutOfRange { field: "scopes", expect: "query and nothing else, with tenants" });
    }
    if tenants.is_empty() || tenants.len() > CONFINED_TENANTS_MAX || !tenants.iter().all(|name| is_tenant_name(name)) {
        return Err(KeysRejection::OutOfRange { field: "tenants", expect: "1 to 1000 names of tenants" });
    }
    Ok(())
}

impl Facet for Keys {
    const NAME: &'static str = "keys";
    const OWNER: Owner = Owner::Tenant;
    type Command = KeysCommand;
    type Change = KeysChange;
    type Rejection = KeysRejection;

    fn decide(&self, command: KeysCommand, context: Context<'_>) -> Result<Vec<KeysChange>, KeysRejection> {
        let now_us = context.now_us;
        match command {
            KeysCommand::Create { tenants: Some(_), .. } if !context.is_platform => Err(KeysRejection::PlatformOnly),
            KeysCommand::Create { id, hash, scram, scopes, label, expires_at_us, tenants } => {
                if scopes.is_empty() {
                    return Err(KeysRejection::OutOfRange { field: "scopes", expect: "ingest, query or admin" });
                }
                if label.len() > LABEL_BYTES_MAX {
                    return Err(KeysRejection::OutOfRange { field: "label", expect: "at most 128 bytes" });
                }
                if expires_at_us.is_some_and(|at_us| at_us <= now_us) {
                    return Err(KeysRejection::OutOfRange { field: "expires_at", expect: "in the future" });
                }
                if let Some(tenants) = &tenants {
                    check_confined(scopes, tenants)?;
                }
                let key = Key {
                    hash,
                    scopes,
                    label,
                    created_at_us: now_us,
                    expires_at_us,
                    revoked_at_us: None,
                    replaced_by: None,
                };
                self.accept(id, key, scram, tenants, now_us)
            }
            KeysCommand::Rotate { holder, id, new_id, new_hash, new_scram, overlap_us } => {
                let old = self.known(&id)?;
                if let Some(scope) = old.scopes.iter().find(|scope| !holder.contains(*scope)) {
                    return Err(KeysRejection::Beyond { id, scope });
                }
                if old.validity(now_us) != Validity::Valid {
                    return Err(KeysRejection::Spent(id));
                }
                if let Some(replaced_by) = old.replaced_by.clone() {
                    return Err(KeysRejection::Rotated { id, replaced_by });
                }
                if overlap_us < 0 {
                    return Err(KeysRejection::OutOfRange { field: "overlap", expect: "zero or more" });
                }
                let overlap_end_us = now_us.saturating_add(overlap_us);
                let expires_at_us = old.expires_at_us.map_or(overlap_end_us, |at_us| at_us.min(overlap_end_us));
                let tenants = self.confined.get(&id).cloned();
                let new = Key { hash: new_hash, created_at_us: now_us, ..old.clone() };
                let mut changes = self.accept(new_id.clone(), new, new_scram, tenants, now_us)?;
                changes.push(KeysChange::Rotated { id, replaced_by: new_id, expires_at_us });
                Ok(changes)
            }
            KeysCommand::Revoke { id } if self.known(&id)?.revoked_at_us.is_some() => Ok(Vec::new()),
            KeysCommand::Revoke { id } => Ok(vec![KeysChange::Revoked { id, at_us: now_us }]),
        }
    }

    fn apply(&mut self, change: &KeysChange) {
        match change {
            KeysChange::Created { id, key } => drop(self.keys.insert(id.clone(), key.clone())),
            KeysChange::Rotated { id, replaced_by, expires_at_us } => {
                if let Some(key) = self.keys.get_mut(id) {
                    key.replaced_by = Some(replaced_by.clone());
                    key.expires_at_us = Some(*expires_at_us);
                }
            }
            KeysChange::Revoked { id, at_us } => {
                if let Some(key) = self.keys.get_mut(id) {
                    key.revoked_at_us = Some(*at_us);
                }
            }
            KeysChange::Forgotten { id } => {
                self.keys.remove(id);
                self.verifiers.remove(id);
                self.confined.remove(id);
            }
            KeysChange::Verifiable { id, scram } => drop(self.verifiers.insert(id.clone(), scram.clone())),
            KeysChange::Confined { id, tenants } => drop(self.confined.insert(id.clone(), tenants.clone())),
        }
    }

    fn event(change: &KeysChange) -> Option<&'static str> {
        match change {
            KeysChange::Created { .. } => Some("key.created"),
            KeysChange::Rotated { .. } => Some("key.rotated"),
            KeysChange::Revoked { .. } => Some("key.revoked"),
            KeysChange::Forgotten { .. } | KeysChange::Verifiable { .. } | KeysChange::Confined { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
