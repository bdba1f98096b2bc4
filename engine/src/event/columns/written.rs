//! How long values are when they are written out, computed before anything is.
//!
//! A few bytes of Arrow may mean gigabytes: a list of nulls takes no room, a dictionary's value or a view's text is there once
//! and used a million times, an empty struct or a list without width costs nothing however often it is there. So lengths are
//! sums over offsets and keys, and never over items that take no room. Not exact: escapes are not counted, and a number counts
//! as one byte, because it takes as much of the batch; so nothing is refused that fits.
//!
//! Not here: writing (`leftover`), which lengths are too long (the decoder).

use arrow::array::{Array, AsArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;

/// The lengths of a column's values as JSON, in bytes. Cheap to ask for; what made them cheap is small beside the column.
pub struct Written(Node);

enum Node {
    /// All values are as long.
    Each(u128),
    Texts(OffsetBuffer<i32>),
    LargeTexts(OffsetBuffer<i64>),
    /// At each place the length of all values before it.
    Sums(Vec<u64>),
    Lists(OffsetBuffer<i32>, Box<Node>),
    LargeLists(OffsetBuffer<i64>, Box<Node>),
    /// Lists of so many items.
    Fixed(u128, Box<Node>),
    /// Members, and how long their names are together.
    Members(u128, Vec<Node>),
}

const NULL: u128 = 4;
const TRUTH: u128 = 4;
const QUOTES: u128 = 2;
/// An item's comma or bracket.
const BETWEEN: u128 = 1;

impl Written {
    /// Lengths of the values of `column`; a type that is not taken counts nothing.
    pub fn of(column: &dyn Array) -> Self {
        Self(Node::of(column))
    }

    /// Length of the value at `at`.
    pub fn bytes(&self, at: usize) -> u64 {
        clamped(self.0.until(at + 1) - self.0.until(at))
    }

    /// Length of the first `values` values together.
    pub fn total(&self, values: usize) -> u64 {
        clamped(self.0.until(values) - self.0.until(0))
    }
}

fn clamped(bytes: u128) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Node {
    fn of(column: &dyn Array) -> Self {
        match column.data_type() {
            DataType::Null => Self::Each(NULL),
            DataType::Boolean => Self::Each(TRUTH),
            DataType::Utf8 => Self::Texts(column.as_string::<i32>().offsets().clone()),
            DataType::LargeUtf8 => Self::LargeTexts(column.as_string::<i64>().offsets().clone()),
            // A view begins with its text's length.
            DataType::Utf8View => Self::sums(column.as_string_view().views().iter().map(|view| {
                let length = *view as u32;
                u64::from(length) + QUOTES as u64
            })),
            DataType::Dictionary(..) => {
                let dictionary = column.as_any_dictionary();
                let values = Self::of(dictionary.values());
                let keys = dictionary.normalized_keys().into_iter().enumerate();
                let length = |key: usize| clamped(values.until(key + 1) - values.until(key));
                Self::sums(keys.map(|(at, key)| if column.is_valid(at) { length(key) } else { NULL as u64 }))
            }
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                Self::Lists(list.offsets().clone(), Box::new(Self::of(list.values())))
            }
            DataType::LargeList(_) => {
                let list = column.as_list::<i64>();
                Self::LargeLists(list.offsets().clone(), Box::new(Self::of(list.values())))
            }
            DataType::FixedSizeList(_, width) => {
                let width = u128::try_from(*width).unwrap_or_default();
                Self::Fixed(width, Box::new(Self::of(column.as_fixed_size_list().values())))
            }
            DataType::Struct(fields) => {
                let named = |name: &str| name.len() as u128 + QUOTES + 2 * BETWEEN;
                let names = fields.iter().map(|field| named(field.name())).sum();
                Self::Members(names, column.as_struct().columns().iter().map(|column| Self::of(column)).collect())
            }
            DataType::Map(..) => {
                let map = column.as_map();
                let entry = Self::Members(BETWEEN, vec![Self::of(map.keys()), Self::of(map.values())]);
                Self::Lists(map.offsets().clone(), Box::new(entry))
            }
            _ => Self::Each(1),
        }
    }

    fn sums(lengths: impl Iterator<Item = u64>) -> Self {
        let mut sum: u64 = 0;
        let sums = lengths.map(|length| {
            sum = sum.saturating_add(length);
            sum
        });
        Self::Sums(std::iter::once(0).chain(sums).collect())
    }

    /// How long the first `values` values are, and what is before them in buffers that are shared: only differences mean
    /// something.
    fn until(&self, values: usize) -> u128 {
        let count = values as u128;
        match self {
            Self::Each(length) => count * length,
            Self::Texts(ends) => count * QUOTES + offset(ends[values].into()),
            Self::LargeTexts(ends) => count * QUOTES + offset(ends[values]),
            Self::Sums(sums) => sums[values].into(),
            Self::Lists(ends, items) => count * BETWEEN + items.parted(ends[values].into()),
            Self::LargeLists(ends, items) => count * BETWEEN + items.parted(ends[values]),
            Self::Fixed(width, items) => {
                let end = usize::try_from(count * width).unwrap_or(usize::MAX);
                count * BETWEEN + items.until(end) + end as u128 * BETWEEN
            }
            Self::Members(names, members) => {
                let members: u128 = members.iter().map(|member| member.until(values)).sum();
                count * (names + BETWEEN) + members
            }
        }
    }

    /// The same of the items of lists, which are parted by commas.
    fn parted(&self, end: i64) -> u128 {
        let end = usize::try_from(end).unwrap_or_default();
        self.until(end) + end as u128 * BETWEEN
    }
}

/// Offsets are checked to be no less than 0 where arrays are made.
fn offset(end: i64) -> u128 {
    u128::try_from(end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, DictionaryArray, FixedSizeListArray, Int8Array, LargeListArray, ListArray, NullArray, StringArray,
        StringViewArray, StructArray,
    };
    use arrow::buffer::{Buffer, ScalarBuffer};
    use arrow::datatypes::{Field, Fields, Int8Type, Int64Type};

    use super::super::Json;
    use super::*;

    fn item(column: &dyn Array) -> Arc<Field> {
        Arc::new(Field::new("item", column.data_type().clone(), true))
    }

    fn list(offsets: Vec<i64>, items: ArrayRef) -> ArrayRef {
        Arc::new(LargeListArray::new(item(&items), OffsetBuffer::new(offsets.into()), items, None))
    }

    /// What `column` has at `at`, written out, is as long as was computed: more only by `more` bytes.
    fn check(column: &ArrayRef, at: usize, more: usize) {
        let mut text = String::new();
        Json::of(column, &|_, _| None).unwrap_or_else(|error| panic!("{error}")).write(at, &mut text);
        let computed = Written::of(column).bytes(at) as usize;
        assert!((computed..=computed + more).contains(&text.len()), "{text} has {}, computed {computed}", text.len());
    }

    #[test]
    fn lengths_are_those_of_what_is_written() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("bcd"), Some(""), Some("efghi")]));
        let nested = list(vec![0, 3, 4], Arc::clone(&texts));
        (0..2).for_each(|at| check(&nested, at, 0));
        check(&list(vec![1, 2], nested), 0, 0);
        check(&list(vec![0, 0, 0], texts), 1, 1);
        let views: ArrayRef = Arc::new(StringViewArray::from(vec!["short", "a text that is longer than twelve bytes"]));
        check(&list(vec![0, 2], views), 0, 0);
        let keys = Int8Array::from(vec![Some(0), Some(1), None, Some(1)]);
        let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(StringArray::from(vec!["x", "yz"])));
        check(&list(vec![0, 4], Arc::new(dictionary)), 0, 0);
        let numbers = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), Some(22)]), Some(vec![])]);
        let numbers: ArrayRef = Arc::new(numbers);
        check(&numbers, 0, 1);
        let fields = Fields::from(vec![Field::new("n", DataType::Null, true), Field::new("t", DataType::Utf8, true)]);
        let columns: Vec<ArrayRef> = vec![Arc::new(NullArray::new(2)), Arc::new(StringArray::from(vec!["p", "qr"]))];
        check(&list(vec![0, 2], Arc::new(StructArray::new(fields, columns, None))), 0, 0);
    }

    #[test]
    fn what_takes_no_room_is_counted_without_being_looked_at() {
        const MANY: usize = 1 << 60;
        let nulls: ArrayRef = Arc::new(NullArray::new(MANY));
        assert_eq!(Written::of(&list(vec![0, MANY as i64], Arc::clone(&nulls))).total(1), 5 * MANY as u64 + 1);
        // Arrow makes a bit for each null of a list of fixed size.
        let nulls: ArrayRef = Arc::new(NullArray::new(1 << 26));
        let fixed = FixedSizeListArray::new(item(&nulls), 1 << 10, nulls, None);
        let each = 5 * (1 << 10) + 1;
        assert_eq!(Written::of(&fixed).bytes(3), each);
        assert_eq!(Written::of(&fixed).total(fixed.len()), each * (1 << 16));
    }

    #[test]
    fn a_text_counts_as_often_as_it_is_used() {
        let keys = Int8Array::from(vec![0; 1000]);
        let long = "y".repeat(100_000);
        let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(StringArray::from(vec![long.as_str()])));
        assert_eq!(Written::of(&dictionary).total(1000), 1000 * 100_002);
        let of_all = StringViewArray::from(vec![long.as_str()]);
        let view = of_all.views()[0];
        let shared: Vec<Buffer> = of_all.data_buffers().to_vec();
        let views = StringViewArray::new(ScalarBuffer::from(vec![view; 1000]), shared, None);
        assert_eq!(Written::of(&views).total(1000), 1000 * 100_002);
    }
}
