//! A journal record's notes: for each of its entries, where the tenant's entry before it is.
//!
//! A number per entry, seven bits a byte, lowest first, the eighth bit set on all but the last: 0 if it is not told, else the
//! offset and one. Durable and checked with the record, so that no index has to be kept or rebuilt (I9). Records of earlier
//! releases have no notes. Not here: walking back (`trail`).

use engine::log::Offset;

/// The notes of a record whose entries have these before them.
pub(super) fn encode(previous: impl Iterator<Item = Option<Offset>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for offset in previous {
        let mut number = offset.map_or(0, |offset| offset + 1);
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    bytes
}

/// Notes that are read entry by entry.
pub(super) struct Notes {
    bytes: Vec<u8>,
    at: usize,
}

impl Notes {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    /// The offset noted for the next entry; `None` if the notes end, or hold no number there.
    pub(super) fn next(&mut self) -> Option<Offset> {
        let mut number = 0u64;
        for (byte, shift) in self.bytes.get(self.at..)?.iter().zip((0..u64::BITS).step_by(7)) {
            self.at += 1;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return number.checked_sub(1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_noted_is_read(all in proptest::collection::vec(proptest::option::of(0..u64::MAX), 0..20)) {
            let mut notes = Notes::of(encode(all.iter().copied()));
            let read = all.iter().map(|_| notes.next()).collect::<Vec<_>>();
            prop_assert_eq!(read, all);
            prop_assert_eq!(notes.next(), None);
        }

        #[test]
        fn noise_is_not_told_or_a_number(noise in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut notes = Notes::of(noise);
            (0..50).for_each(|_| assert!(notes.next() != Some(u64::MAX)));
        }
    }

    #[test]
    fn first_entries_cost_a_byte() {
        assert_eq!(encode([None; 3].into_iter()), [0; 3]);
        assert_eq!(Notes::of(Vec::new()).next(), None, "a record of an earlier release");
    }
}
