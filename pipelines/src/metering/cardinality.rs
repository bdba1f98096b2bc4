//! How many series a tenant brings: different values of a table's dimensions, taken together; and how many bytes these have.
//! Beyond a limit new ones are refused, or one tenant that puts an id or a document of its own into a dimension takes all
//! memory (I8); those that were counted within the hour are let in.
//!
//! Who stays far below costs next to nothing: a tenant's events are added up, each with the longest values of its batch, which
//! is more than its series can be. Where that passes a limit, its series of this hour are looked up in the panes, which hold
//! them anyway, and in what is in flight; a tenant near a limit has them kept at hand from then on. So limits are exact,
//! within one body too, and a restart or another meter changes nothing. The hour is that of the node's clock when events were
//! admitted.
//!
//! Not here: reading panes (`series`), refusing (`live`).

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, Xxh3Builder};

const HOUR_US: i64 = 3_600_000_000;

/// One series, as a number made of its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Series {
    number: u64,
    /// Of its texts together.
    bytes: u64,
}

/// Different series.
#[derive(Debug, Default)]
pub(super) struct SeriesSet {
    numbers: HashSet<u64, Xxh3Builder>,
    bytes: u64,
}

impl SeriesSet {
    /// Whether `series` is among them.
    pub(super) fn contains(&self, series: Series) -> bool {
        self.numbers.contains(&series.number)
    }

    /// Whether `series` was not among them.
    pub(super) fn insert(&mut self, series: Series) -> bool {
        let is_new = self.numbers.insert(series.number);
        if is_new {
            self.bytes = self.bytes.saturating_add(series.bytes);
        }
        is_new
    }

    /// How many they are, and of how many bytes.
    pub(super) fn load(&self) -> Load {
        Load { series: self.numbers.len() as u64, bytes: self.bytes }
    }
}

/// What a tenant brings in an hour, or may bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Different values of the dimensions, together.
    pub(super) series: u64,
    /// Bytes of these values.
    pub(super) bytes: u64,
}

impl Load {
    /// One more series.
    pub(super) fn of(series: Series) -> Self {
        Self { series: 1, bytes: series.bytes }
    }

    /// What `events` bring at most whose values have so many bytes each.
    pub(super) fn of_events(events: u64, bytes_each: u64) -> Self {
        Self { series: events, bytes: events.saturating_mul(bytes_each) }
    }

    /// Both together.
    pub(super) fn and(self, more: Self) -> Self {
        Self { series: self.series.saturating_add(more.series), bytes: self.bytes.saturating_add(more.bytes) }
    }

    /// Whether it is no more than `limit`, in both.
    pub(super) fn is_within(self, limit: Self) -> bool {
        self.series <= limit.series && self.bytes <= limit.bytes
    }

    fn half(self) -> Self {
        Self { series: self.series / 2, bytes: self.bytes / 2 }
    }

    fn max(self, other: Self) -> Self {
        Self { series: self.series.max(other.series), bytes: self.bytes.max(other.bytes) }
    }
}

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
    limit: Load,
    /// By tenant.
    at_most: Vec<Load>,
    /// The largest of these, in each.
    most: Load,
    /// The series of tenants that may have too many.
    known: HashMap<u32, SeriesSet, Xxh3Builder>,
}

impl Cardinality {
    /// Nothing yet; a tenant may bring `limit` in an hour.
    pub(super) fn new(limit: Load) -> Self {
        Self { limit, at_most: Vec::new(), most: Load::default(), known: HashMap::default() }
    }

    /// A new hour.
    pub(super) fn begin(&mut self) {
        *self = Self::new(self.limit);
    }

    /// What a tenant may bring in an hour.
    pub(super) fn limit(&self) -> Load {
        self.limit
    }

    /// Whether any tenant may bring so much more.
    pub(super) fn has_room(&self, more: Load) -> bool {
        self.most.and(more).is_within(self.limit)
    }

    /// Whether `tenant` may bring so much more.
    pub(super) fn fits(&self, tenant: u32, more: Load) -> bool {
        self.at_most(tenant).and(more).is_within(self.limit)
    }

    fn at_most(&self, tenant: u32) -> Load {
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

    /// `tenant` brought events that are so much at most.
    pub(super) fn add_events(&mut self, tenant: u32, events: Load) {
        if self.known.is_empty() || !self.known.contains_key(&tenant) {
            self.set(tenant, self.at_most(tenant).and(events));
        }
    }

    /// A tenant whose series are kept brought this one.
    pub(super) fn add_series(&mut self, tenant: u32, series: Series) {
        let Some(known) = self.known.get_mut(&tenant) else { return };
        if known.insert(series) {
            let load = known.load();
            self.set(tenant, load);
        }
    }

    /// These are the series of `tenant`, found among `looked_at` rows of panes, and it is about to bring `more`. They are kept
    /// where they may soon be too many, or were dear to find.
    pub(super) fn learn(&mut self, tenant: u32, series: SeriesSet, looked_at: usize, more: Load) {
        self.set(tenant, series.load());
        let is_far = series.load().max(more).is_within(self.limit.half());
        if !is_far || looked_at as u64 > self.limit.series {
            self.known.insert(tenant, series);
        }
    }

    fn set(&mut self, tenant: u32, at_most: Load) {
        let at = tenant as usize;
        if self.at_most.len() <= at {
            self.at_most.resize(at + 1, Load::default());
        }
        let before = std::mem::replace(&mut self.at_most[at], at_most);
        let fell = |before: u64, now: u64, most: u64| now < before && before == most;
        let is_less =
            fell(before.series, at_most.series, self.most.series) || fell(before.bytes, at_most.bytes, self.most.bytes);
        self.most = match is_less {
            true => self.at_most.iter().copied().fold(Load::default(), Load::max),
            false => self.most.max(at_most),
        };
    }
}

/// The series of the values of the dimensions, in their order.
pub(super) fn series<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Series {
    let (mut hash, mut bytes) = (Xxh3::new(), 0);
    for text in texts {
        bytes += text.map_or(0, |text| text.len() as u64);
        // Lengths keep neighbours apart, and an absent text from an empty one.
        hash.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default().as_bytes());
    }
    Series { number: hash.digest(), bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 1;
    const B: u32 = 2;
    /// Of one value.
    const BYTES: u64 = 10;

    fn events(events: u64) -> Load {
        Load::of_events(events, BYTES)
    }

    fn some(numbers: std::ops::Range<u64>) -> SeriesSet {
        let mut set = SeriesSet::default();
        numbers.for_each(|number| assert!(set.insert(Series { number, bytes: BYTES })));
        set
    }

    #[test]
    fn events_add_up_until_it_is_looked_which_series_they_are() {
        for limit in [Load { series: 100, bytes: u64::MAX }, Load { series: u64::MAX, bytes: 100 * BYTES }] {
            let mut cardinality = Cardinality::new(limit);
            cardinality.add_events(A, events(90));
            cardinality.add_events(B, events(30));
            assert!(cardinality.has_room(events(10)) && !cardinality.has_room(events(11)));
            assert!(cardinality.fits(B, events(70)) && !cardinality.fits(A, events(11)));
            cardinality.learn(A, some(0..3), 5, events(9));
            let has_room = |more| cardinality.has_room(events(more));
            assert!(has_room(70) && !has_room(71), "the other tenant has the most now");
            assert!(cardinality.known(A).is_none(), "three are far below");
        }
    }

    #[test]
    fn who_is_near_has_its_series_counted_one_by_one() {
        for limit in [Load { series: 10, bytes: u64::MAX }, Load { series: u64::MAX, bytes: 10 * BYTES }] {
            let mut cardinality = Cardinality::new(limit);
            cardinality.learn(A, some(0..6), 6, events(1));
            cardinality.add_events(A, events(1000));
            (3..8).for_each(|number| cardinality.add_series(A, Series { number, bytes: BYTES }));
            assert_eq!(cardinality.known(A).map(SeriesSet::load), Some(events(8)));
            assert!(cardinality.fits(A, events(2)) && !cardinality.fits(A, events(3)));
            cardinality.begin();
            assert!(cardinality.fits(A, events(10)) && !cardinality.knows_any());
        }
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
