//! Times as text: as Postgres writes them, and as RFC 3339 has them.
//!
//! Arrow and the Postgres library cut offsets to minutes and hours; here are whole ones, so that a text is the instant that
//! it was. Not here: texts that are read ([`super::text_times`]), and how floats and intervals are
//! written ([`super::spelled`]).

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::spelled::{spelled, takes};
use super::zone::{instant, zone};

/// What a cast to text becomes of what is written here.
pub(super) const NAME: &str = "_written";

/// Whether texts of this type are not Arrow's.
pub fn is_written(of: &DataType) -> bool {
    matches!(of, DataType::Timestamp(..)) || takes(of)
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `2026-03-01 02:00:00.5+05:30`; UTC is `+00`.
    Postgres,
    /// `2026-03-01T02:00:00.5+05:30`; UTC is `Z`.
    Rfc3339,
    /// As Postgres writes it in JSON: `2026-03-01T02:00:00.5+05:30`; UTC is `+00:00`.
    Json,
}

/// A column of timestamps as texts, or of what [`super::spelled`] takes.
///
/// # Errors
/// Times beyond the calendar, and columns of other types.
pub fn written(times: &dyn Array, style: Style) -> Result<StringArray> {
    let DataType::Timestamp(unit, of) = times.data_type() else {
        return spelled(times);
    };
    let clocks = of.as_deref().map(zone).transpose()?;
    let values = cast(times, &DataType::Int64)?;
    let texts = values.as_primitive::<Int64Type>().iter().map(|value| {
        let Some(value) = value else { return Ok(None) };
        let at = instant(value, *unit)?;
        let mut text = String::with_capacity(32);
        match &clocks {
            Some(clocks) => {
                let offset = clocks.to_offset(at);
                push_time(&mut text, offset.to_datetime(at), style);
                push_offset(&mut text, offset, style);
            }
            None => push_time(&mut text, TimeZone::UTC.to_datetime(at), style),
        }
        Ok(Some(text))
    });
    texts.collect()
}

fn push_time(text: &mut String, time: DateTime, style: Style) {
    let between = if style == Style::Postgres { ' ' } else { 'T' };
    let (date, clock) = (time.date(), time.time());
    let (year, bc) = if date.year() > 0 { (date.year(), "") } else { (1 - date.year(), " BC") };
    let hours = (clock.hour(), clock.minute(), clock.second());
    // Writing to a text can't fail.
    let _ = write!(text, "{year:04}-{:02}-{:02}{between}", date.month(), date.day());
    let _ = write!(text, "{:02}:{:02}:{:02}", hours.0, hours.1, hours.2);
    let nanoseconds = clock.subsec_nanosecond();
    if nanoseconds != 0 {
        let digits = format!("{nanoseconds:09}");
        // Postgres keeps six.
        let digits = if style == Style::Rfc3339 { digits.as_str() } else { &digits[..6] };
        let digits = digits.trim_end_matches('0');
        if !digits.is_empty() {
            text.push('.');
            text.push_str(digits);
        }
    }
    text.push_str(bc);
}

fn push_offset(text: &mut String, offset: Offset, style: Style) {
    let seconds = offset.seconds();
    if seconds == 0 && style == Style::Rfc3339 {
        text.push('Z');
        return;
    }
    let (sign, seconds) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(text, "{sign}{hours:02}");
    if minutes != 0 || seconds != 0 || style != Style::Postgres {
        let _ = write!(text, ":{minutes:02}");
    }
    if seconds != 0 {
        let _ = write!(text, ":{seconds:02}");
    }
}

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Written { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Written {
    signature: Signature,
}

impl ScalarUDFImpl for Written {
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
            [of] if is_written(of) => Ok(vec![of.clone()]),
            _ => plan_err!("{NAME} takes one time or float"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of] = arguments.args.as_slice() else { return exec_err!("{NAME} takes one time or float") };
        let texts = written(&of.to_array(arguments.number_rows)?, Style::Postgres)?;
        Ok(ColumnarValue::Array(Arc::new(texts) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMicrosecondArray;
    use jiff::Timestamp;

    use super::*;

    fn check(instant: &str, zone: Option<&str>, postgres: &str, rfc3339: &str) {
        let at = instant.parse::<Timestamp>().unwrap().as_microsecond();
        let times = TimestampMicrosecondArray::from(vec![at]).with_timezone_opt(zone);
        let of = |style| written(&times, style).unwrap().value(0).to_owned();
        assert_eq!((of(Style::Postgres), of(Style::Rfc3339)), (postgres.to_owned(), rfc3339.to_owned()), "{instant}");
    }

    #[test]
    fn offsets_are_whole() {
        check("2026-03-01T02:00:00Z", Some("UTC"), "2026-03-01 02:00:00+00", "2026-03-01T02:00:00Z");
        check("2026-03-01T02:00:00.5Z", None, "2026-03-01 02:00:00.5", "2026-03-01T02:00:00.5");
        let (postgres, rfc3339) = ("2026-03-01 07:45:00+05:45", "2026-03-01T07:45:00+05:45");
        check("2026-03-01T02:00:00Z", Some("Asia/Kathmandu"), postgres, rfc3339);
        let (postgres, rfc3339) = ("2026-02-28 22:30:00.000001-03:30", "2026-02-28T22:30:00.000001-03:30");
        check("2026-03-01T02:00:00.000001Z", Some("America/St_Johns"), postgres, rfc3339);
        let (postgres, rfc3339) = ("1880-01-01 00:29:46+00:29:46", "1880-01-01T00:29:46+00:29:46");
        check("1880-01-01T00:00:00Z", Some("Europe/Zurich"), postgres, rfc3339);
        check("2026-03-01T02:00:00Z", Some("+05:30"), "2026-03-01 07:30:00+05:30", "2026-03-01T07:30:00+05:30");
        let of_json =
            written(&TimestampMicrosecondArray::from(vec![500_000]).with_timezone("UTC"), Style::Json).unwrap();
        assert_eq!(of_json.value(0), "1970-01-01T00:00:00.5+00:00");
    }
}
