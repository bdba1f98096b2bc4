//! What a door tells of the events that it brought: one answer, whatever form they came in.
//!
//! Not here: decoding (`engine`), the doors' own ways to say it.

use engine::admission::{Receipt, Rejection, RejectionCount};
use engine::event::cloudevents::Rejected;
use engine::kinds::Kinds;
use pipelines::catalog::Visibility;
use serde::Serialize;
use utoipa::ToSchema;

/// Refused events that are named one by one if nothing else is asked for; all are counted, and those that pass later are all
/// named, since whoever sent them has to know which.
pub(crate) const ERRORS_MAX: usize = 1000;

/// Bytes that ids, fields and details of an answer have together.
const ERRORS_BYTES_MAX: usize = 8 << 20;

/// What became of the events of a body.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// Durable and counted, late ones included.
    pub(crate) admitted: u64,
    /// Seen before with the same content; nothing changed.
    pub(crate) duplicate: u64,
    /// Of the admitted ones, those behind their shard's watermark.
    pub(crate) late: u64,
    /// Refused.
    pub(crate) rejected: u64,
    /// The refused ones, by index: the first 1000, or as many as `errors_max` says, and all that have `retry_after_ms`. Behind
    /// 8 MiB of texts the rest have no `id`, `field` and `detail`.
    pub(crate) errors: Vec<EventError>,
    /// Tenants that were created, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenants_created: Option<usize>,
}

/// Why one event was refused.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct EventError {
    /// Position in the body, from 0.
    pub(crate) index: u32,
    /// The event's `id`, if it has a readable one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    /// Typed, for instance `quota_exceeded`.
    pub(crate) reason: &'static str,
    /// Attribute, data member or meter concerned.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) field: String,
    /// What was found and what would be right.
    pub(crate) detail: String,
    /// Milliseconds after which the same event passes (`rate_limited`), if those of the body that were told less are sent
    /// before it. Absent if waiting does not help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<u64>,
}

/// Refusals of the decoder, by tenant, reason and field. Without a readable tenant they are the credential's.
pub(crate) fn counts(visibility: &Visibility, rejected: &[Rejected]) -> Vec<RejectionCount> {
    let mut kinds = Kinds::default();
    for Rejected { tenant, id, rejection, .. } in rejected {
        // A tenant's credential answers for what it sends, whatever the events say.
        kinds.add(visibility.tenant().unwrap_or(tenant), rejection, id);
    }
    kinds.into_counts()
}

/// Puts both kinds of refusals, the decoder's and the engine's, in the order of the body; names `errors_max` of them. Behind
/// [`ERRORS_BYTES_MAX`] of texts the rest are named by index and reason alone.
pub(crate) fn answer(
    index: &[u32],
    id_of: impl Fn(usize) -> String,
    receipt: &Receipt,
    rejected: &[Rejected],
    errors_max: usize,
) -> Answer {
    let tally = receipt.tally();
    let by_engine = receipt.rejections.iter().map(|(row, rejection)| {
        let row = *row as usize;
        (index[row], id_of(row), rejection)
    });
    let by_decoder = rejected.iter().map(|refused| (refused.index, refused.id.clone(), &refused.rejection));
    let mut errors: Vec<_> = by_engine.chain(by_decoder).collect();
    errors.sort_by_key(|(index, ..)| *index);
    let is_named = |at: usize, rejection: &Rejection| at < errors_max || rejection.retry_after_ms.is_some();
    let named = errors.into_iter().enumerate().filter(|(at, (.., rejection))| is_named(*at, rejection));
    let mut room = ERRORS_BYTES_MAX;
    let named = named.map(|(_, (index, id, rejection))| {
        let bytes = id.len() + rejection.field.len() + rejection.detail.len();
        room = room.saturating_sub(bytes);
        let text = |text: &str| if room > 0 { text.to_owned() } else { String::new() };
        EventError {
            index,
            reason: rejection.reason.as_str(),
            field: text(&rejection.field),
            detail: text(&rejection.detail),
            id: text(&id),
            retry_after_ms: rejection.retry_after_ms,
        }
    });
    Answer {
        admitted: tally.admitted,
        duplicate: tally.duplicate,
        late: tally.late,
        rejected: tally.rejected + rejected.len() as u64,
        errors: named.collect(),
        tenants_created: None,
    }
}

#[cfg(test)]
mod tests {
    use engine::admission::{Outcome, Reason};

    use super::*;

    fn refused(index: u32, tenant: &str, reason: Reason) -> Rejected {
        let rejection = Rejection::new(reason, "field", "detail");
        Rejected { index, tenant: tenant.into(), id: format!("id{index}"), rejection }
    }

    #[test]
    fn refusals_stand_in_the_order_of_the_body() {
        let by_engine = Rejection::new(Reason::QuotaExceeded, "calls", "detail");
        let receipt = Receipt {
            outcomes: vec![Outcome::Admitted, Outcome::Rejected, Outcome::Late],
            rejections: vec![(1, by_engine)],
        };
        let by_decoder = [refused(0, "a", Reason::Malformed), refused(4, "a", Reason::TooOld)];
        let got = answer(&[1, 2, 3], |row| format!("row{row}"), &receipt, &by_decoder, 1000);
        assert_eq!((got.admitted, got.late, got.rejected), (2, 1, 3));
        let errors: Vec<_> = got.errors.iter().map(|error| (error.index, error.id.as_str(), error.reason)).collect();
        assert_eq!(errors, [(0, "id0", "malformed"), (2, "row1", "quota_exceeded"), (4, "id4", "too_old")]);
        let named = answer(&[1, 2, 3], |row| format!("row{row}"), &receipt, &by_decoder, 1);
        assert_eq!((named.rejected, named.errors.len()), (3, 1), "all are counted");
    }

    #[test]
    fn whatever_passes_later_is_named_however_much_is_refused() {
        let rows = 3000;
        let refusal = |row: u32| match row % 2 {
            0 => Rejection::new(Reason::QuotaExceeded, "calls", "detail"),
            _ => Rejection::new(Reason::RateLimited, "calls", "detail").for_now(row.into()),
        };
        let receipt = Receipt {
            outcomes: vec![Outcome::Rejected; rows as usize],
            rejections: (0..rows).map(|row| (row, refusal(row))).collect(),
        };
        let got = answer(&(0..rows).collect::<Vec<_>>(), |row| row.to_string(), &receipt, &[], ERRORS_MAX);
        let (later, never): (Vec<_>, Vec<_>) = got.errors.iter().partition(|error| error.retry_after_ms.is_some());
        assert_eq!((later.len(), never.len()), (1500, 500));
        assert!(later.iter().all(|error| error.retry_after_ms == Some(error.index.into())));
    }

    #[test]
    fn an_answer_is_bounded_and_still_names_every_event() {
        let rows = 60_000;
        let rejection = Rejection::new(Reason::ValueInvalid, "f".repeat(1000), "d".repeat(1000));
        let rejected: Vec<Rejected> = (0..rows)
            .map(|index| Rejected { index, tenant: "a".into(), id: "i".repeat(1000), rejection: rejection.clone() })
            .collect();
        let got = answer(&[], |_| String::new(), &Receipt::default(), &rejected, usize::MAX);
        let bytes: usize = got.errors.iter().map(|error| error.id.len() + error.field.len() + error.detail.len()).sum();
        assert!(bytes <= ERRORS_BYTES_MAX, "{bytes} bytes");
        assert!(got.errors.iter().map(|error| error.index).eq(0..rows));
        assert!(got.errors.iter().all(|error| error.reason == "value_invalid"));
        assert!(!got.errors[0].detail.is_empty());
    }

    #[test]
    fn refusals_are_counted_for_the_credential() {
        let rejected = [
            refused(0, "other", Reason::TenantMismatch),
            refused(1, "", Reason::Malformed),
            refused(2, "", Reason::Malformed),
        ];
        let of_tenant = counts(&Visibility::Tenant("mine".into()), &rejected);
        assert!(of_tenant.iter().all(|count| count.tenant == "mine"));
        assert_eq!(of_tenant.iter().map(|count| count.count).sum::<u64>(), 3);
        let of_platform = counts(&Visibility::Platform, &rejected);
        assert_eq!(of_platform.iter().map(|count| count.tenant.as_str()).collect::<Vec<_>>(), ["other", ""]);
    }
}
