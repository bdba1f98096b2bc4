//! What SCRAM-SHA-256 (RFC 5802 and 7677) recognises an API key by: a client proves that it has the key without sending it.
//!
//! Keeps I12: a verifier is a one-way image of the key. Who steals it can neither log in with it nor find the key, because
//! 256 random bits can't be guessed; so the 4096 iterations are not there to slow a search down but because clients refuse
//! fewer. The salt follows from the tenant's name, for the same reason (no two keys are alike that a salt would have to tell
//! apart), and with this effect: all keys of a tenant fit one challenge, a login need not say which one it has, and a tenant
//! that does not exist is challenged like one that does. Not here: the messages (`server`), who has which key
//! (`facets::keys`).

use std::fmt;
use std::num::NonZeroU32;

use ring::{digest, hmac, pbkdf2};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::ConstantTimeEq;

/// Rounds of PBKDF2 that clients are asked for.
pub const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("it is not zero");
/// Bytes of a salt.
pub const SALT_BYTES: usize = 16;
/// Bytes of proofs, signatures and of the keys in a verifier.
pub const PROOF_BYTES: usize = digest::SHA256_OUTPUT_LEN;

/// Recognises a key and proves to its holder that the server knew it. People see nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    stored_key: [u8; PROOF_BYTES],
    server_key: [u8; PROOF_BYTES],
}

/// The salt of all keys of `tenant`.
pub fn salt(tenant: &str) -> [u8; SALT_BYTES] {
    let digest = digest::digest(&digest::SHA256, format!("scram salt of {tenant}").as_bytes());
    std::array::from_fn(|at| digest.as_ref()[at])
}

impl ScramVerifier {
    /// Of a key of `tenant`; takes about a millisecond.
    pub fn derive(tenant: &str, key: &str) -> Self {
        Self::salted(&salt(tenant), key)
    }

    fn salted(salt: &[u8], key: &str) -> Self {
        let mut salted = [0; PROOF_BYTES];
        // Keys are ASCII, which SASLprep leaves as it is.
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt, key.as_bytes(), &mut salted);
        let client_key = mac(&salted, b"Client Key");
        Self { stored_key: hash(&client_key), server_key: mac(&salted, b"Server Key") }
    }

    /// Whether `proof`, made for the exchange `message`, shows that its maker has the key.
    pub fn accepts(&self, message: &[u8], proof: &[u8; PROOF_BYTES]) -> bool {
        let signature = mac(&self.stored_key, message);
        let client_key = std::array::from_fn::<_, PROOF_BYTES, _>(|at| proof[at] ^ signature[at]);
        hash(&client_key).ct_eq(&self.stored_key).into()
    }

    /// Shows the client that the server knows its key.
    pub fn sign(&self, message: &[u8]) -> [u8; PROOF_BYTES] {
        mac(&self.server_key, message)
    }
}

fn mac(key: &[u8], message: &[u8]) -> [u8; PROOF_BYTES] {
    sized(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref())
}

fn hash(bytes: &[u8]) -> [u8; PROOF_BYTES] {
    sized(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn sized(bytes: &[u8]) -> [u8; PROOF_BYTES] {
    bytes.try_into().expect("SHA-256 gives 32 bytes")
}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramVerifier(..)")
    }
}

impl Serialize for ScramVerifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str("SCRAM-SHA-256");
        }
        (self.stored_key, self.server_key).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ScramVerifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Err(de::Error::custom("a verifier is not shown to people, so it can't be read back"));
        }
        let (stored_key, server_key) = Deserialize::deserialize(deserializer)?;
        Ok(Self { stored_key, server_key })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        STANDARD.decode(text).unwrap().try_into().unwrap()
    }

    // The example of RFC 7677, section 3.
    const MESSAGE: &[u8] = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    #[test]
    fn the_example_of_the_standard_holds() {
        let verifier = ScramVerifier::salted(&bytes::<16>("W22ZaJ0SNY7soEsUEjb6gQ=="), "pencil");
        let proof = bytes("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        assert!(verifier.accepts(MESSAGE, &proof));
        assert_eq!(verifier.sign(MESSAGE), bytes("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));

        let mut other = proof;
        other[31] ^= 1;
        assert!(!verifier.accepts(MESSAGE, &other));
        assert!(!verifier.accepts(&MESSAGE[1..], &proof));
        assert!(!ScramVerifier::salted(&salt("acme"), "pencil").accepts(MESSAGE, &proof));
    }

    #[test]
    fn the_salt_is_the_tenants_own() {
        assert_eq!(salt("acme"), salt("acme"));
        assert_ne!(salt("acme"), salt("globex"));
        assert_ne!(ScramVerifier::derive("acme", "key"), ScramVerifier::derive("globex", "key"));
    }

    #[test]
    fn people_see_nothing_of_it() {
        let verifier = ScramVerifier::derive("acme", "key");
        assert_eq!(format!("{verifier:?}"), "ScramVerifier(..)");
        assert_eq!(serde_json::to_string(&verifier).unwrap(), "\"SCRAM-SHA-256\"");
        assert!(serde_json::from_str::<ScramVerifier>("\"SCRAM-SHA-256\"").is_err());
    }
}
