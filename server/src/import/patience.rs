//! How long to wait for a node that says "not now": what it asks for, or twice as long each time if it does not say.
//!
//! Pure: it gives pauses, its caller sleeps. Not here: which answers mean "not now".

use std::time::Duration;

const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause that is not asked for.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What is left of a caller's patience with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    left: Duration,
    next: Duration,
}

impl Patience {
    /// Patience for `wait_max` of pauses in all.
    pub(crate) fn new(wait_max: Duration) -> Self {
        Self { left: wait_max, next: PAUSE_MIN }
    }

    /// The pause before the next attempt, or `None` if there is to be none. The last pause is what is left, so that a
    /// node that asks for more than that is asked once more all the same.
    pub(crate) fn pause(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.left.is_zero() {
            return None;
        }
        let pause = asked.unwrap_or(self.next).max(PAUSE_MIN).min(self.left);
        if asked.is_none() {
            self.next = (self.next * 2).min(PAUSE_MAX);
        }
        self.left -= pause;
        Some(pause)
    }
}

impl Patience {
    /// The same for a pause that is asked for exactly, however short.
    pub(crate) fn wait(&mut self, asked: Duration) -> Option<Duration> {
        if self.left.is_zero() {
            return None;
        }
        let pause = asked.min(self.left);
        self.left -= pause;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses, in milliseconds, of a node that asks for the same each time.
    fn check(wait_max_s: u64, asked_s: Option<u64>, expect: &[u64]) {
        let mut patience = Patience::new(Duration::from_secs(wait_max_s));
        let asked = asked_s.map(Duration::from_secs);
        let pauses = std::iter::from_fn(|| patience.pause(asked));
        let pauses: Vec<u64> = pauses.map(|pause| pause.as_millis() as u64).collect();
        assert_eq!(pauses, expect, "{wait_max_s} s of patience, asked for {asked_s:?}");
    }

    #[test]
    fn what_the_node_asks_for_is_what_it_gets() {
        check(10, Some(4), &[4000, 4000, 2000]);
        check(100, Some(60), &[60_000, 40_000]);
        check(5, Some(10), &[5000]);
    }

    #[test]
    fn without_a_word_pauses_grow_up_to_a_bound() {
        check(1, None, &[100, 200, 400, 300]);
        let doubling = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 18_900];
        check(100, None, &doubling);
    }

    #[test]
    fn there_is_an_end_even_if_the_node_asks_for_nothing() {
        check(0, Some(1), &[]);
        let mut patience = Patience::new(Duration::from_secs(1));
        let attempts = std::iter::from_fn(|| patience.pause(Some(Duration::ZERO))).count();
        assert_eq!(attempts, 10, "the shortest pause is not none");
    }
}
