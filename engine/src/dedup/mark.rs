//! One remembered id: 24 bytes, in memory as on file.
//!
//! Not here: where marks are kept.

use super::Answer;

/// Bytes of a mark.
pub(super) const BYTES: usize = 24;

/// The payload of a mark that says "not admitted after all". A live payload of this value counts as its neighbour, which
/// costs one in 2⁶⁴ conflicts.
const DEAD: u64 = 0;

/// A key and the payload it was admitted with. The key is in halves so that a mark takes 24 bytes, not 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    high: u64,
    low: u64,
    payload: u64,
}

impl Mark {
    /// `key` was admitted with `payload`.
    pub(super) fn live(key: u128, payload: u64) -> Self {
        Self { high: (key >> 64) as u64, low: key as u64, payload: payload.max(DEAD + 1) }
    }

    /// `key` was not admitted, whatever older levels say.
    pub(super) fn dead(key: u128) -> Self {
        Self { payload: DEAD, ..Self::live(key, 0) }
    }

    /// The key.
    pub(super) fn key(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// Whether it only shadows.
    pub(super) fn is_dead(&self) -> bool {
        self.payload == DEAD
    }

    /// What it says of a row with its key and `payload`.
    pub(super) fn answer(&self, payload: u64) -> Answer {
        if self.is_dead() {
            Answer::New
        } else if self.payload == payload.max(DEAD + 1) {
            Answer::Duplicate
        } else {
            Answer::Conflict
        }
    }

    /// As on file: key's halves, higher first, and payload, each little-endian.
    pub(super) fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&self.high.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.low.to_le_bytes());
        bytes[16..].copy_from_slice(&self.payload.to_le_bytes());
        bytes
    }

    /// Reads [`to_bytes`](Self::to_bytes) back; `bytes` has [`BYTES`] bytes.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Self { high: word(0), low: word(8), payload: word(16) }
    }
}
