//! The columns of an event batch.
//!
//! | column | type | meaning |
//! |---|---|---|
//! | `tenant` | Dictionary(Int32, Utf8) | decided by the credential |
//! | `id` | Utf8 | CloudEvents `id`, unique per tenant and source; empty if a producer's batch has none |
//! | `source` | Dictionary(Int32, Utf8) | CloudEvents `source` |
//! | `type` | Dictionary(Int32, Utf8) | CloudEvents `type` |
//! | `subject` | Dictionary(Int32, Utf8), nullable | CloudEvents `subject` |
//! | `time` | Timestamp(µs, UTC) | CloudEvents `time` |
//! | `/pointer` … | Dictionary(Int32, Utf8), Decimal128(38, 9) or Boolean, nullable | a member of `data` |
//! | `rest` | Utf8, nullable, optional, last | JSON object pointer → value of what fits no column (see [`rest`](super::rest)) |
//!
//! A member goes to `rest` when its value is an array, a null, an empty object, a number that is not a
//! [`Units`](crate::units::Units), or of another type than the batch's column of that name. A `data` that is not a
//! JSON object is one member with the pointer `""`, always in `rest`. So is an object below a pointer longer than a meter's
//! path may be, and every member beyond [`DATA_COLUMNS_MAX`].

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, TimeUnit};

use crate::units::{PRECISION, SCALE};

/// Index of `tenant`.
pub const TENANT: usize = 0;
/// Index of `id`.
pub const ID: usize = 1;
/// Index of `source`.
pub const SOURCE: usize = 2;
/// Index of `type`.
pub const TYPE: usize = 3;
/// Index of `subject`.
pub const SUBJECT: usize = 4;
/// Index of `time`.
pub const TIME: usize = 5;
/// How many columns every batch has.
pub const FIXED: usize = 6;
/// Name of the column of leftovers.
pub const REST: &str = "rest";
/// Most data columns a batch may have; further members go to `rest`.
pub const DATA_COLUMNS_MAX: usize = 128;

/// Type of texts that repeat.
pub fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Type of quantities.
pub fn units_type() -> DataType {
    DataType::Decimal128(PRECISION, SCALE)
}

/// Type of instants.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

static FIXED_FIELDS: LazyLock<Vec<Arc<Field>>> = LazyLock::new(|| {
    [
        ("tenant", text_type(), false),
        ("id", DataType::Utf8, false),
        ("source", text_type(), false),
        ("type", text_type(), false),
        ("subject", text_type(), true),
        ("time", time_type(), false),
    ]
    .into_iter()
    .map(|(name, data_type, nullable)| Arc::new(Field::new(name, data_type, nullable)))
    .collect()
});

/// The six fixed fields, in order.
pub fn fixed_fields() -> &'static [Arc<Field>] {
    &FIXED_FIELDS
}

/// A field for the member of `data` that `pointer` names.
pub fn data_field(pointer: &str, data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new(pointer, data_type, true))
}

/// The field of leftovers.
pub fn rest_field() -> Arc<Field> {
    Arc::new(Field::new(REST, DataType::Utf8, true))
}
