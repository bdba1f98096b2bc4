//! What a pattern for numbers says as a whole: how many digits are before and behind the point, where the sign goes.
//!
//! Words that do not go together are errors, as in PostgreSQL. Not here: what is written by it ([`super::numbers`]).

use datafusion::common::{Result, exec_err};

use super::pattern::Part;

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
pub(super) struct Shape {
    /// Digits before the point.
    pub(super) before: usize,
    /// Digits behind the point.
    pub(super) behind: usize,
    /// Digits that `V` moves the point by.
    pub(super) moved: usize,
    /// Which digit, from the left, is the first that is written as zero.
    pub(super) zero_start: usize,
    /// And which the last.
    pub(super) zero_end: usize,
    pub(super) anchor: Anchor,
    pub(super) anchored_at: usize,
    pub(super) has_point: bool,
    pub(super) has_zero: bool,
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
