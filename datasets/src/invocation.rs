//! The event that both the trace and the generator emit: one invocation of a serverless function.
//!
//! | attribute | value |
//! |---|---|
//! | `source` | `azure-functions/<app>` |
//! | `type` | `azure.function.invocation` |
//! | `/function` | text: which function |
//! | `/trigger` | text: `http`, `timer`, `queue`, `orchestration`, `event`, `storage` or `others` |
//! | `/duration_ms` | decimal: execution time in milliseconds |
//! | `/memory_mb` | decimal: allocated memory in MB |
//! | `/gb_seconds` | decimal: their product, rounded half-even to nine digits |
//!
//! Not here: where invocations come from.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Schema, SchemaRef};
use engine::event::batch::EventBatch;
use engine::event::schema::{data_field, fixed_fields, text_type, units_type};
use engine::meter::{Aggregation, Dimension, Meter, Window};
use engine::units::{ONE, PRECISION, SCALE, Units};

use crate::dictionary::{Interner, Vocabulary};
use crate::error::DatasetError;

/// CloudEvents `type` of an invocation.
pub(crate) const EVENT_TYPE: &str = "azure.function.invocation";

/// What starts functions, in the trace's words.
pub(crate) const TRIGGERS: [&str; 7] = ["http", "timer", "queue", "orchestration", "event", "storage", "others"];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let data = [
        data_field("/function", text_type()),
        data_field("/trigger", text_type()),
        data_field("/duration_ms", units_type()),
        data_field("/memory_mb", units_type()),
        data_field("/gb_seconds", units_type()),
    ];
    Arc::new(Schema::new(fixed_fields().iter().cloned().chain(data).collect::<Vec<_>>()))
});

/// The five meters over invocations: one-minute windows, by function and trigger.
pub fn meters() -> Vec<Meter> {
    let meter = |name: &str, value: Option<&str>, aggregation, description: &str| Meter {
        name: name.to_owned(),
        event_type: EVENT_TYPE.to_owned(),
        value: value.map(str::to_owned),
        aggregation,
        dimensions: ["function", "trigger"]
            .map(|name| Dimension { name: name.to_owned(), path: format!("$.{name}") })
            .to_vec(),
        window: Window::Tumbling { size_s: 60 },
        allowed_lateness_s: 3600,
        description: description.to_owned(),
    };
    let p95 = Aggregation::Percentile { q: Units(ONE / 100 * 95) };
    vec![
        meter("invocations", None, Aggregation::Count, "How often functions ran"),
        meter("gb_seconds", Some("$.gb_seconds"), Aggregation::Sum, "Memory in GB times execution time in seconds"),
        meter("memory_mb", Some("$.memory_mb"), Aggregation::Max, "Largest allocated memory in MB"),
        meter("functions", Some("$.function"), Aggregation::UniqueCount, "How many functions ran"),
        meter("duration_ms_p95", Some("$.duration_ms"), p95, "95th percentile of execution time in milliseconds"),
    ]
}

/// What all invocations of one function have in common; numbers are codes in [`Functions`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) tenant: u32,
    pub(crate) source: u32,
    pub(crate) name: u32,
    /// Index in [`TRIGGERS`].
    pub(crate) trigger: u32,
    pub(crate) memory_mb: Units,
}

/// All functions of a trace or generator; a function's code is its place.
///
/// Cheap to clone, so that several threads can build batches.
#[derive(Debug, Clone)]
pub(crate) struct Functions {
    functions: Arc<[Function]>,
    tenants: Vocabulary,
    sources: Vocabulary,
    names: Vocabulary,
    triggers: Vocabulary,
    types: Vocabulary,
}

/// Collects functions for [`Functions`].
#[derive(Debug, Default)]
pub(crate) struct FunctionsBuilder {
    functions: Vec<Function>,
    tenants: Interner,
    sources: Interner,
    names: Interner,
}

impl FunctionsBuilder {
    pub(crate) fn push(&mut self, tenant: &str, app: &str, name: &str, trigger: usize, memory_mb: Units) {
        let tenant = self.tenants.code(tenant);
        let source = self.sources.code(&format!("azure-functions/{app}"));
        let name = self.names.code(name);
        self.functions.push(Function { tenant, source, name, trigger: trigger as u32, memory_mb });
    }

    pub(crate) fn finish(self) -> Functions {
        Functions {
            functions: self.functions.into(),
            tenants: self.tenants.finish(),
            sources: self.sources.finish(),
            names: self.names.finish(),
            triggers: Vocabulary::new(TRIGGERS),
            types: Vocabulary::new([EVENT_TYPE]),
        }
    }
}

/// One batch in the making: a column per vector, so that a row costs a few pushes and no allocation.
#[derive(Debug)]
pub(crate) struct Rows {
    functions: Vec<u32>,
    times_us: Vec<i64>,
    ids: Vec<u8>,
    id_ends: Vec<i32>,
    durations_ms: Vec<i128>,
    gb_seconds: Vec<i128>,
}

impl Rows {
    pub(crate) fn with_capacity(rows: usize, id_bytes: usize) -> Self {
        let mut id_ends = Vec::with_capacity(rows + 1);
        id_ends.push(0);
        Self {
            functions: Vec::with_capacity(rows),
            times_us: Vec::with_capacity(rows),
            ids: Vec::with_capacity(rows * id_bytes),
            id_ends,
            durations_ms: Vec::with_capacity(rows),
            gb_seconds: Vec::with_capacity(rows),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.functions.len()
    }

    /// Appends an invocation; `id` writes its ASCII id.
    pub(crate) fn push(
        &mut self,
        function: u32,
        time_us: i64,
        duration_ms: Units,
        gb_seconds: Units,
        id: impl FnOnce(&mut Vec<u8>),
    ) {
        self.functions.push(function);
        self.times_us.push(time_us);
        self.durations_ms.push(duration_ms.0);
        self.gb_seconds.push(gb_seconds.0);
        id(&mut self.ids);
        self.id_ends.push(self.ids.len() as i32);
    }
}

impl Functions {
    /// What the function with this code is.
    pub(crate) fn get(&self, code: u32) -> Function {
        self.functions[code as usize]
    }

    /// The batch that `rows` describes.
    pub(crate) fn batch(&mut self, rows: Rows) -> Result<EventBatch, DatasetError> {
        let length = rows.len();
        let Self { functions, tenants, sources, names, triggers, types } = self;
        let of = |code: &u32| functions[*code as usize];
        let memory_mb: ScalarBuffer<i128> = rows.functions.iter().map(|code| of(code).memory_mb.0).collect();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(rows.id_ends));
        let times = TimestampMicrosecondArray::from(rows.times_us).with_timezone("UTC");
        let columns: Vec<ArrayRef> = vec![
            tenants.column(rows.functions.iter().map(|code| of(code).tenant))?,
            Arc::new(StringArray::try_new(offsets, Buffer::from(rows.ids), None)?),
            sources.column(rows.functions.iter().map(|code| of(code).source))?,
            types.column(std::iter::repeat_n(0, length))?,
            new_null_array(&text_type(), length),
            Arc::new(times),
            names.column(rows.functions.iter().map(|code| of(code).name))?,
            triggers.column(rows.functions.iter().map(|code| of(code).trigger))?,
            units(rows.durations_ms.into())?,
            units(memory_mb)?,
            units(rows.gb_seconds.into())?,
        ];
        Ok(EventBatch::try_from(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)?)
    }
}

fn units(values: ScalarBuffer<i128>) -> Result<ArrayRef, DatasetError> {
    Ok(Arc::new(Decimal128Array::new(values, None).with_precision_and_scale(PRECISION, SCALE)?))
}

/// Appends `number` in decimal.
pub(crate) fn push_number(text: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_are_valid() {
        for meter in meters() {
            meter.validate().unwrap();
        }
        assert_eq!(meters().len(), 5);
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 1_915_521, u64::MAX] {
            let mut text = Vec::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string().into_bytes());
        }
    }
}
