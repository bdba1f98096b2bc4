//! Rows in the order of their keys, and which of them are one group.
//!
//! A key is a code a column, and a start. Codes are numbers in the order of what they stand for, so comparing keys never
//! compares texts. Almost every key, with the row's number, fits 128 bits; those are sorted as numbers, by a sort that
//! finds stretches which are sorted already: rows of deltas come as such. Not here: where codes come from.

/// Sorted groups.
pub(super) struct Order {
    /// A row of each group, in their order.
    pub(super) firsts: Vec<u32>,
    /// The group of each row.
    pub(super) groups: Vec<usize>,
}

impl Order {
    /// Sorts rows by `codes`, column by column, and by `starts`; rows that are equal in all are one group.
    pub(super) fn of(codes: &[Vec<u32>], starts: &[i64]) -> Self {
        match Packing::of(codes, starts) {
            Some(packing) => packing.sorted(codes, starts),
            None => compared(codes, starts),
        }
    }

    fn with_capacity(rows: usize) -> Self {
        Self { firsts: Vec::new(), groups: vec![0; rows] }
    }

    fn push(&mut self, row: usize, is_new: bool) {
        if is_new {
            self.firsts.push(row as u32);
        }
        self.groups[row] = self.firsts.len() - 1;
    }
}

/// How a key and its row lie in 128 bits, from the top: codes, start, row.
struct Packing {
    codes: Vec<u32>,
    start: u32,
    first_start: i64,
    row: u32,
}

impl Packing {
    /// `None` if there is too little room.
    fn of(codes: &[Vec<u32>], starts: &[i64]) -> Option<Self> {
        let bits = |largest: u64| u64::BITS - largest.leading_zeros();
        let first_start = starts.iter().min().copied().unwrap_or_default();
        let last_start = starts.iter().max().copied().unwrap_or_default();
        let this = Self {
            codes: codes.iter().map(|codes| bits(codes.iter().max().copied().unwrap_or_default().into())).collect(),
            start: bits(last_start.wrapping_sub(first_start) as u64),
            first_start,
            row: bits(starts.len() as u64),
        };
        (this.codes.iter().sum::<u32>() + this.start + this.row <= u128::BITS).then_some(this)
    }

    fn sorted(&self, codes: &[Vec<u32>], starts: &[i64]) -> Order {
        let mut keys = vec![0u128; starts.len()];
        for (codes, bits) in codes.iter().zip(&self.codes) {
            for (key, &code) in keys.iter_mut().zip(codes) {
                *key = *key << bits | u128::from(code);
            }
        }
        for (row, (key, &start)) in keys.iter_mut().zip(starts).enumerate() {
            let start = start.wrapping_sub(self.first_start) as u64;
            *key = (*key << self.start | u128::from(start)) << self.row | row as u128;
        }
        // No two are equal; this sort is taken because it merges what is sorted in stretches.
        keys.sort();
        let mut order = Order::with_capacity(keys.len());
        let mut last = None;
        for key in keys {
            let row = key & ((1 << self.row) - 1);
            let key = key >> self.row;
            order.push(row as usize, last.replace(key) != Some(key));
        }
        order
    }
}

/// The same for keys of any width.
fn compared(codes: &[Vec<u32>], starts: &[i64]) -> Order {
    let key = |row: u32| codes.iter().map(move |codes| codes[row as usize]);
    let compare = |a: u32, b: u32| key(a).cmp(key(b)).then_with(|| starts[a as usize].cmp(&starts[b as usize]));
    let mut rows: Vec<u32> = (0..starts.len() as u32).collect();
    rows.sort_by(|&a, &b| compare(a, b));
    let mut order = Order::with_capacity(rows.len());
    for (at, &row) in rows.iter().enumerate() {
        order.push(row as usize, at == 0 || compare(rows[at - 1], row).is_ne());
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_no_group() {
        let order = Order::of(&[vec![], vec![]], &[]);
        assert!(order.firsts.is_empty() && order.groups.is_empty());
    }

    proptest! {
        #[test]
        fn packed_and_compared_are_the_same(
            rows in prop::collection::vec((0u32..3, prop::sample::select(vec![0, 7, u32::MAX]), -2i64..2), 0..60),
            wide in any::<bool>(),
        ) {
            let column = |of: fn(&(u32, u32, i64)) -> u32| rows.iter().map(of).collect::<Vec<_>>();
            let codes = [column(|row| row.0), column(|row| row.1)];
            let starts: Vec<i64> = rows.iter().map(|row| if wide { row.2 * (i64::MAX / 2) } else { row.2 }).collect();
            let expect = compared(&codes, &starts);
            let order = Packing::of(&codes, &starts).unwrap().sorted(&codes, &starts);
            prop_assert_eq!(&order.groups, &expect.groups);
            prop_assert_eq!(order.firsts.len(), expect.firsts.len());
            for (group, &first) in order.firsts.iter().enumerate() {
                prop_assert_eq!(order.groups[first as usize], group);
            }
            let keys: Vec<_> = expect.firsts.iter().map(|&row| {
                (codes[0][row as usize], codes[1][row as usize], starts[row as usize])
            }).collect();
            prop_assert!(keys.is_sorted() && keys.windows(2).all(|two| two[0] != two[1]));
        }
    }

    #[test]
    fn keys_that_are_too_wide_are_compared() {
        let codes = vec![vec![u32::MAX, 0, u32::MAX]; 4];
        assert!(Packing::of(&codes, &[0, 1, 0]).is_none());
        let order = Order::of(&codes, &[0, 1, 0]);
        assert_eq!((order.firsts, order.groups), (vec![1, 0], vec![1, 0, 1]));
    }
}
