//! Who asks: the `authorization` of a call, and the handshake that gives one.
//!
//! Not here: keys and what they allow (`identity`).

use std::sync::Arc;

use actors::PLATFORM;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Request, Response, Status};

use crate::http::problem::Kind;
use crate::http::server::Peer;
use crate::identity::{self, Identity, Refusal, Scope};
use crate::permits::Permit;

use super::{Door, status};

const AUTHORIZATION: &str = "authorization";

/// Lets calls in, before anything of their bodies is read.
#[derive(Clone)]
pub(super) struct Entrance(pub(super) Arc<Door>);

/// Who was let in; an extension of the call, until its handler has what it needs.
struct Caller {
    identity: Identity,
    key: String,
    _place: Permit,
}

impl Interceptor for Entrance {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let caller = authenticate(&self.0, &request)?;
        request.extensions_mut().insert(Arc::new(caller));
        Ok(request)
    }
}

/// The caller of `request`, if its key has `scope`.
pub(super) fn identify<T>(request: &Request<T>, scope: Scope) -> Result<&Identity, Status> {
    let identity = &caller(request)?.identity;
    identity.require(scope).map_err(status::from)?;
    Ok(identity)
}

/// Answers a handshake with the key as bearer token, which clients then send with every call.
pub(super) fn handshake<T, S>(request: &Request<T>, answer: S) -> Result<Response<S>, Status> {
    let mut response = Response::new(answer);
    let token = format!("Bearer {}", caller(request)?.key).parse();
    let token = token.map_err(|_| status::from(Kind::Internal.with("the key is no header's value")))?;
    response.metadata_mut().insert(AUTHORIZATION, token);
    Ok(response)
}

fn caller<T>(request: &Request<T>) -> Result<&Caller, Status> {
    let caller = request.extensions().get::<Arc<Caller>>();
    caller.map(AsRef::as_ref).ok_or_else(|| status::from(Refusal::Missing))
}

fn authenticate<T>(door: &Door, request: &Request<T>) -> Result<Caller, Status> {
    refuse_open_wire(door, request)?;
    let credential = Credential::of(request.metadata()).map_err(status::from)?;
    let identity = identity::identify(&door.node.tenants, &credential.key).map_err(status::from)?;
    let visibility = identity.visibility();
    if let Some(user) = credential.user {
        let right = visibility.tenant().unwrap_or(PLATFORM);
        if user != right {
            let detail = format!("this key belongs to {right}: connect as user {right}");
            return Err(status::from(Kind::Unauthenticated.with(detail)));
        }
    }
    let place = door.calls.take(&visibility).map_err(status::from)?;
    Ok(Caller { identity, key: credential.key, _place: place })
}

fn refuse_open_wire<T>(door: &Door, request: &Request<T>) -> Result<(), Status> {
    let is_protected = |peer: &Peer| peer.encrypted || peer.address.ip().to_canonical().is_loopback();
    if door.limits.plaintext_remote || request.extensions().get().is_some_and(is_protected) {
        return Ok(());
    }
    let detail = "the API key crosses the network in clear: connect with grpc+tls, or set flight.plaintext_remote if the \
                  network protects it";
    Err(status::from(Kind::Unauthenticated.with(detail)))
}

/// What a call says about its caller; the key is never logged (I12).
struct Credential {
    user: Option<String>,
    key: String,
}

impl Credential {
    fn of(metadata: &MetadataMap) -> Result<Self, Refusal> {
        let header = metadata.get(AUTHORIZATION).ok_or(Refusal::Missing)?;
        let (scheme, value) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::NotBearer)?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Self { user: None, key: value.to_owned() });
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Refusal::NotBearer);
        }
        // Some clients leave the padding out.
        let pair = BASE64_STANDARD_NO_PAD
            .decode(value.trim_end_matches('='))
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair.ok_or(Refusal::NotBearer)?;
        let (user, key) = pair.split_once(':').ok_or(Refusal::NotBearer)?;
        Ok(Self { user: Some(user.to_owned()), key: key.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: Option<&str>, expect: Result<(Option<&str>, &str), Refusal>) {
        let mut metadata = MetadataMap::new();
        if let Some(header) = header {
            metadata.insert(AUTHORIZATION, header.parse().unwrap());
        }
        let got = Credential::of(&metadata).map(|credential| (credential.user, credential.key));
        assert_eq!(got, expect.map(|(user, key)| (user.map(str::to_owned), key.to_owned())), "{header:?}");
    }

    #[test]
    fn a_key_comes_as_bearer_or_as_password() {
        check(Some("Bearer tn_1"), Ok((None, "tn_1")));
        check(Some("bearer  tn_1 "), Ok((None, "tn_1")));
        check(Some("Basic YWNtZTp0bl8x"), Ok((Some("acme"), "tn_1")));
        check(Some("Basic YWNtZTp0bl8xMQ=="), Ok((Some("acme"), "tn_11")));
        check(Some("Basic YWNtZTp0bl8xMQ"), Ok((Some("acme"), "tn_11")));
        check(Some("Basic YWNtZQ=="), Err(Refusal::NotBearer));
        check(Some("Basic ??"), Err(Refusal::NotBearer));
        check(Some("tn_1"), Err(Refusal::NotBearer));
        check(Some("Digest x"), Err(Refusal::NotBearer));
        check(None, Err(Refusal::Missing));
    }
}
