//! The backslashes of JSON strings.
//!
//! Not here: where a string ends.

/// How long the escape is that `bytes` begin with, and whether it names a character. `None` if JSON does not know it.
pub(super) fn length(bytes: &[u8]) -> Option<(usize, bool)> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some((2, true)),
        b'u' => {
            let digits = bytes.get(2..6)?;
            match unit(bytes) {
                Some(0xd800..0xdc00) if bytes.get(6..).and_then(unit).is_some_and(is_low) => Some((12, true)),
                Some(unit) => Some((6, !(0xd800..0xe000).contains(&unit))),
                // The string may not end before it has four.
                None if digits.iter().find(|byte| matches!(byte, b'"' | b'\\')) == Some(&b'"') => None,
                None => Some((2, false)),
            }
        }
        _ => None,
    }
}

/// Appends what `escaped` says, whose escapes all name characters.
pub(super) fn undo(escaped: &str, text: &mut String) {
    let mut rest = escaped;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let bytes = &rest.as_bytes()[at..];
        let (length, character) = match bytes[1] {
            b'b' => (2, '\x08'),
            b'f' => (2, '\x0c'),
            b'n' => (2, '\n'),
            b'r' => (2, '\r'),
            b't' => (2, '\t'),
            b'u' => {
                let high = unit(bytes).unwrap_or_default();
                match bytes.get(6..).and_then(unit).filter(|low| (0xd800..0xdc00).contains(&high) && is_low(*low)) {
                    Some(low) => (12, scalar(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))),
                    None => (6, scalar(high)),
                }
            }
            itself => (2, char::from(itself)),
        };
        text.push(character);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
}

fn scalar(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn is_low(unit: u32) -> bool {
    (0xdc00..0xe000).contains(&unit)
}

/// The UTF-16 code unit that `bytes` begin with, written `\u1234`.
fn unit(bytes: &[u8]) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = bytes.get(..6)? else { return None };
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(escaped: &str, expect: Option<&str>) {
        let (mut at, mut sound) = (0, true);
        while let Some(next) = escaped[at..].find('\\') {
            let Some((length, names)) = length(&escaped.as_bytes()[at + next..]) else {
                return assert_eq!(None, expect, "{escaped}");
            };
            sound &= names;
            at += next + length;
        }
        let text = sound.then(|| {
            let mut text = String::new();
            undo(escaped, &mut text);
            text
        });
        assert_eq!(text.as_deref(), expect, "{escaped}");
    }

    #[test]
    fn escapes_name_characters_or_are_told_apart() {
        check(r#"a\"\/\b\f\n\r\t\\z"#, Some("a\"/\x08\x0c\n\r\t\\z"));
        check(r"\u00e9\u6f22\u0000", Some("é漢\0"));
        check(r"\uD83D\ude00x", Some("😀x"));
        check(r"\ud83d", None);
        check(r"\ude00", None);
        check(r"\ud83d\u0041", None);
        check(r"\u12g4", None);
        check(r"\u12", None);
        check(r"\x", None);
        check("\\", None);
    }

    #[test]
    fn an_escape_never_takes_the_closing_quote() {
        assert_eq!(length(br#"\u12",""#), None);
        assert_eq!(length(br#"\u1\"23"#), Some((2, false)));
    }
}
