//! Times that are read by a pattern: `to_date` and `to_timestamp`.
//!
//! Blanks and separators are taken as PostgreSQL takes them: one of a pattern stands for one of the text or for none. A number
//! has as many digits as its word says, or all that there are where no other number follows. What is left of a text is not
//! read. Not here: zones within texts, which are refused, and how times are written ([`super::times`]).

use datafusion::common::{Result, exec_err, not_impl_err};
use jiff::civil::DateTime;

use super::found::Found;
use super::pattern::{Part, Word};
use super::times::{DAYS, MONTHS, ROMANS};

/// The time that `text` is in the form of `pattern`.
///
/// # Errors
/// Texts that have another form, and times that no calendar has.
pub(super) fn time(text: &str, pattern: &[Part]) -> Result<DateTime> {
    Reader { rest: text, skipped: 0, found: Found::default() }.read(text, pattern)
}

struct Reader<'a> {
    rest: &'a str,
    /// Blanks that were passed over beyond those of the pattern.
    skipped: i32,
    found: Found,
}

impl Reader<'_> {
    fn read(mut self, text: &str, pattern: &[Part]) -> Result<DateTime> {
        for (at, part) in pattern.iter().enumerate() {
            if self.rest.is_empty() {
                break;
            }
            if at == 0 || matches!(part, Part::Word(_)) {
                self.skip_blanks();
            }
            match part {
                Part::Literal(letter, false) if *letter == ' ' || is_separator(*letter) => {
                    self.skipped -= 1;
                    if self.rest.starts_with(|next: char| next.is_ascii_whitespace() || is_separator(next)) {
                        self.rest = &self.rest[1..];
                        self.skipped += 1;
                    }
                }
                Part::Literal(..) if self.skipped > 0 => self.skipped -= 1,
                Part::Literal(..) => {
                    let mut letters = self.rest.chars();
                    letters.next();
                    self.rest = letters.as_str();
                }
                Part::Word(word) => {
                    let is_open = word.is_bare || word.ordinal.is_some() || !next_is_digit(pattern.get(at + 1));
                    self.word(word, is_open)?;
                    if word.ordinal.is_some() {
                        let mut letters = self.rest.chars();
                        letters.nth(1);
                        self.rest = letters.as_str();
                    }
                    self.skipped = 0;
                    self.skip_blanks();
                }
            }
        }
        match self.found.time()? {
            Some(time) => Ok(time),
            None => exec_err!("date/time field value out of range: \"{text}\""),
        }
    }

    fn skip_blanks(&mut self) {
        let trimmed = self.rest.trim_start_matches(|next: char| next.is_ascii_whitespace());
        self.skipped = self.skipped.saturating_add(i32::try_from(self.rest.len() - trimmed.len()).unwrap_or(i32::MAX));
        self.rest = trimmed;
    }

    fn word(&mut self, word: &Word, is_open: bool) -> Result<()> {
        let name = word.name;
        if let Some(is_iso) = iso(name) {
            if self.found.is_iso.is_some_and(|known| known != is_iso) {
                return exec_err!("invalid combination of date conventions");
            }
            self.found.is_iso = Some(is_iso);
        }
        match name {
            "HH" | "HH12" => {
                let (hour, _) = self.number(name, 2, is_open)?;
                set(&mut self.found.hour, hour, name)?;
                self.found.is_half_day = true;
            }
            "HH24" => self.field(name, 2, is_open, |found| &mut found.hour)?,
            "MI" => self.field(name, 2, is_open, |found| &mut found.minute)?,
            "SS" => self.field(name, 2, is_open, |found| &mut found.second)?,
            "SSSS" | "SSSSS" => self.field(name, name.len(), is_open, |found| &mut found.of_day)?,
            "MS" | "FF3" => self.fraction(name, 3, is_open, |found| &mut found.milliseconds)?,
            "US" | "FF6" => self.fraction(name, 6, is_open, |found| &mut found.microseconds)?,
            "AM" | "PM" | "A.M." | "P.M." => {
                let names = if name.len() == 2 { ["AM", "PM"] } else { ["A.M.", "P.M."] };
                self.found.is_evening = self.name(name, &names, usize::MAX)? == 1;
                self.found.is_half_day = true;
            }
            "AD" | "BC" => self.found.is_before = self.name(name, &["AD", "BC"], usize::MAX)? == 1,
            "A.D." | "B.C." => self.found.is_before = self.name(name, &["A.D.", "B.C."], usize::MAX)? == 1,
            "MONTH" | "Month" => {
                let month = self.name(name, &MONTHS, usize::MAX)? + 1;
                set(&mut self.found.month, month, name)?;
            }
            "MON" | "Mon" => {
                let month = self.name(name, &MONTHS, 3)? + 1;
                set(&mut self.found.month, month, name)?;
            }
            "RM" => {
                let mut by_length = ROMANS;
                by_length.sort_by_key(|roman| std::cmp::Reverse(roman.len()));
                let found = self.name(name, &by_length, usize::MAX)?;
                let roman = usize::try_from(found).ok().and_then(|at| by_length.get(at).copied()).unwrap_or_default();
                let month = ROMANS.iter().position(|known| *known == roman).map_or(0, |at| at as i32 + 1);
                set(&mut self.found.month, month, name)?;
            }
            "MM" => self.field(name, 2, is_open, |found| &mut found.month)?,
            "DAY" | "Day" => {
                let day = self.name(name, &DAYS, usize::MAX)?;
                set(&mut self.found.weekday, day + 1, name)?;
            }
            "DY" | "Dy" => {
                let day = self.name(name, &DAYS, 3)?;
                set(&mut self.found.weekday, day + 1, name)?;
            }
            "DDD" | "IDDD" => self.field(name, 3, is_open, |found| &mut found.day_of_year)?,
            "DD" => self.field(name, 2, is_open, |found| &mut found.day)?,
            "D" => self.field(name, 1, is_open, |found| &mut found.weekday)?,
            "ID" => {
                let (day, _) = self.number(name, 1, is_open)?;
                // Sunday is the first of the others' week.
                set(&mut self.found.weekday, day % 7 + 1, name)?;
            }
            "WW" | "IW" => self.field(name, 2, is_open, |found| &mut found.week)?,
            "W" => self.field(name, 1, is_open, |found| &mut found.week_of_month)?,
            "Q" => {
                self.number(name, 1, is_open)?;
            }
            "CC" => self.field(name, 2, is_open, |found| &mut found.century)?,
            "J" => self.field(name, 7, true, |found| &mut found.julian)?,
            "YYYY" | "IYYY" => self.year(name, 4, is_open)?,
            "YYY" | "IYY" => self.year(name, 3, is_open)?,
            "YY" | "IY" => self.year(name, 2, is_open)?,
            "Y" | "I" => self.year(name, 1, is_open)?,
            other => return not_impl_err!("texts are not read by \"{other}\" of a pattern here"),
        }
        Ok(())
    }

    fn field(
        &mut self,
        name: &str,
        digits: usize,
        is_open: bool,
        of: impl Fn(&mut Found) -> &mut Option<i32>,
    ) -> Result<()> {
        let (number, _) = self.number(name, digits, is_open)?;
        set(of(&mut self.found), number, name)
    }

    /// Digits behind a point: those that are missing are zeros.
    fn fraction(
        &mut self,
        name: &str,
        digits: usize,
        is_open: bool,
        of: impl Fn(&mut Found) -> &mut Option<i32>,
    ) -> Result<()> {
        let (number, used) = self.number(name, digits, is_open)?;
        let scale = 10_i32.pow(u32::try_from(digits.saturating_sub(used)).unwrap_or_default());
        let Some(scaled) = number.checked_mul(scale) else { return exec_err!("value for \"{name}\" is out of range") };
        set(of(&mut self.found), scaled, name)
    }

    fn year(&mut self, name: &str, digits: usize, is_open: bool) -> Result<()> {
        let (mut year, used) = self.number(name, digits, is_open)?;
        if digits < 4 && used < 4 {
            // One of those that are nearest to 2020.
            year = match year {
                0..=69 => year + 2000,
                70..=99 => year + 1900,
                100..=519 => year + 2000,
                520..=999 => year + 1000,
                other => other,
            };
        }
        self.found.year_digits = digits;
        set(&mut self.found.year, year, name)
    }

    /// A number, and how many characters it had.
    fn number(&mut self, name: &str, digits: usize, is_open: bool) -> Result<(i32, usize)> {
        let bytes = self.rest.as_bytes();
        let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
        let limit = if is_open { usize::MAX } else { digits };
        let count =
            bytes[sign..].iter().take(limit.saturating_sub(sign)).take_while(|digit| digit.is_ascii_digit()).count();
        let used = sign + count;
        if count == 0 || (!is_open && used < digits) {
            let told = self.rest.chars().take(digits).collect::<String>();
            return exec_err!("invalid value \"{told}\" for \"{name}\"");
        }
        let number = self.rest[..used].parse::<i32>();
        self.rest = &self.rest[used..];
        match number {
            Ok(number) => Ok((number, used)),
            Err(_) => exec_err!("value for \"{name}\" in source string is out of range"),
        }
    }

    /// Which of `names`, or of their first letters, comes next in any case.
    fn name(&mut self, word: &str, names: &[&str], letters: usize) -> Result<i32> {
        for (at, name) in names.iter().enumerate() {
            let name = name.get(..letters).unwrap_or(name);
            let head = self.rest.get(..name.len());
            if head.is_some_and(|head| head.eq_ignore_ascii_case(name)) {
                self.rest = &self.rest[name.len()..];
                return Ok(i32::try_from(at).unwrap_or_default());
            }
        }
        let told = self.rest.chars().take(word.len()).collect::<String>();
        exec_err!("invalid value \"{told}\" for \"{word}\"")
    }
}

/// Whether a word counts as ISO does; `None` if it is no date's.
fn iso(name: &str) -> Option<bool> {
    match name {
        "IYYY" | "IYY" | "IY" | "I" | "IW" | "ID" | "IDDD" => Some(true),
        "YYYY" | "YYY" | "YY" | "Y" | "MM" | "MONTH" | "Month" | "MON" | "Mon" | "DD" | "DDD" | "D" | "WW" | "W"
        | "RM" | "J" | "CC" | "AD" | "BC" | "A.D." | "B.C." => Some(false),
        _ => None,
    }
}

fn set(field: &mut Option<i32>, number: i32, name: &str) -> Result<()> {
    if field.is_some_and(|known| known != number) {
        return exec_err!("conflicting values for \"{name}\" field in formatting string");
    }
    *field = Some(number);
    Ok(())
}

fn is_separator(letter: char) -> bool {
    letter.is_ascii_punctuation()
}

/// Whether what comes next in a pattern is a number.
fn next_is_digit(part: Option<&Part>) -> bool {
    const NAMES: [&str; 17] = [
        "AM", "PM", "A.M.", "P.M.", "AD", "BC", "A.D.", "B.C.", "MONTH", "Month", "MON", "Mon", "DAY", "Day", "DY",
        "Dy", "RM",
    ];
    match part {
        None => false,
        Some(Part::Literal(letter, _)) => letter.is_ascii_digit(),
        Some(Part::Word(word)) => !NAMES.contains(&word.name) && !word.name.starts_with("TZ") && word.name != "OF",
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::of_times;
    use super::*;

    #[test]
    fn texts_are_read_by_patterns() {
        let check = |text: &str, pattern: &str, expect: &str| {
            let found = time(text, &of_times(pattern)).map(|time| time.to_string()).unwrap_or_default();
            assert_eq!(found, expect, "{text} {pattern}");
        };
        check("2026-03-01 13:05:09", "YYYY-MM-DD HH24:MI:SS", "2026-03-01T13:05:09");
        check("01 Mar 2026", "DD Mon YYYY", "2026-03-01T00:00:00");
        check("20260301", "YYYYMMDD", "2026-03-01T00:00:00");
        check("2026-060", "YYYY-DDD", "2026-03-01T00:00:00");
        check("26-3-1", "YY-MM-DD", "2026-03-01T00:00:00");
        check("March 1, 2026", "Month DD, YYYY", "2026-03-01T00:00:00");
        check("2026-W09-7", "IYYY-\"W\"IW-ID", "2026-03-01T00:00:00");
        check("01/03/2026 01:05 PM", "DD/MM/YYYY HH12:MI PM", "2026-03-01T13:05:00");
        check("2026-03-01 13:05:09.5", "YYYY-MM-DD HH24:MI:SS.MS", "2026-03-01T13:05:09.5");
        for refused in ["2026-02-30", "nonsense", "2026-13-01"] {
            check(refused, "YYYY-MM-DD", "");
        }
    }
}
