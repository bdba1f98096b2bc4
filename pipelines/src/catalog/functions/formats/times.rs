//! Times and intervals as texts, by a pattern.
//!
//! A time is what clocks show, with the zone's name and offset if it has them; an interval has parts that may be larger than a
//! day's or negative, and no names. Not here: texts that are read ([`super::read`]).

use std::fmt::Write;

use datafusion::common::{Result, exec_err};
use jiff::civil::DateTime;

use super::pattern::{Part, Word};

/// Names of months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Names of days of a week, Sunday first.
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// Months as numbers of old.
pub(super) const ROMANS: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
/// Letters that a name is padded to.
const NAME: usize = 9;
/// The Julian day of 1970-01-01.
pub(super) const JULIAN_1970: i64 = 2_440_588;

/// What is written.
#[derive(Debug, Clone)]
pub(super) struct Time {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    microseconds: i64,
    /// What only a day of a calendar has; an interval has none.
    calendar: Option<DateTime>,
    /// Name of the zone, and seconds east of Greenwich.
    zone: Option<(String, i32)>,
}

impl Time {
    /// A time of a calendar.
    pub(super) fn of(time: DateTime, zone: Option<(String, i32)>) -> Self {
        Self {
            years: time.year().into(),
            months: time.month().into(),
            days: time.day().into(),
            hours: time.hour().into(),
            minutes: time.minute().into(),
            seconds: time.second().into(),
            microseconds: i64::from(time.subsec_nanosecond()) / 1000,
            calendar: Some(time),
            zone,
        }
    }

    /// An interval.
    pub(super) fn span(months: i32, days: i32, nanoseconds: i64) -> Self {
        let us = nanoseconds / 1000;
        Self {
            years: i64::from(months) / 12,
            months: i64::from(months) % 12,
            days: days.into(),
            hours: us / 3_600_000_000,
            minutes: us / 60_000_000 % 60,
            seconds: us / 1_000_000 % 60,
            microseconds: us % 1_000_000,
            calendar: None,
            zone: None,
        }
    }

    /// The year as people count, of which none is zero.
    fn year(&self, years: i64) -> i64 {
        if self.calendar.is_none() || years > 0 { years } else { 1 - years }
    }

    /// It in the form of `pattern`.
    pub(super) fn written(&self, pattern: &[Part]) -> Result<String> {
        let mut text = String::new();
        for part in pattern {
            match part {
                Part::Literal(letter, _) => text.push(*letter),
                Part::Word(word) => self.push(&mut text, word)?,
            }
        }
        Ok(text)
    }

    fn push(&self, text: &mut String, word: &Word) -> Result<()> {
        let begin = text.len();
        match word.name {
            "AM" | "PM" | "A.M." | "P.M." => {
                let (morning, evening) = if word.name.len() == 2 { ("AM", "PM") } else { ("A.M.", "P.M.") };
                let name = if self.hours.rem_euclid(24) >= 12 { evening } else { morning };
                push_cased(text, name, word);
                return Ok(());
            }
            "HH" | "HH12" => {
                let hours = self.hours % 12;
                push_number(text, if hours == 0 { 12 } else { hours }, 2, word);
            }
            "HH24" => push_number(text, self.hours, 2, word),
            "MI" => push_number(text, self.minutes, 2, word),
            "SS" => push_number(text, self.seconds, 2, word),
            "MS" | "FF3" => push_fraction(text, self.microseconds / 1000, 3),
            "US" | "FF6" => push_fraction(text, self.microseconds, 6),
            "FF1" => push_fraction(text, self.microseconds / 100_000, 1),
            "FF2" => push_fraction(text, self.microseconds / 10_000, 2),
            "FF4" => push_fraction(text, self.microseconds / 100, 4),
            "FF5" => push_fraction(text, self.microseconds / 10, 5),
            "SSSS" | "SSSSS" => push_plain(text, self.hours * 3600 + self.minutes * 60 + self.seconds),
            "FX" => return Ok(()),
            "MM" => push_number(text, self.months, 2, word),
            "DD" => push_number(text, self.days, 2, word),
            "Q" => {
                if self.months != 0 {
                    push_plain(text, (self.months - 1) / 3 + 1);
                }
            }
            "W" => push_plain(text, (self.days - 1) / 7 + 1),
            "CC" => self.push_century(text, word),
            "Y,YYY" => {
                let year = self.year(self.years);
                let _ = write!(text, "{},{:03}", year / 1000, year % 1000);
            }
            "YYYY" => push_number(text, self.year(self.years), 4, word),
            "YYY" => push_number(text, self.year(self.years) % 1000, 3, word),
            "YY" => push_number(text, self.year(self.years) % 100, 2, word),
            "Y" => push_plain(text, self.year(self.years) % 10),
            "RM" => self.push_roman(text, word),
            "DDD" if self.calendar.is_none() => {
                push_number(text, (self.years * 12 + self.months) * 30 + self.days, 3, word);
            }
            name => {
                let Some(time) = self.calendar else {
                    return exec_err!("invalid format specification for an interval value: \"{name}\"");
                };
                self.push_of_calendar(text, time, word)?;
            }
        }
        if let Some(is_capital) = word.ordinal {
            push_ordinal(text, begin, is_capital)?;
        }
        Ok(())
    }

    fn push_of_calendar(&self, text: &mut String, time: DateTime, word: &Word) -> Result<()> {
        let date = time.date();
        let week = date.iso_week_date();
        let weekday = i64::from(date.weekday().to_sunday_zero_offset());
        let named = |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied());
        match word.name {
            "AD" | "BC" => push_cased(text, if self.years > 0 { "AD" } else { "BC" }, word),
            "A.D." | "B.C." => push_cased(text, if self.years > 0 { "A.D." } else { "B.C." }, word),
            "MONTH" | "Month" | "MON" | "Mon" => push_name(text, named(&MONTHS, self.months - 1), word),
            "DAY" | "Day" | "DY" | "Dy" => push_name(text, named(&DAYS, weekday), word),
            "DDD" => push_number(text, date.day_of_year().into(), 3, word),
            "IDDD" => {
                let days = (i64::from(week.week()) - 1) * 7 + i64::from(week.weekday().to_monday_one_offset());
                push_number(text, days, 3, word);
            }
            "D" => push_plain(text, weekday + 1),
            "ID" => push_plain(text, if weekday == 0 { 7 } else { weekday }),
            "WW" => push_number(text, (i64::from(date.day_of_year()) - 1) / 7 + 1, 2, word),
            "IW" => push_number(text, week.week().into(), 2, word),
            "IYYY" => push_number(text, self.year(week.year().into()), 4, word),
            "IYY" => push_number(text, self.year(week.year().into()) % 1000, 3, word),
            "IY" => push_number(text, self.year(week.year().into()) % 100, 2, word),
            "I" => push_plain(text, self.year(week.year().into()) % 10),
            "J" => {
                let days = i64::from((date - jiff::civil::date(1970, 1, 1)).get_days());
                push_plain(text, days + JULIAN_1970);
            }
            "TZ" => {
                let name = self.zone.as_ref().map_or("", |(name, _)| name);
                text.push_str(&if word.is_small { name.to_lowercase() } else { name.to_owned() });
            }
            "OF" => {
                let (sign, seconds) = self.offset();
                let width = if word.is_bare { 1 } else { 2 };
                let _ = write!(text, "{sign}{:0width$}", seconds / 3600);
                if seconds % 3600 != 0 {
                    let _ = write!(text, ":{:02}", seconds % 3600 / 60);
                }
            }
            "TZH" => {
                let (sign, seconds) = self.offset();
                let _ = write!(text, "{sign}{:02}", seconds / 3600);
            }
            "TZM" => {
                let _ = write!(text, "{:02}", self.offset().1 % 3600 / 60);
            }
            other => return exec_err!("to_char does not know \"{other}\""),
        }
        Ok(())
    }

    fn offset(&self) -> (char, i32) {
        let seconds = self.zone.as_ref().map_or(0, |(_, seconds)| *seconds);
        (if seconds < 0 { '-' } else { '+' }, seconds.abs())
    }

    fn push_century(&self, text: &mut String, word: &Word) {
        let century = if self.calendar.is_none() {
            self.years / 100
        } else if self.years > 0 {
            (self.years - 1) / 100 + 1
        } else {
            self.years / 100 - 1
        };
        if century.abs() <= 99 { push_number(text, century, 2, word) } else { push_plain(text, century) }
    }

    fn push_roman(&self, text: &mut String, word: &Word) {
        if self.months == 0 && self.years == 0 {
            return;
        }
        let at = (self.months - 1).rem_euclid(12);
        let name = usize::try_from(at).ok().and_then(|at| ROMANS.get(at).copied()).unwrap_or_default();
        let name = if word.is_small { name.to_lowercase() } else { name.to_owned() };
        let _ = if word.is_bare { write!(text, "{name}") } else { write!(text, "{name:<4}") };
    }
}

/// A number of so many digits; a sign is one more.
fn push_number(text: &mut String, number: i64, digits: usize, word: &Word) {
    let width = if word.is_bare { 0 } else { digits + usize::from(number < 0) };
    let _ = write!(text, "{number:0width$}");
}

fn push_fraction(text: &mut String, number: i64, digits: usize) {
    let width = digits;
    let _ = write!(text, "{number:0width$}");
}

fn push_plain(text: &mut String, number: i64) {
    let _ = write!(text, "{number}");
}

fn push_cased(text: &mut String, name: &str, word: &Word) {
    if word.is_small { text.push_str(&name.to_ascii_lowercase()) } else { text.push_str(name) }
}

/// A name in the case of its word, short if that is.
fn push_name(text: &mut String, name: Option<&'static str>, word: &Word) {
    let Some(name) = name else { return };
    let is_short = word.name.len() <= 3 && !word.name.eq_ignore_ascii_case("DAY");
    let name = if is_short { &name[..3] } else { name };
    let is_capital = word.name.bytes().all(|letter| letter.is_ascii_uppercase());
    let cased = match (word.is_small, is_capital) {
        (true, _) => name.to_ascii_lowercase(),
        (false, true) => name.to_ascii_uppercase(),
        (false, false) => name.to_owned(),
    };
    let is_bare = word.is_bare || word.is_translated || is_short;
    let _ = if is_bare { write!(text, "{cased}") } else { write!(text, "{cased:<NAME$}") };
}

/// Puts `st`, `nd`, `rd` or `th` behind the number that begins at `begin`.
fn push_ordinal(text: &mut String, begin: usize, is_capital: bool) -> Result<()> {
    let number = &text[begin..];
    if !number.ends_with(|last: char| last.is_ascii_digit()) {
        return exec_err!("\"{number}\" is not a number");
    }
    let suffix = ordinal(number);
    text.push_str(&if is_capital { suffix.to_ascii_uppercase() } else { suffix.to_owned() });
    Ok(())
}

/// What stands behind a number that says which one of many.
pub(super) fn ordinal(number: &str) -> &'static str {
    let digits = number.as_bytes();
    let is_teen = digits.len() > 1 && digits[digits.len() - 2] == b'1';
    match digits.last() {
        Some(b'1') if !is_teen => "st",
        Some(b'2') if !is_teen => "nd",
        Some(b'3') if !is_teen => "rd",
        _ => "th",
    }
}
