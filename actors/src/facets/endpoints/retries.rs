//! When a message is tried again, and when an endpoint is given up.
//!
//! Both follow Svix, whose users know them: attempts at 0 s, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h after one another; an
//! endpoint is given up when all attempts failed for five days, and not all of these failures were within half a day. The
//! pauses vary by a tenth, by the message, so that what failed together does not come back together. Pure (I4).

use engine::log::Offset;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

const S: i64 = 1_000_000;
const H: i64 = 3600 * S;
/// Pauses behind the first attempt, microseconds.
const PAUSES_US: [i64; 7] = [5 * S, 300 * S, 1800 * S, 2 * H, 5 * H, 10 * H, 10 * H];
/// Attempts at a message.
pub const ATTEMPTS_MAX: u8 = 8;
/// Messages of an endpoint that are tried again; those behind them wait in the journal.
pub const RETRIES_MAX: usize = 64;
/// Longest pause that an endpoint may ask for.
const ASKED_US_MAX: i64 = 24 * H;
/// A second failure so much later, and no later than a day, shows that the first was no accident.
const CONFIRMS_US: (i64, i64) = (12 * H, 24 * H);
/// An endpoint that takes nothing for so long is given up.
const HOPELESS_US: i64 = 120 * H;

/// Which message: a change in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// Where its entry is.
    pub offset: Offset,
    /// Which change of the entry.
    pub index: u16,
}

/// How often a message was tried, and when it is again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts so far.
    pub attempts: u8,
    /// When the next one is, microseconds.
    pub at_us: i64,
}

/// Since when an endpoint takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The first failure, microseconds.
    pub since_us: i64,
    /// Whether another one came long enough behind it.
    pub is_confirmed: bool,
}

impl Failing {
    /// Another failure, at `now_us`.
    pub(super) fn again(before: Option<Self>, now_us: i64) -> Self {
        let first = Self { since_us: now_us, is_confirmed: false };
        let Some(before) = before else { return first };
        let passed_us = now_us.saturating_sub(before.since_us);
        match before.is_confirmed {
            true => before,
            false if passed_us > CONFIRMS_US.1 => first,
            false => Self { is_confirmed: passed_us >= CONFIRMS_US.0, ..before },
        }
    }

    /// Whether nobody should go on trying.
    pub(super) fn is_hopeless(self, now_us: i64) -> bool {
        self.is_confirmed && now_us.saturating_sub(self.since_us) >= HOPELESS_US
    }
}

/// The attempt that follows the one with number `attempts`, from 1, which failed at `now_us`; `None` if that was the last. The
/// endpoint may have asked for a longer pause.
pub fn next_attempt(message: MessageId, attempts: u8, now_us: i64, asked_us: Option<i64>) -> Option<Retry> {
    let pause_us = *PAUSES_US.get(usize::from(attempts).checked_sub(1)?)?;
    let [offset, index] = [message.offset.to_le_bytes(), u64::from(message.index).to_le_bytes()];
    let roll = xxh3_64(&[&offset[..], &index[..], &[attempts][..]].concat());
    let tenth = pause_us / 10;
    let varied_us = pause_us - tenth + i64::try_from(roll % 2048).unwrap_or(0) * tenth / 1024;
    let asked_us = asked_us.unwrap_or(0).clamp(0, ASKED_US_MAX);
    Some(Retry { attempts, at_us: now_us.saturating_add(varied_us.max(asked_us)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_eight_times_within_about_28_hours() {
        let message = MessageId { offset: 7, index: 0 };
        let (mut now_us, mut attempts) = (0, 1);
        while let Some(retry) = next_attempt(message, attempts, now_us, None) {
            let pause_us = PAUSES_US[usize::from(attempts) - 1];
            assert!((retry.at_us - now_us - pause_us).abs() <= pause_us / 10, "{retry:?}");
            (now_us, attempts) = (retry.at_us, attempts + 1);
        }
        assert_eq!(attempts, ATTEMPTS_MAX);
        assert!((24 * H..31 * H).contains(&now_us), "{now_us}");
        let asked = |pause_us| next_attempt(message, 1, 0, Some(pause_us)).unwrap().at_us;
        assert_eq!((asked(60 * S), asked(i64::MAX)), (60 * S, ASKED_US_MAX));
        assert!(asked(-1) > 4 * S);
        assert_ne!(next_attempt(message, 1, 0, None), next_attempt(MessageId { offset: 8, index: 0 }, 1, 0, None));
    }

    #[test]
    fn an_endpoint_is_given_up_after_five_days_of_which_the_first_failures_are_half_a_day_apart() {
        let fail = |failing, hour: i64| Some(Failing::again(failing, hour * H));
        let hopeless = |failing: Option<Failing>, hour: i64| failing.unwrap().is_hopeless(hour * H);
        let close = fail(fail(None, 0), 11);
        assert!(!hopeless(close, 130), "it failed for eleven hours, then nobody asked");
        let apart = fail(fail(None, 0), 13);
        assert!(!hopeless(apart, 119) && hopeless(fail(apart, 120), 120));
        let again = fail(fail(None, 0), 25);
        assert_eq!(again, Some(Failing { since_us: 25 * H, is_confirmed: false }), "the first was long ago");
    }
}
