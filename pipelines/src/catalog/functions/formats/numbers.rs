//! Numbers as texts, by a pattern.
//!
//! The pattern is first looked over as a whole ([`super::shape`]), then the digits of the number go through it
//! ([`super::writer`]); here is which they are. Signs, points and separators are those of the locale `C`.

use datafusion::common::Result;

use super::pattern::Part;
use super::shape::Shape;
use super::writer::Writer;

/// Characters of a number of old.
const ROMAN: usize = 15;
/// Digits that a float of 64 bits has surely.
const FLOAT_DIGITS: usize = 15;

/// A number to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// So many units of which so many digits are behind the point.
    Exact(i128, i8),
    Float(f64),
}

/// `number` in the form of `pattern`, whose shape is `shape`.
pub(super) fn written(number: Number, pattern: &[Part], shape: &Shape) -> Result<String> {
    if shape.is_roman {
        return Ok(roman(number, shape.is_bare, pattern));
    }
    if shape.is_scientific {
        return Ok(scientific(number, shape.behind));
    }
    let mut shape = shape.clone();
    shape.before += shape.moved;
    let (is_negative, digits) = match number {
        Number::Exact(units, scale) => exact(units, scale, &shape),
        Number::Float(value) => float(value, &mut shape),
    };
    let whole = digits.find('.').unwrap_or(digits.len());
    let (digits, blanks) = match shape.before.checked_sub(whole) {
        Some(blanks) => (digits, blanks),
        None => (format!("{}.{}", "#".repeat(shape.before), "#".repeat(shape.behind)), 0),
    };
    Ok(Writer::new(&digits, blanks, is_negative, &shape).write(pattern))
}

/// Whether it is negative, and its digits rounded as `shape` wants.
fn exact(units: i128, scale: i8, shape: &Shape) -> (bool, String) {
    let digits = units.unsigned_abs().to_string();
    let have = i64::from(scale) - shape.moved as i64;
    let text = rounded(&digits, have, shape.behind);
    let is_zero = text.bytes().all(|digit| digit == b'0' || digit == b'.');
    (units < 0 && !is_zero, text)
}

/// `digits`, of which `have` are behind the point, with `want` behind it.
fn rounded(digits: &str, have: i64, want: usize) -> String {
    let lack = want as i64 - have;
    let mut digits = digits.as_bytes().to_vec();
    if lack >= 0 {
        digits.resize(digits.len() + usize::try_from(lack).unwrap_or_default(), b'0');
    } else {
        let cut = usize::try_from(-lack).unwrap_or_default();
        let missing = cut.saturating_sub(digits.len());
        digits.splice(0..0, std::iter::repeat_n(b'0', missing));
        let kept = digits.len() - cut;
        let up = digits[kept] >= b'5';
        digits.truncate(kept);
        if up {
            let mut carry = true;
            for digit in digits.iter_mut().rev() {
                if *digit == b'9' {
                    *digit = b'0';
                } else {
                    *digit += 1;
                    carry = false;
                    break;
                }
            }
            if carry {
                digits.insert(0, b'1');
            }
        }
    }
    let mut text = digits.into_iter().map(char::from).collect::<String>();
    while text.len() <= want {
        text.insert(0, '0');
    }
    let whole = text.len() - want;
    let leading = text[..whole - 1].bytes().take_while(|digit| *digit == b'0').count();
    text.drain(..leading);
    if want > 0 {
        text.insert(whole - leading, '.');
    }
    text
}

fn float(value: f64, shape: &mut Shape) -> (bool, String) {
    let moved = value * 10_f64.powi(i32::try_from(shape.moved).unwrap_or(i32::MAX));
    let whole = format!("{:.0}", moved.abs()).len();
    // No more digits than such a float has.
    if whole >= FLOAT_DIGITS {
        shape.behind = 0;
    } else if whole + shape.behind > FLOAT_DIGITS {
        shape.behind = FLOAT_DIGITS - whole;
    }
    let behind = shape.behind;
    let text = if moved.is_finite() {
        format!("{:.behind$}", moved.abs())
    } else if moved.is_nan() {
        "nan".to_owned()
    } else {
        "inf".to_owned()
    };
    (moved.is_sign_negative() && !moved.is_nan(), text)
}

fn scientific(number: Number, behind: usize) -> String {
    let text = match number {
        Number::Float(value) if !value.is_finite() => return format!(" #.{}", "#".repeat(behind + 4)),
        Number::Float(value) => format!("{value:.behind$e}"),
        Number::Exact(units, scale) => {
            let digits = units.unsigned_abs().to_string();
            let sign = if units < 0 { "-" } else { "" };
            let mut power = digits.len() as i64 - 1 - i64::from(scale);
            let mut kept = rounded(&digits, digits.len() as i64 - 1, behind);
            if units == 0 {
                power = 0;
            } else if kept.find('.').unwrap_or(kept.len()) > 1 {
                // Rounding made it one digit longer.
                power += 1;
                kept = rounded("1", 0, behind);
            }
            format!("{sign}{kept}e{power}")
        }
    };
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power = power.parse::<i64>().unwrap_or_default();
    let blank = if digits.starts_with('-') { "" } else { " " };
    format!("{blank}{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

fn roman(number: Number, is_bare: bool, pattern: &[Part]) -> String {
    let whole = match number {
        Number::Exact(units, scale) => rounded(&units.unsigned_abs().to_string(), scale.into(), 0).parse::<u32>().ok(),
        Number::Float(value) => Some(value.round_ties_even() as u32),
    };
    let is_negative = matches!(number, Number::Exact(..=-1, _));
    let Some(mut rest) = whole.filter(|whole| (1..4000).contains(whole) && !is_negative) else {
        return "#".repeat(ROMAN);
    };
    const STEPS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut text = String::new();
    for (step, letters) in STEPS {
        while rest >= step {
            text.push_str(letters);
            rest -= step;
        }
    }
    let is_small = pattern.iter().any(|part| matches!(part, Part::Word(word) if word.name == "RN" && word.is_small));
    let text = if is_small { text.to_lowercase() } else { text };
    if is_bare { text } else { format!("{text:>ROMAN$}") }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::of_numbers;
    use super::*;

    #[test]
    fn digits_go_where_the_pattern_has_them() {
        let check = |number: Number, pattern: &str, expect: &str| {
            let parts = of_numbers(pattern);
            let found = Shape::of(&parts).and_then(|shape| written(number, &parts, &shape)).unwrap();
            assert_eq!(found, expect, "{number:?} {pattern}");
        };
        check(Number::Exact(12345, 1), "9999.99", " 1234.50");
        check(Number::Exact(12345, 1), "FM9999.99", "1234.5");
        check(Number::Exact(12345, 1), "9,999.00", " 1,234.50");
        check(Number::Exact(-5, 0), "999", "  -5");
        check(Number::Exact(5, 1), "0.99", " 0.50");
        check(Number::Exact(5, 1), "FM990.0", "0.5");
        check(Number::Exact(12, 0), "00000", " 00012");
        check(Number::Exact(12345, 0), "999", " ###");
        check(Number::Exact(1, 1), "9.9", "  .1");
        check(Number::Exact(12, 0), "S99", "+12");
        check(Number::Exact(-12, 0), "99MI", "12-");
        check(Number::Exact(-12, 0), "99PR", "<12>");
        check(Number::Exact(42, 0), "FM99th", "42nd");
        check(Number::Exact(42, 0), "RN", "           XLII");
        check(Number::Exact(12345, 1), "9.99EEEE", " 1.23e+03");
        check(Number::Exact(99999, 1), "9.99EEEE", " 1.00e+04");
        check(Number::Float(12.5), "99.9", " 12.5");
        check(Number::Exact(999, 2), "9.9", " #.#");
    }
}
