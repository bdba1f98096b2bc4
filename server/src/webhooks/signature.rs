//! Signatures of Standard Webhooks (<https://www.standardwebhooks.com>), by which a receiver recognises who sent a
//! message.
//!
//! Signed is `id.timestamp.body`, by every secret of the endpoint: while a secret is replaced, the old one and the new
//! one sign, and a receiver may have either. An [`Id`] has no dot, because then nobody can shift what belongs to which
//! part. Not here: what a secret is ([`super::secret`]).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::secret::Secret;

/// Header of the [`Id`].
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// Header of when the message was sent, in seconds since 1970.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Header of the signatures.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// How far the clocks of both sides may be apart.
pub const TOLERANCE_S: u64 = 5 * 60;
/// Most secrets of one endpoint.
pub const SECRETS_MAX: usize = 8;
/// Most characters of an [`Id`].
pub const ID_MAX: usize = 128;

/// Signatures that are looked at: as many as there are secrets, of two kinds of sender.
const SIGNATURES_MAX: usize = 2 * SECRETS_MAX;

/// Names a message: the same one in every attempt, so that a receiver knows what it has already.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Id(String);

/// Why a text names no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message is named by 1 to {ID_MAX} characters from a to z, A to Z, 0 to 9, _ and -")]
pub struct IdError;

impl Id {
    /// The one that is called `text`.
    ///
    /// # Errors
    /// If it has other characters, or too many.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=ID_MAX).contains(&text.len()) && text.bytes().all(fine) { Ok(Self(text)) } else { Err(IdError) }
    }

    /// What it is called.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The secrets of an endpoint; each signs.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<Secret>);

/// Why these are not the secrets of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint has 1 to {SECRETS_MAX} secrets, not {0}")]
pub struct SecretsError(usize);

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// Its name can't be one.
    #[error("webhook-id: {IdError}")]
    Id,
    /// Its time can't be read.
    #[error("webhook-timestamp is not a number of seconds since 1970")]
    Timestamp,
    /// It is from another time.
    #[error("webhook-timestamp is more than five minutes from now")]
    Time,
    /// No signature is by a secret that is known.
    #[error("webhook-signature: no signature is by a secret of this endpoint")]
    Signature,
}

impl Secrets {
    /// The secrets of an endpoint, the newest first.
    ///
    /// # Errors
    /// If the list is empty or too long.
    pub fn new(secrets: Vec<Secret>) -> Result<Self, SecretsError> {
        if (1..=SECRETS_MAX).contains(&secrets.len()) { Ok(Self(secrets)) } else { Err(SecretsError(secrets.len())) }
    }

    /// The signatures of a message that is sent at `at_s`, as the header has them.
    pub fn sign(&self, id: &Id, at_s: i64, body: &[u8]) -> String {
        let content = content(id.as_str(), at_s, body);
        let signed =
            |secret: &Secret| format!("{},{}", secret.scheme().version(), STANDARD.encode(secret.sign(&content)));
        self.0.iter().map(signed).collect::<Vec<_>>().join(" ")
    }

    /// The headers by which a message that is sent at `at_s` is recognised.
    pub fn headers(&self, id: &Id, at_s: i64, body: &[u8]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("names, numbers and base64 are visible ASCII");
        let signatures = self.sign(id, at_s, body);
        [(ID, value(id.as_str())), (TIMESTAMP, HeaderValue::from(at_s)), (SIGNATURE, value(&signatures))]
            .into_iter()
            .collect()
    }

    /// Whether a message with these headers is by one who has a secret of the endpoint, and from `now_s` or so.
    ///
    /// # Errors
    /// If it is not.
    pub fn verify(
        &self,
        (id, timestamp, signatures): (&str, &str, &str),
        body: &[u8],
        now_s: i64,
    ) -> Result<(), Disbelief> {
        let id = Id::new(id).map_err(|_| Disbelief::Id)?;
        let at_s = timestamp.parse::<i64>().map_err(|_| Disbelief::Timestamp)?;
        // Other ways to write the number would be signed otherwise.
        if at_s.to_string() != timestamp {
            return Err(Disbelief::Timestamp);
        }
        if at_s.abs_diff(now_s) > TOLERANCE_S {
            return Err(Disbelief::Time);
        }
        let content = content(id.as_str(), at_s, body);
        let believed = |signature: &str| {
            let Some((version, encoded)) = signature.split_once(',') else { return false };
            let Ok(signature) = STANDARD.decode(encoded) else { return false };
            let mut same = self.0.iter().filter(|secret| secret.scheme().version() == version);
            same.any(|secret| secret.verifies(&content, &signature))
        };
        let any = signatures.split(' ').take(SIGNATURES_MAX).any(believed);
        if any { Ok(()) } else { Err(Disbelief::Signature) }
    }
}

fn content(id: &str, at_s: i64, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{at_s}.").as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::super::secret::Scheme;
    use super::*;

    const AT_S: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn secrets<const N: usize>(texts: [&str; N]) -> Secrets {
        Secrets::new(texts.map(|text| text.parse().unwrap()).to_vec()).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_holds() {
        // What the reference libraries test themselves with.
        let secrets = secrets(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        let id = Id::new("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap();
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(secrets.sign(&id, AT_S, BODY), expected);
        let headers = secrets.headers(&id, AT_S, BODY);
        assert_eq!(headers[ID], id.as_str());
        assert_eq!(headers[TIMESTAMP], "1614265330");
        assert_eq!(headers[SIGNATURE], expected);
    }

    #[test]
    fn while_a_secret_is_replaced_receivers_may_have_either() {
        let (old, new) = (Secret::generate(Scheme::HmacSha256).unwrap(), Secret::generate(Scheme::Ed25519).unwrap());
        let id = Id::new("msg_1").unwrap();
        let both = Secrets::new(vec![new.clone(), old.clone()]).unwrap().sign(&id, AT_S, BODY);
        assert!(both.starts_with("v1a,") && both.contains(" v1,"), "{both}");
        for secret in [old, new] {
            let has = Secrets::new(vec![secret]).unwrap();
            assert_eq!(has.verify(("msg_1", "1614265330", &both), BODY, AT_S), Ok(()));
        }
        let other = Secrets::new(vec![Secret::generate(Scheme::HmacSha256).unwrap()]).unwrap();
        assert_eq!(other.verify(("msg_1", "1614265330", &both), BODY, AT_S), Err(Disbelief::Signature));
        assert_eq!(Secrets::new(Vec::new()).unwrap_err(), SecretsError(0));
    }

    #[test]
    fn what_was_changed_is_not_believed() {
        let secrets = secrets(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
        let signed = secrets.sign(&Id::new("msg_1").unwrap(), AT_S, BODY);
        let (own, at) = (signed.as_str(), "1614265330");
        let unknown = format!("v2,xx v1a,{} {own}", &own[3..]);
        let relabelled = format!("v1a,{}", &own[3..]);
        let (cut, late) = (&own[..own.len() - 4], format!("{}{own}", "v1, ".repeat(SIGNATURES_MAX)));
        type Case<'a> = (&'a str, &'a str, &'a str, &'a [u8], i64, Result<(), Disbelief>);
        let cases: [Case<'_>; 17] = [
            ("msg_1", at, own, BODY, AT_S, Ok(())),
            ("msg_1", at, own, BODY, AT_S + 300, Ok(())),
            ("msg_1", at, own, BODY, AT_S - 300, Ok(())),
            ("msg_1", at, &unknown, BODY, AT_S, Ok(())),
            ("msg_1", at, own, BODY, AT_S + 301, Err(Disbelief::Time)),
            ("msg_1", at, own, BODY, AT_S - 301, Err(Disbelief::Time)),
            ("msg_1", at, own, BODY, i64::MIN, Err(Disbelief::Time)),
            ("msg_2", at, own, BODY, AT_S, Err(Disbelief::Signature)),
            ("msg_1", "1614265331", own, BODY, AT_S, Err(Disbelief::Signature)),
            ("msg_1", at, own, &BODY[1..], AT_S, Err(Disbelief::Signature)),
            ("msg_1", at, "", BODY, AT_S, Err(Disbelief::Signature)),
            ("msg_1", at, cut, BODY, AT_S, Err(Disbelief::Signature)),
            ("msg_1", at, &relabelled, BODY, AT_S, Err(Disbelief::Signature)),
            ("msg_1", at, &late, BODY, AT_S, Err(Disbelief::Signature)),
            ("msg_1", "+1614265330", own, BODY, AT_S, Err(Disbelief::Timestamp)),
            ("msg_1", "soon", own, BODY, AT_S, Err(Disbelief::Timestamp)),
            ("msg.1", at, own, BODY, AT_S, Err(Disbelief::Id)),
        ];
        for (id, at, signature, body, now_s, expected) in cases {
            assert_eq!(secrets.verify((id, at, signature), body, now_s), expected, "{id} {at} {signature} {now_s}");
        }
    }
}
