//! A split-block Bloom filter: says of most absent keys that they are absent, with one cache line looked at.
//!
//! Eight words of 32 bits a block, one bit set in each; at twelve bits a key some 0.5 % of absent keys pass. The construction is
//! that of Parquet's, without its hash: keys are hashes already. Not here: exactness.

/// Bits for each key.
const BITS_PER_KEY: usize = 12;
const WORDS: usize = 8;
const BLOCK_BITS: usize = WORDS * 32;

/// Odd factors that make eight bit positions out of one word.
const SALTS: [u32; WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Which keys may be there.
#[derive(Debug)]
pub(super) struct Filter(Vec<[u32; WORDS]>);

impl Filter {
    /// An empty filter for `keys` keys.
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self(vec![[0; WORDS]; (keys * BITS_PER_KEY).div_ceil(BLOCK_BITS).max(1)])
    }

    /// Notes the probe's key.
    pub(super) fn insert(&mut self, probe: &Probe) {
        let block = self.block(probe.high);
        for (word, bit) in self.0[block].iter_mut().zip(probe.bits) {
            *word |= bit;
        }
    }

    /// `false` if the probe's key was never inserted. Looks at all words whatever the first says: a branch on one would be
    /// wrong every other time.
    #[inline]
    pub(super) fn may_contain(&self, probe: &Probe) -> bool {
        self.0[self.block(probe.high)].iter().zip(probe.bits).fold(0, |missing, (word, bit)| missing | (bit & !word))
            == 0
    }

    /// Something of what a question about `key` will look at, which brings it near.
    #[inline]
    pub(super) fn touch(&self, key: u128) -> u32 {
        self.0[self.block((key >> 64) as u64)][0]
    }

    #[inline]
    fn block(&self, high: u64) -> usize {
        ((u128::from(high) * self.0.len() as u128) >> 64) as usize
    }
}

/// What all filters are asked about one key, made once. The key's higher half chooses the block, its lower half the bits, so
/// that they do not depend on each other.
pub(super) struct Probe {
    high: u64,
    bits: [u32; WORDS],
}

impl Probe {
    #[inline]
    pub(super) fn of(key: u128) -> Self {
        Self { high: (key >> 64) as u64, bits: SALTS.map(|salt| 1 << ((key as u32).wrapping_mul(salt) >> 27)) }
    }
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    #[test]
    fn what_was_inserted_passes_and_of_the_rest_little() {
        let key = |n: u32| xxh3_128(&n.to_le_bytes());
        let mut filter = Filter::with_capacity(100_000);
        (0..100_000).for_each(|n| filter.insert(&Probe::of(key(n))));
        let passes = |n: u32| filter.may_contain(&Probe::of(key(n)));
        assert!((0..100_000).all(passes));
        let passed = (100_000..200_000).filter(|n| passes(*n)).count();
        assert!(passed < 1_000, "{passed} of 100000 absent keys pass");
    }
}
