//! A batch of events: an Arrow record batch whose columns are known to follow [`schema`](super::schema).
//!
//! Cheap to clone (columns are shared). Not here: decoding, hashing, verdicts.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::schema::{self, FIXED, ID, REST, SOURCE, SUBJECT, TENANT, TIME, TYPE};

/// Events as columns; see [`schema`](super::schema) for which.
#[derive(Debug, Clone, PartialEq)]
pub struct EventBatch(RecordBatch);

/// A record batch that is not a batch of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} of an event batch: {reason}")]
pub struct SchemaError {
    /// Which column.
    pub column: String,
    /// What is wrong with it.
    pub reason: String,
}

impl TryFrom<RecordBatch> for EventBatch {
    type Error = SchemaError;

    fn try_from(batch: RecordBatch) -> Result<Self, SchemaError> {
        let schema = batch.schema_ref();
        for (at, expected) in schema::fixed_fields().iter().enumerate() {
            let fail = |reason: String| Err(SchemaError { column: expected.name().clone(), reason });
            let Some(field) = schema.fields().get(at) else { return fail("missing".into()) };
            if field.name() != expected.name() || field.data_type() != expected.data_type() {
                return fail(format!(
                    "expected {}, found {} {}",
                    expected.data_type(),
                    field.name(),
                    field.data_type()
                ));
            }
            if !expected.is_nullable() && batch.column(at).null_count() > 0 {
                return fail("has nulls".into());
            }
        }
        for field in &schema.fields()[FIXED..] {
            let fail = |reason: &str| Err(SchemaError { column: field.name().clone(), reason: reason.into() });
            let fits = if field.name() == REST {
                *field.data_type() == DataType::Utf8
            } else if field.name().starts_with('/') {
                *field.data_type() == schema::text_type()
                    || *field.data_type() == schema::units_type()
                    || *field.data_type() == DataType::Boolean
            } else {
                return fail("a data column is named by a JSON pointer, which starts with /");
            };
            if !fits {
                return fail("a type that no data column has");
            }
        }
        Ok(Self(batch))
    }
}

impl EventBatch {
    /// How many events.
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns as Arrow knows them.
    pub fn record_batch(&self) -> &RecordBatch {
        &self.0
    }

    /// The columns as Arrow knows them.
    pub fn into_record_batch(self) -> RecordBatch {
        self.0
    }

    /// `tenant`.
    pub fn tenants(&self) -> Texts<'_> {
        self.texts(TENANT)
    }

    /// `id`.
    pub fn ids(&self) -> &StringArray {
        self.0.column(ID).as_string()
    }

    /// `source`.
    pub fn sources(&self) -> Texts<'_> {
        self.texts(SOURCE)
    }

    /// `type`.
    pub fn types(&self) -> Texts<'_> {
        self.texts(TYPE)
    }

    /// `subject`.
    pub fn subjects(&self) -> Texts<'_> {
        self.texts(SUBJECT)
    }

    /// `time`.
    pub fn times(&self) -> &TimestampMicrosecondArray {
        self.0.column(TIME).as_primitive::<TimestampMicrosecondType>()
    }

    /// The column of the member of `data` that `pointer` names, if the batch has one.
    pub fn data(&self, pointer: &str) -> Option<&ArrayRef> {
        self.0.column_by_name(pointer)
    }

    /// The column of leftovers, if the batch has one.
    pub fn rest(&self) -> Option<&StringArray> {
        self.0.column_by_name(REST).map(|column| column.as_string())
    }

    /// The events whose flag is set, in order.
    pub fn filter(&self, keep: &BooleanArray) -> Result<Self, ArrowError> {
        filter_record_batch(&self.0, keep).map(Self)
    }

    /// The events at `rows`, in that order.
    pub fn take(&self, rows: &arrow::array::UInt32Array) -> Result<Self, ArrowError> {
        take_record_batch(&self.0, rows).map(Self)
    }

    /// `length` events from `offset` on, without copying.
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self(self.0.slice(offset, length))
    }

    /// The same events in columns of the same types; those that `change` gives nothing for stay as they are.
    pub(super) fn map_columns(self, change: impl Fn(usize, &ArrayRef) -> Option<ArrayRef>) -> Self {
        let (schema, mut columns, rows) = self.0.into_parts();
        for (at, column) in columns.iter_mut().enumerate() {
            if let Some(changed) = change(at, column) {
                *column = changed;
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Self(RecordBatch::try_new_with_options(schema, columns, &options).expect("types and lengths are the same"))
    }

    fn texts(&self, column: usize) -> Texts<'_> {
        Texts::new(self.0.column(column).as_dictionary::<Int32Type>())
    }
}

/// A dictionary-encoded text column, read without casting.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// The column.
    pub array: &'a DictionaryArray<Int32Type>,
    /// Its dictionary.
    pub values: &'a StringArray,
    keys: &'a [i32],
}

impl<'a> Texts<'a> {
    /// Reads `array`, whose dictionary must be Utf8.
    pub fn new(array: &'a DictionaryArray<Int32Type>) -> Self {
        Self { array, values: array.values().as_string(), keys: array.keys().values() }
    }

    /// The text of `row`; `None` if null.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        self.key(row).map(|key| self.values.value(key))
    }

    /// The dictionary index of `row`; `None` if null.
    #[inline]
    pub fn key(&self, row: usize) -> Option<usize> {
        self.array.is_valid(row).then(|| self.keys[row] as usize)
    }
}
