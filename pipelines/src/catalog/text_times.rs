//! Texts that are read as times, and times and floats that are cast to text: Postgres takes them to the minute where DataFusion wants
//! seconds, and writes them its own way.
//!
//! On the plan when types are coerced, so that literals, parameters and columns are read alike, and a text that is compared
//! with texts stays one. Not here: how times are written ([`super::written`]).

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::walk::Rule;
use super::written;

const NAME: &str = "_time";

/// See the module. Goes when types are coerced.
#[derive(Debug)]
pub(super) struct TextTimes;

impl Rule for TextTimes {
    const NAME: &'static str = "text_times";

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(read(part, schema))
    }
}

fn read(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match part {
        Expr::Cast(Cast { expr, field }) if is_time(field.data_type()) && is_text(&expr, schema) => {
            // A literal stays one: what needs constants looks for it.
            if let Expr::Literal(text, _) = expr.as_ref() {
                let told = text.try_as_str().flatten().map(|text| spelled(text).into_owned());
                let expr = Box::new(Expr::Literal(ScalarValue::Utf8(told), None));
                return Transformed::yes(Expr::Cast(Cast { expr, field }));
            }
            Transformed::yes(Expr::Cast(Cast { expr: Box::new(function().call(vec![*expr])), field }))
        }
        Expr::Cast(Cast { expr, field }) if field.data_type().is_string() && is_written(&expr, schema) => {
            Transformed::yes(Expr::Cast(Cast { expr: Box::new(written::function().call(vec![*expr])), field }))
        }
        other => Transformed::no(other),
    }
}

fn is_time(of: &DataType) -> bool {
    matches!(of, DataType::Timestamp(..) | DataType::Date32)
}

fn is_text(of: &Expr, schema: &DFSchema) -> bool {
    let is_read = matches!(of, Expr::ScalarFunction(call) if call.func.name() == NAME);
    !is_read && of.get_type(schema).is_ok_and(|of| of.is_string())
}

fn is_written(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| written::is_written(&of))
}

/// `text` with the seconds that it leaves out.
fn spelled(text: &str) -> Cow<'_, str> {
    let Some((date, time)) = text.trim().split_once(['T', 't', ' ']) else { return Cow::Borrowed(text) };
    let time = time.trim_start();
    let end = time.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(time.len());
    let (clock, rest) = time.split_at(end);
    let to_the_minute = matches!(clock.split_once(':'), Some((hours, minutes))
        if (1..=2).contains(&hours.len()) && minutes.len() == 2);
    if !to_the_minute || rest.starts_with('.') {
        return Cow::Borrowed(text);
    }
    let padding = if clock.find(':') == Some(1) { "0" } else { "" };
    Cow::Owned(format!("{date} {padding}{clock}:00{rest}"))
}

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Time { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Time {
    signature: Signature,
}

impl ScalarUDFImpl for Time {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        Ok(arguments.iter().map(|of| of.schema_name().to_string()).collect::<Vec<_>>().join(", "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [of] if of.is_string() => Ok(vec![of.clone()]),
            [_] => Ok(vec![DataType::Utf8]),
            _ => plan_err!("{NAME} takes one text"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of] = arguments.args.as_slice() else { return exec_err!("{NAME} takes one text") };
        let texts = cast(&of.to_array(arguments.number_rows)?, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>().iter().map(|text| text.map(spelled)).collect::<StringArray>();
        Ok(ColumnarValue::Array(Arc::new(texts) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_the_minute_get_seconds() {
        let check = |text: &str, expect: &str| assert_eq!(spelled(text), expect, "{text}");
        check("2026-07-01 15:45", "2026-07-01 15:45:00");
        check("2026-07-01T15:45Z", "2026-07-01 15:45:00Z");
        check("2026-07-01 9:05+05:30", "2026-07-01 09:05:00+05:30");
        check("2026-07-01 15:45 Europe/Zurich", "2026-07-01 15:45:00 Europe/Zurich");
        for whole in ["2026-07-01", "2026-07-01 15:45:07", "2026-07-01 15:45:07.5Z", "soon", "a b", "15:45"] {
            check(whole, whole);
        }
    }
}
