//! Patterns of `to_char` and of what reads by one: a text as the parts that PostgreSQL takes it for.
//!
//! The words of a pattern are matched by their exact letters, the longest first. Any other text stands for itself, and so does
//! text in double quotes. Not here: what words mean ([`super::times`], [`super::numbers`]).

/// Words for parts of times. Those of one kind of letters only; `Day` and its like have a case of their own.
const TIME_WORDS: [&str; 58] = [
    "A.D.", "A.M.", "AD", "AM", "B.C.", "BC", "CC", "DAY", "DDD", "DD", "DY", "D", "FF1", "FF2", "FF3", "FF4", "FF5",
    "FF6", "FX", "HH24", "HH12", "HH", "IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I", "J", "MI", "MM", "MONTH", "MON",
    "MS", "OF", "P.M.", "PM", "Q", "RM", "SSSSS", "SSSS", "SS", "TZH", "TZM", "TZ", "US", "WW", "W", "Y,YYY", "YYYY",
    "YYY", "YY", "Y", // Of three letters and more, with a capital only at their beginning.
    "Day", "Dy", "Month", "Mon",
];
/// Words for parts of numbers.
const NUMBER_WORDS: [&str; 20] =
    [",", ".", "0", "9", "B", "C", "D", "EEEE", "FM", "G", "L", "MI", "PL", "PR", "RN", "SG", "SP", "S", "TH", "V"];
/// Words with a capital at their beginning only.
const MIXED: [&str; 4] = ["Day", "Dy", "Month", "Mon"];

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A word, in capitals unless it is one of `Day`, `Dy`, `Month` and `Mon`.
    Word(Word),
    /// A character that stands for itself; whether it was in quotes.
    Literal(char, bool),
}

/// A word of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) name: &'static str,
    /// Whether it was in small letters.
    pub(super) is_small: bool,
    /// Whether `FM` was before it.
    pub(super) is_bare: bool,
    /// Whether `TM` was before it.
    pub(super) is_translated: bool,
    /// Whether `th` was behind it: in capitals, or not.
    pub(super) ordinal: Option<bool>,
}

/// The parts of a pattern for times.
pub(super) fn of_times(pattern: &str) -> Vec<Part> {
    parts(pattern, true)
}

/// The parts of a pattern for numbers.
pub(super) fn of_numbers(pattern: &str) -> Vec<Part> {
    parts(pattern, false)
}

fn parts(pattern: &str, of_times: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let mut word = Word { name: "", is_small: false, is_bare: false, is_translated: false, ordinal: None };
        if of_times && let Some(behind) = after(rest, "FM").or_else(|| after(rest, "TM")) {
            word.is_bare = first.eq_ignore_ascii_case(&'F');
            word.is_translated = !word.is_bare;
            rest = behind;
        }
        if let Some((name, is_small)) = known(rest, of_times) {
            rest = &rest[name.len()..];
            (word.name, word.is_small) = (name, is_small);
            if of_times {
                if let Some(behind) = after(rest, "TH") {
                    word.ordinal = Some(rest.starts_with('T'));
                    rest = behind;
                } else if let Some(behind) = rest.strip_prefix("SP") {
                    rest = behind;
                }
            }
            parts.push(Part::Word(word));
            continue;
        }
        rest = literal(rest, &mut parts);
    }
    parts
}

/// What is behind `prefix`, which is all capitals or all small.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix).or_else(|| text.strip_prefix(prefix.to_ascii_lowercase().as_str()))
}

fn known(text: &str, of_times: bool) -> Option<(&'static str, bool)> {
    let words: &[&'static str] = if of_times { &TIME_WORDS } else { &NUMBER_WORDS };
    let starts = |word: &str, small: bool| {
        let head = text.as_bytes().get(..word.len());
        head.is_some_and(
            |head| {
                if small { head == word.to_ascii_lowercase().as_bytes() } else { head == word.as_bytes() }
            },
        )
    };
    let longest = |small: bool| {
        let found = words.iter().filter(|word| starts(word, small) && !(small && MIXED.contains(word)));
        found.max_by_key(|word| word.len()).map(|word| (*word, small))
    };
    [longest(false), longest(true)].into_iter().flatten().max_by_key(|(word, small)| (word.len(), !small))
}

/// Takes what stands for itself off the front.
fn literal<'a>(text: &'a str, parts: &mut Vec<Part>) -> &'a str {
    let mut characters = text.chars();
    match characters.next() {
        Some('"') => {
            while let Some(next) = characters.next() {
                match next {
                    '"' => break,
                    '\\' => parts.push(Part::Literal(characters.next().unwrap_or('\\'), true)),
                    _ => parts.push(Part::Literal(next, true)),
                }
            }
        }
        Some('\\') if characters.as_str().starts_with('"') => {
            characters.next();
            parts.push(Part::Literal('"', false));
        }
        Some(other) => parts.push(Part::Literal(other, false)),
        None => {}
    }
    characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_by_their_letters() {
        let told = |pattern: &str| {
            let told = of_times(pattern).into_iter().map(|part| match part {
                Part::Word(word) => format!("<{}{}>", if word.is_bare { "-" } else { "" }, word.name),
                Part::Literal(letter, _) => letter.to_string(),
            });
            told.collect::<String>()
        };
        assert_eq!(told("YYYY-MM-DD HH24:MI"), "<YYYY>-<MM>-<DD> <HH24>:<MI>");
        assert_eq!(told("FMDay, FMDDth"), "<-Day>, <-DD>");
        assert_eq!(told("yyyy\"T\\\"\"mm"), "<YYYY>T\"<MM>");
        assert_eq!(told("Day day DAY dAy"), "<Day> <DAY> <DAY> <D>A<Y>");
        assert_eq!(told("Y,YYY é\\\""), "<Y,YYY> é\"");
    }
}
