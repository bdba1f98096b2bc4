//! Numbers that are read by a pattern: what `to_number` takes of a text.
//!
//! The steps are PostgreSQL's: a word of the pattern takes a digit, a sign or a separator if the text has one there, and a character
//! that is no word passes over one of the text. What is left of a text is not read. Not here: how numbers are written
//! ([`super::numbers`]).

use datafusion::common::{Result, exec_err, not_impl_err};

use super::pattern::{Part, Word};
use super::shape::{Anchor, Shape};

/// Digits of the numbers that there are.
const DIGITS_MAX: usize = 38;
/// What is no part of a number, where a word passes over what stands for it.
const DATA: &[u8] = b"0123456789.,+-";

/// A number that was read: so many units, of which so many digits are behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figure {
    pub(super) units: i128,
    pub(super) scale: usize,
}

/// The number that `text` is in the form of `pattern`, whose shape is `shape`.
///
/// # Errors
/// Texts without a digit, and numbers that are longer than the pattern.
pub(super) fn read(text: &str, pattern: &[Part], shape: &Shape) -> Result<Figure> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, shape, sign: None, before: Vec::new(), behind: None };
    reader.go(pattern)?;
    reader.figure()
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    shape: &'a Shape,
    sign: Option<u8>,
    /// Digits before the point.
    before: Vec<u8>,
    /// And behind it, once it was read.
    behind: Option<Vec<u8>>,
}

impl Reader<'_> {
    fn go(&mut self, pattern: &[Part]) -> Result<()> {
        for part in pattern {
            if self.at >= self.text.len() {
                break;
            }
            match part {
                Part::Literal(..) => self.pass(),
                Part::Word(word) => self.word(word)?,
            }
        }
        Ok(())
    }

    fn current(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Goes behind a character, however many bytes it has.
    fn pass(&mut self) {
        self.at += 1;
        while self.current().is_some_and(|byte| byte & 0xC0 == 0x80) {
            self.at += 1;
        }
    }

    /// Goes behind so many characters that are no part of a number.
    fn pass_marks(&mut self, count: usize) {
        for _ in 0..count {
            if self.current().is_none_or(|byte| DATA.contains(&byte)) {
                break;
            }
            self.pass();
        }
    }

    fn word(&mut self, word: &Word) -> Result<()> {
        match word.name {
            "9" | "0" | "." | "D" => {
                self.digit(matches!(word.name, "9" | "0"));
                self.at += 1;
            }
            "," | "G" if !self.shape.is_bare && self.current() == Some(b',') => self.at += 1,
            "L" => self.pass_marks(1),
            "TH" if self.sign != Some(b'-') && !self.shape.has_point => self.pass_marks(2),
            "MI" => self.sign_or_mark(b"-"),
            "PL" => self.sign_or_mark(b"+"),
            "SG" => self.sign_or_mark(b"-+"),
            "EEEE" | "RN" => return not_impl_err!("\"{}\" not supported for input", word.name),
            _ => {}
        }
        Ok(())
    }

    fn sign_or_mark(&mut self, signs: &[u8]) {
        match self.current() {
            Some(sign) if signs.contains(&sign) => {
                self.sign = Some(sign);
                self.at += 1;
            }
            _ => self.pass_marks(1),
        }
    }

    fn count(&self) -> usize {
        self.before.len() + self.behind.as_ref().map_or(0, Vec::len)
    }

    /// Reads a digit or the point, with a sign around it; whoever asks goes behind what was read last.
    fn digit(&mut self, is_digit: bool) {
        if self.current() == Some(b' ') {
            self.at += 1;
        }
        if self.sign.is_none() && is_digit && self.count() == 0 {
            self.sign_before();
        }
        let mut is_read = false;
        match self.current() {
            None => return,
            Some(digit @ b'0'..=b'9') => {
                match &mut self.behind {
                    Some(behind) if behind.len() == self.shape.behind => return,
                    Some(behind) => behind.push(digit),
                    None => self.before.push(digit),
                }
                is_read = true;
            }
            Some(b'.') if self.shape.has_point && self.behind.is_none() => {
                self.behind = Some(Vec::new());
                is_read = true;
            }
            Some(_) => {}
        }
        if self.sign.is_none() && self.count() > 0 {
            self.sign_behind(is_read);
        }
    }

    fn sign_before(&mut self) {
        let is_anchored = self.shape.has_sign && self.shape.anchor == Anchor::Before;
        match self.current() {
            Some(sign @ (b'-' | b'+')) => {
                self.sign = Some(sign);
                self.at += 1;
            }
            Some(b'<') if self.shape.has_brackets && !is_anchored => {
                self.sign = Some(b'-');
                self.at += 1;
            }
            _ => {}
        }
    }

    fn sign_behind(&mut self, is_read: bool) {
        if self.shape.has_sign {
            if is_read && let Some(sign @ (b'-' | b'+')) = self.text.get(self.at + 1).copied() {
                self.sign = Some(sign);
                self.at += 1;
            }
        } else if !is_read
            && (self.shape.has_plus || self.shape.has_minus)
            && let Some(sign @ (b'-' | b'+')) = self.current()
        {
            self.sign = Some(sign);
        }
    }

    fn figure(self) -> Result<Figure> {
        let behind = self.behind.unwrap_or_default();
        let digits = self.before.iter().chain(&behind).map(|digit| char::from(*digit)).collect::<String>();
        if digits.is_empty() {
            return exec_err!("invalid input syntax for type numeric: there is no number in the text");
        }
        let whole = self.before.iter().skip_while(|digit| **digit == b'0').count();
        if whole > self.shape.before + self.shape.moved || digits.len() > DIGITS_MAX {
            return exec_err!("numeric field overflow: the number is longer than its pattern");
        }
        match digits.parse::<i128>() {
            Ok(units) => {
                Ok(Figure { units: if self.sign == Some(b'-') { -units } else { units }, scale: behind.len() })
            }
            Err(_) => exec_err!("numeric field overflow"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::of_numbers;
    use super::*;

    fn told(text: &str, pattern: &str) -> Option<String> {
        let parts = of_numbers(pattern);
        let Figure { units, scale } = read(text, &parts, &Shape::of(&parts).unwrap()).ok()?;
        Some(format!("{units}e-{scale}"))
    }

    #[test]
    fn texts_are_read_as_far_as_the_pattern_goes() {
        let check = |text: &str, pattern: &str, expect: &str| {
            assert_eq!(told(text, pattern).as_deref(), Some(expect), "{text} {pattern}");
        };
        check("1,234.50", "9,999.99", "123450e-2");
        check("12,454.8-", "99G999D9S", "-124548e-1");
        check("$1,234.56", "L9,999.99", "123456e-2");
        check("-12", "S99", "-12e-0");
        check("1234", "99", "12e-0");
        check("12.345", "99.9", "123e-1");
        check("<12>", "99PR", "-12e-0");
        check("12-", "99MI", "-12e-0");
        check("42nd", "99th", "42e-0");
        check("5 4 4 4 4 8 . 7 8", "9 9 9 9 9 9 . 9 9", "54444878e-2");
        check(".-01", "99.99S", "-1e-2");
        check("-34,338,492.654,878", "99G999G999D999G999", "-34338492654878e-6");
        check("34,50", "999,99", "3450e-0");
        check("5.01-", "FM9.999999S", "-501e-2");
        for (text, pattern) in [("", "99"), ("abc", "99"), ("1234", "99.99"), (".", "9.9")] {
            assert_eq!(told(text, pattern), None, "{text} {pattern}");
        }
    }
}
