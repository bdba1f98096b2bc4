//! The tenants that a shard met, as numbers that stay, so that folding neither keeps nor sorts their names anew.
//!
//! Only tenants that a gate let through are met, so there are no more than are registered. Not here: who is let through.

use arrow::array::Array;
use engine::event::batch::Texts;

use super::symbol::{ABSENT, Symbols};
use super::value::Rows;

/// Names of tenants and their order.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    symbols: Symbols,
    /// Codes, by name.
    sorted: Vec<u32>,
    /// Position of each code among `sorted`.
    ranks: Vec<u32>,
}

impl Tenants {
    /// The name behind a code.
    pub(super) fn name(&self, code: u32) -> &str {
        self.symbols.text(code).unwrap_or_default()
    }

    /// How many codes there may be.
    pub(super) fn codes(&self) -> usize {
        self.symbols.len() + 1
    }

    /// The names that `rows` have, which are met now: key in their dictionary, code, how many rows.
    pub(super) fn meet(&mut self, texts: &Texts<'_>, rows: impl Iterator<Item = usize>) -> Vec<(usize, u32, u32)> {
        let mut counts = vec![0u32; texts.values.len()];
        rows.filter_map(|row| texts.key(row)).for_each(|key| counts[key] += 1);
        let mut known = Vec::new();
        self.symbols.codes(texts.values, (0..counts.len()).filter(|&key| counts[key] > 0), &mut known);
        let met = known.into_iter().zip(counts).enumerate().filter(|(_, (_, count))| *count > 0);
        met.map(|(key, (code, count))| (key, code, count)).collect()
    }

    /// The code of a tenant that was met.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.symbols.find(name)
    }

    /// Position of each code in the order of names.
    pub(super) fn ranks(&mut self) -> &[u32] {
        let known = self.sorted.len();
        if known < self.symbols.len() {
            self.sorted.extend(known as u32 + 1..=self.symbols.len() as u32);
            // A sort that finds what is sorted already: all but those met since.
            let symbols = &self.symbols;
            self.sorted[known..].sort_unstable_by_key(|&code| symbols.text(code));
            self.sorted.sort_by_key(|&code| symbols.text(code));
            self.ranks.resize(self.codes(), 0);
            for (rank, &code) in self.sorted.iter().enumerate() {
                self.ranks[code as usize] = rank as u32;
            }
        }
        &self.ranks
    }
}

/// The tenants of one batch: each name is looked up once, when it is first met.
pub(super) struct TenantCodes<'a> {
    tenants: &'a mut Tenants,
    /// By key of the batch's dictionary; absent if not yet known.
    known: Vec<u32>,
}

impl<'a> TenantCodes<'a> {
    /// Nothing is looked up yet.
    pub(super) fn new(tenants: &'a mut Tenants) -> Self {
        Self { tenants, known: Vec::new() }
    }

    /// The code of each event's tenant; all `rows` must be of the same batch.
    pub(super) fn of(&mut self, rows: &Rows<'_>) -> Vec<u32> {
        let texts = rows.tenants();
        let keys = || (0..rows.len()).map(|at| texts.key(rows.position(at)));
        self.tenants.symbols.codes(texts.values, keys().flatten(), &mut self.known);
        let codes = keys().map(|key| key.map_or(ABSENT, |key| self.known[key]));
        codes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stay_and_ranks_follow_the_names() {
        let mut tenants = Tenants::default();
        assert!(tenants.ranks().is_empty());
        let (m, z) = (tenants.symbols.code("m"), tenants.symbols.code("z"));
        assert_eq!((tenants.ranks()[m as usize], tenants.ranks()[z as usize]), (0, 1));
        let (a, p) = (tenants.symbols.code("a"), tenants.symbols.code("p"));
        let ranks = tenants.ranks();
        assert_eq!([a, m, p, z].map(|code| ranks[code as usize]), [0, 1, 2, 3]);
        assert_eq!((tenants.find("m"), tenants.find("b"), tenants.name(p)), (Some(m), None, "p"));
    }
}
