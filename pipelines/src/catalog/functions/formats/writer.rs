//! Digits on their way through a pattern, from left to right.
//!
//! The steps are PostgreSQL's, so that blanks, zeros and signs are where it has them. Not here: which digits they are
//! ([`super::numbers`]).

use super::pattern::Part;
use super::shape::{Anchor, Shape};
use super::times::ordinal;

/// Takes digits through a pattern.
pub(super) struct Writer<'a> {
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
    pub(super) fn new(digits: &'a str, blanks: usize, is_negative: bool, shape: &Shape) -> Self {
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

    pub(super) fn write(mut self, pattern: &[Part]) -> String {
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
                let is_written = !self.ends_at_point() || self.shape.is_bare;
                self.text.extend(is_written.then_some('.'));
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
