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

/// What a table's tenants brought within this hour. Tenants go by their code.
#[derive(Debug)]
pub(super) struct Cardinality {
    series_max: usize,
    hour: i64,
    /// Series of all drains together, by tenant.
    at_most: Vec<u32>,
    /// Who may have brought too many.
    near: HashMap<u32, Near, Xxh3Builder>,
    /// Tenants at the limit.
    full: usize,
}

#[derive(Debug, Default)]
struct Near {
    /// Series met since there may be too many.
    known: HashSet<u64, Xxh3Builder>,
    /// Looks in a row that found nothing new.
    quiet: u32,
    /// Drains until the next look.
    rest: u32,
}

impl Cardinality {
    /// Nothing yet; a tenant may bring `series_max` in an hour.
    pub(super) fn new(series_max: usize) -> Self {
        Self { series_max, hour: i64::MIN, at_most: Vec::new(), near: HashMap::default(), full: 0 }
    }

    /// Begins a new hour if `now_us` is in one.
    pub(super) fn tick(&mut self, now_us: i64) {
        let hour = now_us.div_euclid(HOUR_US);
        if hour > self.hour {
            *self = Self { hour, ..Self::new(self.series_max) };
        }
    }

    /// Counts the series of a drain; tenants have codes below `codes`.
    pub(super) fn count(&mut self, keys: &Keys, symbols: &Symbols, codes: usize) {
        self.at_most.resize(codes, 0);
        let mut near: HashSet<u32, Xxh3Builder> = HashSet::default();
        for series in keys.series() {
            let at_most = &mut self.at_most[series[0] as usize];
            *at_most = at_most.saturating_add(1);
            if *at_most as usize > self.series_max {
                near.insert(series[0]);
            }
        }
        near.retain(|&tenant| self.near.entry(tenant).or_default().is_due(self.series_max));
        if near.is_empty() {
            return;
        }
        for series_codes in keys.series().filter(|codes| near.contains(&codes[0])) {
            self.notes(series_codes[0], series(series_codes[1..].iter().map(|&code| symbols.text(code))));
        }
    }

    fn notes(&mut self, tenant: u32, series: u64) {
        let Some(near) = self.near.get_mut(&tenant) else { return };
        if near.known.len() < self.series_max && near.known.insert(series) {
            (near.quiet, near.rest) = (0, 0);
            self.full += usize::from(near.known.len() == self.series_max);
        }
    }

    /// Whether any tenant is at its limit.
    pub(super) fn is_any_full(&self) -> bool {
        self.full > 0
    }

    /// Whether `tenant` is at its limit.
    pub(super) fn is_full(&self, tenant: u32) -> bool {
        self.near.get(&tenant).is_some_and(|near| near.known.len() >= self.series_max)
    }

    /// Whether `tenant` is below its limit or this series is among those noted.
    pub(super) fn admits(&self, tenant: u32, series: u64) -> bool {
        !self.is_full(tenant) || self.near.get(&tenant).is_some_and(|near| near.known.contains(&series))
    }

    /// What a tenant may bring in an hour.
    pub(super) fn series_max(&self) -> usize {
        self.series_max
    }
}

impl Near {
    /// Whether it must be looked which the series are.
    fn is_due(&mut self, series_max: usize) -> bool {
        if self.known.len() >= series_max {
            return false;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return false;
        }
        self.quiet = (self.quiet + 1).min(REST_MAX);
        self.rest = self.quiet;
        true
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

    const A: u32 = 1;
    const B: u32 = 2;

    /// Drains `values` of one dimension of each tenant.
    fn drain(cardinality: &mut Cardinality, brought: &[(u32, std::ops::Range<u32>)]) {
        let (mut symbols, mut keys) = (Symbols::default(), Keys::new(2));
        for (tenant, values) in brought {
            for value in values.clone() {
                keys.group(&[*tenant, symbols.code(&value.to_string())], 0);
            }
        }
        cardinality.count(&keys, &symbols, 3);
    }

    fn admits(cardinality: &Cardinality, tenant: u32, value: u32) -> bool {
        cardinality.admits(tenant, series([Some(value.to_string().as_str())].into_iter()))
    }

    #[test]
    fn the_same_series_again_and_again_are_never_too_many() {
        let mut cardinality = Cardinality::new(100);
        for _ in 0..1000 {
            drain(&mut cardinality, &[(A, 0..99), (B, 0..10)]);
        }
        assert!(!cardinality.is_any_full());
        assert!(admits(&cardinality, A, 1_000_000));
    }

    #[test]
    fn new_ones_are_refused_from_the_limit_on_and_known_ones_are_not() {
        let mut cardinality = Cardinality::new(100);
        let mut until = 0;
        while !cardinality.is_any_full() {
            drain(&mut cardinality, &[(A, until..until + 10), (B, 0..10)]);
            until += 10;
        }
        assert!((100..=200).contains(&until), "{until}");
        assert!(admits(&cardinality, A, until - 1), "it was noted");
        assert!(!admits(&cardinality, A, until));
        assert!(admits(&cardinality, B, until));
        cardinality.tick(0);
        assert!(admits(&cardinality, A, until), "a new hour");
    }

    #[test]
    fn who_was_quiet_for_long_is_looked_at_again() {
        let mut cardinality = Cardinality::new(100);
        for _ in 0..500 {
            drain(&mut cardinality, &[(A, 0..10)]);
        }
        let mut until = 10;
        while !cardinality.is_any_full() {
            drain(&mut cardinality, &[(A, until..until + 10)]);
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
