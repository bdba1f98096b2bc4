//! From where on something holds, if no event says so: a definition, a calendar.
//!
//! A row's revision is the largest offset of all that made it what it is, so that a cursor on revisions sees each change of
//! it: events, and the facts since which its meter's definition and its tenant's calendar hold. Not here: the facts.

use engine::shard::Position;
use serde::{Deserialize, Serialize};

/// The place of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Since {
    /// Its offset; -1 for what held before anybody could read.
    pub(super) revision: i64,
    /// The watermark there.
    pub(super) watermark_us: i64,
}

impl Since {
    /// From ever on.
    pub(super) const EVER: Self = Self { revision: -1, watermark_us: i64::MIN };

    /// Since the fact at `position`.
    pub(super) fn at(position: Position) -> Self {
        Self { revision: i64::try_from(position.offset).unwrap_or(i64::MAX), watermark_us: position.watermark_us }
    }

    /// The later one.
    pub(super) fn or_later(self, other: Self) -> Self {
        if other.revision > self.revision { other } else { self }
    }
}

impl Default for Since {
    fn default() -> Self {
        Self::EVER
    }
}
