//! What the engine answers for each event: admitted, duplicate, or rejected with a reason.
//!
//! A rejected event is a value, not an error (I5). Not here: the deciding itself (`dedup`, the gate, the door).

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
    /// A rejection that waiting does not mend.
    pub fn new(reason: Reason, field: impl Into<Arc<str>>, detail: impl Into<Arc<str>>) -> Self {
        Self { reason, field: field.into(), detail: detail.into(), retry_after_ms: None }
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
