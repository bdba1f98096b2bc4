//! How much a call gives at most, from its arguments and before it runs.
//!
//! Who multiplies is named here with its rule; whoever is not gives no more than [`LINEAR`] times what it is given. A bound may
//! be too high, by what a few bytes of a replacement more or less are, but never too low. Not here: what is done about it
//! ([`super::guard`]).

use arrow::array::{Array, AsArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

use super::bytes::{Sizes, entries};
use super::join;
use crate::catalog::functions::WIDTH_MAX;

/// What functions make of a byte at most that do not multiply: hexadecimal digits, capitals that are longer, offsets of lists.
const LINEAR: u64 = 4;
/// What a value has beside that.
const PLUS: u64 = 64;
/// What an item of a format becomes at most: a name of a month of a long language, an offset, digits.
const FORMATTED: u64 = 16;
/// What an entry of a list takes as a text if it is a number.
const WRITTEN: u64 = 40;
/// What an entry of a list that counts takes.
const COUNTED: u64 = 16;
/// What stands around and between members of JSON: a comma, blanks, quotes, `null`.
const MARKS: u64 = 8;
const NS_PER_DAY: i128 = 86_400_000_000_000;
/// A month has at least so many.
const DAYS_PER_MONTH: i128 = 28;

/// The most that a call gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Most {
    /// In one value, bytes.
    pub(super) value: u64,
    /// In all, bytes.
    pub(super) all: u64,
}

/// What a value is taken for that a call multiplies by what only a row says.
const MULTIPLIED: u64 = 64 << 10;
/// Replacements that are not worth a look.
const SHORT: usize = 16;

/// What a row of a call of `name` takes beside what it is given, as far as its constants say; 0 if that is little.
pub(super) fn weight(name: &str, constants: &[Option<&ScalarValue>]) -> u64 {
    let constant = |arg: usize| constants.get(arg).copied().flatten();
    let times =
        |arg: usize| constant(arg).map(|times| Numbers::of(Some(&ColumnarValue::Scalar(times.clone()))).count(0));
    match name {
        "repeat" | "lpad" | "rpad" => times(1).unwrap_or(MULTIPLIED),
        "array_repeat" | "array_resize" => times(1).map_or(MULTIPLIED, |times| times.saturating_mul(COUNTED)),
        "replace" | "regexp_replace" | "translate" => {
            let to = constant(2).and_then(|to| to.try_as_str().flatten());
            if to.is_some_and(|to| to.len() <= SHORT) { 0 } else { MULTIPLIED }
        }
        "range" | "generate_series" | "_series" | "_regexp_matches" => MULTIPLIED,
        _ => 0,
    }
}

/// What a call of `name` on `args` gives at most, in `rows` rows.
pub(super) fn most(name: &str, args: &[ColumnarValue], rows: usize) -> Most {
    let rows = if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) { 1 } else { rows };
    let sizes: Vec<Sizes> = args.iter().map(Sizes::of).collect();
    let size = |arg: usize, row: usize| sizes.get(arg).map_or(0, |sizes| sizes.at(row));
    let sum = |row: usize| sizes.iter().fold(0_u64, |sum, sizes| sum.saturating_add(sizes.at(row)));
    let most = |of: &dyn Fn(usize) -> u64| {
        (0..rows).map(of).fold(Most::default(), |most, value| Most {
            value: most.value.max(value),
            all: most.all.saturating_add(value).saturating_add(PLUS),
        })
    };
    let times = |arg: usize| Numbers::of(args.get(arg));
    match name {
        "repeat" | "array_repeat" => {
            let (times, entry) = (times(1), if name == "repeat" { 0 } else { COUNTED });
            most(&|row| size(0, row).saturating_add(entry).saturating_mul(times.count(row)))
        }
        "lpad" | "rpad" => {
            // Of letters that take one byte there are as many as bytes.
            let width = if args.get(2).is_none_or(is_ascii) { 1 } else { 4 };
            let times = times(1);
            most(&|row| size(0, row).saturating_add(times.count(row).saturating_mul(width)))
        }
        "replace" => most(&|row| {
            let (text, to) = (size(0, row), size(2, row));
            let found = text.checked_div(size(1, row)).unwrap_or(text + 1);
            text.saturating_add(found.saturating_mul(to))
        }),
        "translate" => {
            // A letter becomes a letter, and one that is written with marks has any number of bytes.
            let is_plain = args.get(2).is_none_or(is_ascii);
            most(&|row| size(0, row).saturating_mul(if is_plain { 1 } else { size(2, row).max(4) }))
        }
        "regexp_replace" => {
            let everywhere = args.get(3).is_some_and(|flags| text(flags).is_none_or(|flags| flags.contains('g')));
            let groups = args.get(2).and_then(text).map(|to| to.matches(['\\', '$']).count() as u64);
            most(&|row| {
                let (of, to) = (size(0, row), size(2, row));
                let matches = if everywhere { of + 1 } else { 1 };
                let grouped = groups.unwrap_or(to / 2).saturating_mul(of);
                of.saturating_add(matches.saturating_mul(to)).saturating_add(grouped)
            })
        }
        "concat_ws" => {
            let separators = args.len().saturating_sub(2) as u64;
            most(&|row| sum(row).saturating_add(separators.saturating_mul(size(0, row))))
        }
        "format" => {
            // Each item may be any argument, quoted, and as wide as one may be.
            let items = Signs::of(args.first(), '%');
            most(&|row| {
                let item = sum(row).saturating_mul(2).saturating_add(WIDTH_MAX as u64);
                size(0, row).saturating_add(items.at(row).saturating_mul(item))
            })
        }
        "_regexp_matches" => {
            let groups = Signs::of(args.get(1), '(');
            most(&|row| size(0, row).saturating_add(1).saturating_mul(groups.at(row) + 1).saturating_mul(2 * LINEAR))
        }
        // What is JSON already gets commas, blanks and brackets.
        "json_build_object" | "json_build_array" | "_json_row" | "_json_member" | "_json_row_element" => {
            let blanks = MARKS.saturating_mul(args.len() as u64 + 1);
            most(&|row| sum(row).saturating_add(blanks))
        }
        "_json_list" | "_json_members" => {
            let entries = args.first().map_or(Sizes::Same(0), entries);
            most(&|row| size(0, row).saturating_add(MARKS.saturating_mul(entries.at(row).saturating_add(1))))
        }
        // The one form of JSON has blanks, and numbers without powers of ten; texts have their signs written out.
        "to_json" | "to_jsonb" | "array_to_json" | "jsonb_build_object" | "jsonb_build_array" => {
            most(&|row| sum(row).saturating_mul(2 * LINEAR))
        }
        name if name.starts_with("_json") => most(&|row| sum(row).saturating_mul(2 * LINEAR)),
        "to_char" => most(&|row| sum(row).saturating_mul(FORMATTED)),
        "array_resize" => {
            let times = times(1);
            let entry = |row| size(2, row).max(COUNTED);
            most(&|row| size(0, row).saturating_add(times.count(row).saturating_mul(entry(row))))
        }
        "array_to_string" => {
            let entries = args.first().map_or(Sizes::Same(0), entries);
            let entry = |row| size(1, row).saturating_add(size(2, row)).saturating_add(WRITTEN);
            most(&|row| size(0, row).saturating_add(entries.at(row).saturating_mul(entry(row))))
        }
        "string_to_array" | "regexp_split_to_array" => most(&|row| sum(row).saturating_mul(2 * LINEAR)),
        "range" | "generate_series" | "_series" => {
            let (from, to, step) = match args {
                [to] => (Numbers::Same(Some(0)), Numbers::of(Some(to)), Numbers::Same(Some(1))),
                [from, to] => (Numbers::of(Some(from)), Numbers::of(Some(to)), Numbers::Same(Some(1))),
                _ => (times(0), times(1), times(2)),
            };
            most(&|row| {
                let (Some(from), Some(to), Some(step)) = (from.at(row), to.at(row), step.at(row)) else { return 0 };
                let entries = (to - from).unsigned_abs() / step.unsigned_abs().max(1) + 1;
                u64::try_from(entries.saturating_mul(8)).unwrap_or(u64::MAX)
            })
        }
        "concat"
        | "overlay"
        | "array_concat"
        | "array_append"
        | "array_prepend"
        | "make_array"
        | "flatten"
        | join::NAME => most(&sum),
        _ => {
            let all = (0..rows).fold(0_u64, |all, row| all.saturating_add(sum(row)));
            Most { value: 0, all: all.saturating_mul(LINEAR) }
        }
    }
}

/// The text of a constant.
fn text(value: &ColumnarValue) -> Option<&str> {
    match value {
        ColumnarValue::Scalar(scalar) => scalar.try_as_str().flatten(),
        ColumnarValue::Array(_) => None,
    }
}

fn is_ascii(value: &ColumnarValue) -> bool {
    match value {
        ColumnarValue::Scalar(_) => text(value).is_none_or(str::is_ascii),
        ColumnarValue::Array(texts) => match texts.data_type() {
            DataType::Utf8 => texts.as_string::<i32>().is_ascii(),
            DataType::LargeUtf8 => texts.as_string::<i64>().is_ascii(),
            DataType::Utf8View => texts.as_string_view().is_ascii(),
            _ => false,
        },
    }
}

/// How often a sign is in texts, a row each.
enum Signs {
    Same(u64),
    Each(Vec<u64>),
}

impl Signs {
    fn of(value: Option<&ColumnarValue>, sign: char) -> Self {
        let count = |text: Option<&str>| text.map_or(0, |text| text.matches(sign).count() as u64);
        match value {
            Some(ColumnarValue::Scalar(scalar)) => Self::Same(count(scalar.try_as_str().flatten())),
            Some(ColumnarValue::Array(texts)) if texts.data_type() == &DataType::Utf8 => {
                Self::Each(texts.as_string::<i32>().iter().map(count).collect())
            }
            _ => Self::Same(0),
        }
    }

    fn at(&self, row: usize) -> u64 {
        match self {
            Self::Same(count) => *count,
            Self::Each(counts) => counts.get(row).copied().unwrap_or_default(),
        }
    }
}

/// Whole numbers, a row each; instants, days and intervals as nanoseconds.
enum Numbers {
    Same(Option<i128>),
    Each(Vec<Option<i128>>),
}

impl Numbers {
    fn of(value: Option<&ColumnarValue>) -> Self {
        match value {
            None => Self::Same(None),
            Some(ColumnarValue::Array(array)) => Self::Each(numbers(array.as_ref())),
            Some(ColumnarValue::Scalar(scalar)) => {
                let array = scalar.to_array();
                Self::Same(array.ok().and_then(|array| numbers(array.as_ref()).first().copied().flatten()))
            }
        }
    }

    fn at(&self, row: usize) -> Option<i128> {
        match self {
            Self::Same(number) => *number,
            Self::Each(numbers) => numbers.get(row).copied().flatten(),
        }
    }

    /// As a number of times.
    fn count(&self, row: usize) -> u64 {
        self.at(row).map_or(0, |times| u64::try_from(times.max(0)).unwrap_or(u64::MAX))
    }
}

fn numbers(array: &dyn Array) -> Vec<Option<i128>> {
    let scale = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1000,
        DataType::Date32 => NS_PER_DAY,
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let intervals = array.as_primitive::<IntervalMonthDayNanoType>();
            return intervals
                .iter()
                .map(|interval| interval.map(|of| shortest(of.months, of.days, of.nanoseconds)))
                .collect();
        }
        _ => 1,
    };
    // Unsigned numbers beyond what is signed are larger than anything that is allowed.
    let whole = |array: &dyn Array| -> Option<Int64Array> {
        let days = if array.data_type() == &DataType::Date32 {
            cast(array, &DataType::Int32).ok()?
        } else {
            cast(array, &DataType::Int64).ok()?
        };
        Some(cast(&days, &DataType::Int64).ok()?.as_primitive::<Int64Type>().clone())
    };
    let Some(whole) = whole(array) else { return vec![Some(i128::MAX >> 8); array.len()] };
    let is_null = |row: usize| array.is_null(row);
    let each = whole.iter().enumerate().map(|(row, number)| match number {
        Some(number) => Some(i128::from(number) * scale),
        None if is_null(row) => None,
        None => Some(i128::MAX >> 8),
    });
    each.collect()
}

/// How long an interval is at least, nanoseconds; one that goes both ways may be as short as can be.
fn shortest(months: i32, days: i32, nanoseconds: i64) -> i128 {
    let parts = [
        i128::from(months) * DAYS_PER_MONTH * NS_PER_DAY,
        // A day may have 23 hours.
        i128::from(days) * NS_PER_DAY / 24 * 23,
        i128::from(nanoseconds),
    ];
    let goes_both_ways = parts.iter().any(|part| *part < 0) && parts.iter().any(|part| *part > 0);
    if goes_both_ways { 1 } else { parts.iter().sum() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow::array::{ArrayRef, StringArray};

    fn texts(texts: &[&str]) -> ColumnarValue {
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        ColumnarValue::Array(texts)
    }

    fn text(text: &str) -> ColumnarValue {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(text.to_owned())))
    }

    fn number(number: i64) -> ColumnarValue {
        ColumnarValue::Scalar(ScalarValue::Int64(Some(number)))
    }

    fn check(name: &str, args: &[ColumnarValue], expect: u64) {
        assert_eq!(most(name, args, 2).value, expect, "{name}({args:?})");
    }

    #[test]
    fn the_most_that_a_call_gives_follows_from_its_arguments() {
        check("repeat", &[texts(&["a", "bcd"]), number(100)], 300);
        check("repeat", &[texts(&["a", "bcd"]), number(-5)], 0);
        check("repeat", &[text("abc"), number(i64::MAX)], u64::MAX);
        check("lpad", &[text("ab"), number(1000), text("x")], 1002);
        check("lpad", &[text("ab"), number(1000), text("é")], 4002);
        check("rpad", &[text("ab"), number(1000)], 1002);
        check("replace", &[text("aaaa"), text("aa"), text("xyz")], 10);
        check("replace", &[text("aaaa"), text(""), text("xyz")], 19);
        check("translate", &[text("aaaa"), text("a"), text("xyz")], 4);
        check("regexp_replace", &[text("aaaa"), text("a"), text("xyz")], 7);
        check("regexp_replace", &[text("aaaa"), text("a"), text("xyz"), text("g")], 19);
        check("regexp_replace", &[text("aaaa"), text("(a)"), text("\\1\\1"), text("g")], 4 + 20 + 8);
        check("concat", &[texts(&["a", "bcd"]), text("xy")], 5);
        check("concat_ws", &[text("--"), text("a"), text("b"), text("c")], 2 + 3 + 4);
        check("json_build_array", &[texts(&["a", "bcd"]), text("xy")], 5 + 24);
        check("_json_of", &[texts(&["a", "bcd"])], 24);
        check(join::NAME, &[texts(&["a", "bcd"]), texts(&["xy", "z"])], 4);
        check("range", &[number(0), number(1000)], 8008);
        check("range", &[number(0), number(-1000), number(-10)], 808);
        check("range", &[number(i64::MIN), number(i64::MAX), number(1)], u64::MAX);
        check("generate_series", &[number(1), number(10), number(0)], 80);
        let instants = |us: i64| ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(Some(us), None));
        let interval = |months, days, ns| ColumnarValue::Scalar(ScalarValue::new_interval_mdn(months, days, ns));
        check("range", &[instants(0), instants(1_000_000), interval(0, 0, 1000)], 8_000_008);
        check("range", &[instants(0), instants(1), interval(1, -30, 0)], 8008);
        check("upper", &[texts(&["a", "bcd"])], 0);
        assert_eq!(most("upper", &[texts(&["a", "bcd"])], 2).all, 16);
    }
}
