//! Records on disk: a versioned, checksummed envelope around a bincode body. The only module that names bincode.
//!
//! Bincode does not describe itself, so nothing is decoded before kind and checksum fit, and never beyond
//! [`BODY_BYTES_MAX`] (I8). Who opens an envelope knows which versions of its kind there are. Not here: what the records mean.
//!
//! Layout, little-endian: kind (4 bytes), version (u16), length of the body (u32), CRC32C of all before and of the body
//! (u32), body.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest body of one envelope, in bytes.
pub const BODY_BYTES_MAX: usize = 4 << 20;

const HEADER_BYTES: usize = 14;
const VERSION_AT: usize = 4;
const CRC_AT: usize = 10;

/// What an envelope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An entry of the journal.
    Entry,
    /// A cached tenant.
    Tenant,
    /// How far the cache of tenants is valid.
    Mark,
}

impl Kind {
    const fn magic(self) -> [u8; 4] {
        match self {
            Self::Entry => *b"tnJE",
            Self::Tenant => *b"tnST",
            Self::Mark => *b"tnSM",
        }
    }
}

/// Why bytes are not a record, or a record can't become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Fewer bytes than the envelope says.
    #[error("cut off: {found} of {expect} bytes are there")]
    Short {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expect: usize,
    },
    /// Bytes behind the envelope that nobody wrote.
    #[error("{0} bytes too many")]
    Long(usize),
    /// Something else.
    #[error("not a record of the expected kind")]
    Kind,
    /// Written by a later release.
    #[error("format version {0} is not known; use the release that wrote it, or a later one")]
    Version(u16),
    /// Other bytes than were written.
    #[error("checksum does not match")]
    Checksum,
    /// The body does not decode although its checksum fits.
    #[error("body can't be decoded: {0}")]
    Body(String),
    /// The value can't be encoded.
    #[error("can't be encoded: {0}")]
    Encode(String),
    /// The value is too large.
    #[error("{0} bytes, the limit of a record is {BODY_BYTES_MAX}")]
    TooLarge(usize),
}

fn configuration() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<BODY_BYTES_MAX>()
}

/// Encodes `value` into an envelope of version `version` of its kind.
///
/// # Errors
/// [`EnvelopeError::TooLarge`], or [`EnvelopeError::Encode`] for a type that bincode can't carry.
pub fn seal<T: Serialize>(kind: Kind, version: u16, value: &T) -> Result<Vec<u8>, EnvelopeError> {
    let body = bincode::serde::encode_to_vec(value, configuration())
        .map_err(|error| EnvelopeError::Encode(error.to_string()))?;
    if body.len() > BODY_BYTES_MAX {
        return Err(EnvelopeError::TooLarge(body.len()));
    }
    let length = body.len() as u32;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend_from_slice(&kind.magic());
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), &body);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Decodes the one envelope that `bytes` are, of version `version` of its kind.
///
/// # Errors
/// [`EnvelopeError`] for any byte that is not what [`seal`] wrote.
pub fn open<T: DeserializeOwned>(kind: Kind, version: u16, bytes: &[u8]) -> Result<T, EnvelopeError> {
    let (first, rest) = split(kind, bytes)?;
    if !rest.is_empty() {
        return Err(EnvelopeError::Long(rest.len()));
    }
    match self::version(first) {
        found if found == version => decode(first),
        other => Err(EnvelopeError::Version(other)),
    }
}

/// The version of an envelope that [`split`] cut off.
pub fn version(envelope: &[u8]) -> u16 {
    envelope.get(VERSION_AT..VERSION_AT + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// Cuts the first envelope off `bytes` and checks everything but its body.
///
/// # Errors
/// [`EnvelopeError`] if `bytes` do not start with a whole envelope of that kind.
pub fn split(kind: Kind, bytes: &[u8]) -> Result<(&[u8], &[u8]), EnvelopeError> {
    let short = |expect| EnvelopeError::Short { found: bytes.len(), expect };
    let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(short(HEADER_BYTES))?;
    if header[..4] != kind.magic() {
        return Err(EnvelopeError::Kind);
    }
    let length = u32::from_le_bytes([header[6], header[7], header[8], header[9]]) as usize;
    let crc = u32::from_le_bytes([header[10], header[11], header[12], header[13]]);
    if length > BODY_BYTES_MAX {
        return Err(EnvelopeError::TooLarge(length));
    }
    let end = HEADER_BYTES + length;
    let body = body.get(..length).ok_or(short(end))?;
    if crc32c::crc32c_append(crc32c::crc32c(&header[..CRC_AT]), body) != crc {
        return Err(EnvelopeError::Checksum);
    }
    Ok(bytes.split_at(end))
}

/// Decodes an envelope that [`split`] cut off.
///
/// # Errors
/// [`EnvelopeError::Body`] if the body is not a whole `T`.
pub fn decode<T: DeserializeOwned>(envelope: &[u8]) -> Result<T, EnvelopeError> {
    let body = envelope.get(HEADER_BYTES..).unwrap_or_default();
    let (value, read) = bincode::serde::decode_from_slice(body, configuration())
        .map_err(|error| EnvelopeError::Body(error.to_string()))?;
    if read != body.len() {
        return Err(EnvelopeError::Body(format!("{} bytes are left over", body.len() - read)));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Value = (String, Vec<u64>, Option<bool>);

    fn value() -> Value {
        ("acme".into(), vec![1, 1 << 40], Some(true))
    }

    #[test]
    fn what_was_sealed_opens() {
        let bytes = seal(Kind::Entry, 1, &value()).unwrap();
        assert_eq!(open::<Value>(Kind::Entry, 1, &bytes), Ok(value()));
        assert_eq!(open::<Value>(Kind::Tenant, 1, &bytes), Err(EnvelopeError::Kind));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = seal(Kind::Entry, 1, &value()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open::<Value>(Kind::Entry, 1, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(open::<Value>(Kind::Entry, 1, &bytes[..length]).is_err(), "cut at {length}");
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        assert_eq!(open::<Value>(Kind::Entry, 1, &longer), Err(EnvelopeError::Long(1)));
    }

    #[test]
    fn another_version_says_so() {
        let bytes = seal(Kind::Entry, 9, &value()).unwrap();
        assert_eq!(open::<Value>(Kind::Entry, 1, &bytes), Err(EnvelopeError::Version(9)));
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let large = vec![7u8; BODY_BYTES_MAX];
        assert!(matches!(seal(Kind::Entry, 1, &large), Err(EnvelopeError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn noise_is_refused_without_harm(noise in proptest::collection::vec(any::<u8>(), 0..256)) {
            prop_assert!(open::<Value>(Kind::Entry, 1, &noise).is_err());
            let _ = decode::<Value>(&noise);
        }
    }
}
