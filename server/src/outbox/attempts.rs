//! The last attempts to send messages, for the view `delivery_attempts`.
//!
//! In memory and bounded in bytes (I8): what must not be forgotten is in the journal. Not here: sending.

use std::collections::VecDeque;

use engine::lock::Lock;

/// Bytes of attempts that are remembered.
const BYTES_MAX: usize = 32 << 20;
/// Bytes of an attempt beside its texts.
const ATTEMPT_BYTES: usize = 200;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptNote {
    /// Whose endpoint.
    pub tenant: String,
    /// Which endpoint.
    pub endpoint: String,
    /// The message's name there.
    pub message: String,
    /// The type of the event.
    pub kind: &'static str,
    /// The node's clock when it ended, microseconds.
    pub at_us: i64,
    /// How long it took, microseconds.
    pub took_us: i64,
    /// What the endpoint answered with.
    pub status: Option<u16>,
    /// What came of it, in words.
    pub outcome: String,
    /// How the answer began.
    pub answer: String,
}

/// The last attempts, the newest behind.
#[derive(Debug, Default)]
pub struct Attempts(Lock<Kept>);

#[derive(Debug, Default)]
struct Kept {
    notes: VecDeque<AttemptNote>,
    bytes: usize,
}

impl AttemptNote {
    fn bytes(&self) -> usize {
        let texts = [&self.tenant, &self.endpoint, &self.message, &self.outcome, &self.answer];
        ATTEMPT_BYTES + texts.into_iter().map(String::len).sum::<usize>()
    }
}

impl Attempts {
    /// Those of one tenant's endpoints, or of all.
    pub fn of(&self, tenant: Option<&str>) -> Vec<AttemptNote> {
        let kept = self.0.lock();
        kept.notes.iter().filter(|note| tenant.is_none_or(|tenant| note.tenant == tenant)).cloned().collect()
    }

    /// Another one.
    pub(super) fn note(&self, note: AttemptNote) {
        let mut kept = self.0.lock();
        kept.bytes += note.bytes();
        kept.notes.push_back(note);
        while kept.bytes > BYTES_MAX
            && let Some(oldest) = kept.notes.pop_front()
        {
            kept.bytes -= oldest.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let attempts = Attempts::default();
        let note = |number: i64| AttemptNote {
            tenant: "acme".into(),
            endpoint: "hook".into(),
            message: number.to_string(),
            kind: "alert.fired",
            at_us: number,
            took_us: 1,
            status: Some(500),
            outcome: "failed".into(),
            answer: "x".repeat(4096),
        };
        (0..20_000).for_each(|number| attempts.note(note(number)));
        let kept = attempts.of(Some("acme"));
        assert!((5_000..10_000).contains(&kept.len()), "{}", kept.len());
        assert_eq!((kept.last().unwrap().at_us, attempts.of(Some("globex")).len()), (19_999, 0));
    }
}
