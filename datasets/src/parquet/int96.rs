//! Times in 96 bits (INT96), which Spark and Impala write: read without wrapping.
//!
//! The reader makes 64 bits of them and wraps what does not fit, in nanoseconds from the year 2262 on. So such columns are
//! read in microseconds, and a second time in seconds, which hold every day that INT96 can name: where the seconds are
//! beyond what is held, the microseconds say nothing and become the largest or smallest there is. Not here: INT96 within
//! structs and lists, which is refused.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType, TimestampSecondType};
use arrow::error::ArrowError;
use engine::event::horizon::{TIME_US_MAX, TIME_US_MIN};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};

use super::layout::Layout;

/// The first Julian day. Days are counted from it without a sign, so what lies before is a day beyond 31 bits.
const FIRST_DAY_S: i64 = -2_440_588 * 86_400;
const FIRST_HELD_S: i64 = TIME_US_MIN / 1_000_000;
const LAST_HELD_S: i64 = TIME_US_MAX / 1_000_000;

/// How to read a file that has wanted columns of the type.
pub(super) struct Int96 {
    pub(super) in_micros: ArrowReaderMetadata,
    pub(super) in_seconds: ArrowReaderMetadata,
    /// The columns' places in the file.
    pub(super) roots: Vec<usize>,
}

/// The columns read in seconds, in step with the other reader.
pub(super) struct Seconds {
    pub(super) reader: ParquetRecordBatchReader,
    pub(super) roots: Vec<usize>,
}

/// `None` if no wanted column is of the type.
pub(super) fn metadata(metadata: &ArrowReaderMetadata, layout: &Layout) -> Result<Option<Int96>, ArrowError> {
    let roots = layout.int96();
    if roots.is_empty() {
        return Ok(None);
    }
    let read_as = |unit: TimeUnit| {
        let fields = metadata.schema().fields().iter().enumerate().map(|(at, field)| match roots.contains(&at) {
            true => {
                let data_type = DataType::Timestamp(unit, None);
                Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
            }
            false => Arc::clone(field),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = ArrowReaderOptions::new().with_schema(schema);
        ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
    };
    let (in_micros, in_seconds) = (read_as(TimeUnit::Microsecond)?, read_as(TimeUnit::Second)?);
    Ok(Some(Int96 { in_micros, in_seconds, roots }))
}

impl Seconds {
    /// `batch` with its columns of the type bounded by the next seconds.
    pub(super) fn bound(&mut self, batch: &RecordBatch, layout: &Layout) -> Result<RecordBatch, ArrowError> {
        let out_of_step = || ArrowError::ParquetError("columns have different numbers of rows".to_owned());
        let seconds = self.reader.next().transpose()?.ok_or_else(out_of_step)?;
        if seconds.num_rows() != batch.num_rows() {
            return Err(out_of_step());
        }
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        for (root, seconds) in self.roots.iter().zip(seconds.columns()) {
            let column = &mut columns[layout.place(*root)];
            let seconds = seconds.as_primitive::<TimestampSecondType>();
            let micros = column.as_primitive::<TimestampMicrosecondType>().iter().zip(seconds);
            let bounded: TimestampMicrosecondArray = micros
                .map(|(micros, seconds)| match seconds? {
                    seconds if (FIRST_HELD_S..=LAST_HELD_S).contains(&seconds) => micros,
                    seconds if (FIRST_DAY_S..FIRST_HELD_S).contains(&seconds) => Some(i64::MIN),
                    _ => Some(i64::MAX),
                })
                .collect();
            *column = Arc::new(bounded);
        }
        RecordBatch::try_new(batch.schema(), columns)
    }
}
