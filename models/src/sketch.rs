//! A quantile sketch with a guaranteed relative error of 1 %, mergeable in any order with the same result.
//!
//! The idea is DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
//! guarantees", VLDB 2019): count values in bins whose width grows in proportion to the value. Here values are integers
//! and so are the bins' edges, computed by integer arithmetic alone: no logarithm, hence the same bins on every machine.
//! Small values get bins of their own and are exact. Bins never collapse: there are at most about 3,200 on each side of
//! zero for values up to 10³⁰.
//!
//! Not here: what the integers stand for (the caller's unit), rounding of the answer.

use std::sync::LazyLock;

/// Largest size of a value.
pub const VALUE_MAX: u128 = 10u128.pow(30);

/// A value is at most this many percent away from the answer.
pub const RELATIVE_ERROR_PERCENT: u128 = 1;

/// Counts of values by bin, with the exact extremes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Bin and count, by bin: 0 holds zeros, n the n-th bin above zero, -n its mirror image.
    bins: Vec<(i16, u64)>,
    count: u64,
    min: i128,
    max: i128,
}

/// Bytes that are not an encoded sketch, or a value beyond [`VALUE_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SketchError {
    /// The size of the value exceeds [`VALUE_MAX`].
    #[error("value too large for a sketch: at most 10^30 in size")]
    TooLarge,
    /// Not what [`Sketch::encode`] wrote.
    #[error("not an encoded sketch")]
    Malformed,
}

struct Bins {
    /// First value of each bin, from 1 up.
    first: Vec<u128>,
    /// Index into `first` of the first bin that ends at or beyond 2^n.
    octave: Vec<usize>,
}

/// A bin that starts at `f` answers `a = ⌊101 f / 100⌋`, which is within 1 % of `f`, and reaches to the last value that
/// `a` is within 1 % of: `⌊100 a / 99⌋`.
fn answer_of(first: u128) -> u128 {
    first * (100 + RELATIVE_ERROR_PERCENT) / 100
}

static BINS: LazyLock<Bins> = LazyLock::new(|| {
    let mut first = vec![1u128];
    let mut next = 1u128;
    while next <= VALUE_MAX {
        next = answer_of(next) * 100 / (100 - RELATIVE_ERROR_PERCENT) + 1;
        first.push(next);
    }
    let octave = (0..128).map(|bits| first.partition_point(|&f| f <= 1u128 << bits) - 1).collect();
    Bins { first, octave }
});

/// Number (from 1) of the bin that holds a size of at least 1.
fn bin_of(size: u128) -> usize {
    let bins = &*BINS;
    let bits = size.ilog2() as usize;
    let low = bins.octave[bits];
    let high = bins.octave.get(bits + 1).map_or(bins.first.len(), |&end| end + 1);
    low + bins.first[low..high].partition_point(|&first| first <= size)
}

impl Sketch {
    /// How many values were inserted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Counts one value.
    pub fn insert(&mut self, value: i128) -> Result<(), SketchError> {
        let size = value.unsigned_abs();
        if size > VALUE_MAX {
            return Err(SketchError::TooLarge);
        }
        let bin = if size == 0 { 0 } else { bin_of(size) as i16 };
        self.add(if value < 0 { -bin } else { bin }, 1);
        self.widen(value, value);
        self.count += 1;
        Ok(())
    }

    /// Counts everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        for &(bin, count) in &other.bins {
            self.add(bin, count);
        }
        self.widen(other.min, other.max);
        self.count += other.count;
    }

    fn add(&mut self, bin: i16, count: u64) {
        match self.bins.binary_search_by_key(&bin, |&(bin, _)| bin) {
            Ok(at) => self.bins[at].1 += count,
            Err(at) => self.bins.insert(at, (bin, count)),
        }
    }

    fn widen(&mut self, min: i128, max: i128) {
        let empty = self.count == 0;
        self.min = if empty { min } else { self.min.min(min) };
        self.max = if empty { max } else { self.max.max(max) };
    }

    /// A value within 1 % of the one at rank `⌊q (count - 1)⌋` (from 0) in sorted order, with `q = numerator /
    /// denominator` clamped to 0..=1; `None` if nothing was inserted.
    pub fn quantile(&self, numerator: u64, denominator: u64) -> Option<i128> {
        let last = self.count.checked_sub(1)?;
        let rank = u128::from(last) * u128::from(numerator.min(denominator)) / u128::from(denominator.max(1));
        let mut below = 0u128;
        for &(bin, count) in &self.bins {
            below += u128::from(count);
            if rank < below {
                let size = match bin {
                    0 => 0,
                    bin => answer_of(BINS.first[usize::from(bin.unsigned_abs()) - 1]) as i128,
                };
                // The extremes are known exactly; clamping to them only brings the answer nearer.
                return Some((if bin < 0 { -size } else { size }).clamp(self.min, self.max));
            }
        }
        None
    }

    /// Appends the sketch as bytes: the same content gives the same bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.min.to_le_bytes());
        out.extend_from_slice(&self.max.to_le_bytes());
        for &(bin, count) in &self.bins {
            out.extend_from_slice(&bin.to_le_bytes());
            out.extend_from_slice(&count.to_le_bytes());
        }
    }

    /// Reads what [`Sketch::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let fail = SketchError::Malformed;
        let (min, rest) = bytes.split_first_chunk::<16>().ok_or(fail)?;
        let (max, rest) = rest.split_first_chunk::<16>().ok_or(fail)?;
        let mut sketch = Self { min: i128::from_le_bytes(*min), max: i128::from_le_bytes(*max), ..Self::default() };
        if rest.len() % 10 != 0 {
            return Err(fail);
        }
        for entry in rest.chunks_exact(10) {
            let (bin, count) = entry.split_first_chunk::<2>().ok_or(fail)?;
            let bin = i16::from_le_bytes(*bin);
            let count = u64::from_le_bytes(count.try_into().map_err(|_| fail)?);
            let sorted = sketch.bins.last().is_none_or(|&(last, _)| last < bin);
            if !sorted || usize::from(bin.unsigned_abs()) > BINS.first.len() {
                return Err(fail);
            }
            sketch.bins.push((bin, count));
            sketch.count = sketch.count.checked_add(count).ok_or(fail)?;
        }
        Ok(sketch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch(values: &[i128]) -> Sketch {
        let mut sketch = Sketch::default();
        for &value in values {
            sketch.insert(value).unwrap();
        }
        sketch
    }

    fn values() -> impl Strategy<Value = Vec<i128>> {
        let limit = VALUE_MAX as i128;
        proptest::collection::vec(prop_oneof![-limit..=limit, -1000i128..1000, -10i128.pow(15)..10i128.pow(15)], 1..200)
    }

    proptest! {
        #[test]
        fn answers_are_within_one_percent(values in values(), q in 0u64..=100) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let truth = sorted[(sorted.len() - 1) * q as usize / 100];
            let answer = sketch(&values).quantile(q, 100).unwrap();
            prop_assert!((answer - truth).unsigned_abs() * 100 <= truth.unsigned_abs(), "{answer} for {truth}");
        }

        #[test]
        fn order_and_cuts_do_not_matter(values in values(), cut in any::<prop::sample::Index>()) {
            let (left, right) = values.split_at(cut.index(values.len()));
            let mut merged = sketch(right);
            merged.merge(&sketch(left));
            prop_assert_eq!(&merged, &sketch(&values));
            let mut bytes = Vec::new();
            merged.encode(&mut bytes);
            prop_assert_eq!(Sketch::decode(&bytes), Ok(merged));
        }
    }

    #[test]
    fn every_value_near_an_edge_finds_its_bin() {
        for (at, &first) in BINS.first.iter().enumerate() {
            if first <= VALUE_MAX {
                assert_eq!(bin_of(first), at + 1);
            }
            if at > 0 {
                assert_eq!(bin_of(first - 1), at);
            }
        }
        assert!(BINS.first.len() < 4000);
    }

    #[test]
    fn nothing_gives_no_answer_and_damage_is_seen() {
        assert_eq!(Sketch::default().quantile(1, 2), None);
        assert_eq!(Sketch::decode(&[1, 2, 3]), Err(SketchError::Malformed));
        assert_eq!(Sketch::default().insert(i128::MAX), Err(SketchError::TooLarge));
    }
}
