//! Tries events on a state that is thrown away, so that an event which can't be computed never reaches a real one (I11).
//!
//! An SQL meter or a view runs functions of a library on whatever tenants send: they may return an error, and they may panic. Both
//! are the event's failure: it is refused at the door, or left out if it was admitted before they were there. The
//! worker, its shard and all other events go on. Aggregations of our own vocabulary compute nothing that can fail and are
//! not tried. Not here: what a refusal says.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, UInt32Array};
use arrow::datatypes::Int32Type;
use datafusion::common::{DataFusionError, Result};

use super::accumulate::{Accumulators, Stand};
use super::call::Evaluated;
use super::compile::CompiledMeter;
use super::delta::Delta;

/// What the calls read of `inputs`, if all of them can be computed, kept, merged and evaluated.
///
/// # Errors
/// What the expression or an aggregate returned or panicked with.
pub(super) fn attempt(meter: &CompiledMeter, inputs: &RecordBatch) -> Result<Vec<Evaluated>> {
    if !meter.is_fallible() {
        return meter.evaluate(inputs);
    }
    contain(|| {
        let evaluated = meter.evaluate(inputs)?;
        let rows = inputs.num_rows();
        let stand = Stand {
            groups: vec![0; rows],
            offsets: vec![0; rows],
            times: vec![0; rows],
            watermark_us: 0,
            total: 1,
            partial: false,
        };
        if rows > 0 {
            let mut live = Accumulators::new(meter)?;
            live.update(&evaluated, &stand)?;
            let (marks, states) = live.drain()?;
            let pane = Delta::build(meter, some_key(meter), &UInt32Array::from(vec![0]), &marks, &states)?;
            let mut merged = Accumulators::new(meter)?;
            merged.merge(&[pane], &[0], 1)?;
            merged.evaluate()?;
        }
        Ok(evaluated)
    })
}

/// Key columns of a pane, no matter which.
fn some_key(meter: &CompiledMeter) -> Vec<ArrayRef> {
    let text = || Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("")])) as ArrayRef;
    let texts = (0..=meter.dimensions.len()).map(|_| text());
    texts.chain([Arc::new(Int64Array::from(vec![0])) as ArrayRef]).collect()
}

/// The rows of `inputs` that can't be computed, in order, each with its error.
pub(super) fn failing(meter: &CompiledMeter, inputs: &RecordBatch) -> Vec<(usize, DataFusionError)> {
    failing_in(inputs, &|inputs| attempt(meter, inputs).map(drop))
}

/// The rows of `inputs` that `attempt` fails on, in order, each with its error; a few cost little more than none.
pub(super) fn failing_in(
    inputs: &RecordBatch,
    attempt: &dyn Fn(&RecordBatch) -> Result<()>,
) -> Vec<(usize, DataFusionError)> {
    let mut found = Vec::new();
    search(inputs, attempt, 0..inputs.num_rows(), &mut found);
    found
}

fn search(
    inputs: &RecordBatch,
    attempt: &dyn Fn(&RecordBatch) -> Result<()>,
    rows: Range<usize>,
    found: &mut Vec<(usize, DataFusionError)>,
) {
    if rows.is_empty() {
        return;
    }
    let Err(error) = attempt(&inputs.slice(rows.start, rows.len())) else { return };
    if rows.len() == 1 {
        found.push((rows.start, error));
        return;
    }
    let middle = rows.start + rows.len() / 2;
    search(inputs, attempt, rows.start..middle, found);
    search(inputs, attempt, middle..rows.end, found);
}

/// Runs `compute`; a panic becomes an error with its message.
pub(super) fn contain<T>(compute: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing that `compute` changes outlives it, so there is no half-made state to see.
    catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Err(DataFusionError::Execution(format!("panicked: {}", message.unwrap_or("without a message"))))
    })
}

#[cfg(test)]
pub(super) mod tests;
