//! Patterns of `to_char` for times, as Postgres has them, in those of chrono, which DataFusion takes.
//!
//! What has no equal there is refused: a pattern that is not understood would be answered in its own letters. Not here: numbers.

use datafusion::common::{Result, plan_err};

/// Postgres's and chrono's, longest first; with `FM`, which leaves padding out, the third.
const PATTERNS: [(&str, &str, &str); 31] = [
    ("HH24", "%H", "%-H"),
    ("HH12", "%I", "%-I"),
    ("hh24", "%H", "%-H"),
    ("hh12", "%I", "%-I"),
    ("IYYY", "%G", "%G"),
    ("YYYY", "%Y", "%Y"),
    ("yyyy", "%Y", "%Y"),
    ("Month", "", "%B"),
    ("DDD", "%j", "%-j"),
    ("ddd", "%j", "%-j"),
    ("Mon", "%b", "%b"),
    ("Day", "", "%A"),
    ("HH", "%I", "%-I"),
    ("hh", "%I", "%-I"),
    ("MI", "%M", "%-M"),
    ("mi", "%M", "%-M"),
    ("SS", "%S", "%-S"),
    ("ss", "%S", "%-S"),
    ("MS", "%3f", "%3f"),
    ("ms", "%3f", "%3f"),
    ("US", "%6f", "%6f"),
    ("us", "%6f", "%6f"),
    ("YY", "%y", "%-y"),
    ("yy", "%y", "%-y"),
    ("MM", "%m", "%-m"),
    ("mm", "%m", "%-m"),
    ("DD", "%d", "%-d"),
    ("dd", "%d", "%-d"),
    ("Dy", "%a", "%a"),
    ("IW", "%V", "%-V"),
    ("AM", "%p", "%p"),
];
/// The same, written so.
const ALIKE: [(&str, &str); 3] = [("PM", "%p"), ("am", "%P"), ("pm", "%P")];

/// `pattern` as chrono has it.
///
/// # Errors
/// The part of it that is not known.
pub(super) fn chrono(pattern: &str) -> Result<String> {
    let mut rest = pattern;
    let mut made = String::with_capacity(pattern.len() * 2);
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let Some((literal, behind)) = rest[1..].split_once('"') else {
                return plan_err!("to_char: a quote is not closed in the pattern '{pattern}'");
            };
            made.push_str(&literal.replace('%', "%%"));
            rest = behind;
            continue;
        }
        let (bare, unpadded) = match rest.strip_prefix("FM") {
            Some(behind) => (behind, true),
            None => (rest, false),
        };
        let known = PATTERNS.iter().find(|(known, ..)| bare.starts_with(known));
        let known = known.map(|(known, padded, unpadded_as)| (*known, if unpadded { *unpadded_as } else { *padded }));
        let known = known.or_else(|| ALIKE.iter().copied().find(|(known, _)| bare.starts_with(known)));
        match known {
            Some((known, chrono)) if !chrono.is_empty() => {
                made.push_str(chrono);
                rest = &bare[known.len()..];
            }
            None if !first.is_alphanumeric() && first != '%' => {
                made.push(first);
                rest = &rest[first.len_utf8()..];
            }
            _ => {
                let part = rest.split(|c: char| !c.is_alphanumeric()).next().filter(|part| !part.is_empty());
                return plan_err!(
                    "to_char: '{}' of the pattern '{pattern}' is not known; there are YYYY, MM, DD, HH24, MI, SS, MS, US, Mon, \
                     FMMonth, Dy, FMDay, DDD, IYYY, IW, AM, and texts in double quotes",
                    part.unwrap_or(rest)
                );
            }
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_postgres() {
        let check = |pattern: &str, expect: &str| assert_eq!(chrono(pattern).unwrap(), expect, "{pattern}");
        check("YYYY-MM-DD HH24:MI:SS", "%Y-%m-%d %H:%M:%S");
        check("YYYY\"w\"IW", "%Yw%V");
        check("DD Mon YY, HH12:MI AM", "%d %b %y, %I:%M %p");
        check("FMMonth FMDD", "%B %-d");
        check("YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"", "%Y-%m-%dT%H:%M:%S.%3fZ");
        for refused in ["Month", "Q", "%Y-%m", "TZ", "YYYYth", "\"x"] {
            assert!(chrono(refused).is_err(), "{refused}");
        }
    }
}
