//! How much memory rows and values take: of the rows of a slice, not of the buffers that they share with others.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

use super::TooLarge;

/// What a row of a view takes beside its bytes.
const VIEW_BYTES: u64 = 16;
/// What a value of fixed width takes at most, and what an entry of a list is taken for that has none to look at.
const FIXED_BYTES: u64 = 16;

/// Bytes of the rows of `batch`.
pub(crate) fn bytes_of(batch: &RecordBatch) -> usize {
    let bytes = batch.columns().iter().map(bytes_of_array).fold(0, u64::saturating_add);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Bytes of the rows of `array`.
pub(super) fn bytes_of_array(array: &ArrayRef) -> u64 {
    match array.data_type() {
        DataType::Utf8View => array.len() as u64 * VIEW_BYTES + array.as_string_view().total_bytes_len() as u64,
        DataType::BinaryView => array.len() as u64 * VIEW_BYTES + array.as_binary_view().total_bytes_len() as u64,
        _ => array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()) as u64,
    }
}

/// The bytes of one value a row.
pub(super) enum Sizes {
    /// The same in all.
    Same(u64),
    /// One for each.
    Each(Vec<u64>),
}

impl Sizes {
    /// Of `value`.
    pub(super) fn of(value: &ColumnarValue) -> Self {
        match value {
            ColumnarValue::Array(array) => Self::of_array(array),
            ColumnarValue::Scalar(scalar) => Self::Same(bytes_of_scalar(scalar)),
        }
    }

    fn of_array(array: &ArrayRef) -> Self {
        fn offsets(ends: impl Iterator<Item = (u64, u64)>) -> Sizes {
            Sizes::Each(ends.map(|(from, to)| to.saturating_sub(from)).collect())
        }
        fn pairs(ends: &[i32]) -> impl Iterator<Item = (u64, u64)> + '_ {
            ends.windows(2).map(|pair| (pair[0] as u64, pair[1] as u64))
        }
        fn long_pairs(ends: &[i64]) -> impl Iterator<Item = (u64, u64)> + '_ {
            ends.windows(2).map(|pair| (pair[0] as u64, pair[1] as u64))
        }
        match array.data_type() {
            DataType::Utf8 => offsets(pairs(array.as_string::<i32>().value_offsets())),
            DataType::Binary => offsets(pairs(array.as_binary::<i32>().value_offsets())),
            DataType::LargeUtf8 => offsets(long_pairs(array.as_string::<i64>().value_offsets())),
            DataType::LargeBinary => offsets(long_pairs(array.as_binary::<i64>().value_offsets())),
            DataType::Utf8View => Self::Each(array.as_string_view().lengths().map(u64::from).collect()),
            DataType::BinaryView => Self::Each(array.as_binary_view().lengths().map(u64::from).collect()),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let entry = entry_bytes(list.values());
                Self::Each(pairs(list.value_offsets()).map(|(from, to)| (to - from).saturating_mul(entry)).collect())
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                let entry = entry_bytes(list.values());
                Self::Each(
                    long_pairs(list.value_offsets()).map(|(from, to)| (to - from).saturating_mul(entry)).collect(),
                )
            }
            _ => match array.as_any_dictionary_opt() {
                Some(dictionary) if dictionary.values().is_empty() => Self::Same(0),
                Some(dictionary) => {
                    let values = Self::of_array(dictionary.values());
                    Self::Each(dictionary.normalized_keys().into_iter().map(|key| values.at(key)).collect())
                }
                None => Self::Same(entry_bytes(array)),
            },
        }
    }

    /// That of `row`.
    pub(super) fn at(&self, row: usize) -> u64 {
        match self {
            Self::Same(bytes) => *bytes,
            Self::Each(bytes) => bytes.get(row).copied().unwrap_or_default(),
        }
    }

    /// The largest.
    pub(super) fn largest(&self) -> u64 {
        match self {
            Self::Same(bytes) => *bytes,
            Self::Each(bytes) => bytes.iter().copied().max().unwrap_or_default(),
        }
    }
}

/// How many entries the lists of `value` have; what is no list is one.
pub(super) fn entries(value: &ColumnarValue) -> Sizes {
    let array = match value {
        ColumnarValue::Array(array) => array,
        ColumnarValue::Scalar(ScalarValue::List(list)) => return Sizes::Same(list.values().len() as u64),
        ColumnarValue::Scalar(ScalarValue::LargeList(list)) => return Sizes::Same(list.values().len() as u64),
        ColumnarValue::Scalar(_) => return Sizes::Same(1),
    };
    match array.data_type() {
        DataType::List(_) => {
            Sizes::Each((0..array.len()).map(|row| array.as_list::<i32>().value_length(row) as u64).collect())
        }
        DataType::LargeList(_) => {
            Sizes::Each((0..array.len()).map(|row| array.as_list::<i64>().value_length(row) as u64).collect())
        }
        _ => Sizes::Same(1),
    }
}

/// Bytes of a constant.
pub(super) fn bytes_of_scalar(scalar: &ScalarValue) -> u64 {
    match scalar {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            text.as_ref().map_or(0, |text| text.len() as u64)
        }
        ScalarValue::Binary(bytes) | ScalarValue::LargeBinary(bytes) | ScalarValue::BinaryView(bytes) => {
            bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
        }
        ScalarValue::Dictionary(_, value) => bytes_of_scalar(value),
        ScalarValue::List(list) => bytes_of_array(list.values()),
        ScalarValue::LargeList(list) => bytes_of_array(list.values()),
        ScalarValue::FixedSizeList(list) => bytes_of_array(list.values()),
        _ => scalar.size() as u64,
    }
}

/// What an entry of `values` takes, about.
fn entry_bytes(values: &ArrayRef) -> u64 {
    if values.is_empty() {
        return FIXED_BYTES;
    }
    (bytes_of_array(values) / values.len() as u64).max(1) + 1
}

/// Refuses a batch of an answer with a value of more than `bytes_max`.
pub(in super::super) fn check_values(batch: &RecordBatch, bytes_max: u64) -> Result<(), TooLarge> {
    if bytes_of(batch) as u64 <= bytes_max {
        return Ok(());
    }
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let bytes = Sizes::of_array(column).largest();
        if bytes > bytes_max {
            return Err(TooLarge { what: format!("column {:?}", field.name()), bytes, bytes_max });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Int64Array, ListArray, StringArray, StringViewArray};
    use arrow::datatypes::{Int32Type, Int64Type};

    use super::*;

    fn check(array: ArrayRef, expect: &[u64]) {
        let sizes = Sizes::of_array(&array);
        let found = (0..array.len()).map(|row| sizes.at(row)).collect::<Vec<_>>();
        assert_eq!(found, expect, "{:?}", array.data_type());
    }

    #[test]
    fn sizes_are_those_of_the_rows() {
        check(Arc::new(StringArray::from(vec![Some("ab"), None, Some("cdef")])), &[2, 0, 4]);
        check(Arc::new(StringArray::from(vec!["ab", "c", "cdef"]).slice(1, 2)), &[1, 4]);
        check(Arc::new(StringViewArray::from(vec!["ab", "longer than a view has"])), &[2, 22]);
        check(Arc::new(vec!["ab", "c", "ab"].into_iter().collect::<DictionaryArray<Int32Type>>()), &[2, 1, 2]);
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1); 10]), Some(vec![])]);
        check(Arc::new(lists), &[90, 0]);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 1000]));
        assert_eq!(bytes_of_array(&numbers), 8000);
        assert_eq!(bytes_of_array(&numbers.slice(0, 10)), 80, "a slice is not the whole");
    }
}
