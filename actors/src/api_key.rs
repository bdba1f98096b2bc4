//! API keys as text: `tn_<id>_<secret><checksum>`, 8 random bytes of id, 32 of secret and a CRC32C, in lower-case hex.
//!
//! Keeps I12: what leaves this module is the key's id and the SHA-256 of its text, never the secret; 256 random bits need
//! no slow hash. The checksum answers typing errors and cut-off copies without a lookup and lets scanners recognise leaked
//! keys. Not here: who holds which key (`facets::keys`), looking one up (`directory`), randomness.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every key starts with.
pub const KEY_PREFIX: &str = "tn_";
/// Characters of a key's id.
pub const KEY_ID_CHARS: usize = 16;
/// Characters of a whole key.
pub const KEY_CHARS: usize = KEY_PREFIX.len() + KEY_ID_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS;

const SECRET_CHARS: usize = 64;
const CHECKSUM_CHARS: usize = 8;

/// What may be kept and logged of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Names the key, for people and for revoking it.
    pub id: String,
    /// Recognises the key.
    pub hash: KeyHash,
}

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// Wrong length, prefix or characters.
    #[error("not an API key: keys have {KEY_CHARS} characters and start with {KEY_PREFIX}")]
    Shape,
    /// The right shape, but some character is wrong.
    #[error("the API key's checksum does not match: it was mistyped or altered, copy it again")]
    Checksum,
}

impl ApiKey {
    /// Renders a new key from random bytes. The text is to be shown once, to its owner, and forgotten.
    pub fn generate(id: [u8; 8], secret: [u8; 32]) -> (Self, String) {
        let id = hex(&id);
        let body = format!("{KEY_PREFIX}{id}_{}", hex(&secret));
        let checksum = crc32c::crc32c(body.as_bytes());
        let text = format!("{body}{checksum:08x}");
        (Self { id, hash: KeyHash::of(&text) }, text)
    }

    /// Reads a key that somebody presents.
    ///
    /// # Errors
    /// [`ApiKeyError`] if no key can look like that; says nothing about whether the key was ever issued.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        if text.len() != KEY_CHARS || !text.is_ascii() {
            return Err(ApiKeyError::Shape);
        }
        let (body, checksum) = text.split_at(KEY_CHARS - CHECKSUM_CHARS);
        let (id, secret) = body
            .strip_prefix(KEY_PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .filter(|(id, secret)| is_key_id(id) && is_lower_hex(secret))
            .ok_or(ApiKeyError::Shape)?;
        debug_assert_eq!(secret.len(), SECRET_CHARS);
        if checksum != format!("{:08x}", crc32c::crc32c(body.as_bytes())) {
            return Err(ApiKeyError::Checksum);
        }
        Ok(Self { id: id.to_owned(), hash: KeyHash::of(text) })
    }
}

/// Whether `id` can be a key's.
pub fn is_key_id(id: &str) -> bool {
    id.len() == KEY_ID_CHARS && is_lower_hex(id)
}

/// SHA-256 of a key's whole text. Serialised as hex for people and as bytes in records; `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether both are of the same key, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(&hex(&self.0));
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return from_hex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("expected 64 hex digits"));
        }
        <[u8; 32]>::deserialize(deserializer).map(Self)
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !is_lower_hex(text) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (ApiKey, String) {
        ApiKey::generate([0xab; 8], [0x5c; 32])
    }

    #[test]
    fn a_key_reads_back_as_the_same_id_and_hash() {
        let (key, text) = key();
        assert_eq!(text.len(), KEY_CHARS);
        assert!(text.starts_with("tn_abababababababab_5c5c"), "{text}");
        assert_eq!(ApiKey::parse(&text), Ok(key));
    }

    #[test]
    fn any_single_wrong_character_is_noticed() {
        let (_, text) = key();
        for at in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'7' { b'8' } else { b'7' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert!(ApiKey::parse(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let (_, text) = key();
        let check = |text: &str, expect| assert_eq!(ApiKey::parse(text), Err(expect), "{text}");
        check("", ApiKeyError::Shape);
        check(&text[..KEY_CHARS - 1], ApiKeyError::Shape);
        check(&format!("{text}0"), ApiKeyError::Shape);
        check(&text.to_uppercase(), ApiKeyError::Shape);
        check(&"é".repeat(KEY_CHARS / 2), ApiKeyError::Shape);
        check(&format!("{}00000000", &text[..KEY_CHARS - 8]), ApiKeyError::Checksum);
    }

    #[test]
    fn nothing_of_the_secret_is_shown() {
        let (key, text) = key();
        let shown = format!("{key:?}");
        assert!(!shown.contains("5c5c") && !shown.contains(&text[84..]), "{shown}");
        assert!(shown.contains("KeyHash(..)"), "{shown}");
    }

    #[test]
    fn a_hash_survives_json() {
        let (key, _) = key();
        let json = serde_json::to_string(&key.hash).unwrap();
        assert_eq!(serde_json::from_str::<KeyHash>(&json).unwrap(), key.hash);
        assert!(serde_json::from_str::<KeyHash>("\"00\"").is_err());
    }
}
