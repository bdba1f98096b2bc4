//! What the engine answers for each event: admitted, duplicate, or rejected with a reason.
//!
//! A rejected event is a value, not an error (I5). Reasons are ours and few; fields, ids and details may hold what a client
//! made up, so they are samples of bounded length from the moment a rejection is made (I8). Not here: the deciding itself
//! (`dedup`, the gate, the door), how many kinds of rejections are told apart (`kinds`).

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The answer for one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// Durable and counted once.
    Admitted,
    /// Durable and counted once, though it was behind its shard's watermark when it came.
    Late,
    /// The same (tenant, source, id) with the same payload was admitted before; nothing changed.
    Duplicate,
    /// Not admitted, nothing changed.
    Rejected,
}

/// The answers for a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// One per row of the submitted batch.
    pub outcomes: Vec<Outcome>,
    /// Row and reason of each rejected one, by row.
    pub rejections: Vec<(u32, Rejection)>,
}

/// How many of each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Durable and counted, late ones included.
    pub admitted: u64,
    /// Of those, behind the watermark.
    pub late: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Refused.
    pub rejected: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.late += other.late;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
    }
}

impl Receipt {
    /// Counts the outcomes.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for outcome in &self.outcomes {
            match outcome {
                Outcome::Admitted => tally.admitted += 1,
                Outcome::Late => {
                    tally.admitted += 1;
                    tally.late += 1;
                }
                Outcome::Duplicate => tally.duplicate += 1,
                Outcome::Rejected => tally.rejected += 1,
            }
        }
        tally
    }
}

/// Longest name of a field in a rejection, in bytes.
pub const FIELD_BYTES_MAX: usize = 256;
/// Longest sentence of a rejection, in bytes.
pub const DETAIL_BYTES_MAX: usize = 512;
/// Longest id that is kept as a sample, in bytes.
pub const SAMPLE_ID_BYTES_MAX: usize = 256;

/// `text` if it has at most `bytes_max` bytes, else as many whole characters of it as leave room for the `…` at its end.
pub fn sample(text: &str, bytes_max: usize) -> Cow<'_, str> {
    const CUT: &str = "…";
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max.saturating_sub(CUT.len()));
    Cow::Owned([&text[..end], CUT].concat())
}

fn bounded(text: Arc<str>, bytes_max: usize) -> Arc<str> {
    match sample(&text, bytes_max) {
        Cow::Owned(cut) => cut.into(),
        Cow::Borrowed(_) => text,
    }
}

/// Why one event was refused, and what to do. Texts are shared: a batch may repeat one reason for every row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The typed reason.
    pub reason: Reason,
    /// Attribute, data member or meter concerned; empty if none.
    pub field: Arc<str>,
    /// One sentence that says what was found and what would be right.
    pub detail: Arc<str>,
    /// Milliseconds after which the same event passes, if waiting helps and those of its batch that were told less went
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Rejection {
    /// A rejection that waiting does not mend. Texts beyond [`FIELD_BYTES_MAX`] and [`DETAIL_BYTES_MAX`] are cut.
    pub fn new(reason: Reason, field: impl Into<Arc<str>>, detail: impl Into<Arc<str>>) -> Self {
        let field = bounded(field.into(), FIELD_BYTES_MAX);
        let detail = bounded(detail.into(), DETAIL_BYTES_MAX);
        Self { reason, field, detail, retry_after_ms: None }
    }

    /// The same of an event that passes in so many milliseconds.
    #[must_use]
    pub fn for_now(self, retry_after_ms: u64) -> Self {
        Self { retry_after_ms: Some(retry_after_ms), ..self }
    }
}

/// The reasons, as they are named in the API, in SQL and in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not JSON, or not a JSON object.
    Malformed,
    /// A required CloudEvents attribute is absent.
    MissingAttribute,
    /// An attribute has another type or form than CloudEvents 1.0 says.
    InvalidAttribute,
    /// The credential does not speak for the tenant named.
    TenantMismatch,
    /// No such tenant.
    TenantUnknown,
    /// The tenant is not active.
    TenantSuspended,
    /// The tenant is quarantined after repeated failures.
    TenantQuarantined,
    /// `time` lies too far in the past.
    TooOld,
    /// `time` lies too far in the future.
    TooNew,
    /// A metered value is not a number.
    ValueInvalid,
    /// A metered value does not fit DECIMAL(38, 9).
    ValueOverflow,
    /// The same (tenant, source, id) was admitted with another payload.
    Conflict,
    /// A hard allowance of the period is used up.
    QuotaExceeded,
    /// A hard rate limit; the rejection says when the event passes.
    RateLimited,
    /// More different values of a meter's dimensions than a tenant may bring in an hour.
    CardinalityExceeded,
    /// The event is larger than the limit.
    TooLarge,
    /// The tenant's actor did not answer in time; retry.
    Busy,
    /// Alone more than a hard limit ever lets through: than its burst, or than its whole allowance.
    ExceedsLimit,
    /// What was used of a hard allowance can't be read, so nothing more is let in.
    UsageUnreadable,
}

impl Reason {
    /// The name used outside, for instance `quota_exceeded`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::MissingAttribute => "missing_attribute",
            Self::InvalidAttribute => "invalid_attribute",
            Self::TenantMismatch => "tenant_mismatch",
            Self::TenantUnknown => "tenant_unknown",
            Self::TenantSuspended => "tenant_suspended",
            Self::TenantQuarantined => "tenant_quarantined",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::ValueInvalid => "value_invalid",
            Self::ValueOverflow => "value_overflow",
            Self::Conflict => "conflict",
            Self::QuotaExceeded => "quota_exceeded",
            Self::RateLimited => "rate_limited",
            Self::CardinalityExceeded => "cardinality_exceeded",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::ExceedsLimit => "exceeds_limit",
            Self::UsageUnreadable => "usage_unreadable",
        }
    }
}

/// Rejections of one tenant and kind within one append: durable beside the events, so that none is lost silently (I5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectionCount {
    /// Whose events.
    pub tenant: String,
    /// Why.
    pub reason: Reason,
    /// Attribute, data member or meter concerned; empty if none.
    pub field: String,
    /// How many.
    pub count: u64,
    /// `id` of the first one; empty if it had none.
    pub sample_id: String,
    /// The first one's sentence.
    pub sample_detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_made_up_is_cut_at_a_character_where_a_rejection_is_made() {
        let long = "é".repeat(300_000);
        let rejection = Rejection::new(Reason::InvalidAttribute, long.as_str(), long.as_str());
        for (text, bytes_max) in [(&rejection.field, FIELD_BYTES_MAX), (&rejection.detail, DETAIL_BYTES_MAX)] {
            assert!(text.len() <= bytes_max && text.len() + 2 > bytes_max, "{} of {bytes_max}", text.len());
            assert!(text.starts_with('é') && text.ends_with('…'));
        }
        let fits = "x".repeat(FIELD_BYTES_MAX);
        assert_eq!(*Rejection::new(Reason::Malformed, fits.as_str(), "").field, *fits);
    }
}
