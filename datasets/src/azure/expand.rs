//! From counts to events: each cell of n invocations becomes n events, spread evenly over its minute.
//!
//! Event `k` of a cell lies k × 60 s / n behind the minute's start (rounded down to µs) and has the id
//! `<first 16 hex digits of the function>-<minute>-<k>`. Events come in order of time; those of one instant in the order
//! of the files. Parts and shuffles are drawn from an event's place alone, so that any part, shuffled or not, is the same
//! whenever it is read (I4): an import that was killed starts over and finds its events to be duplicates (I2).

use std::collections::VecDeque;
use std::sync::Arc;

use engine::event::batch::EventBatch;

use super::trace::{AzureTrace, ID_PREFIX, Minute};
use super::{DAY_START_US, MINUTE_US};
use crate::ROWS_PER_BATCH;
use crate::error::DatasetError;
use crate::invocation::{Rows, push_number};
use crate::random::mix;

/// Most rows of one batch.
pub const ROWS_PER_BATCH_MAX: usize = 1 << 20;

/// An id's length is about this, in bytes: prefix, two dashes, minute, number.
const ID_BYTES: usize = ID_PREFIX + 2 + 4 + 3;

/// Which events, in which order.
#[derive(Debug, Clone, Copy)]
pub struct EventOptions {
    /// Rows per batch, from 1 to [`ROWS_PER_BATCH_MAX`]; values outside are brought inside.
    pub rows_per_batch: usize,
    /// Part `k` of `n`, `k` below `n`: every n-th event. The parts together are all events, none twice.
    pub part: Option<(u32, u32)>,
    /// Delivery out of order.
    pub shuffle: Option<Shuffle>,
}

/// Delivers each event as if it lay up to `within_s` before or behind its time, so that of two events the later may come
/// first if they are less than 2 × `within_s` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shuffle {
    /// The same seed, the same order.
    pub seed: u64,
    /// In seconds.
    pub within_s: u32,
}

impl Default for EventOptions {
    fn default() -> Self {
        Self { rows_per_batch: ROWS_PER_BATCH, part: None, shuffle: None }
    }
}

/// The trace's events as batches. Ends after the first error.
#[derive(Debug)]
pub struct Events {
    trace: AzureTrace,
    options: EventOptions,
    /// How many events of the whole trace were expanded: the ordinal that parts are dealt by.
    expanded: u64,
    /// Place in the trace of the next minute to expand.
    next_minute: usize,
    /// The minute of delivery that the first of `pending` is for.
    delivery_minute: i64,
    /// Rows waiting for delivery, by minute of delivery.
    pending: VecDeque<Vec<Row>>,
    /// Rows of the minute being delivered, and how many of them are.
    current: Vec<Row>,
    delivered: usize,
}

/// An event's place: µs into its minute of delivery, minute (place in the trace), function, number in its cell, 32 bits
/// each. As one number it sorts in order of delivery in one comparison.
type Row = u128;

fn row(offset_us: i64, minute: usize, function: u32, number: u32) -> Row {
    (offset_us as u128) << 96 | (minute as u128) << 64 | u128::from(function) << 32 | u128::from(number)
}

impl Events {
    pub(super) fn new(trace: AzureTrace, mut options: EventOptions) -> Self {
        options.rows_per_batch = options.rows_per_batch.clamp(1, ROWS_PER_BATCH_MAX);
        let spread = spread_minutes(options.shuffle);
        let first = trace.minutes.first().map_or(0, |minute| i64::from(minute.number));
        let pending = (0..2 * spread + 2).map(|_| Vec::new()).collect();
        let delivery_minute = first - spread;
        Self {
            trace,
            options,
            expanded: 0,
            next_minute: 0,
            delivery_minute,
            pending,
            current: Vec::new(),
            delivered: 0,
        }
    }

    /// Makes `current` the next minute of delivery that has rows; `false` if there is none.
    fn advance(&mut self) -> bool {
        let spread = spread_minutes(self.options.shuffle);
        let Some(last) = self.trace.minutes.last() else { return false };
        let end = i64::from(last.number) + spread;
        while self.delivery_minute <= end {
            let minutes = Arc::clone(&self.trace.minutes);
            while let Some(minute) = minutes.get(self.next_minute)
                && i64::from(minute.number) <= self.delivery_minute + spread
            {
                self.expand(minute);
                self.next_minute += 1;
            }
            let Some(rows) = self.pending.pop_front() else { return false };
            let mut spent = std::mem::replace(&mut self.current, rows);
            spent.clear();
            self.pending.push_back(spent);
            self.delivered = 0;
            self.delivery_minute += 1;
            if !self.current.is_empty() {
                self.current.sort_unstable();
                return true;
            }
        }
        false
    }

    fn expand(&mut self, minute: &Minute) {
        let (part, parts) =
            self.options.part.map_or((0, 1), |(part, parts)| (u64::from(part), u64::from(parts.max(1))));
        let start_us = i64::from(minute.number) * MINUTE_US;
        for &(function, count) in &minute.cells {
            let first = (part + parts - self.expanded % parts) % parts;
            self.expanded += u64::from(count);
            for number in (first..u64::from(count)).step_by(parts as usize) {
                let number = number as u32;
                let time_us = start_us + offset_us(number, count);
                let place = row(0, self.next_minute, function, number);
                let delivery_us = time_us + self.options.shuffle.map_or(0, |shuffle| shuffle.jitter_us(place));
                let bucket = delivery_us.div_euclid(MINUTE_US) - self.delivery_minute;
                let offset_us = delivery_us.rem_euclid(MINUTE_US);
                self.pending[bucket as usize].push(row(offset_us, 0, 0, 0) | place);
            }
        }
    }

    fn batch(&mut self) -> Result<Option<EventBatch>, DatasetError> {
        let limit = self.options.rows_per_batch;
        let mut rows = Rows::with_capacity(limit, ID_BYTES);
        while rows.len() < limit {
            if self.delivered == self.current.len() && !self.advance() {
                break;
            }
            let end = self.current.len().min(self.delivered + limit - rows.len());
            for row in &self.current[self.delivered..end] {
                self.trace.push(*row, &mut rows);
            }
            self.delivered = end;
        }
        if rows.len() == 0 {
            return Ok(None);
        }
        self.trace.functions.batch(rows).map(Some)
    }
}

impl Iterator for Events {
    type Item = Result<EventBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

impl AzureTrace {
    fn push(&self, row: Row, rows: &mut Rows) {
        let [minute, function, number] = [row >> 64, row >> 32, row].map(|part| part as u32);
        let minute = &self.minutes[minute as usize];
        let cell = minute.cells.binary_search_by_key(&function, |cell| cell.0);
        let count = minute.cells[cell.expect("a row is made from a cell, and cells stand in order of function")].1;
        let values = &self.values[function as usize];
        let time_us = DAY_START_US + i64::from(minute.number) * MINUTE_US + offset_us(number, count);
        rows.push(function, time_us, values.duration_ms, values.gb_seconds, |id| {
            id.extend_from_slice(&values.id_prefix);
            id.push(b'-');
            push_number(id, u64::from(minute.number));
            id.push(b'-');
            push_number(id, u64::from(number));
        });
    }
}

/// Where event `number` of `count` lies in its minute.
fn offset_us(number: u32, count: u32) -> i64 {
    i64::from(number) * MINUTE_US / i64::from(count)
}

/// How many minutes a shuffle may move an event.
fn spread_minutes(shuffle: Option<Shuffle>) -> i64 {
    shuffle.map_or(0, |shuffle| i64::from(shuffle.within_s.div_ceil(60)))
}

impl Shuffle {
    /// Evenly from -`within_s` to `within_s`, drawn from the event's place.
    fn jitter_us(self, place: Row) -> i64 {
        let within_us = i64::from(self.within_s) * 1_000_000;
        let draw = mix(self.seed ^ mix((place >> 64) as u64 ^ mix(place as u64)));
        let steps = 2 * within_us as u128 + 1;
        ((u128::from(draw) * steps) >> 64) as i64 - within_us
    }
}
