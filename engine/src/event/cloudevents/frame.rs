//! Finds where events begin and end in a body, before anything is parsed.
//!
//! Follows brackets and strings only, so that one malformed event does not take its neighbours with it, and measures the
//! depth, so that what recurses later can't overflow its stack (I8). Not here: whether it is JSON.

use crate::event::encoding::MARK;

/// Where a value ends and what it looked like on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// First byte behind the value and the garbage that follows it: a comma or closing bracket of the container around
    /// it, or the end of the input.
    pub(super) end: usize,
    /// First byte behind the outermost bracket; `end` if the value is no container.
    pub(super) closed: usize,
    /// Deepest nesting; 0 for a scalar.
    pub(super) depth: usize,
}

/// The value that `bytes` begin with. `None` if they end inside a container or string.
pub(super) fn extent(bytes: &[u8]) -> Option<Extent> {
    let (mut at, mut depth, mut depth_max) = (0, 0usize, 0usize);
    let mut closed = None;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at + 1)?;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                depth_max = depth_max.max(depth);
            }
            b'}' | b']' if depth == 0 => break,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    closed.get_or_insert(at + 1);
                }
            }
            b',' if depth == 0 => break,
            _ => {}
        }
        at += 1;
    }
    (depth == 0).then_some(Extent { end: at, closed: closed.unwrap_or(at), depth: depth_max })
}

/// First byte behind the string whose content starts at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // A byte of `word ^ pattern` is zero where the pattern's byte stands; this is exact for the lowest such byte.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    loop {
        while let Some(chunk) = bytes.get(at..at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
            let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
            if found != 0 {
                at += found.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// First byte of `body` behind byte order marks and JSON's space.
pub(super) fn start(body: &[u8]) -> usize {
    let mut at = skip_space(body, 0);
    while body[at..].starts_with(MARK) {
        at = skip_space(body, at + MARK.len());
    }
    at
}

/// First byte from `at` on that is not JSON's space.
pub(super) fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| is_space(**byte)).count()
}

/// `bytes` without JSON's space at the end.
pub(super) fn trim_space_end(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().rev().take_while(|byte| is_space(**byte)).count();
    &bytes[..bytes.len() - spaces]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(usize, usize, usize)>) {
        let got = extent(text.as_bytes()).map(|extent| (extent.end, extent.closed, extent.depth));
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn a_value_ends_at_the_comma_or_bracket_around_it() {
        check("1, 2", Some((1, 1, 0)));
        check("1", Some((1, 1, 0)));
        check(r#"{"a":[1,2]}, 3"#, Some((11, 11, 2)));
        check(r#"{"a":"},]"} ]"#, Some((12, 11, 1)));
        check(r#"{"a":"long enough for a word \" and \\"},"#, Some((40, 40, 1)));
        check(r#"{} garbage, 1"#, Some((10, 2, 1)));
        check(r#"{"a":1],2"#, Some((7, 7, 1)));
    }

    #[test]
    fn an_input_that_ends_inside_a_value_has_no_extent() {
        check("[1", None);
        check(r#"{"a":"b"#, None);
        check(r#""a\"#, None);
    }

    #[test]
    fn depth_is_counted_without_recursion() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(extent(deep.as_bytes()).map(|extent| extent.depth), Some(1_000_000));
    }
}
