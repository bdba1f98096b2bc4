//! Numbers as texts, by a pattern.
//!
//! The pattern is first looked over as a whole: how many digits are before and behind the point, where the sign goes. Then the
//! digits of the number go through it from left to right. The steps are PostgreSQL's, so that blanks and signs are where it has
//! them. Signs, points and separators are those of the locale `C`. Not here: texts that are read ([`super::read_number`]).

use datafusion::common::{Result, exec_err};

use super::pattern::Part;
use super::times::ordinal;

/// Characters of a number of old.
const ROMAN: usize = 15;
/// Digits that a float of 64 bits has surely.
const FLOAT_DIGITS: usize = 15;
/// Digits that a number may be asked for: of what could be more, nothing is known.
const DIGITS_MAX: usize = 1_000;

/// Where the locale's sign goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    None,
    Before,
    Behind,
}

/// What a pattern says as a whole.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of a pattern")]
pub(super) struct Shape {
    /// Digits before the point.
    pub(super) before: usize,
    /// Digits behind the point.
    pub(super) behind: usize,
    /// Digits that `V` moves the point by.
    pub(super) moved: usize,
    /// Which digit, from the left, is the first that is written as zero.
    zero_start: usize,
    /// And which the last.
    zero_end: usize,
    pub(super) anchor: Anchor,
    anchored_at: usize,
    pub(super) has_point: bool,
    has_zero: bool,
    has_moved: bool,
    pub(super) is_bare: bool,
    pub(super) has_sign: bool,
    pub(super) has_brackets: bool,
    pub(super) has_plus: bool,
    pub(super) has_minus: bool,
    pub(super) is_roman: bool,
    pub(super) is_scientific: bool,
}

impl Shape {
    /// That of `pattern`.
    ///
    /// # Errors
    /// Words that do not go together.
    pub(super) fn of(pattern: &[Part]) -> Result<Self> {
        let mut shape = Self {
            before: 0,
            behind: 0,
            moved: 0,
            zero_start: 0,
            zero_end: 0,
            anchor: Anchor::None,
            anchored_at: 0,
            has_point: false,
            has_zero: false,
            has_moved: false,
            is_bare: false,
            has_sign: false,
            has_brackets: false,
            has_plus: false,
            has_minus: false,
            is_roman: false,
            is_scientific: false,
        };
        for part in pattern {
            if let Part::Word(word) = part {
                shape.look(word.name)?;
            }
        }
        if shape.before + shape.behind + shape.moved > DIGITS_MAX {
            return exec_err!("a pattern for numbers may have {DIGITS_MAX} digits");
        }
        Ok(shape)
    }

    fn look(&mut self, word: &str) -> Result<()> {
        if self.is_scientific && word != "EEEE" {
            return exec_err!("\"EEEE\" must be the last pattern used");
        }
        match word {
            "9" | "0" => self.digit(word)?,
            "D" | "." => {
                if self.has_point {
                    return exec_err!("multiple decimal points");
                }
                if self.has_moved {
                    return exec_err!("cannot use \"V\" and decimal point together");
                }
                self.has_point = true;
            }
            "FM" => self.is_bare = true,
            "S" => {
                if self.has_sign {
                    return exec_err!("cannot use \"S\" twice");
                }
                if self.has_plus || self.has_minus || self.has_brackets {
                    return exec_err!("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together");
                }
                self.has_sign = true;
                (self.anchor, self.anchored_at) =
                    if self.has_point { (Anchor::Behind, 0) } else { (Anchor::Before, self.before) };
            }
            "MI" | "PL" | "SG" => {
                if self.has_sign {
                    return exec_err!("cannot use \"S\" and \"{word}\" together");
                }
                self.has_minus |= word != "PL";
                self.has_plus |= word != "MI";
            }
            "PR" => {
                if self.has_sign || self.has_plus || self.has_minus {
                    return exec_err!("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together");
                }
                self.has_brackets = true;
            }
            "RN" => self.is_roman = true,
            "V" => {
                if self.has_point {
                    return exec_err!("cannot use \"V\" and decimal point together");
                }
                self.has_moved = true;
            }
            "EEEE" => {
                if self.is_scientific {
                    return exec_err!("cannot use \"EEEE\" twice");
                }
                let others = [self.is_bare, self.has_sign, self.has_brackets, self.has_minus, self.has_plus];
                if others.contains(&true) || self.is_roman || self.has_moved {
                    return exec_err!("\"EEEE\" is incompatible with other formats");
                }
                self.is_scientific = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn digit(&mut self, word: &str) -> Result<()> {
        if self.has_brackets {
            return exec_err!("\"{word}\" must be ahead of \"PR\"");
        }
        if word == "9" {
            if self.has_moved {
                self.moved += 1;
            } else if self.has_point {
                self.behind += 1;
            } else {
                self.before += 1;
            }
            return Ok(());
        }
        if !self.has_zero && !self.has_point {
            self.has_zero = true;
            self.zero_start = self.before + 1;
        }
        if self.has_point {
            self.behind += 1
        } else {
            self.before += 1
        }
        self.zero_end = self.before + self.behind;
        Ok(())
    }
}

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
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is beyond becomes zero or too large"
        )]
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

/// Takes digits through a pattern.
struct Writer<'a> {
    shape: Shape,
    digits: &'a [u8],
    at: usize,
    blanks: usize,
    is_negative: bool,
    sign_written: bool,
    /// The last digit that `FM` keeps.
    last: Option<usize>,
    /// Positions of digits that there are, from zero.
    count: usize,
    position: usize,
    is_in: bool,
    text: String,
}

impl<'a> Writer<'a> {
    fn new(digits: &'a str, blanks: usize, is_negative: bool, shape: &Shape) -> Self {
        let mut shape = shape.clone();
        shape.zero_start = shape.zero_start.saturating_sub(1);
        let sign_written = if shape.has_plus || shape.has_minus {
            !shape.has_plus || shape.has_minus
        } else {
            if !is_negative && shape.is_bare {
                shape.has_brackets = false;
            }
            if shape.anchor == Anchor::Before && shape.before == shape.anchored_at {
                shape.anchor = Anchor::Behind;
            }
            !is_negative && shape.is_bare && !shape.has_sign
        };
        let mut count = (shape.behind + shape.before).saturating_sub(1);
        let mut last = None;
        if shape.is_bare && shape.has_point {
            last = last_relevant(digits.as_bytes());
            if let Some(known) = last
                && shape.zero_end > blanks
            {
                last = Some(known.max((digits.len() - 1).min(shape.zero_end - blanks)));
            }
        }
        if !sign_written && blanks == 0 {
            count += 1;
        }
        let digits = digits.as_bytes();
        let (at, position, is_in, text) = (0, 0, false, String::new());
        Self { shape, digits, at, blanks, is_negative, sign_written, last, count, position, is_in, text }
    }

    fn write(mut self, pattern: &[Part]) -> String {
        for part in pattern {
            let word = match part {
                Part::Literal(letter, _) => {
                    self.text.push(*letter);
                    continue;
                }
                Part::Word(word) => word,
            };
            match word.name {
                "9" | "0" | "." | "D" => self.digit(word.name == "0"),
                "," | "G" => {
                    if self.is_in {
                        self.text.push(',');
                    } else {
                        self.blank();
                    }
                }
                // The locale C has no currency.
                "L" => self.text.push(' '),
                "TH" => {
                    let is_number = self.digits.first() != Some(&b'#') && !self.is_negative && !self.shape.has_point;
                    if is_number {
                        let suffix = ordinal(&String::from_utf8_lossy(self.digits));
                        self.text.push_str(&if word.is_small { suffix.to_owned() } else { suffix.to_uppercase() });
                    }
                }
                "MI" if self.is_negative => self.text.push('-'),
                "PL" if !self.is_negative => self.text.push('+'),
                "MI" | "PL" => self.blank(),
                "SG" => self.text.push(if self.is_negative { '-' } else { '+' }),
                _ => {}
            }
        }
        self.text
    }

    fn blank(&mut self) {
        if !self.shape.is_bare {
            self.text.push(' ');
        }
    }

    fn current(&self) -> Option<u8> {
        self.digits.get(self.at).copied()
    }

    /// Whether the only digit before the point is a zero that is left out.
    fn is_blank_zero(&self) -> bool {
        !self.shape.has_zero && self.at == 0 && self.current() == Some(b'0') && self.shape.behind != 0
    }

    /// Whether nothing is left behind the point.
    fn ends_at_point(&self) -> bool {
        self.last.is_some_and(|last| self.digits.get(last) == Some(&b'.'))
    }

    fn digit(&mut self, is_zero: bool) {
        self.is_in = false;
        let reached = self.position >= self.blanks || (self.shape.has_zero && self.shape.zero_start == self.position);
        if !self.sign_written && reached && (!self.is_blank_zero() || self.ends_at_point()) {
            self.sign();
        }
        if self.position < self.blanks && (self.shape.zero_start > self.position || !self.shape.has_zero) {
            self.blank();
        } else if self.position < self.blanks {
            self.text.push('0');
            self.is_in = true;
        } else {
            self.next(is_zero);
        }
        let end = if self.last == Some(self.at) {
            self.position
        } else {
            self.count + usize::from(self.blanks > 0) + usize::from(self.shape.has_point)
        };
        if self.position + 1 == end {
            if self.sign_written && self.shape.has_brackets {
                self.text.push(if self.is_negative { '>' } else { ' ' });
            } else if self.shape.has_sign && self.shape.anchor == Anchor::Behind {
                self.text.push(if self.is_negative { '-' } else { '+' });
            }
        }
        self.position += 1;
    }

    fn sign(&mut self) {
        if self.shape.has_sign {
            if self.shape.anchor == Anchor::Before {
                self.text.push(if self.is_negative { '-' } else { '+' });
                self.sign_written = true;
            }
            return;
        }
        self.sign_written = true;
        if self.shape.has_brackets {
            self.text.push(if self.is_negative { '<' } else { ' ' });
        } else if self.is_negative {
            self.text.push('-');
        } else {
            self.blank();
        }
    }

    fn next(&mut self, is_zero: bool) {
        match self.current() {
            Some(b'.') => {
                if !self.ends_at_point() || self.shape.is_bare {
                    self.text.push('.');
                }
            }
            _ if self.last.is_some_and(|last| self.at > last) && !is_zero => {}
            _ if self.is_blank_zero() => {
                if !self.shape.is_bare {
                    self.text.push(' ');
                } else if self.ends_at_point() {
                    self.text.push('0');
                }
            }
            Some(digit) => {
                self.text.push(char::from(digit));
                self.is_in = true;
            }
            None => {}
        }
        if self.at < self.digits.len() {
            self.at += 1;
        }
    }
}

/// The last digit behind the point that is no zero, or the point.
fn last_relevant(digits: &[u8]) -> Option<usize> {
    let point = digits.iter().position(|digit| *digit == b'.')?;
    let behind = digits[point + 1..].iter().rposition(|digit| *digit != b'0');
    Some(behind.map_or(point, |at| point + 1 + at))
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
