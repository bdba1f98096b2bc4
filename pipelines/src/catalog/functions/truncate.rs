//! `date_trunc`, which is DataFusion's, of times without what lies behind nulls.
//!
//! The largest of no times is null and has the least number behind it. DataFusion computes with that number too, and where it checks
//! for overflow it panics.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowTimestampType, DataType, FieldRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion::common::Result;
use datafusion::functions::datetime::date_trunc::DateTruncFunc;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(DateTrunc { plain: DateTruncFunc::new() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateTrunc {
    plain: DateTruncFunc,
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        self.plain.name()
    }

    fn aliases(&self) -> &[String] {
        self.plain.aliases()
    }

    fn signature(&self) -> &Signature {
        self.plain.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.plain.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.plain.return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        for value in &mut arguments.args {
            if let ColumnarValue::Array(times) = value
                && times.null_count() > 0
            {
                *times = cleared(times);
            }
        }
        self.plain.invoke_with_args(arguments)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.plain.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.plain.documentation()
    }
}

/// `times` with zeros behind nulls; what are no timestamps as it is.
fn cleared(times: &ArrayRef) -> ArrayRef {
    fn of<T: ArrowTimestampType>(times: &ArrayRef) -> ArrayRef {
        let cleared = times.as_primitive::<T>().iter().collect::<PrimitiveArray<T>>();
        Arc::new(cleared.with_data_type(times.data_type().clone()))
    }
    match times.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => of::<TimestampSecondType>(times),
        DataType::Timestamp(TimeUnit::Millisecond, _) => of::<TimestampMillisecondType>(times),
        DataType::Timestamp(TimeUnit::Microsecond, _) => of::<TimestampMicrosecondType>(times),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => of::<TimestampNanosecondType>(times),
        _ => Arc::clone(times),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMicrosecondArray;
    use arrow::buffer::NullBuffer;
    use datafusion::common::ScalarValue;
    use datafusion::common::config::ConfigOptions;

    use super::*;

    #[test]
    fn nothing_is_computed_behind_a_null() {
        let times = TimestampMicrosecondArray::new(
            vec![i64::MIN, 90_000_001].into(),
            Some(NullBuffer::from(vec![false, true])),
        );
        let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
        let field = |name: &str, of: &DataType| Arc::new(arrow::datatypes::Field::new(name, of.clone(), true));
        let part = ColumnarValue::Scalar(ScalarValue::from("minute"));
        let truncated = function().invoke_with_args(ScalarFunctionArgs {
            args: vec![part, ColumnarValue::Array(Arc::clone(&times))],
            arg_fields: vec![field("part", &DataType::Utf8), field("time", times.data_type())],
            number_rows: 2,
            return_field: field("truncated", times.data_type()),
            config_options: Arc::new(ConfigOptions::default()),
        });
        let truncated = truncated.unwrap().into_array(2).unwrap();
        let truncated = truncated.as_primitive::<TimestampMicrosecondType>();
        assert_eq!(truncated.iter().collect::<Vec<_>>(), [None, Some(60_000_000)]);
    }
}
