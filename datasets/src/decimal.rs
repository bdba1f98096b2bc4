//! Exact decimals of a file's text, and the one place where they are rounded to nine digits (half-even).
//!
//! A trace prints 9.416666666666666; a quantity has nine digits. Products are formed from the text as it stands and
//! rounded once, so that they equal decimal arithmetic over the file to the last digit (I4).

use engine::units::{SCALE, Units, UnitsError};

/// Most digits, so that a product of two fits an `i128`.
const DIGITS_MAX: usize = 18;

/// `digits` / 10^`scale`, not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    /// Reads digits with at most one point between them; no sign, no exponent. `None` if it is anything else, or has
    /// more than 18 digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() > DIGITS_MAX + 1 {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { digits, scale: fraction.len() as u32 })
    }

    /// Nearest quantity, ties to even.
    pub(crate) fn to_units(self) -> Units {
        let nanos_per_step = 10i128.pow(SCALE as u32);
        Units(divide_half_even(self.digits * nanos_per_step, 10i128.pow(self.scale)))
    }
}

impl From<Units> for Decimal {
    fn from(units: Units) -> Self {
        Self { digits: units.0, scale: SCALE as u32 }
    }
}

/// `duration_ms` / 1000 × `memory_mb` / 1024, rounded half-even to nine digits: what serverless platforms bill.
pub(crate) fn gb_seconds(duration_ms: Decimal, memory_mb: Decimal) -> Result<Units, UnitsError> {
    let product = duration_ms.digits.checked_mul(memory_mb.digits).ok_or(UnitsError::Overflow)?;
    let scale = duration_ms.scale + memory_mb.scale;
    // The 10^9 of nano-units less the 10^3 of milliseconds, cancelled against the scale as far as it goes.
    let factor = SCALE as u32 - 3;
    let dividend = product.checked_mul(10i128.pow(factor.saturating_sub(scale))).ok_or(UnitsError::Overflow)?;
    let divisor = 10i128.pow(scale.saturating_sub(factor)) * 1024;
    Units(divide_half_even(dividend, divisor)).checked()
}

/// Both not negative, `divisor` not zero.
fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let quotient = dividend / divisor;
    let twice = 2 * (dividend % divisor);
    let up = twice > divisor || (twice == divisor && quotient % 2 == 1);
    quotient + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(duration_ms: &str, memory_mb: &str, expect: &str) {
        let of = |text| Decimal::parse(text).unwrap();
        let got = gb_seconds(of(duration_ms), of(memory_mb)).map_or("overflow".to_owned(), |units| units.to_string());
        assert_eq!(got, expect, "{duration_ms} x {memory_mb}");
    }

    #[test]
    fn gb_seconds_are_rounded_once_and_half_even() {
        check("1000", "1024", "1");
        check("0", "17.5", "0");
        check("3", "9.416666666666666", "0.000027588");
        // 977, 977.5 and 978.5 nano-units.
        check("1", "1.000448", "0.000000977");
        check("1", "1.000960", "0.000000978");
        check("1", "1.001984", "0.000000978");
        check("300504", "405.0", "118.851679688");
        check("999999999999999999", "999999999999999999", "overflow");
    }

    #[test]
    fn text_is_read_exactly_or_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1.2.3", "NaN", "1 ", "9999999999999999999"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse("9.4166666666666666").unwrap().to_units().to_string(), "9.416666667");
        assert_eq!(Decimal::parse("0.0000000005").unwrap().to_units().to_string(), "0");
        assert_eq!(Decimal::parse("0.0000000015").unwrap().to_units().to_string(), "0.000000002");
        assert_eq!(Decimal::parse("12.50").unwrap(), Decimal::parse("12.5").unwrap());
    }
}
