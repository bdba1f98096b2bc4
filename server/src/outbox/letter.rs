//! A message as it is sent: a CloudEvent, signed by Standard Webhooks.
//!
//! Everything but the time of the signature follows from the journal and the endpoint, so each attempt says the same. Not here:
//! sending it.

use std::fmt::Write;

use actors::Message;
use actors::facets::endpoints::Kept;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde_json::json;

use crate::webhooks::exchange;
use crate::webhooks::headers::custom;
use crate::webhooks::secret::Secret;
use crate::webhooks::signature::{Id, Secrets};

/// Media type of a CloudEvent in JSON.
const CLOUD_EVENT: HeaderValue = HeaderValue::from_static("application/cloudevents+json");
/// Bytes of a hash in a name.
const NAME_BYTES: usize = 16;

/// The name of a message at one endpoint: the same at each attempt, another at each endpoint.
pub(super) fn name(message: &Message, owner: &str, endpoint: &str) -> Id {
    let mut hash = Context::new(&SHA256);
    for part in [message.tenant.as_str(), owner, endpoint] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&message.sequence.to_le_bytes());
    hash.update(&message.id.index.to_le_bytes());
    let mut text = "msg_".to_owned();
    for byte in &hash.finish().as_ref()[..NAME_BYTES] {
        write!(text, "{byte:02x}").expect("a text takes any writing");
    }
    Id::new(text).expect("letters, digits and an underscore")
}

/// What it says, as CloudEvents 1.0 in JSON.
pub(super) fn body(message: &Message) -> Bytes {
    let time = Timestamp::from_microsecond(message.at_us).unwrap_or(Timestamp::UNIX_EPOCH);
    let event = json!({
        "specversion": "1.0",
        "id": format!("{}/{}/{}", message.tenant, message.sequence, message.id.index),
        "source": format!("/tenants/{}", message.tenant),
        "type": message.kind,
        "time": time.to_string(),
        "datacontenttype": "application/json",
        "data": message.data,
    });
    event.to_string().into()
}

/// A message to an endpoint, signed at `now_us`.
///
/// # Errors
/// Why nothing can be sent so, in words: then the endpoint has no secret that can be used.
pub(super) fn letter(
    message: &Message,
    owner: &str,
    endpoint: &str,
    kept: &Kept,
    now_us: i64,
) -> Result<exchange::Message, String> {
    let secrets: Result<Vec<Secret>, _> = kept.signing(now_us).map(|secret| secret.reveal().parse()).collect();
    let secrets = Secrets::new(secrets.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    let body = body(message);
    let mut headers: HeaderMap = secrets.headers(&name(message, owner, endpoint), now_us.div_euclid(1_000_000), &body);
    headers.insert(CONTENT_TYPE, CLOUD_EVENT);
    // One that can't be sent is left out: it was checked when it was declared.
    headers.extend(kept.spec.headers.iter().filter_map(|(name, value)| custom(name, value).ok()));
    Ok(exchange::Message { url: kept.spec.url.clone(), headers, body })
}
