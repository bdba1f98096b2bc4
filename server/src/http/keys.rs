//! `/v1/tenants/{tenant}/keys`: API keys. A key's text is in the answer that makes it and nowhere else (I12).
//!
//! A tenant's admin key manages its own keys; the platform's are those of the tenant `platform`. Not here: what keys look
//! like and which changes are allowed (`actors`).

use std::collections::BTreeSet;
use std::sync::Arc;

use actors::Change;
use actors::Command;
use actors::PLATFORM;
use actors::api_key::ApiKey;
use actors::facets::keys::{Key, KeysChange, KeysCommand, Validity};
use actors::scram::ScramVerifier;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::Scope;

use super::Door;
use super::caller::MayAdminister;
use super::command::Done;
use super::json::{Body, Names};
use super::problem::{Kind, Problem, ProblemBody};

/// How long a rotated key goes on if nothing else is said, seconds.
const OVERLAP_S_DEFAULT: u32 = 86_400;
/// Nobody on the way may keep the answer.
const NO_STORE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

/// What is told of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyInfo {
    /// Names it.
    id: String,
    /// `ingest`, `query`, `admin`.
    scopes: Vec<String>,
    /// For people.
    label: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// `valid`, `expired` or `revoked`.
    status: &'static str,
    /// Id of its successor.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    /// The only tenants whose rows it reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants: Option<BTreeSet<String>>,
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewKey {
    /// The key. It is not kept and can't be shown again.
    #[schema(example = "tn_0123456789abcdef_…")]
    key: String,
    /// Whose it is.
    tenant: String,
    /// Everything else about it.
    #[serde(flatten)]
    info: KeyInfo,
}

impl KeyInfo {
    fn new(id: &str, key: &Key, tenants: Option<&BTreeSet<String>>, now_us: i64) -> Self {
        let status = match key.validity(now_us) {
            Validity::Valid => "valid",
            Validity::Expired => "expired",
            Validity::Revoked => "revoked",
        };
        Self {
            id: id.to_owned(),
            scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            label: key.label.clone(),
            created_at: instant(key.created_at_us),
            expires_at: key.expires_at_us.map(instant),
            status,
            replaced_by: key.replaced_by.clone(),
            tenants: tenants.cloned(),
        }
    }
}

fn instant(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or_else(|_| format!("{us} µs"), |instant| instant.to_string())
}

/// A tenant's keys, without their texts.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/keys", tag = "keys", security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, description = "the keys", body = Vec<KeyInfo>),
        (status = 404, description = "no such tenant, or not yours", body = ProblemBody)))]
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names(tenant): Names<String>,
) -> Result<Json<Vec<KeyInfo>>, Problem> {
    identity.require_tenant(&tenant)?;
    let node = door.node()?;
    let now_us = node.tenants.now_us();
    let state = node.tenants.state(&tenant);
    let state = state.ok_or_else(|| Kind::NotFound.with(format!("there is no tenant {tenant:?}")))?;
    let keys = state.keys();
    let info = |(id, key): (&String, &Key)| KeyInfo::new(id, key, keys.confined.get(id), now_us);
    Ok(Json(keys.keys.iter().map(info).collect()))
}

/// A key to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    /// What it may do: `ingest`, `query`, `admin`.
    #[schema(value_type = Vec<String>, example = json!(["ingest", "query"]))]
    scopes: Vec<Scope>,
    /// For people.
    #[serde(default)]
    label: String,
    /// RFC 3339; absent: it lives until it is revoked.
    expires_at: Option<String>,
    /// Of the platform, with the scope `query` alone: the only tenants whose rows it reads.
    tenants: Option<BTreeSet<String>>,
}

/// Makes a key.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/keys", tag = "keys", request_body = KeyRequest,
    security(("key" = ["admin"])), params(("tenant" = String, Path, description = "its name")),
    responses((status = 201, description = "the key, shown this once", body = NewKey),
        (status = 409, description = "the tenant has as many keys as it may, or may not have such a key", body = ProblemBody),
        (status = 403, description = "a key can't give scopes or tenants that it does not have", body = ProblemBody),
        (status = 404, description = "no such tenant, or not yours", body = ProblemBody),
        (status = 422, description = "a field is not acceptable", body = ProblemBody),
        (status = 429, description = "too many keys made in a minute", body = ProblemBody)))]
pub(super) async fn create(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names(tenant): Names<String>,
    Body(request): Body<KeyRequest>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<NewKey>), Problem> {
    identity.require_tenant(&tenant)?;
    for scope in &request.scopes {
        identity.require(*scope)?;
    }
    let expires_at_us = match request.expires_at.as_deref().map(str::parse::<Timestamp>) {
        None => None,
        Some(Ok(instant)) => Some(instant.as_microsecond()),
        Some(Err(_)) => {
            return Err(Problem::invalid_field("expires_at", "not an instant such as 2027-01-01T00:00:00Z"));
        }
    };
    if request.tenants.is_some() {
        // Before anything is said of tenants' names (I6).
        identity.require_platform()?;
    }
    let directory = Arc::clone(door.node()?.tenants.directory());
    let unknown = |name: &&String| **name == PLATFORM || directory.get(name).is_none();
    if let Some(unknown) = request.tenants.iter().flatten().find(unknown) {
        return Err(Problem::invalid_field("tenants", format!("there is no tenant {unknown:?}")));
    }
    door.keys.take(&tenant)?;
    let (key, text) = generate()?;
    let command = KeysCommand::Create {
        id: key.id,
        hash: key.hash,
        scram: ScramVerifier::derive(&tenant, &text),
        scopes: request.scopes.into_iter().collect(),
        label: request.label,
        expires_at_us,
        tenants: request.tenants,
    };
    let changes = door.command(&tenant, Command::Keys(command), &identity).await?;
    made(&door, tenant, &changes, text)
}

/// How to rotate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How long the old key goes on, seconds; a day if absent, at most a week unless the node is told otherwise.
    overlap_s: Option<u32>,
}

/// Makes a key's successor, of the same scopes, which the key that asks must have too; the old one goes on for a while.
#[utoipa::path(post, path = "/v1/tenants/{tenant}/keys/{key}/rotate", tag = "keys", request_body = Rotation,
    security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("key" = String, Path, description = "id of the old key")),
    responses((status = 201, description = "the successor, shown this once", body = NewKey),
        (status = 404, description = "no such tenant or key", body = ProblemBody),
        (status = 403, description = "the key has a scope that the one that asks lacks", body = ProblemBody),
        (status = 409, description = "revoked, expired or rotated already", body = ProblemBody),
        (status = 422, description = "a field is not acceptable", body = ProblemBody),
        (status = 429, description = "too many keys made in a minute", body = ProblemBody)))]
pub(super) async fn rotate(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names((tenant, id)): Names<(String, String)>,
    Body(rotation): Body<Rotation>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<NewKey>), Problem> {
    identity.require_tenant(&tenant)?;
    let longest_s = door.options.overlap_s_max;
    let overlap_s = rotation.overlap_s.unwrap_or(OVERLAP_S_DEFAULT.min(longest_s));
    if overlap_s > longest_s {
        return Err(Problem::invalid_field("overlap_s", format!("at most {longest_s} seconds (keys.overlap_s_max)")));
    }
    door.keys.take(&tenant)?;
    let (key, text) = generate()?;
    let overlap_us = i64::from(overlap_s) * 1_000_000;
    let holder = identity.scopes();
    let new_scram = ScramVerifier::derive(&tenant, &text);
    let command = KeysCommand::Rotate { holder, id, new_id: key.id, new_hash: key.hash, new_scram, overlap_us };
    let changes = door.command(&tenant, Command::Keys(command), &identity).await?;
    made(&door, tenant, &changes, text)
}

/// Ends a key at once, at every door.
#[utoipa::path(delete, path = "/v1/tenants/{tenant}/keys/{key}", tag = "keys", security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name"), ("key" = String, Path, description = "its id")),
    responses((status = 200, description = "it opens nothing any more", body = Done),
        (status = 404, description = "no such tenant or key", body = ProblemBody)))]
pub(super) async fn revoke(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names((tenant, id)): Names<(String, String)>,
) -> Result<Json<Done>, Problem> {
    identity.require_tenant(&tenant)?;
    let command = Command::Keys(KeysCommand::Revoke { id: id.clone() });
    let done = door.change(&tenant, command, &identity, "revoked").await?.tenant(tenant);
    Ok(Json(Done { id: Some(id), ..done }))
}

fn generate() -> Result<(ApiKey, String), Problem> {
    let (mut id, mut secret) = ([0; 8], [0; 32]);
    getrandom::fill(&mut id)
        .and_then(|()| getrandom::fill(&mut secret))
        .map_err(|error| Kind::Internal.with(format!("the machine has no randomness: {error}")))?;
    Ok(ApiKey::generate(id, secret))
}

/// 201, not to be stored by anyone on the way, and the key.
type Made = (StatusCode, [(HeaderName, &'static str); 1], Json<NewKey>);

fn made(door: &Door, tenant: String, changes: &[Change], text: String) -> Result<Made, Problem> {
    let tenants = changes.iter().find_map(|change| match change {
        Change::Keys(KeysChange::Confined { tenants, .. }) => Some(tenants),
        _ => None,
    });
    let created = changes.iter().find_map(|change| match change {
        Change::Keys(KeysChange::Created { id, key }) => Some((id, key)),
        _ => None,
    });
    let (id, key) = created.ok_or_else(|| Kind::Internal.with("no key was made"))?;
    let info = KeyInfo::new(id, key, tenants, door.node()?.tenants.now_us());
    Ok((StatusCode::CREATED, [NO_STORE], Json(NewKey { key: text, tenant, info })))
}
