//! `json_get(json, key)` and `json_get_text(json, key)`: what Postgres has as `->` and `->>`, on JSON text. A member by name,
//! an element by number (negative: from the end), as JSON or as text. NULL where there is none; a text that is no JSON is
//! read as far as it goes.
//!
//! Not here: the operators (DataFusion's parser binds them weaker than `=`, so that only the Postgres door has them);
//! `json_value` and `json_number`, which read a constant path as meters do, and by which views that are kept current read.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use engine::event::json;

use super::bounds;

/// Both functions.
pub(super) fn functions() -> [ScalarUDF; 2] {
    [Get::new("json_get", false), Get::new("json_get_text", true)].map(ScalarUDF::new_from_impl)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Get {
    name: &'static str,
    as_text: bool,
    signature: Signature,
}

impl Get {
    fn new(name: &'static str, as_text: bool) -> Self {
        Self { name, as_text, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// A member or element as JSON, as the function gives it.
    fn given(&self, found: Cow<'_, str>) -> Option<String> {
        match found.as_bytes().first()? {
            b'n' if self.as_text => None,
            b'"' if self.as_text => serde_json::from_str(&found).ok(),
            _ => Some(found.into_owned()),
        }
    }
}

/// What `found` says of a text that is not nested too deeply to be read.
fn read<'a, K>(
    text: Option<&'a str>,
    key: Option<K>,
    found: impl Fn(&'a str, K) -> Option<String>,
) -> Result<Option<String>> {
    let (Some(text), Some(key)) = (text, key) else { return Ok(None) };
    bounds::check_json(text)?;
    Ok(found(text, key))
}

impl ScalarUDFImpl for Get {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, key] if key.is_integer() => Ok(vec![DataType::Utf8, DataType::Int64]),
            [_, _] => Ok(vec![DataType::Utf8; 2]),
            _ => plan_err!("{} takes a JSON text, and a name or a number", self.name),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [texts, keys] = columns.as_slice() else { return exec_err!("{} takes two arguments", self.name) };
        let texts = texts.as_string::<i32>().iter();
        let column: StringArray = match keys.data_type() {
            DataType::Int64 => {
                let keys = keys.as_primitive::<Int64Type>().iter();
                let found = |text, at| self.given(json::element(text, at)?);
                texts.zip(keys).map(|(text, at)| read(text, at, found)).collect::<Result<_>>()?
            }
            _ => {
                let keys = keys.as_string::<i32>().iter();
                let found = |text, name| self.given(json::member(text, &[name])?);
                texts.zip(keys).map(|(text, name)| read(text, name, found)).collect::<Result<_>>()?
            }
        };
        Ok(ColumnarValue::Array(Arc::new(column) as ArrayRef))
    }
}
