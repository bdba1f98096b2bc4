//! The screen in front of all levels: what it has never seen is new, without a look into any of them.
//!
//! Most ids are new, and to learn that from each level's own filter costs a cache miss a level. The screen has every key that
//! was remembered in a few large filters. Nothing is taken out of a filter; it goes as a whole once its youngest key is beyond
//! the horizon, so that at most one filter's worth of memory is held in vain. Not here: which level has a key, exactness.

use std::hint::black_box;

use super::filter::{Filter, Probe};

/// Keys of the first filter (1.5 MB), and of further ones (24 MB): each costs every new id a cache miss, so there are few.
const KEYS_FIRST: usize = 1 << 20;
const KEYS_FURTHER: usize = 16 << 20;
/// Keys whose memory is waited for at once; what they touch of a few filters stays in the first-level cache.
const KEYS_AT_ONCE: usize = 64;

/// Which keys may have been remembered.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The last one takes what comes.
    filters: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    filter: Filter,
    keys: usize,
    keys_max: usize,
    newest_us: i64,
}

impl Screen {
    /// Puts the rows of `keys` that may have been remembered into `rows`; the others never were, or are beyond the horizon.
    pub(super) fn passing(&self, keys: &[u128], rows: &mut Vec<u32>) {
        rows.clear();
        let mut row = 0;
        for keys in keys.chunks(KEYS_AT_ONCE) {
            // Loads that nothing depends on overlap, tests with their dozens of instructions hardly do.
            for part in &self.filters {
                black_box(keys.iter().fold(0, |touched, key| touched | part.filter.touch(*key)));
            }
            for key in keys {
                if self.may_contain(&Probe::of(*key)) {
                    rows.push(row);
                }
                row += 1;
            }
        }
    }

    #[inline]
    fn may_contain(&self, probe: &Probe) -> bool {
        self.filters.iter().fold(false, |may, part| may | part.filter.may_contain(probe))
    }

    /// Notes the probe's key, which was admitted at `admitted_at_us` or before.
    pub(super) fn insert(&mut self, probe: &Probe, admitted_at_us: i64) {
        let part = self.part();
        part.filter.insert(probe);
        part.keys += 1;
        part.newest_us = part.newest_us.max(admitted_at_us);
    }

    /// Lets go of filters that hold only keys admitted before `expired_before_us`.
    pub(super) fn expire(&mut self, expired_before_us: i64) {
        self.filters.retain(|part| part.newest_us >= expired_before_us);
    }

    /// One with room for a key.
    fn part(&mut self) -> &mut Part {
        if self.filters.last().is_none_or(|last| last.keys == last.keys_max) {
            let keys_max = if self.filters.is_empty() { KEYS_FIRST } else { KEYS_FURTHER };
            let filter = Filter::with_capacity(keys_max);
            self.filters.push(Part { filter, keys: 0, keys_max, newest_us: i64::MIN });
        }
        self.filters.last_mut().expect("one was pushed if there was none")
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    fn key(n: usize) -> u128 {
        xxh3_128(&n.to_le_bytes())
    }

    fn passing(screen: &Screen, range: std::ops::Range<usize>) -> Vec<u32> {
        let (keys, mut rows) = (range.map(key).collect::<Vec<_>>(), vec![7]);
        screen.passing(&keys, &mut rows);
        rows
    }

    #[test]
    fn what_was_inserted_passes_and_of_the_rest_little() {
        let mut screen = Screen::default();
        assert!(passing(&screen, 0..100).is_empty());
        let held = KEYS_FIRST + 1000;
        (0..held).for_each(|n| screen.insert(&Probe::of(key(n)), 1));
        let sizes: Vec<usize> = screen.filters.iter().map(|part| part.keys_max).collect();
        assert_eq!(sizes, [KEYS_FIRST, KEYS_FURTHER]);
        assert!(passing(&screen, 0..held).into_iter().eq(0..held as u32));
        let passed = passing(&screen, held..held + 100_000).len();
        assert!(passed < 1_000, "{passed} of 100000 absent keys pass");
    }

    #[test]
    fn a_filter_goes_with_its_youngest_key() {
        let mut screen = Screen::default();
        (0..KEYS_FIRST).for_each(|n| screen.insert(&Probe::of(key(n)), 5));
        screen.insert(&Probe::of(key(KEYS_FIRST)), 9);
        screen.expire(5);
        assert_eq!(screen.filters.len(), 2);
        screen.expire(6);
        assert_eq!(screen.filters.len(), 1);
        assert_eq!(passing(&screen, KEYS_FIRST..KEYS_FIRST + 1), [0]);
    }
}
