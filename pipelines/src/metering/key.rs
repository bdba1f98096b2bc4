//! Groups: a number for each (tenant, dimensions, start).
//!
//! Two steps, because events of a series mostly fall into the pane of the one before: a table from codes to series, and
//! per series the pane met last in front of a table of (series, start).

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray, UInt32Array};
use arrow::datatypes::Int32Type;
use hashbrown::HashTable;

use super::order::Order;
use super::symbol::{ABSENT, Symbols};
use super::tenants::Tenants;

/// The groups met so far.
#[derive(Debug)]
pub(super) struct Keys {
    /// Codes per series: the tenant's and one per dimension.
    width: usize,
    /// The codes of all series, one after the other.
    codes: Vec<u32>,
    series: HashTable<u32>,
    /// Start and group met last, by series.
    last: Vec<(i64, u32)>,
    /// Series and start of each group.
    groups: Vec<(u32, i64)>,
    panes: HashTable<u32>,
}

fn mix(hash: u64, value: u64) -> u64 {
    let product = u128::from(hash ^ value) * 0x9E37_79B9_7F4A_7C15;
    (product as u64) ^ ((product >> 64) as u64)
}

fn hash_codes(codes: &[u32]) -> u64 {
    codes.iter().fold(0x2545_F491_4F6C_DD1D, |hash, &code| mix(hash, u64::from(code)))
}

fn hash_pane(series: u32, start: i64) -> u64 {
    mix(mix(0x2545_F491_4F6C_DD1D, u64::from(series)), start as u64)
}

impl Keys {
    /// No groups yet; `width` codes each.
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            codes: Vec::new(),
            series: HashTable::new(),
            last: Vec::new(),
            groups: Vec::new(),
            panes: HashTable::new(),
        }
    }

    /// How many groups.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The group of (`codes`, `start`), a new one if it is new.
    pub(super) fn group(&mut self, codes: &[u32], start: i64) -> usize {
        let series = self.series_of(codes);
        let (last_start, last_group) = self.last[series as usize];
        if last_start == start && last_group != u32::MAX {
            return last_group as usize;
        }
        let groups = &self.groups;
        let found = self.panes.find(hash_pane(series, start), |&group| groups[group as usize] == (series, start));
        let group = match found {
            Some(&group) => group,
            None => {
                let group = u32::try_from(self.groups.len()).expect("fewer than 2^32 groups fit into memory");
                self.groups.push((series, start));
                let groups = &self.groups;
                self.panes.insert_unique(hash_pane(series, start), group, |&group| {
                    let (series, start) = groups[group as usize];
                    hash_pane(series, start)
                });
                group
            }
        };
        self.last[series as usize] = (start, group);
        group as usize
    }

    fn series_of(&mut self, codes: &[u32]) -> u32 {
        let width = self.width;
        let all = &self.codes;
        let of = |series: u32| &all[series as usize * width..(series as usize + 1) * width];
        let hash = hash_codes(codes);
        if let Some(&series) = self.series.find(hash, |&series| of(series) == codes) {
            return series;
        }
        let series = u32::try_from(self.last.len()).expect("fewer than 2^32 series fit into memory");
        self.codes.extend_from_slice(codes);
        self.last.push((0, u32::MAX));
        let all = &self.codes;
        let of = |series: u32| &all[series as usize * width..(series as usize + 1) * width];
        self.series.insert_unique(hash, series, |&series| hash_codes(of(series)));
        series
    }

    /// The codes of a group.
    fn codes(&self, group: usize) -> &[u32] {
        let series = self.groups[group].0 as usize;
        &self.codes[series * self.width..(series + 1) * self.width]
    }

    /// The start of a group.
    fn start(&self, group: usize) -> i64 {
        self.groups[group].1
    }

    /// The groups, sorted by the ranks of their codes and start: `rank` gives them by column and code.
    pub(super) fn order(&self, rank: impl Fn(usize, u32) -> u32) -> UInt32Array {
        let ranks = |column: usize| {
            let series = self.groups.iter().map(|&(series, _)| series as usize);
            series.map(|series| rank(column, self.codes[series * self.width + column])).collect()
        };
        let ranks: Vec<Vec<u32>> = (0..self.width).map(ranks).collect();
        let starts: Vec<i64> = self.groups.iter().map(|&(_, start)| start).collect();
        Order::of(&ranks, &starts).firsts.into()
    }

    /// The key columns of the groups in `order`, as a delta has them: tenant, dimensions (of `symbols`) and start. Groups
    /// of a tenant must stand together.
    pub(super) fn columns(
        &self,
        order: &UInt32Array,
        tenants: &Tenants,
        symbols: &Symbols,
        ranks: &[u32],
    ) -> Vec<ArrayRef> {
        let groups = || order.values().iter().map(|&group| group as usize);
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(tenant_column(groups().map(|group| self.codes(group)[0]), tenants))];
        for column in 1..self.width {
            let codes = groups().map(|group| self.codes(group)[column]).collect::<Vec<_>>();
            columns.push(Arc::new(dictionary(&codes, symbols, ranks)));
        }
        columns.push(Arc::new(Int64Array::from_iter_values(groups().map(|group| self.start(group)))));
        columns
    }

    /// Forgets all groups and keeps the room for as many.
    pub(super) fn clear(&mut self) {
        self.codes.clear();
        self.series.clear();
        self.last.clear();
        self.groups.clear();
        self.panes.clear();
    }
}

/// Names of tenants in their order, as a dictionary of exactly those in use.
fn tenant_column(codes: impl Iterator<Item = u32>, tenants: &Tenants) -> DictionaryArray<Int32Type> {
    let mut used: Vec<u32> = Vec::new();
    let keys = codes.map(|code| {
        if used.last() != Some(&code) {
            used.push(code);
        }
        used.len() as i32 - 1
    });
    let keys = Int32Array::from_iter_values(keys);
    let names = StringArray::from_iter_values(used.into_iter().map(|code| tenants.name(code)));
    DictionaryArray::new(keys, Arc::new(names))
}

/// Codes as a dictionary of exactly the texts in use, sorted.
fn dictionary(codes: &[u32], symbols: &Symbols, ranks: &[u32]) -> DictionaryArray<Int32Type> {
    let mut keys: Vec<i32> = vec![-1; symbols.len() + 1];
    let mut used: Vec<u32> = Vec::new();
    for &code in codes.iter().filter(|&&code| code != ABSENT) {
        if std::mem::replace(&mut keys[code as usize], 0) < 0 {
            used.push(code);
        }
    }
    used.sort_unstable_by_key(|&code| ranks[code as usize]);
    for (at, &code) in used.iter().enumerate() {
        keys[code as usize] = at as i32;
    }
    let keys: Int32Array = codes.iter().map(|&code| Some(keys[code as usize]).filter(|&key| key >= 0)).collect();
    let values = StringArray::from_iter_values(used.iter().filter_map(|&code| symbols.text(code)));
    DictionaryArray::new(keys, Arc::new(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_again_and_sorted_by_text() {
        let mut symbols = Symbols::default();
        let (b, a) = (symbols.code("b"), symbols.code("a"));
        let mut keys = Keys::new(2);
        let cases = [([b, a], 5), ([a, 0], 9), ([a, b], 9), ([a, b], -3), ([b, a], 5), ([a, 0], 9)];
        let groups: Vec<usize> = cases.iter().map(|(codes, start)| keys.group(codes, *start)).collect();
        assert_eq!(groups, [0, 1, 2, 3, 0, 1]);
        let ranks = symbols.ranks();
        assert_eq!(keys.order(|_, code| ranks[code as usize]).values(), &[3, 2, 1, 0]);
        assert_eq!((keys.codes(3), keys.start(3), keys.len()), (&[a, b][..], -3, 4));
        keys.clear();
        assert_eq!((keys.len(), keys.group(&[a, b], 7), keys.group(&[b, a], 5)), (0, 0, 1));
    }
}
