//! What the engine answers for each event: admitted, duplicate, or rejected with a reason.
//!
//! A rejected event is a value, not an error (I5). Not here: the deciding itself (`dedup`, the gate, the door).

use serde::{Deserialize, Serialize};

/// The answer for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Durable and counted once. `late`: behind the watermark when it came.
    Admitted {
        /// Behind its shard's watermark; counted all the same.
        late: bool,
    },
    /// The same (tenant, source, id) with the same payload was admitted before.
    Duplicate,
    /// Not admitted, nothing changed.
    Rejected(Rejection),
}

/// Why one event was refused, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The typed reason.
    pub reason: Reason,
    /// Attribute, data member or meter concerned; empty if none.
    pub field: String,
    /// One sentence that says what was found and what would be right.
    pub detail: String,
}

impl Rejection {
    /// A rejection.
    pub fn new(reason: Reason, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { reason, field: field.into(), detail: detail.into() }
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
    /// A hard rate limit.
    RateLimited,
    /// The event is larger than the limit.
    TooLarge,
    /// The tenant's actor did not answer in time; retry.
    Busy,
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
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
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
    /// `id` of the last one; empty if it had none.
    pub sample_id: String,
    /// The last one's sentence.
    pub sample_detail: String,
}
