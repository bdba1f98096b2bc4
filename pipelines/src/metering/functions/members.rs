//! `json_value(data, path)` and `json_number(data, path)`: one member of an event's `data`, as meters see it.
//!
//! Paths are those of meters (`$.usage.tokens`) and constant, so that what is kept current may read the member's column
//! in place of the JSON text. Both are null where there is no such member; a member of another kind is no error.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use engine::event::json;
use engine::event::schema::units_type;
use engine::path::JsonPath;

use super::super::rest::Leftover;
use crate::catalog::bounds;

/// Name of the function that gives the canonical text: numbers and booleans too; null for arrays and objects.
pub(in crate::metering) const TEXT: &str = "json_value";
/// Name of the function that gives the number as DECIMAL(38, 9); null for what is none.
pub(in crate::metering) const NUMBER: &str = "json_number";

/// Both functions, to be registered in a session.
pub fn member_functions() -> Vec<ScalarUDF> {
    vec![Member::new(TEXT, DataType::Utf8).into(), Member::new(NUMBER, units_type()).into()]
}

/// The path that a call's second argument is.
pub(in crate::metering) fn path(argument: &ScalarValue) -> Result<JsonPath> {
    let Some(Some(text)) = argument.try_as_str() else { return plan_err!("the path must be a text like '$.member'") };
    JsonPath::parse(text).map_err(|error| datafusion::common::plan_datafusion_err!("{text:?} is {error}"))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Member {
    name: &'static str,
    gives: DataType,
    signature: Signature,
}

impl Member {
    fn new(name: &'static str, gives: DataType) -> Self {
        Self { name, gives, signature: Signature::exact(vec![DataType::Utf8; 2], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Member {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [data, ColumnarValue::Scalar(argument)] = arguments.args.as_slice() else {
            return exec_err!("{}: the path must be a constant", self.name);
        };
        let path = path(argument)?;
        let data = data.clone().into_array(rows)?;
        let members = data.as_string::<i32>().iter().map(|data| -> Result<Option<Leftover>> {
            let Some(data) = data else { return Ok(None) };
            bounds::check_json(data)?;
            Ok(json::member(data, path.members()).and_then(|json| Leftover::parse(&json)))
        });
        let column: ArrayRef = if self.name == TEXT {
            let texts = members.map(|member| Ok(member?.and_then(Leftover::text)));
            Arc::new(texts.collect::<Result<StringArray>>()?)
        } else {
            let numbers = members.map(|member| Ok(member?.and_then(|member| Some(member.number()?.0))));
            Arc::new(numbers.collect::<Result<Decimal128Array>>()?.with_data_type(units_type()))
        };
        Ok(ColumnarValue::Array(column))
    }
}
