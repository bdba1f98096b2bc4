//! Admission of one batch: dedup, then what meters can count, then the gate. Decides; changes nothing durable.
//!
//! The order matters: a duplicate never consumes quota (I7), and a refused event leaves no dedup mark, so it may be sent
//! again. Not here: appending, applying.

use arrow::array::{Array, BooleanArray};

use crate::admission::{Outcome, Reason, Receipt, Rejection};
use crate::calendar::Interval;
use crate::dedup::sequence::Turn;
use crate::dedup::{Answer, Dedup, DedupError};
use crate::event::batch::EventBatch;
use crate::event::fingerprint;
use crate::kinds::Kinds;

use super::gate::{Gate, Measure};
use super::operator::{Arrival, Operator};

/// What was decided about a batch.
pub(crate) struct Decision<S> {
    /// One outcome per row.
    pub(crate) receipt: Receipt,
    /// The admitted rows.
    pub(crate) admitted: EventBatch,
    /// Their dedup keys.
    pub(crate) keys: Vec<u128>,
    /// Their payloads' fingerprints.
    pub(crate) payloads: Vec<u64>,
    /// What the gate took for them.
    pub(crate) spend: S,
    /// Rejections to be made durable, by tenant and kind.
    pub(crate) rejected: Kinds,
    /// Whether it refers to what was admitted before, so that its answer waits for that.
    pub(crate) is_repeat: bool,
}

/// Buffers that live as long as the worker: nothing is allocated per event.
#[derive(Default)]
pub(crate) struct Scratch {
    answers: Vec<Answer>,
    open: Vec<bool>,
}

/// The gate's window on the operator and on what is admitted but not yet applied.
struct Meters<'a, O> {
    operator: &'a mut O,
    in_flight: &'a [&'a EventBatch],
}

impl<O: Operator> Measure for Meters<'_, O> {
    fn units(&mut self, meter: &str, batch: &EventBatch) -> Option<Vec<i128>> {
        self.operator.units(meter, batch)
    }

    fn used(&mut self, tenant: &str, meter: &str, period: Interval) -> Option<i128> {
        let mut used = self.operator.used(tenant, meter, period)?;
        for batch in self.in_flight {
            let Some(units) = self.operator.units(meter, batch) else { continue };
            let (tenants, times) = (batch.tenants(), batch.times().values());
            for (row, units) in units.into_iter().enumerate() {
                if units != 0 && period.contains(times[row]) && tenants.get(row) == Some(tenant) {
                    used = used.saturating_add(units);
                }
            }
        }
        Some(used)
    }
}

/// What a decision is made on.
pub(crate) struct Ground<'a, O, G> {
    /// Secret of the fingerprints.
    pub(crate) seed: u64,
    /// Events before it are late.
    pub(crate) watermark_us: i64,
    pub(crate) now_us: i64,
    /// Whether the whole batch is new, if it is known by its number.
    pub(crate) turn: Option<Turn>,
    pub(crate) dedup: &'a mut Dedup,
    pub(crate) gate: &'a mut G,
    pub(crate) operator: &'a mut O,
    /// Admitted before, not yet applied.
    pub(crate) in_flight: &'a [&'a EventBatch],
    pub(crate) scratch: &'a mut Scratch,
}

/// Decides about every row of `batch`. If dedup can't answer, nothing is
/// decided and nothing taken from the gate.
pub(crate) fn admit<O: Operator, G: Gate>(
    batch: EventBatch,
    ground: Ground<'_, O, G>,
) -> Result<Decision<G::Spend>, DedupError> {
    let Ground { seed, watermark_us, now_us, turn, dedup, gate, operator, in_flight, scratch } = ground;
    let rows = batch.len();
    let (mut keys, mut payloads) = (Vec::new(), Vec::new());
    scratch.answers.clear();
    match turn {
        None => {
            keys = fingerprint::keys(&batch, seed);
            payloads = fingerprint::payloads(&batch, seed);
            dedup.check(&keys, &payloads, &mut scratch.answers)?;
        }
        Some(Turn::New) => scratch.answers.resize(rows, Answer::New),
        Some(Turn::Taken) => scratch.answers.resize(rows, Answer::Duplicate),
    }
    scratch.open.clear();
    scratch.open.extend(scratch.answers.iter().map(|answer| matches!(answer, Answer::New)));

    let mut rejections: Vec<(u32, Rejection)> = Vec::new();
    let arrival = Arrival { batch: &batch, open: &scratch.open, in_flight, now_us };
    operator.vet(&arrival, &mut |row, rejection| rejections.push((row as u32, rejection)));
    let open = &mut scratch.open;
    // Several meters may refuse one row; the first says why.
    rejections.retain(|(row, _)| std::mem::replace(&mut open[*row as usize], false));
    let mut meters = Meters { operator, in_flight };
    let spend = gate.admit(&batch, open, &mut meters, &mut |row, rejection| rejections.push((row as u32, rejection)));
    rejections.sort_by_key(|(row, _)| *row);

    let times = batch.times().values();
    let mut outcomes = Vec::with_capacity(rows);
    let mut repeats = Vec::new();
    let mut is_repeat = turn == Some(Turn::Taken);
    for (row, answer) in scratch.answers.iter().enumerate() {
        outcomes.push(match answer {
            Answer::New if !open[row] => Outcome::Rejected,
            Answer::New if times[row] < watermark_us => Outcome::Late,
            Answer::New => Outcome::Admitted,
            Answer::Duplicate => {
                is_repeat = true;
                Outcome::Duplicate
            }
            Answer::Conflict => {
                repeats.push((row as u32, conflict()));
                Outcome::Rejected
            }
            Answer::Repeat { row: first, conflict: differs } => {
                let first = *first as usize;
                if !open[first] {
                    let at = rejections.binary_search_by_key(&(first as u32), |(row, _)| *row);
                    repeats.extend(at.ok().map(|at| (row as u32, rejections[at].1.clone())));
                    Outcome::Rejected
                } else if *differs {
                    repeats.push((row as u32, conflict()));
                    Outcome::Rejected
                } else {
                    is_repeat = true;
                    Outcome::Duplicate
                }
            }
        });
    }
    rejections.extend(repeats);
    rejections.sort_by_key(|(row, _)| *row);

    let rejected = count(&batch, &rejections);
    let admitted_rows = open.iter().filter(|open| **open).count();
    let (admitted, keys, payloads) = if admitted_rows == rows {
        (batch, keys, payloads)
    } else {
        let keep = BooleanArray::from_iter(open.iter().map(|open| Some(*open)));
        debug_assert_eq!(keep.null_count(), 0);
        let admitted = batch.filter(&keep).expect("a filter as long as the batch always applies");
        (admitted, pick(keys, open), pick(payloads, open))
    };
    Ok(Decision { receipt: Receipt { outcomes, rejections }, admitted, keys, payloads, spend, rejected, is_repeat })
}

fn conflict() -> Rejection {
    Rejection::new(
        Reason::Conflict,
        "id",
        "this source and id were admitted with another payload; send corrections under a new id",
    )
}

fn pick<T>(mut values: Vec<T>, keep: &[bool]) -> Vec<T> {
    let mut flags = keep.iter();
    values.retain(|_| flags.next().is_some_and(|keep| *keep));
    values
}

/// Rejections by tenant and kind.
fn count(batch: &EventBatch, rejections: &[(u32, Rejection)]) -> Kinds {
    let mut kinds = Kinds::default();
    let (tenants, ids) = (batch.tenants(), batch.ids());
    for (row, rejection) in rejections {
        let row = *row as usize;
        kinds.add(tenants.get(row).unwrap_or_default(), rejection, ids.value(row));
    }
    kinds
}
