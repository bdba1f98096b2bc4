//! How many series a tenant brings: different values of a table's dimensions, taken together. Beyond a limit new ones are
//! refused, or one tenant that puts an id of its own into a dimension takes all memory (I8).
//!
//! Counted in two steps, so that who stays far below costs next to nothing. The series of each drain are added up, which is
//! more than there can be; from the limit on it is noted which there are, and only now and then while nothing new comes. So
//! nobody is refused below the limit within an hour, and more than twice the limit, and what a few drains hold, is not let
//! through. What came early in the hour and not since is not among the ones noted, so a tenant at its limit may have it
//! refused too. The hour is that of the node's clock when events were admitted; a restart or new meters begin one.
//!
//! Not here: refusing (`live`).

use hashbrown::{HashMap, HashSet};
use xxhash_rust::xxh3::{Xxh3, Xxh3Builder};

use super::key::Keys;
use super::symbol::Symbols;

const HOUR_US: i64 = 3_600_000_000;
/// Most drains in a row in which a tenant that brings nothing new is not looked at.
const REST_MAX: u32 = 16;

/// What a table's tenants brought within this hour.
#[derive(Debug)]
pub(super) struct Cardinality {
    series_max: usize,
    hour: i64,
    by_tenant: HashMap<String, Brought, Xxh3Builder>,
    /// Tenants at the limit.
    full: usize,
}

#[derive(Debug, Default)]
struct Brought {
    /// Series of all drains together.
    at_most: usize,
    /// Those met since there may be too many.
    known: HashSet<u64, Xxh3Builder>,
    /// Looks in a row that found nothing new.
    quiet: u32,
    /// Drains until the next look.
    rest: u32,
}

impl Cardinality {
    /// Nothing yet; a tenant may bring `series_max` in an hour.
    pub(super) fn new(series_max: usize) -> Self {
        Self { series_max, hour: i64::MIN, by_tenant: HashMap::default(), full: 0 }
    }

    /// Begins a new hour if `now_us` is in one.
    pub(super) fn tick(&mut self, now_us: i64) {
        let hour = now_us.div_euclid(HOUR_US);
        if hour > self.hour {
            *self = Self { hour, ..Self::new(self.series_max) };
        }
    }

    /// Counts the series of a drain.
    pub(super) fn count(&mut self, keys: &Keys, symbols: &Symbols) {
        let mut brought = vec![0; symbols.len() + 1];
        for codes in keys.series() {
            brought[codes[0] as usize] += 1;
        }
        let mut looks = vec![false; brought.len()];
        for (code, &count) in brought.iter().enumerate().filter(|(_, count)| **count > 0) {
            let Some(tenant) = symbols.text(code as u32) else { continue };
            looks[code] = self.adds(tenant, count);
        }
        if !looks.contains(&true) {
            return;
        }
        for codes in keys.series().filter(|codes| looks[codes[0] as usize]) {
            let Some(tenant) = symbols.text(codes[0]) else { continue };
            self.notes(tenant, series(codes[1..].iter().map(|&code| symbols.text(code))));
        }
    }

    /// Whether it must be looked which the series are.
    fn adds(&mut self, tenant: &str, count: usize) -> bool {
        let brought = self.by_tenant.entry_ref(tenant).or_default();
        brought.at_most += count;
        if brought.at_most <= self.series_max || brought.known.len() >= self.series_max {
            return false;
        }
        if brought.rest > 0 {
            brought.rest -= 1;
            return false;
        }
        brought.quiet = (brought.quiet + 1).min(REST_MAX);
        brought.rest = brought.quiet;
        true
    }

    fn notes(&mut self, tenant: &str, series: u64) {
        let Some(brought) = self.by_tenant.get_mut(tenant) else { return };
        if brought.known.len() < self.series_max && brought.known.insert(series) {
            (brought.quiet, brought.rest) = (0, 0);
            self.full += usize::from(brought.known.len() == self.series_max);
        }
    }

    /// Whether any tenant is at its limit.
    pub(super) fn is_full(&self) -> bool {
        self.full > 0
    }

    /// Whether `tenant` is below its limit or this series is among those noted.
    pub(super) fn admits(&self, tenant: &str, series: u64) -> bool {
        let known = self.by_tenant.get(tenant).map(|brought| &brought.known);
        known.is_none_or(|known| known.len() < self.series_max || known.contains(&series))
    }

    /// What a tenant may bring in an hour.
    pub(super) fn series_max(&self) -> usize {
        self.series_max
    }
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

    /// Drains `values` of one dimension of each tenant.
    fn drain(cardinality: &mut Cardinality, brought: &[(&str, std::ops::Range<u32>)]) {
        let (mut symbols, mut keys) = (Symbols::default(), Keys::new(2));
        for (tenant, values) in brought {
            for value in values.clone() {
                let codes = [symbols.code(tenant), symbols.code(&value.to_string())];
                keys.group(&codes, 0);
            }
        }
        cardinality.count(&keys, &symbols);
    }

    fn admits(cardinality: &Cardinality, tenant: &str, value: u32) -> bool {
        cardinality.admits(tenant, series([Some(value.to_string().as_str())].into_iter()))
    }

    #[test]
    fn the_same_series_again_and_again_are_never_too_many() {
        let mut cardinality = Cardinality::new(100);
        for _ in 0..1000 {
            drain(&mut cardinality, &[("a", 0..99), ("b", 0..10)]);
        }
        assert!(!cardinality.is_full());
        assert!(admits(&cardinality, "a", 1_000_000));
    }

    #[test]
    fn new_ones_are_refused_from_the_limit_on_and_known_ones_are_not() {
        let mut cardinality = Cardinality::new(100);
        let mut until = 0;
        while !cardinality.is_full() {
            drain(&mut cardinality, &[("a", until..until + 10), ("b", 0..10)]);
            until += 10;
        }
        assert!((100..=200).contains(&until), "{until}");
        assert!(admits(&cardinality, "a", until - 1), "it was noted");
        assert!(!admits(&cardinality, "a", until));
        assert!(admits(&cardinality, "b", until));
        cardinality.tick(0);
        assert!(admits(&cardinality, "a", until), "a new hour");
    }

    #[test]
    fn who_was_quiet_for_long_is_looked_at_again() {
        let mut cardinality = Cardinality::new(100);
        for _ in 0..500 {
            drain(&mut cardinality, &[("a", 0..10)]);
        }
        let mut until = 10;
        while !cardinality.is_full() {
            drain(&mut cardinality, &[("a", until..until + 10)]);
            until += 10;
        }
        assert!(until <= 100 + 10 * (REST_MAX + 2), "{until}");
    }

    #[test]
    fn values_are_told_apart_by_dimension() {
        let one = |texts: &[Option<&str>]| series(texts.iter().copied());
        assert_ne!(one(&[Some("a"), Some("b")]), one(&[Some("ab"), Some("")]));
        assert_ne!(one(&[None, Some("a")]), one(&[Some("a"), None]));
        assert_ne!(one(&[Some("")]), one(&[None]));
    }
}
