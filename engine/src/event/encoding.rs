//! Byte order marks and encodings of text: what is skipped in front of events, and what is told apart from damage.
//!
//! Text is UTF-8. Its mark says nothing, and is skipped wherever a line or value begins, since files that were put together
//! have it in the middle. Any other encoding is named in an error (I14). Not here: compression, what the text means.

/// The byte order mark of UTF-8.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// `bytes` without marks and space in front and space at the end.
pub fn trimmed(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes.trim_ascii();
    while let Some(behind) = bytes.strip_prefix(MARK) {
        bytes = behind.trim_ascii_start();
    }
    bytes
}

/// The encoding of text that begins with `bytes`, if it can't be read here: UTF-16 or UTF-32, known by the mark or, because
/// texts here begin with ASCII, by the zeros.
pub fn foreign(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0xff, 0xfe, 0, 0, ..] | [1..=255, 0, 0, 0, ..] => "UTF-32LE",
        [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, 1..=255, ..] => "UTF-32BE",
        [0xff, 0xfe, ..] | [1..=255, 0, 1..=255, 0, ..] => "UTF-16LE",
        [0xfe, 0xff, ..] | [0, 1..=255, 0, 1..=255, ..] => "UTF-16BE",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_skipped_and_other_encodings_named() {
        assert_eq!(trimmed(b" \xef\xbb\xbf \xef\xbb\xbf{} \r\n"), b"{}");
        assert_eq!(trimmed(b"\xef\xbb"), b"\xef\xbb");
        assert_eq!(trimmed(b"\xef\xbb\xbf"), b"");
        let utf16 = |encode: fn(u16) -> [u8; 2]| "[{}]".encode_utf16().flat_map(encode).collect::<Vec<_>>();
        assert_eq!(foreign(&utf16(u16::to_le_bytes)), Some("UTF-16LE"));
        assert_eq!(foreign(&utf16(u16::to_be_bytes)), Some("UTF-16BE"));
        assert_eq!(foreign(b"\xff\xfea\0"), Some("UTF-16LE"));
        assert_eq!(foreign(b"\xfe\xff\0a"), Some("UTF-16BE"));
        assert_eq!(foreign(b"\xff\xfe\0\0a\0\0\0"), Some("UTF-32LE"));
        assert_eq!(foreign(b"\0\0\xfe\xff\0\0\0a"), Some("UTF-32BE"));
        assert_eq!(foreign(b"[\0\0\0"), Some("UTF-32LE"));
        assert_eq!(foreign(b"\0\0\0["), Some("UTF-32BE"));
        for utf8 in ["", "a", "\u{feff}[]", "[{}]", "\u{ff}\u{fe}"] {
            assert_eq!(foreign(utf8.as_bytes()), None, "{utf8}");
        }
    }
}
