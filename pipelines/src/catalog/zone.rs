//! Time zones: their names, and `AT TIME ZONE`.
//!
//! An instant has the type of a timestamp with a zone, and what prints, truncates or takes it apart does so in that zone. The
//! session's is an option of it, and the views' instants are in it ([`super::schema`]). Not here: how instants are written.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// The zone of a session that has set none.
pub const UTC: &str = "UTC";
/// `AT TIME ZONE`: the zone, the time, the session's zone.
pub(super) const AT: &str = "_at_time_zone";
/// An instant in another zone: the zone, which is constant, and the instant.
pub(super) const IN: &str = "_in_time_zone";
/// Furthest offset from UTC that has a name in Arrow, hours.
const HOURS_MAX: i32 = 23;

/// The zone that Postgres means by `name`, as Arrow calls it; `None` if there is none.
///
/// A name of the IANA database in any case. An offset counts westwards, as POSIX has it and Postgres too: `UTC-2` and `-02` are
/// east of Greenwich.
pub fn named(name: &str) -> Option<String> {
    let name = name.trim();
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("z") || name.eq_ignore_ascii_case("zulu") {
        return Some(UTC.to_owned());
    }
    // As a fixed offset is shown: its name in brackets, then the offset as POSIX has it.
    if let Some((_, posix)) = name.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        return offset(posix, -1);
    }
    let of_database = TimeZone::get(name).ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    let found = of_database.or_else(|| {
        let bare = ["utc", "gmt"].iter().find_map(|prefix| {
            let rest = name.get(prefix.len()..)?;
            name.get(..prefix.len())?.eq_ignore_ascii_case(prefix).then_some(rest)
        });
        offset(bare.unwrap_or(name), -1)
    });
    found.filter(|zone| zone.parse::<Tz>().is_ok())
}

/// The zone so many hours, minutes and seconds east of Greenwich (`+05:30`), or west of it, as Arrow calls it.
pub fn east(text: &str) -> Option<String> {
    offset(text, 1)
}

/// `zone`, which is one of [`named`]'s or [`east`]'s, as Postgres shows it; [`named`] knows it again.
pub fn shown(zone: &str) -> String {
    match zone.split_at_checked(1) {
        Some(("+", digits)) => format!("<{zone}>-{digits}"),
        Some(("-", digits)) => format!("<{zone}>+{digits}"),
        _ => zone.to_owned(),
    }
}

fn offset(text: &str, direction: i32) -> Option<String> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (direction, &text[1..]),
        b'-' => (-direction, &text[1..]),
        _ => return None,
    };
    let mut parts = digits.split(':').map(|part| part.parse::<i32>().ok().filter(|_| part.len() <= 2));
    let hours = parts.next()??;
    let minutes = parts.next().map_or(Some(0), |minutes| minutes)?;
    if parts.next().is_some() || hours > HOURS_MAX || minutes > 59 {
        return None;
    }
    let sign = if sign * (hours + minutes) < 0 { '-' } else { '+' };
    Some(format!("{sign}{hours:02}:{minutes:02}"))
}

/// Both functions.
pub(super) fn functions() -> [ScalarUDF; 2] {
    let signature = || Signature::user_defined(Volatility::Immutable);
    [
        ScalarUDF::new_from_impl(AtTimeZone { signature: signature() }),
        ScalarUDF::new_from_impl(InTimeZone { signature: signature() }),
    ]
}

/// The zone that Arrow calls so.
pub(super) fn zone(name: &str) -> Result<TimeZone> {
    let fixed = || {
        let seconds = offset_seconds(name)?;
        Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
    };
    match TimeZone::get(name).ok().or_else(fixed) {
        Some(zone) => Ok(zone),
        None => exec_err!("time zone \"{name}\" not recognized"),
    }
}

fn offset_seconds(name: &str) -> Option<i32> {
    let (sign, digits) = (if name.starts_with('-') { -1 } else { 1 }, name.get(1..)?);
    let (hours, minutes) = digits.split_once(':')?;
    Some(sign * (hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?) * 60)
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// What is `value` in `unit` after 1970.
pub(super) fn instant(value: i64, unit: TimeUnit) -> Result<Timestamp> {
    let each = per_second(unit);
    let nanoseconds = value.rem_euclid(each) * (1_000_000_000 / each);
    match Timestamp::new(value.div_euclid(each), i32::try_from(nanoseconds).unwrap_or_default()) {
        Ok(instant) => Ok(instant),
        Err(error) => exec_err!("timestamp out of range: {error}"),
    }
}

/// The time on the clocks of `zone`, and back. Where a clock shows a time twice or never, standard time is meant.
fn shifted(value: i64, unit: TimeUnit, zone: &TimeZone, to_local: bool) -> Result<i64> {
    let given = instant(value, unit)?;
    let seconds = if to_local {
        i64::from(zone.to_offset(given).seconds())
    } else {
        match zone.to_ambiguous_timestamp(TimeZone::UTC.to_datetime(given)).later() {
            Ok(meant) => meant.as_second() - given.as_second(),
            Err(error) => return exec_err!("timestamp out of range: {error}"),
        }
    };
    Ok(value + per_second(unit) * seconds)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AtTimeZone {
    signature: Signature,
}

impl ScalarUDFImpl for AtTimeZone {
    fn name(&self) -> &str {
        AT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, time @ DataType::Timestamp(..), _] => Ok(vec![DataType::Utf8, time.clone(), DataType::Utf8]),
            [_, other, _] => plan_err!(
                "AT TIME ZONE takes a timestamp, it was given {other}: cast it to timestamp or timestamptz, whichever it is"
            ),
            _ => plan_err!("AT TIME ZONE takes a timestamp and a zone"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("depends on the session's zone")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let DataType::Timestamp(unit, of) = arguments.arg_fields[1].data_type() else {
            return plan_err!("AT TIME ZONE takes a timestamp");
        };
        let session = || {
            let session = arguments.scalar_arguments[2].and_then(|zone| zone.try_as_str().flatten());
            Arc::from(session.unwrap_or(UTC))
        };
        let given = DataType::Timestamp(*unit, if of.is_some() { None } else { Some(session()) });
        Ok(Arc::new(Field::new(AT, given, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [zones, times, _] = arguments.args.as_slice() else {
            return exec_err!("AT TIME ZONE takes a timestamp and a zone");
        };
        let times = times.to_array(arguments.number_rows)?;
        let DataType::Timestamp(unit, of) = times.data_type().clone() else {
            return exec_err!("AT TIME ZONE takes a timestamp");
        };
        let values = cast(&times, &DataType::Int64)?;
        let values = values.as_primitive::<Int64Type>();
        let zones = zones.to_array(arguments.number_rows)?;
        let zones: &StringArray = zones.as_string::<i32>();
        let mut last: Option<(&str, TimeZone)> = None;
        let mut found = Vec::with_capacity(values.len());
        for (value, name) in values.iter().zip(zones) {
            let (Some(value), Some(name)) = (value, name) else {
                found.push(None);
                continue;
            };
            if last.as_ref().is_none_or(|(known, _)| *known != name) {
                let Some(known) = named(name) else { return exec_err!("time zone \"{name}\" not recognized") };
                last = Some((name, zone(&known)?));
            }
            let shift = last.as_ref().map(|(_, zone)| shifted(value, unit, zone, of.is_some()));
            found.push(shift.transpose()?);
        }
        let found: ArrayRef = Arc::new(Int64Array::from(found));
        Ok(ColumnarValue::Array(cast(&found, arguments.return_field.data_type())?))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct InTimeZone {
    signature: Signature,
}

impl ScalarUDFImpl for InTimeZone {
    fn name(&self) -> &str {
        IN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [_, time @ DataType::Timestamp(_, Some(_))] => Ok(vec![DataType::Utf8, time.clone()]),
            [_, other] => {
                plan_err!("date_trunc with a time zone takes a timestamp with time zone, it was given {other}")
            }
            _ => plan_err!("{IN} takes a zone and a time"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("depends on the zone")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let DataType::Timestamp(unit, _) = arguments.arg_fields[1].data_type() else {
            return plan_err!("{IN} takes a zone and a time");
        };
        let Some(name) = arguments.scalar_arguments[0].and_then(ScalarValue::try_as_str).flatten() else {
            return plan_err!("the time zone of date_trunc is a text constant here");
        };
        let Some(zone) = named(name).or_else(|| east(name)) else {
            return plan_err!("time zone \"{name}\" not recognized");
        };
        Ok(Arc::new(Field::new(IN, DataType::Timestamp(*unit, Some(zone.into())), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.as_slice() {
            [_, time] => time.cast_to(arguments.return_field.data_type(), None),
            _ => exec_err!("{IN} takes a zone and a time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_as_postgres_knows_them() {
        let check = |name: &str, expect: Option<&str>| assert_eq!(named(name).as_deref(), expect, "{name}");
        check("europe/zurich", Some("Europe/Zurich"));
        check("utc", Some("UTC"));
        check("America/New_York", Some("America/New_York"));
        check("UTC-2", Some("+02:00"));
        check("GMT+05:30", Some("-05:30"));
        check("+05:30", Some("-05:30"));
        check("Mars/Olympus", None);
        check("+99", None);
        assert_eq!(east("+05:30").as_deref(), Some("+05:30"));
        for zone in ["+05:30", "-03:30", "Europe/Zurich"] {
            check(&shown(zone), Some(zone));
        }
    }

    #[test]
    fn clocks_that_are_set_mean_standard_time() {
        let zone = zone("America/New_York").unwrap();
        let seconds = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let check = |local: &str, expect: &str| {
            let found = shifted(seconds(local), TimeUnit::Second, &zone, false).unwrap();
            assert_eq!(found, seconds(expect), "{local}");
        };
        check("2026-03-08T02:30:00Z", "2026-03-08T07:30:00Z");
        check("2026-11-01T01:30:00Z", "2026-11-01T06:30:00Z");
        check("2026-07-01T00:00:00Z", "2026-07-01T04:00:00Z");
        let local = shifted(seconds("2026-07-01T04:00:00Z"), TimeUnit::Second, &zone, true).unwrap();
        assert_eq!(local, seconds("2026-07-01T00:00:00Z"));
    }
}
