//! Dedup by the batch: a producer numbers its batches, and a number that was taken is not taken again (I2).
//!
//! Producer, epoch and number are those of Kafka's idempotent producer (KIP-98): numbers begin at 0, a new epoch fences the
//! ones before it. Unlike there, batches may overtake each other within [`WINDOW`] (as packets in RFC 4303, 3.4.3), so that
//! several can be under way; one that fails leaves a hole that only it can fill. Every shard sees every batch of a producer,
//! if need be without rows, so a number that is missing is missing.
//!
//! A number says nothing about content: sending other events under a number that was taken loses them, and the ids of what
//! is sent this way are not remembered. That is the producer's part of the bargain, and why it costs nothing per event.
//!
//! Not here: events that are known by their ids (the rest of `dedup`).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How far ahead of the first missing number a batch may be.
pub const WINDOW: u64 = 64;
/// Producers that a shard remembers.
pub const PRODUCERS_MAX: usize = 1 << 14;
/// Of one owner.
pub const OWNER_PRODUCERS_MAX: usize = 128;

/// Which batch of which producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// The tenant whose credential sends it; names of producers are its own.
    pub owner: Arc<str>,
    /// The producer's name.
    pub producer: Arc<str>,
    /// Counts the producer's lives.
    pub epoch: u32,
    /// Counts its batches within the epoch, from 0.
    pub number: u64,
}

/// Why a batch has no turn; nothing of it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// A newer life of the producer has begun.
    #[error("epoch {epoch} of producer {producer} is over, {current} has begun: another process sends under this name")]
    Fenced {
        /// Whose.
        producer: Arc<str>,
        /// The batch's.
        epoch: u32,
        /// The newest.
        current: u32,
    },
    /// Batches before it are missing.
    #[error(
        "sequence {number} of producer {producer} is too far ahead of {expected}, which is missing: send that first, or begin a new epoch at 0"
    )]
    Gap {
        /// Whose.
        producer: Arc<str>,
        /// The batch's.
        number: u64,
        /// The first that is missing.
        expected: u64,
    },
    /// There are too many producers.
    #[error(
        "producer {producer} is not known, and there are {producers_max} already; use fewer names, each is kept for dedup's horizon"
    )]
    TooMany {
        /// Which one.
        producer: Arc<str>,
        /// [`PRODUCERS_MAX`] or [`OWNER_PRODUCERS_MAX`].
        producers_max: usize,
    },
}

/// Whether a batch is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It was not taken before; now it is.
    New,
    /// It was taken before.
    Taken,
}

/// What a shard knows of its producers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequences {
    by_owner: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Life>>,
}

/// The newest epoch of one producer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    epoch: u32,
    /// Every number before it was taken.
    next: u64,
    /// What was taken behind it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    ahead: BTreeSet<u64>,
    used_at_us: i64,
}

impl Sequences {
    /// Takes the batch, unless it was taken before or can't be yet.
    ///
    /// # Errors
    /// [`SequenceError`]; nothing changes.
    pub fn take(&mut self, sequence: &Sequence, now_us: i64) -> Result<Turn, SequenceError> {
        let Sequence { owner, producer, epoch, number } = sequence;
        let known = self.by_owner.get(owner).and_then(|lives| lives.get(producer));
        let next = match known {
            None => {
                self.check_room(owner, producer)?;
                0
            }
            Some(life) if life.epoch > *epoch => {
                return Err(SequenceError::Fenced { producer: producer.clone(), epoch: *epoch, current: life.epoch });
            }
            Some(life) if life.epoch < *epoch => 0,
            Some(life) if *number < life.next || life.ahead.contains(number) => return Ok(Turn::Taken),
            Some(life) => life.next,
        };
        if *number - next >= WINDOW {
            return Err(SequenceError::Gap { producer: producer.clone(), number: *number, expected: next });
        }
        self.record(sequence, now_us);
        Ok(Turn::New)
    }

    /// Gives the batch back: its append failed.
    pub fn give_back(&mut self, sequence: &Sequence) {
        let lives = self.by_owner.get_mut(&sequence.owner);
        let life = lives.and_then(|lives| lives.get_mut(&sequence.producer));
        let Some(life) = life.filter(|life| life.epoch == sequence.epoch) else { return };
        if sequence.number < life.next {
            life.ahead.extend(sequence.number + 1..life.next);
            life.next = sequence.number;
        } else {
            life.ahead.remove(&sequence.number);
        }
    }

    /// Takes note of a batch that is in the log.
    pub fn record(&mut self, sequence: &Sequence, now_us: i64) {
        let lives = self.by_owner.entry(sequence.owner.clone()).or_default();
        let born = Life { epoch: sequence.epoch, next: 0, ahead: BTreeSet::new(), used_at_us: now_us };
        let life = lives.entry(sequence.producer.clone()).or_insert_with(|| born.clone());
        match life.epoch.cmp(&sequence.epoch) {
            Ordering::Less => *life = born,
            Ordering::Equal => {}
            Ordering::Greater => return,
        }
        life.used_at_us = life.used_at_us.max(now_us);
        life.ahead.insert(sequence.number);
        while life.ahead.remove(&life.next) {
            life.next += 1;
        }
    }

    /// Lets go of producers that were not heard of since `before_us`.
    pub fn expire(&mut self, before_us: i64) {
        self.by_owner.retain(|_, lives| {
            lives.retain(|_, life| life.used_at_us >= before_us);
            !lives.is_empty()
        });
    }

    /// Drops everything of `owners`.
    pub fn forget(&mut self, owners: &BTreeSet<String>) {
        self.by_owner.retain(|owner, _| !owners.contains(&**owner));
    }

    fn check_room(&self, owner: &str, producer: &Arc<str>) -> Result<(), SequenceError> {
        let of_owner = self.by_owner.get(owner).map_or(0, BTreeMap::len);
        let of_all: usize = self.by_owner.values().map(BTreeMap::len).sum();
        for (have, producers_max) in [(of_owner, OWNER_PRODUCERS_MAX), (of_all, PRODUCERS_MAX)] {
            if have >= producers_max {
                return Err(SequenceError::TooMany { producer: producer.clone(), producers_max });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(epoch: u32, number: u64) -> Sequence {
        Sequence { owner: "acme".into(), producer: "loader".into(), epoch, number }
    }

    #[test]
    fn a_number_is_taken_once() {
        let mut sequences = Sequences::default();
        for (number, expect) in [(0, Turn::New), (0, Turn::Taken), (2, Turn::New), (1, Turn::New), (2, Turn::Taken)] {
            assert_eq!(sequences.take(&of(1, number), 0), Ok(expect), "{number}");
        }
        let gap = SequenceError::Gap { producer: "loader".into(), number: 3 + WINDOW, expected: 3 };
        assert_eq!(sequences.take(&of(1, 3 + WINDOW), 0), Err(gap));
        assert_eq!(sequences.take(&of(1, 2 + WINDOW), 0), Ok(Turn::New));
    }

    #[test]
    fn a_new_epoch_fences_the_ones_before() {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.take(&of(3, 0), 0), Ok(Turn::New));
        assert_eq!(sequences.take(&of(4, 0), 0), Ok(Turn::New));
        let fenced = SequenceError::Fenced { producer: "loader".into(), epoch: 3, current: 4 };
        assert_eq!(sequences.take(&of(3, 1), 0), Err(fenced));
        assert_eq!(sequences.take(&of(4, 1), 0), Ok(Turn::New));
    }

    #[test]
    fn producers_are_bounded_by_owner_and_expire() {
        let mut sequences = Sequences::default();
        let named = |at: usize| Sequence { producer: at.to_string().into(), ..of(0, 0) };
        for at in 0..OWNER_PRODUCERS_MAX {
            assert_eq!(sequences.take(&named(at), 7), Ok(Turn::New));
        }
        let too_many = sequences.take(&named(OWNER_PRODUCERS_MAX), 8);
        assert!(matches!(too_many, Err(SequenceError::TooMany { producers_max: OWNER_PRODUCERS_MAX, .. })));
        let other = Sequence { owner: "globex".into(), ..of(0, 0) };
        assert_eq!(sequences.take(&other, 8), Ok(Turn::New));
        sequences.expire(8);
        assert_eq!(sequences.take(&named(OWNER_PRODUCERS_MAX), 9), Ok(Turn::New));
        assert_eq!(sequences.take(&other, 9), Ok(Turn::Taken));
        sequences.forget(&BTreeSet::from(["globex".to_owned()]));
        assert_eq!(sequences.take(&other, 9), Ok(Turn::New));
    }

    #[test]
    fn what_a_checkpoint_holds_is_read_back() {
        let mut sequences = Sequences::default();
        for number in [0, 1, 5] {
            sequences.take(&of(2, number), 42).unwrap();
        }
        let json = serde_json::to_value(&sequences).unwrap();
        let expect = serde_json::json!({"acme": {"loader": {"epoch": 2, "next": 2, "ahead": [5], "used_at_us": 42}}});
        assert_eq!(json, expect);
        assert_eq!(serde_json::from_value::<Sequences>(json).unwrap(), sequences);
    }

    proptest! {
        /// Against a set of numbers, whatever fails and comes again.
        #[test]
        fn taken_is_what_was_taken_and_not_given_back(steps in prop::collection::vec((0..200u64, any::<bool>()), 0..300)) {
            let (mut sequences, mut naive) = (Sequences::default(), BTreeSet::new());
            for (number, gives_back) in steps {
                let first_missing = (0..).find(|number| !naive.contains(number)).unwrap();
                let turn = sequences.take(&of(0, number), 0);
                if naive.contains(&number) {
                    prop_assert_eq!(turn, Ok(Turn::Taken));
                } else if number >= first_missing + WINDOW {
                    prop_assert!(turn.is_err());
                    continue;
                } else {
                    prop_assert_eq!(turn, Ok(Turn::New));
                    naive.insert(number);
                }
                // Only what is under way can fail, which is near the newest.
                if gives_back && naive.range(number..).count() < 16 {
                    sequences.give_back(&of(0, number));
                    naive.remove(&number);
                }
            }
        }
    }
}
