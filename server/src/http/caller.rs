//! Who asks: the `Authorization` header, read before anything else of a request, and the scope that a route needs.
//!
//! Not here: keys and what they allow (`identity`), for how long ([`super::stay`]).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};

use crate::identity::{self, Identity, Refusal, Scope};

use super::Door;
use super::problem::{Kind, Problem};
use super::server::Peer;

/// A caller with the scope `ingest`.
pub(super) struct MayIngest(pub(super) Identity);

/// A caller with the scope `query`.
pub(super) struct MayQuery(pub(super) Identity);

/// A caller with the scope `admin`.
pub(super) struct MayAdminister(pub(super) Identity);

/// A caller with the platform's scope `admin`.
pub(super) struct MayGovern(pub(super) Identity);

/// A caller that may read what is of the node as a whole: the platform with the scope `query`, or anybody if it is open.
pub(super) struct MayWatch;

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

impl FromRequestParts<Arc<Door>> for MayWatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        if !door.options.metrics_open {
            identify(parts, door, Scope::Query)?.require_platform()?;
        }
        Ok(Self)
    }
}

fn identify(parts: &Parts, door: &Door, scope: Scope) -> Result<Identity, Problem> {
    let identity = known(&parts.headers, &parts.extensions, door)?;
    identity.require(scope)?;
    Ok(identity)
}

/// Whose key comes with a request.
pub(super) fn known(headers: &HeaderMap, extensions: &Extensions, door: &Door) -> Result<Identity, Problem> {
    // Only code in this process can put one there: the command line, working on a data folder, and whoever has asked before.
    if let Some(known) = extensions.get::<Identity>() {
        return Ok(known.clone());
    }
    let header = headers.get(header::AUTHORIZATION).ok_or(Refusal::Missing)?;
    let (scheme, key) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::NotBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NotBearer.into());
    }
    let is_protected = |peer: &Peer| peer.encrypted || peer.address.ip().to_canonical().is_loopback();
    if !door.options.plaintext_remote && !extensions.get().is_none_or(is_protected) {
        let detail = "the API key crosses the network in clear: use https, or set http.plaintext_remote if the network \
                      protects it; this key should be rotated";
        return Err(Kind::Unauthenticated.with(detail));
    }
    Ok(identity::identify(&door.node()?.tenants, key.trim())?)
}
