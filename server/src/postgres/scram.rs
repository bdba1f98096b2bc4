//! The messages of SCRAM-SHA-256 (RFC 5802), with or without a binding to the TLS channel (`-PLUS`).
//!
//! pgwire's own exchange is not used because it needs the salted password, with which whoever reads the journal could log
//! in (I12); a verifier can't be used so. Not here: verifiers and who has which key (`actors`), sending (`startup`).

use std::fmt;

use actors::scram::{ITERATIONS, PROOF_BYTES, SALT_BYTES};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Without channel binding.
pub(super) const SCRAM: &str = "SCRAM-SHA-256";
/// With it.
pub(super) const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// The kind of channel binding that Postgres clients know.
const END_POINT: &str = "p=tls-server-end-point";

/// A client was challenged and has to answer.
pub(super) struct Challenge {
    first_bare: String,
    server_first: String,
    nonce: String,
    /// What the client has to repeat, so that nobody between has changed it.
    bound: String,
}

/// What a client answered.
pub(super) struct Answer {
    /// The exchange, over which proof and signature are.
    pub(super) message: String,
    /// That the client has the key.
    pub(super) proof: [u8; PROOF_BYTES],
}

/// Why there is no exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScramError {
    /// Not what the standard says.
    #[error("SCRAM: the client's {0} can't be read")]
    Malformed(&'static str),
    /// Something that is not on offer.
    #[error("SCRAM: {0}")]
    Unsupported(&'static str),
    /// Somebody may sit between.
    #[error("SCRAM: {0}; somebody may be between client and server")]
    Tampered(&'static str),
}

impl Challenge {
    /// Answers a client's first message. `end_point` is the hash of the certificate on this connection, if there is one.
    pub(super) fn new(
        mechanism: &str,
        client_first: &[u8],
        end_point: Option<&[u8]>,
        salt: [u8; SALT_BYTES],
        random: [u8; 18],
    ) -> Result<Self, ScramError> {
        let malformed = || ScramError::Malformed("first message");
        let text = std::str::from_utf8(client_first).map_err(|_| malformed())?;
        let (flag, rest) = text.split_once(',').ok_or_else(malformed)?;
        let (identity, first_bare) = rest.split_once(',').ok_or_else(malformed)?;
        if !identity.is_empty() {
            return Err(ScramError::Unsupported("an authorization identity is not supported"));
        }
        let channel = match (mechanism, flag, end_point) {
            (SCRAM, "n", _) | (SCRAM, "y", None) => &[],
            (SCRAM, "y", Some(_)) => {
                return Err(ScramError::Tampered("the client did not see that channel binding is offered"));
            }
            (SCRAM_PLUS, END_POINT, Some(hash)) => hash,
            _ => return Err(ScramError::Unsupported("use SCRAM-SHA-256, or -PLUS with tls-server-end-point over TLS")),
        };
        let mut attributes = first_bare.split(',');
        // The name is the one that the connection began with; Postgres clients leave it out here.
        attributes.next().filter(|name| name.starts_with("n=")).ok_or_else(malformed)?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).ok_or_else(malformed)?;
        if nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed());
        }
        let nonce = format!("{nonce}{}", STANDARD.encode(random));
        let bound = STANDARD.encode([flag.as_bytes(), b",,", channel].concat());
        let server_first = format!("r={nonce},s={},i={ITERATIONS}", STANDARD.encode(salt));
        Ok(Self { first_bare: first_bare.to_owned(), server_first, nonce, bound })
    }

    /// What to send.
    pub(super) fn message(&self) -> &str {
        &self.server_first
    }

    /// Reads the client's last message.
    pub(super) fn answer(&self, client_final: &[u8]) -> Result<Answer, ScramError> {
        let malformed = || ScramError::Malformed("last message");
        let text = std::str::from_utf8(client_final).map_err(|_| malformed())?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or_else(malformed)?;
        let mut attributes = without_proof.split(',');
        let bound = attributes.next().and_then(|bound| bound.strip_prefix("c=")).ok_or_else(malformed)?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).ok_or_else(malformed)?;
        if bound != self.bound {
            return Err(ScramError::Tampered("the client is bound to another channel"));
        }
        if nonce != self.nonce {
            return Err(ScramError::Tampered("the answer is to another challenge"));
        }
        let proof = STANDARD.decode(proof).ok().and_then(|proof| proof.try_into().ok()).ok_or_else(malformed)?;
        let message = format!("{},{},{without_proof}", self.first_bare, self.server_first);
        Ok(Answer { message, proof })
    }
}

/// The server's last message.
pub(super) fn signed(signature: &[u8; PROOF_BYTES]) -> String {
    format!("v={}", STANDARD.encode(signature))
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RANDOM: [u8; 18] = [7; 18];
    const SALT: [u8; SALT_BYTES] = [1; SALT_BYTES];
    const HASH: &[u8] = b"hash of a certificate";

    fn begin(mechanism: &str, first: &str, end_point: Option<&[u8]>) -> Result<Challenge, ScramError> {
        Challenge::new(mechanism, first.as_bytes(), end_point, SALT, RANDOM)
    }

    fn last(bound: &[u8], nonce: &str) -> String {
        format!("c={},r={nonce},p={}", STANDARD.encode(bound), STANDARD.encode([9; PROOF_BYTES]))
    }

    #[test]
    fn the_whole_exchange_is_what_is_signed() {
        for (mechanism, first, end_point, bound) in [
            (SCRAM, "n,,n=,r=abc", None, b"n,,".to_vec()),
            (SCRAM, "n,,n=*,r=abc", Some(HASH), b"n,,".to_vec()),
            (SCRAM, "y,,n=user,r=abc", None, b"y,,".to_vec()),
            (SCRAM_PLUS, "p=tls-server-end-point,,n=,r=abc", Some(HASH), [END_POINT.as_bytes(), b",,", HASH].concat()),
        ] {
            let challenge = begin(mechanism, first, end_point).unwrap();
            let nonce = format!("abc{}", STANDARD.encode(RANDOM));
            assert_eq!(challenge.message(), format!("r={nonce},s={},i=4096", STANDARD.encode(SALT)));
            let last = last(&bound, &nonce);
            let answer = challenge.answer(last.as_bytes()).unwrap();
            let bare = &first[first.find("n=").unwrap()..];
            let without_proof = &last[..last.find(",p=").unwrap()];
            assert_eq!(answer.message, format!("{bare},{},{without_proof}", challenge.message()));
            assert_eq!(answer.proof, [9; PROOF_BYTES]);
        }
    }

    #[test]
    fn a_channel_that_somebody_sits_on_is_noticed() {
        let told = |mechanism, first, end_point| begin(mechanism, first, end_point).unwrap_err().to_string();
        assert!(told(SCRAM, "y,,n=,r=abc", Some(HASH)).contains("somebody"), "the offer of -PLUS was taken away");
        assert!(told(SCRAM_PLUS, "p=tls-server-end-point,,n=,r=abc", None).contains("over TLS"));
        assert!(told(SCRAM_PLUS, "n,,n=,r=abc", Some(HASH)).contains("-PLUS"));
        assert!(told(SCRAM, "p=tls-unique,,n=,r=abc", Some(HASH)).contains("tls-server-end-point"));

        let challenge = begin(SCRAM_PLUS, "p=tls-server-end-point,,n=,r=abc", Some(HASH)).unwrap();
        let nonce = format!("abc{}", STANDARD.encode(RANDOM));
        let refused = |bound: &[u8], nonce: &str| challenge.answer(last(bound, nonce).as_bytes()).err().unwrap();
        let other = [END_POINT.as_bytes(), b",,", b"another certificate"].concat();
        assert!(refused(&other, &nonce).to_string().contains("another channel"));
        let own = [END_POINT.as_bytes(), b",,", HASH].concat();
        assert!(refused(&own, "abc").to_string().contains("another challenge"));
    }

    proptest! {
        #[test]
        fn noise_is_refused_without_harm(first in "[nyp=,a-z]{0,24}", last in "[crp=,a-z]{0,24}", noise in any::<Vec<u8>>()) {
            let _ = begin(SCRAM, &first, None);
            let _ = Challenge::new(SCRAM, &noise, None, SALT, RANDOM);
            let challenge = begin(SCRAM, "n,,n=,r=abc", None).unwrap();
            prop_assert!(challenge.answer(last.as_bytes()).is_err());
            prop_assert!(challenge.answer(&noise).is_err());
        }
    }
}
