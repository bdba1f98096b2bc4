//! How many series a tenant brings: different values of a table's dimensions, taken together. Beyond a limit new ones are
//! refused, or one tenant that puts an id of its own into a dimension takes all memory (I8); those that were counted within
//! the hour are let in.
//!
//! Who stays far below costs next to nothing: a tenant's events are added up, which is more than its series can be. Where
//! that passes the limit, its series of this hour are looked up in the panes, which hold them anyway, and in what is in
//! flight; a tenant near the limit has them kept at hand from then on. So the limit is exact, within one body too, and a
//! restart or another meter changes nothing. The hour is that of the node's clock when events were admitted.
//!
//! Not here: reading panes (`series`), refusing (`live`).

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, Xxh3Builder};

const HOUR_US: i64 = 3_600_000_000;

/// Series, each as a number made of its texts.
pub(super) type SeriesSet = HashSet<u64, Xxh3Builder>;

/// An hour of the node's clock, and where it began in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hour {
    number: i64,
    /// What was admitted within the hour has at least this offset.
    pub(super) since: i64,
}

impl Hour {
    /// Before anything was admitted.
    pub(super) const NONE: Self = Self { number: i64::MIN, since: i64::MAX };

    /// Whether `now_us` is in another hour, which then begins at offset `next`. A clock that is set back by less than an hour
    /// begins none.
    pub(super) fn tick(&mut self, now_us: i64, next: i64) -> bool {
        let number = now_us.div_euclid(HOUR_US);
        if number == self.number || number == self.number.saturating_sub(1) {
            return false;
        }
        *self = Self { number, since: next };
        true
    }
}

/// What a table's tenants brought within this hour, what is in flight included. Tenants go by their code.
#[derive(Debug)]
pub(super) struct Cardinality {
    series_max: usize,
    /// By tenant.
    at_most: Vec<u32>,
    /// The largest of these.
    most: u32,
    /// The series of tenants that may have too many.
    known: HashMap<u32, SeriesSet, Xxh3Builder>,
}

impl Cardinality {
    /// Nothing yet; a tenant may bring `series_max` in an hour.
    pub(super) fn new(series_max: usize) -> Self {
        Self { series_max, at_most: Vec::new(), most: 0, known: HashMap::default() }
    }

    /// A new hour.
    pub(super) fn begin(&mut self) {
        *self = Self::new(self.series_max);
    }

    /// What a tenant may bring in an hour.
    pub(super) fn series_max(&self) -> usize {
        self.series_max
    }

    /// Whether any tenant may bring so many more.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.most as usize + more <= self.series_max
    }

    /// Whether `tenant` may bring so many more.
    pub(super) fn fits(&self, tenant: u32, more: usize) -> bool {
        self.at_most(tenant) as usize + more <= self.series_max
    }

    fn at_most(&self, tenant: u32) -> u32 {
        self.at_most.get(tenant as usize).copied().unwrap_or_default()
    }

    /// The series of a tenant, if they are kept at hand.
    pub(super) fn known(&self, tenant: u32) -> Option<&SeriesSet> {
        self.known.get(&tenant)
    }

    /// Whether the series of any tenant are kept at hand.
    pub(super) fn knows_any(&self) -> bool {
        !self.known.is_empty()
    }

    /// `tenant` brought so many events.
    pub(super) fn add_events(&mut self, tenant: u32, events: u32) {
        if self.known.is_empty() || !self.known.contains_key(&tenant) {
            self.set(tenant, self.at_most(tenant).saturating_add(events));
        }
    }

    /// A tenant whose series are kept brought this one.
    pub(super) fn add_series(&mut self, tenant: u32, series: u64) {
        let Some(known) = self.known.get_mut(&tenant) else { return };
        if known.insert(series) {
            let count = count(known);
            self.set(tenant, count);
        }
    }

    /// These are the series of `tenant`, found among `looked_at` rows of panes, and it is about to bring `more`. They are kept
    /// where they may soon be too many, or were dear to find.
    pub(super) fn learn(&mut self, tenant: u32, series: SeriesSet, looked_at: usize, more: usize) {
        self.set(tenant, count(&series));
        if series.len().max(more) > self.series_max / 2 || looked_at > self.series_max {
            self.known.insert(tenant, series);
        }
    }

    fn set(&mut self, tenant: u32, at_most: u32) {
        let at = tenant as usize;
        if self.at_most.len() <= at {
            self.at_most.resize(at + 1, 0);
        }
        let before = std::mem::replace(&mut self.at_most[at], at_most);
        self.most = match before == self.most && at_most < before {
            true => self.at_most.iter().copied().max().unwrap_or_default(),
            false => self.most.max(at_most),
        };
    }
}

fn count(series: &SeriesSet) -> u32 {
    u32::try_from(series.len()).unwrap_or(u32::MAX)
}

/// A number for the values of the dimensions, in their order.
pub(super) fn series<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> u64 {
    let mut hash = Xxh3::new();
    for text in texts {
        // Lengths keep neighbours apart, and an absent text from an empty one.
        hash.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 1;
    const B: u32 = 2;

    #[test]
    fn events_add_up_until_it_is_looked_which_series_they_are() {
        let mut cardinality = Cardinality::new(100);
        cardinality.add_events(A, 90);
        cardinality.add_events(B, 30);
        assert!(cardinality.has_room(10) && !cardinality.has_room(11));
        assert!(cardinality.fits(B, 70) && !cardinality.fits(A, 11));
        cardinality.learn(A, (0..3).collect(), 5, 9);
        assert!(cardinality.has_room(70) && !cardinality.has_room(71), "the other tenant has the most now");
        assert!(cardinality.known(A).is_none(), "three are far below");
    }

    #[test]
    fn who_is_near_has_its_series_counted_one_by_one() {
        let mut cardinality = Cardinality::new(10);
        cardinality.learn(A, (0..6).collect(), 6, 1);
        cardinality.add_events(A, 1000);
        (3..8).for_each(|series| cardinality.add_series(A, series));
        assert_eq!(cardinality.known(A).map(HashSet::len), Some(8));
        assert!(cardinality.fits(A, 2) && !cardinality.fits(A, 3));
        cardinality.begin();
        assert!(cardinality.fits(A, 10) && !cardinality.knows_any());
    }

    #[test]
    fn an_hour_begins_once_and_a_clock_set_back_begins_none() {
        let mut hour = Hour::NONE;
        assert!(hour.tick(5 * HOUR_US, 10));
        assert!(!hour.tick(6 * HOUR_US - 1, 20) && !hour.tick(5 * HOUR_US - 1, 30));
        assert_eq!(hour.since, 10);
        assert!(hour.tick(6 * HOUR_US, 40));
        assert!(hour.tick(0, 50), "set back by hours: else the hour would last as long");
        assert_eq!(hour.since, 50);
    }

    #[test]
    fn values_are_told_apart_by_dimension() {
        let one = |texts: &[Option<&str>]| series(texts.iter().copied());
        assert_ne!(one(&[Some("a"), Some("b")]), one(&[Some("ab"), Some("")]));
        assert_ne!(one(&[None, Some("a")]), one(&[Some("a"), None]));
        assert_ne!(one(&[Some("")]), one(&[None]));
    }
}
