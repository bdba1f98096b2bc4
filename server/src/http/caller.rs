//! Who asks: the `Authorization` header, read before anything else of a request, and the scope that a route needs.
//!
//! Not here: keys and what they allow (`identity`).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::identity::{self, Identity, Refusal, Scope};

use super::Door;
use super::problem::Problem;

/// A caller with the scope `ingest`.
pub(super) struct MayIngest(pub(super) Identity);

/// A caller with the scope `query`.
pub(super) struct MayQuery(pub(super) Identity);

/// A caller with the scope `admin`.
pub(super) struct MayAdminister(pub(super) Identity);

/// A caller with the platform's scope `admin`.
pub(super) struct MayGovern(pub(super) Identity);

impl FromRequestParts<Arc<Door>> for MayIngest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        identify(parts, door, Scope::Ingest).map(Self)
    }
}

impl FromRequestParts<Arc<Door>> for MayQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        identify(parts, door, Scope::Query).map(Self)
    }
}

impl FromRequestParts<Arc<Door>> for MayAdminister {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        identify(parts, door, Scope::Admin).map(Self)
    }
}

impl FromRequestParts<Arc<Door>> for MayGovern {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        let identity = identify(parts, door, Scope::Admin)?;
        identity.require_platform()?;
        Ok(Self(identity))
    }
}

fn identify(parts: &Parts, door: &Door, scope: Scope) -> Result<Identity, Problem> {
    // Only code in this process can put one there: the command line, working on a data folder.
    if let Some(operator) = parts.extensions.get::<Identity>() {
        return Ok(operator.clone());
    }
    let header = parts.headers.get(header::AUTHORIZATION).ok_or(Refusal::Missing)?;
    let (scheme, key) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::NotBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NotBearer.into());
    }
    let identity = identity::identify(&door.node()?.tenants, key.trim())?;
    identity.require(scope)?;
    Ok(identity)
}
