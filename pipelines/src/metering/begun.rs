//! When the sessions of a pane may have begun: what a late event swallowed is told of, though the pane's first time is an
//! earlier one now.
//!
//! Within a session meter's pane all events are less than the gap apart, so a session can have begun only at an event that
//! was earlier than all that had come before it. Those are a staircase, earlier times at later offsets, which merges
//! associatively and commutatively (I4) and has one step as long as events come in order. Beside it stands the latest time
//! and the first offset that had it: whether the pane before had gone that far already. Not here: sessions (`window`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch};

/// Name of the column.
pub(super) const COLUMN: &str = "session_begun";

/// A time and the first offset that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) time_us: i64,
    pub(super) offset: i64,
}

/// The steps of one pane.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Steps {
    /// Latest time.
    pub(super) last: Option<Step>,
    /// Earlier and earlier times at later and later offsets.
    pub(super) firsts: Vec<Step>,
}

/// The steps of many groups.
#[derive(Debug, Default)]
pub(super) struct Begun(Vec<Steps>);

impl Steps {
    fn add(&mut self, step: Step) {
        self.reach(step);
        let at = self.firsts.partition_point(|known| known.offset <= step.offset);
        if at.checked_sub(1).is_some_and(|before| self.firsts[before].time_us <= step.time_us) {
            return;
        }
        let behind = self.firsts[at..].iter().take_while(|known| known.time_us >= step.time_us).count();
        self.firsts.splice(at..at + behind, [step]);
    }

    fn reach(&mut self, step: Step) {
        let is_later = |last: Step| (step.time_us, -step.offset) > (last.time_us, -last.offset);
        if self.last.is_none_or(is_later) {
            self.last = Some(step);
        }
    }

    fn encode(&self) -> Vec<u8> {
        self.last
            .iter()
            .chain(&self.firsts)
            .flat_map(|step| [step.time_us, step.offset])
            .flat_map(i64::to_le_bytes)
            .collect()
    }

    /// Reads what [`Begun::column`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let longs =
            bytes.chunks_exact(8).map(|long| i64::from_le_bytes(long.try_into().expect("chunks are of 8 bytes")));
        let longs: Vec<i64> = longs.collect();
        let mut steps = longs.chunks_exact(2).map(|pair| Step { time_us: pair[0], offset: pair[1] });
        Self { last: steps.next(), firsts: steps.collect() }
    }
}

impl Begun {
    /// Makes room for `total` groups.
    pub(super) fn grow(&mut self, total: usize) {
        self.0.resize(total, Steps::default());
    }

    /// An event of `group`.
    pub(super) fn add(&mut self, group: usize, time_us: i64, offset: i64) {
        self.0[group].add(Step { time_us, offset });
    }

    /// Rows of a delta, whose last column this is.
    pub(super) fn merge(&mut self, part: &RecordBatch, groups: &[usize]) {
        let Some(column) = part.columns().last().map(|column| column.as_binary::<i32>()) else { return };
        for (row, &group) in groups.iter().enumerate().filter(|(row, _)| column.is_valid(*row)) {
            let steps = Steps::decode(column.value(row));
            steps.firsts.into_iter().for_each(|step| self.0[group].add(step));
            steps.last.into_iter().for_each(|step| self.0[group].reach(step));
        }
    }

    /// All groups' as a column; resets to no groups.
    pub(super) fn column(&mut self) -> ArrayRef {
        let groups = std::mem::take(&mut self.0);
        Arc::new(BinaryArray::from_iter_values(groups.iter().map(Steps::encode)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(events: &[(i64, i64)]) -> Steps {
        let mut steps = Steps::default();
        events.iter().for_each(|&(time_us, offset)| steps.add(Step { time_us, offset }));
        steps
    }

    proptest! {
        #[test]
        fn steps_are_the_events_that_were_the_first_when_they_came(times in prop::collection::vec(0i64..20, 1..20), split in 0usize..20) {
            let events: Vec<(i64, i64)> = times.iter().copied().zip(0..).collect();
            let mut earliest = i64::MAX;
            let expect = events.iter().filter(|(time, _)| {
                let is_first = *time < earliest;
                earliest = earliest.min(*time);
                is_first
            });
            let expect: Vec<Step> = expect.map(|&(time_us, offset)| Step { time_us, offset }).collect();
            let all = of(&events);
            prop_assert_eq!(&all.firsts, &expect);
            prop_assert_eq!(Steps::decode(&all.encode()), all.clone());
            // However they are put together.
            let (a, b) = events.split_at(split.min(events.len()));
            let mut merged = of(b);
            let before = of(a);
            before.firsts.iter().for_each(|step| merged.add(*step));
            before.last.iter().for_each(|step| merged.reach(*step));
            prop_assert_eq!(merged, all);
        }
    }
}
