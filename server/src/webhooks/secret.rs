//! What a message is signed with, as Standard Webhooks writes it: a key that both sides share, or one whose public half
//! is told.
//!
//! A secret is shown by [`Secret::reveal`] alone: neither `Debug` nor an error contains any of it. Not here: what is
//! signed ([`super::signature`]), where secrets are kept.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Fewest and most bytes of a shared key.
const SHARED_BYTES: (usize, usize) = (24, 64);
/// Bytes of a shared key that is made here.
const GENERATED_BYTES: usize = 32;
const SEED_BYTES: usize = 32;
/// Bytes of a seed that is followed by its public key, as NaCl keeps it.
const PAIR_BYTES: usize = 64;
/// Characters that are decoded: more than any secret has.
const ENCODED_MAX: usize = 128;
/// Some write secrets without the padding, and receivers read those too.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD.with_decode_padding_mode(Indifferent));
/// Before a public key.
const PUBLIC: &str = "whpk_";

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HMAC with SHA-256; both sides have the key.
    HmacSha256,
    /// Ed25519; the receiver has the public key.
    Ed25519,
}

impl Scheme {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::HmacSha256, Self::Ed25519];

    /// What signatures of it begin with.
    pub fn version(self) -> &'static str {
        match self {
            Self::HmacSha256 => "v1",
            Self::Ed25519 => "v1a",
        }
    }

    /// What secrets of it begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::HmacSha256 => "whsec_",
            Self::Ed25519 => "whsk_",
        }
    }
}

/// Signs messages. People see nothing of it.
#[derive(Clone)]
pub struct Secret {
    bytes: Vec<u8>,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Hmac(hmac::Key),
    Ed25519(Arc<Ed25519KeyPair>),
}

/// Why a text is no secret. Tells nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It begins otherwise.
    #[error("a secret begins with whsec_ (a shared key) or whsk_ (an Ed25519 key)")]
    Prefix,
    /// It is what receivers have.
    #[error("whpk_ is a public key, which receivers verify with; the key to sign with begins with whsk_")]
    Public,
    /// What follows is not base64.
    #[error("what follows {0} is not base64")]
    Base64(&'static str),
    /// There are too few or too many bytes.
    #[error("what follows {prefix} has to be the base64 of {expected} bytes")]
    Length {
        /// What the secret begins with.
        prefix: &'static str,
        /// How many bytes would be right.
        expected: &'static str,
    },
    /// Both halves of a pair are there and don't match.
    #[error("the second half of the key that follows whsk_ is not the public key of the first")]
    Pair,
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// If the machine has no random bytes.
    pub fn generate(scheme: Scheme) -> Result<Self, getrandom::Error> {
        let mut bytes = vec![0; GENERATED_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self::of(scheme, bytes).expect("so many bytes are a key of every scheme"))
    }

    fn of(scheme: Scheme, bytes: Vec<u8>) -> Result<Self, SecretError> {
        let length = |expected| SecretError::Length { prefix: scheme.prefix(), expected };
        let key = match scheme {
            Scheme::HmacSha256 if (SHARED_BYTES.0..=SHARED_BYTES.1).contains(&bytes.len()) => {
                Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
            }
            Scheme::HmacSha256 => return Err(length("24 to 64")),
            Scheme::Ed25519 => {
                let pair = match bytes.len() {
                    SEED_BYTES => Ed25519KeyPair::from_seed_unchecked(&bytes),
                    PAIR_BYTES => Ed25519KeyPair::from_seed_and_public_key(&bytes[..SEED_BYTES], &bytes[SEED_BYTES..]),
                    _ => return Err(length("32 (the seed) or 64 (the seed and the public key)")),
                };
                Key::Ed25519(Arc::new(pair.map_err(|_| SecretError::Pair)?))
            }
        };
        Ok(Self { bytes, key })
    }

    /// How it signs.
    pub fn scheme(&self) -> Scheme {
        match self.key {
            Key::Hmac(_) => Scheme::HmacSha256,
            Key::Ed25519(_) => Scheme::Ed25519,
        }
    }

    /// The secret itself: for its owner, once, and for where it is kept.
    pub fn reveal(&self) -> String {
        format!("{}{}", self.scheme().prefix(), STANDARD.encode(&self.bytes))
    }

    /// What a receiver verifies with, if that is no secret.
    pub fn public_key(&self) -> Option<String> {
        match &self.key {
            Key::Hmac(_) => None,
            Key::Ed25519(pair) => Some(format!("{PUBLIC}{}", STANDARD.encode(pair.public_key()))),
        }
    }

    pub(super) fn sign(&self, content: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Hmac(key) => hmac::sign(key, content).as_ref().to_vec(),
            Key::Ed25519(pair) => pair.sign(content).as_ref().to_vec(),
        }
    }

    /// Takes as long for a wrong signature as for a right one of the same length.
    pub(super) fn verifies(&self, content: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Key::Hmac(key) => hmac::verify(key, content, signature).is_ok(),
            Key::Ed25519(pair) => {
                UnparsedPublicKey::new(&ED25519, pair.public_key()).verify(content, signature).is_ok()
            }
        }
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        if text.starts_with(PUBLIC) {
            return Err(SecretError::Public);
        }
        let of = |scheme: Scheme| Some((scheme, text.strip_prefix(scheme.prefix())?));
        let (scheme, encoded) = Scheme::ALL.into_iter().find_map(of).ok_or(SecretError::Prefix)?;
        let base64 = SecretError::Base64(scheme.prefix());
        // Longer than any secret, and so is what it decodes to.
        let bytes = match encoded.len() {
            ..=ENCODED_MAX => LENIENT.decode(encoded).map_err(|_| base64)?,
            _ => Vec::new(),
        };
        Self::of(scheme, bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}..)", self.scheme().prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_secret_is_told_without_telling_it() {
        let of = |prefix: &str, bytes: usize| format!("{prefix}{}", STANDARD.encode(vec![7; bytes]));
        let shared = |expected| SecretError::Length { prefix: "whsec_", expected };
        let cases = [
            (String::new(), SecretError::Prefix),
            ("hunter2hunter2".into(), SecretError::Prefix),
            (of("WHSEC_", 32), SecretError::Prefix),
            (of(" whsec_", 32), SecretError::Prefix),
            (of("whpk_", 32), SecretError::Public),
            ("whsec_hunter2!".into(), SecretError::Base64("whsec_")),
            (format!("{}\n", of("whsec_", 24)), SecretError::Base64("whsec_")),
            ("whsec_".into(), shared("24 to 64")),
            (of("whsec_", 23), shared("24 to 64")),
            (of("whsec_", 65), shared("24 to 64")),
            (of("whsec_", 9_000_000), shared("24 to 64")),
            (of("whsk_", 64), SecretError::Pair),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Secret>().expect_err(&expected.to_string());
            assert_eq!(error, expected);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        for bytes in [0, 31, 33, 63, 65] {
            assert!(matches!(of("whsk_", bytes).parse::<Secret>(), Err(SecretError::Length { prefix: "whsk_", .. })));
        }
        assert!([24, 64].into_iter().all(|bytes| of("whsec_", bytes).parse::<Secret>().is_ok()));
        let padded = of("whsec_", 32);
        assert_eq!(padded.trim_end_matches('=').parse::<Secret>().unwrap().reveal(), padded);
    }

    #[test]
    fn a_new_one_reads_back_and_people_see_nothing_of_it() {
        for scheme in Scheme::ALL {
            let secret = Secret::generate(scheme).unwrap();
            let read = secret.reveal().parse::<Secret>().unwrap();
            assert_eq!((read.scheme(), read.reveal()), (scheme, secret.reveal()));
            assert!(read.verifies(b"content", &secret.sign(b"content")));
            assert!(!read.verifies(b"contents", &secret.sign(b"content")));
            assert_eq!(format!("{secret:?}"), format!("Secret({}..)", scheme.prefix()));
            assert_ne!(Secret::generate(scheme).unwrap().reveal(), secret.reveal());
        }
    }

    #[test]
    fn a_pair_is_its_seed() {
        // The first test of RFC 8032, section 7.1.
        let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        let public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let both = [STANDARD.decode(seed).unwrap(), STANDARD.decode(public).unwrap()].concat();
        for text in [format!("whsk_{seed}"), format!("whsk_{}", STANDARD.encode(both))] {
            let secret = text.parse::<Secret>().unwrap();
            assert_eq!(secret.public_key(), Some(format!("whpk_{public}")));
            assert_eq!(secret.reveal(), text);
            let signature = "5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSJJAVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbviRlUUFDjnoQCw==";
            assert_eq!(STANDARD.encode(secret.sign(b"")), signature);
        }
    }
}
