//! Places: where in a segment some of its records begin, so that a reader from the middle does not begin at the start.
//!
//! Whoever walks a segment (the writer, a start, a reader) notes a place every [`STEP_BYTES`]; they are in memory only and
//! come again with the next walk (I9), about a four-thousandth of what the log has on disk (I8). Not here: reading.

use crate::lock::{Held, Lock};
use crate::log::Offset;

/// How far apart places are at least. A reader walks over so much before it is where it wants to be.
pub(super) const STEP_BYTES: u64 = 64 << 10;

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Offset of its first row.
    pub(super) offset: Offset,
    /// Byte in the segment.
    pub(super) position: u64,
}

/// The known places of one segment, in order and without gaps of much more than the step.
#[derive(Debug, Default)]
pub(super) struct Places(Lock<Vec<Place>>);

impl Places {
    /// Notes a record's place if it is a step behind the last one. Who notes has walked there from a known place.
    pub(super) fn note(&self, place: Place) {
        let mut places = self.lock();
        let last = places.last().map_or(0, |place| place.position);
        if place.position >= last + STEP_BYTES {
            places.push(place);
        }
    }

    /// The last known place before `from`. Not one at `from`: a record of no rows may stand there too, in front of it.
    pub(super) fn before(&self, from: Offset) -> Option<Place> {
        let places = self.lock();
        let behind = places.partition_point(|place| place.offset < from);
        places[..behind].last().copied()
    }

    #[track_caller]
    fn lock(&self) -> Held<'_, Vec<Place>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_step_apart_and_found_before_what_is_asked_for() {
        let places = Places::default();
        for record in 0..100 {
            places.note(Place { offset: record, position: record * STEP_BYTES / 4 });
        }
        let before = |from| places.before(from).map(|place| place.offset);
        assert_eq!([before(0), before(4), before(5), before(8), before(9)], [None, None, Some(4), Some(4), Some(8)]);
        assert_eq!(before(1000), Some(96));
    }

    #[test]
    fn a_second_walk_notes_nothing_twice() {
        let places = Places::default();
        let walk = |until: u64| {
            (0..until).for_each(|record| places.note(Place { offset: record, position: record * STEP_BYTES }));
        };
        walk(10);
        walk(20);
        assert_eq!(places.lock().len(), 19);
    }
}
