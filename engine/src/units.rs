//! Metered quantities: `Decimal128(38, 9)` everywhere, so that sums are exact and order-free (I4).
//!
//! One *unit* is stored as 10⁹ nano-units in an `i128`. Not here: money (that is priced units), arithmetic on columns
//! (Arrow's kernels do it).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits in all, as in SQL's `DECIMAL(38, 9)`.
pub const PRECISION: u8 = 38;
/// Digits behind the point.
pub const SCALE: i8 = 9;
/// Nano-units in one unit.
pub const ONE: i128 = 1_000_000_000;
/// A single event's quantity stays below 10¹⁸ units, so that 10¹¹ events can be summed without overflow.
pub const VALUE_UNITS_MAX: i128 = 1_000_000_000_000_000_000;

/// An exact quantity: nano-units in an `i128`, printed as a decimal without trailing zeros.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Units(pub i128);

/// Why a text or number is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnitsError {
    /// Not a decimal number at all.
    #[error("not a decimal number")]
    Malformed,
    /// More than nine digits behind the point that are not zero.
    #[error("more than 9 digits behind the point")]
    Precision,
    /// At or beyond [`VALUE_UNITS_MAX`] in size.
    #[error("too large: at most 10^18 in size")]
    Overflow,
}

impl Units {
    /// `n` whole units.
    pub const fn whole(n: i64) -> Self {
        Self(n as i128 * ONE)
    }

    /// Parses a JSON number's or decimal's text exactly (sign, digits, point, exponent); never rounds.
    pub fn parse(text: &str) -> Result<Self, UnitsError> {
        if let Some(units) = Self::parse_short(text.as_bytes()) {
            return Ok(units);
        }
        let bytes = text.as_bytes();
        let (negative, mut at) = match bytes.first() {
            Some(b'-') => (true, 1),
            Some(b'+') => (false, 1),
            _ => (false, 0),
        };
        let mut value: i128 = 0;
        let mut digits = 0usize;
        let mut scale: i32 = 0;
        let mut past_point = false;
        while at < bytes.len() {
            match bytes[at] {
                digit @ b'0'..=b'9' => {
                    digits += 1;
                    if past_point {
                        scale += 1;
                    }
                    value = value
                        .checked_mul(10)
                        .and_then(|v| v.checked_add(i128::from(digit - b'0')))
                        .ok_or(UnitsError::Overflow)?;
                }
                b'.' if !past_point => past_point = true,
                b'e' | b'E' => break,
                _ => return Err(UnitsError::Malformed),
            }
            at += 1;
        }
        if digits == 0 {
            return Err(UnitsError::Malformed);
        }
        let mut exponent: i32 = 0;
        if at < bytes.len() {
            exponent = text[at + 1..].parse().map_err(|_| UnitsError::Malformed)?;
        }
        if value == 0 {
            return Ok(Self(0));
        }
        let shift =
            i32::from(SCALE).checked_sub(scale).and_then(|s| s.checked_add(exponent)).ok_or(UnitsError::Overflow)?;
        if shift >= 0 {
            if shift > 38 {
                return Err(UnitsError::Overflow);
            }
            let factor = 10i128.checked_pow(shift as u32).ok_or(UnitsError::Overflow)?;
            value = value.checked_mul(factor).ok_or(UnitsError::Overflow)?;
        } else {
            for _ in 0..shift.unsigned_abs() {
                if value % 10 != 0 {
                    return Err(UnitsError::Precision);
                }
                value /= 10;
            }
        }
        let signed = if negative { -value } else { value };
        Self(signed).checked()
    }

    /// What nearly all numbers are: no exponent, at most nine digits behind the point and 18 in all. Reading them in 64 bits
    /// is several times as fast.
    fn parse_short(text: &[u8]) -> Option<Self> {
        let (negative, decimal) = match text {
            [b'-', decimal @ ..] => (true, decimal),
            decimal => (false, decimal),
        };
        let mut value = 0u64;
        let mut point = None;
        for (at, byte) in decimal.iter().enumerate() {
            match byte {
                b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
                b'.' if point.is_none() => point = Some(at),
                _ => return None,
            }
        }
        let digits = decimal.len() - usize::from(point.is_some());
        let behind = point.map_or(0, |at| decimal.len() - at - 1);
        if digits == 0 || digits > 18 {
            return None;
        }
        let missing = (SCALE as usize).checked_sub(behind)?;
        let size = i128::from(value) * i128::from(10u64.pow(missing as u32));
        Some(Self(if negative { -size } else { size }))
    }

    /// The same quantity, if one event may carry it.
    pub fn checked(self) -> Result<Self, UnitsError> {
        if self.0.unsigned_abs() >= (VALUE_UNITS_MAX * ONE).unsigned_abs() {
            return Err(UnitsError::Overflow);
        }
        Ok(self)
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (size, one) = (self.0.unsigned_abs(), ONE.unsigned_abs());
        // Dividing what fits 64 bits takes a fraction of the time.
        let (whole, nanos) = match u64::try_from(size) {
            Ok(size) => (u128::from(size / one as u64), size % one as u64),
            Err(_) => (size / one, (size % one) as u64),
        };
        match u64::try_from(whole) {
            Ok(whole) => write!(f, "{sign}{whole}")?,
            Err(_) => write!(f, "{sign}{whole}")?,
        }
        if nanos == 0 {
            return Ok(());
        }
        let fraction = format!("{nanos:09}");
        write!(f, ".{}", fraction.trim_end_matches('0'))
    }
}

impl FromStr for Units {
    type Err = UnitsError;

    fn from_str(text: &str) -> Result<Self, UnitsError> {
        Self::parse(text)
    }
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Units {
    fn schema_name() -> Cow<'static, str> {
        "Units".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "description": "A decimal with at most 9 digits behind the point; as a text if it has more than 15 digits in all.",
            "examples": ["1000000", "0.95"],
        })
    }
}

/// A text in any format; where formats have numbers, whole ones as well, and fractions as far as a float keeps their digits.
impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Written);
        }
        deserializer.deserialize_str(Written)
    }
}

/// Reads a quantity as somebody may have written it.
struct Written;

impl Visitor<'_> for Written {
    type Value = Units;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Units, E> {
        Units::parse(text).map_err(|error| E::custom(format_args!("{text:?} is {error}")))
    }

    fn visit_u64<E: serde::de::Error>(self, whole: u64) -> Result<Units, E> {
        Units(i128::from(whole) * ONE).checked().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, whole: i64) -> Result<Units, E> {
        Units(i128::from(whole) * ONE).checked().map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Units, E> {
        let text = number.to_string();
        let digits = text.trim_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        // A float has no more for sure, so what was written may have been rounded before it came here.
        if digits > f64::DIGITS as usize {
            return Err(E::custom(format_args!(
                "a number of more than {} digits is exact as a text only",
                f64::DIGITS
            )));
        }
        self.visit_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, UnitsError>) {
        let got = Units::parse(text).map(|units| units.to_string());
        assert_eq!(got, expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn numbers_are_read_exactly_or_refused() {
        check("0", Ok("0"));
        check("-0.0e400", Ok("0"));
        check("12.500", Ok("12.5"));
        check("1e3", Ok("1000"));
        check("15e-1", Ok("1.5"));
        check("-0.000000001", Ok("-0.000000001"));
        check("1.0000000000", Ok("1"));
        check("0.0000000001", Err(UnitsError::Precision));
        check("1e18", Err(UnitsError::Overflow));
        check("1e999999999999", Err(UnitsError::Malformed));
        check("1e99", Err(UnitsError::Overflow));
        check("999999999999999999.999999999", Ok("999999999999999999.999999999"));
        check("", Err(UnitsError::Malformed));
        check("-", Err(UnitsError::Malformed));
        check("1.2.3", Err(UnitsError::Malformed));
        check("NaN", Err(UnitsError::Malformed));
    }

    fn check_json(json: &str, expect: Result<&str, &str>) {
        let got = serde_json::from_str::<Units>(json).map(|units| units.to_string()).map_err(|error| error.to_string());
        match (got, expect) {
            (Ok(got), Ok(expect)) => assert_eq!(got, expect, "{json}"),
            (Err(got), Err(expect)) => assert!(got.contains(expect), "{json}: {got}"),
            (got, _) => panic!("{json}: {got:?}"),
        }
    }

    #[test]
    fn numbers_are_taken_where_formats_have_them_and_texts_everywhere() {
        check_json("\"12.5\"", Ok("12.5"));
        check_json("1000000", Ok("1000000"));
        check_json("-7", Ok("-7"));
        check_json("0.000000001", Ok("0.000000001"));
        check_json("1e3", Ok("1000"));
        check_json("1e18", Err("too large"));
        check_json("18446744073709551615", Err("too large"));
        check_json("0.1234567890123456789", Err("exact as a text only"));
        check_json("123456789012345678.5", Err("exact as a text only"));
        check_json("1e-10", Err("more than 9 digits behind the point"));
        check_json("\"many\"", Err("\"many\" is not a decimal number"));
        check_json("null", Err("expected a decimal number"));
    }
}
