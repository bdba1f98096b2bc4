//! Groups: a number for each (tenant, dimensions, start).
//!
//! Two steps, because events of a series mostly fall into the pane of the one before: a table from codes to series, and
//! per series the pane met last in front of a table of (series, start).

use arrow::array::UInt32Array;
use hashbrown::HashTable;

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

    /// How many codes a group has.
    pub(super) fn width(&self) -> usize {
        self.width
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

    /// The codes of each series.
    pub(super) fn series(&self) -> impl Iterator<Item = &[u32]> {
        self.codes.chunks_exact(self.width)
    }

    /// The codes of a group.
    pub(super) fn codes(&self, group: usize) -> &[u32] {
        let series = self.groups[group].0 as usize;
        &self.codes[series * self.width..(series + 1) * self.width]
    }

    /// The start of a group.
    pub(super) fn start(&self, group: usize) -> i64 {
        self.groups[group].1
    }

    /// The groups that `keep` names, sorted by texts of their codes (`ranks` are `Symbols::ranks`) and start.
    pub(super) fn order(&self, ranks: &[u32], keep: impl Fn(usize) -> bool) -> UInt32Array {
        let ranked: Vec<u32> = self.codes.iter().map(|&code| ranks[code as usize]).collect();
        let row = |series: u32| &ranked[series as usize * self.width..(series as usize + 1) * self.width];
        let mut series: Vec<u32> = (0..self.last.len() as u32).collect();
        series.sort_unstable_by(|&a, &b| row(a).cmp(row(b)));
        let mut place = vec![0u32; series.len()];
        for (at, &series) in series.iter().enumerate() {
            place[series as usize] = at as u32;
        }
        let groups = self.groups.iter().enumerate().filter(|(group, _)| keep(*group));
        let mut order: Vec<(u32, i64, u32)> =
            groups.map(|(group, &(series, start))| (place[series as usize], start, group as u32)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, _, group)| group).collect::<Vec<_>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::symbol::Symbols;
    use super::*;

    #[test]
    fn groups_are_found_again_and_sorted_by_text() {
        let mut symbols = Symbols::default();
        let (b, a) = (symbols.code("b"), symbols.code("a"));
        let mut keys = Keys::new(2);
        let cases = [([b, a], 5), ([a, 0], 9), ([a, b], 9), ([a, b], -3), ([b, a], 5), ([a, 0], 9)];
        let groups: Vec<usize> = cases.iter().map(|(codes, start)| keys.group(codes, *start)).collect();
        assert_eq!(groups, [0, 1, 2, 3, 0, 1]);
        assert_eq!(keys.order(&symbols.ranks(), |_| true).values(), &[3, 2, 1, 0]);
        assert_eq!(keys.order(&symbols.ranks(), |group| group != 2).values(), &[3, 1, 0]);
        assert_eq!((keys.codes(3), keys.start(3), keys.len()), (&[a, b][..], -3, 4));
    }
}
