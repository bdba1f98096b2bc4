//! The clock as it stands when a row is computed, behind `clock_timestamp`; and texts that are UUIDs, behind `gen_random_uuid`.
//!
//! Rows of a batch share one time. Not here: `now` and what else is one instant for a whole statement, which syntax makes of
//! other names ([`super::syntax`]).

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, plan_err};
use jiff::Timestamp;

use super::defined::{Call, Definition};
use super::marks::Mark;

/// The instant in UTC.
pub(super) const CLOCK: Definition =
    Definition::new("_clock", takes_nothing, |_| Ok(DataType::Timestamp(TimeUnit::Microsecond, None)), clock)
        .volatile();
/// A text that is known to be a UUID.
pub(super) const UUID: Definition = Definition::new(
    "_known_uuid",
    |_| Ok(vec![DataType::Utf8]),
    |_| Ok(DataType::Utf8),
    |call| Ok(Arc::clone(&call.columns[0])),
)
.marked(Mark::Uuid);

fn takes_nothing(arguments: &[DataType]) -> Result<Vec<DataType>> {
    if arguments.is_empty() { Ok(Vec::new()) } else { plan_err!("clock_timestamp takes no arguments") }
}

fn clock(call: &Call<'_>) -> Result<ArrayRef> {
    let now = Timestamp::now().as_microsecond();
    Ok(Arc::new(TimestampMicrosecondArray::from(vec![now; call.rows])))
}
