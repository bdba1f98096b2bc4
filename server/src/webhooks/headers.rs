//! Headers that an endpoint asks for beside those that every message has.
//!
//! Those that say where a message begins and ends, or who sent it, are the sender's own. Not here: signatures
//! ([`super::signature`]).

use hyper::HeaderMap;
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

use super::signature::{ID, SIGNATURE, TIMESTAMP};

/// Most bytes of a header that an endpoint asks for.
pub const HEADER_MAX: usize = 4096;

/// What a connection is run by.
const FRAMING: [HeaderName; 10] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    UPGRADE,
    TE,
    TRAILER,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
/// What a receiver trusts the sender with.
const OWN: [HeaderName; 4] = [ID, TIMESTAMP, SIGNATURE, CONTENT_ENCODING];

/// Why an endpoint can't ask for a header. Tells nothing of its value, which may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No header is called so.
    #[error("the name of a header has letters, digits and -")]
    Name,
    /// No header is so long, or has such characters.
    #[error("the header {0} has characters that a header can't have, or more than {HEADER_MAX} of them")]
    Value(HeaderName),
    /// It is the sender's own.
    #[error("the header {0} can't be set")]
    Own(HeaderName),
}

/// The header `name` with `value`, if an endpoint may ask for it.
///
/// # Errors
/// If it may not.
pub fn custom(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name)?;
    if FRAMING.contains(&name) || OWN.contains(&name) {
        return Err(HeaderError::Own(name));
    }
    if value.len() > HEADER_MAX {
        return Err(HeaderError::Value(name));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| HeaderError::Value(name.clone()))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Takes out what would change where a message begins and ends.
pub(super) fn take_framing(headers: &mut HeaderMap) {
    for name in &FRAMING {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_asks_for_headers_but_not_for_the_senders_own() {
        let (name, value) = custom("Authorization", "Bearer hunter2").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer hunter2"));
        assert_eq!(format!("{value:?}"), "Sensitive");
        for name in ["Host", "content-length", "Transfer-Encoding", "Connection", "webhook-signature", "Expect"] {
            assert!(matches!(custom(name, "x"), Err(HeaderError::Own(_))), "{name}");
        }
        for name in ["", "a b", "a:b", "a\r\nb", "ü"] {
            assert_eq!(custom(name, "x"), Err(HeaderError::Name), "{name}");
        }
        for value in ["hunter2\r\nHost: x".to_owned(), "\0".to_owned(), "x".repeat(HEADER_MAX + 1)] {
            let error = custom("x-key", &value).unwrap_err();
            assert_eq!(error, HeaderError::Value(HeaderName::from_static("x-key")));
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
