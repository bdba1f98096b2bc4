//! What CloudEvents 1.0 asks of an attribute's text: characters, URIs, media types.
//!
//! Looked at once per event on the hot path, so common texts are told by their bytes and repeated ones by comparison with
//! the last ([`Known`]). Not here: which attribute is required, how long one may be.

use std::str::FromStr;

use fluent_uri::{Uri, UriRef};
use mime::Mime;

/// The content type that is assumed where none is named, and needs no look.
pub const JSON: &str = "application/json";

/// Whether `text` is a CloudEvents String: no control characters, no noncharacters.
#[inline]
pub fn is_string(text: &str) -> bool {
    // Without an early exit, so that it runs over many bytes at once.
    let printable = text.bytes().fold(true, |all, byte| all & matches!(byte, 0x20..=0x7e));
    printable || text.chars().all(is_allowed)
}

fn is_allowed(char: char) -> bool {
    let noncharacter = matches!(u32::from(char), 0xfdd0..=0xfdef) || u32::from(char) & 0xfffe == 0xfffe;
    !char.is_control() && !noncharacter
}

/// Whether `text` is a URI-reference that is not empty (RFC 3986).
pub fn is_uri_reference(text: &str) -> bool {
    !text.is_empty() && UriRef::parse(text).is_ok()
}

/// Whether `text` is a URI, which has a scheme (RFC 3986).
pub fn is_uri(text: &str) -> bool {
    Uri::parse(text).is_ok()
}

/// Whether `text` is a media type (RFC 2046).
pub fn is_media_type(text: &str) -> bool {
    let named = |mime: Mime| !mime.type_().as_str().is_empty() && !mime.subtype().as_str().is_empty();
    text == JSON || Mime::from_str(text).is_ok_and(named)
}

/// Whether data of the media type `text` is JSON: its subtype is `json` or ends in `+json`.
pub fn is_json(text: &str) -> bool {
    let media = |mime: Mime| mime.subtype() == mime::JSON || mime.suffix() == Some(mime::JSON);
    text == JSON || Mime::from_str(text).is_ok_and(media)
}

/// Whether `name` is that of an attribute: lower-case letters and digits of ASCII.
pub fn is_attribute_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The last text that passed each check, because events of one producer repeat them.
#[derive(Debug, Default)]
pub(super) struct Known {
    source: String,
    schema: String,
    content_type: String,
}

impl Known {
    pub(super) fn is_source(&mut self, text: &str) -> bool {
        passes(&mut self.source, text, is_uri_reference)
    }

    pub(super) fn is_schema(&mut self, text: &str) -> bool {
        passes(&mut self.schema, text, is_uri)
    }

    pub(super) fn is_content_type(&mut self, text: &str) -> bool {
        passes(&mut self.content_type, text, is_media_type)
    }
}

fn passes(known: &mut String, text: &str, check: fn(&str) -> bool) -> bool {
    if !text.is_empty() && known == text {
        return true;
    }
    let passes = check(text);
    if passes {
        known.clear();
        known.push_str(text);
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_no_control_characters() {
        for text in ["", "plain ~", "é😀", "\u{a0}", "\u{fdcf}", "\u{fffd}"] {
            assert!(is_string(text), "{text:?}");
        }
        for text in ["\0", "a\nb", "\u{7f}", "\u{85}", "\u{fdd0}", "\u{fffe}", "é\u{1ffff}"] {
            assert!(!is_string(text), "{text:?}");
        }
    }

    #[test]
    fn uris_are_told_from_references() {
        for text in ["https://cloudevents.io", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "mailto:a@b"] {
            assert!(is_uri(text) && is_uri_reference(text), "{text}");
        }
        for text in ["/s", "#fragment", "//authority/path", "1-555-123-4567", "import", "a%20b", "?q"] {
            assert!(!is_uri(text) && is_uri_reference(text), "{text}");
        }
        for text in ["", "a b", "/é", "%zz", "<a>", "1:b", "a\\b"] {
            assert!(!is_uri(text) && !is_uri_reference(text), "{text}");
        }
    }

    #[test]
    fn media_types_are_those_of_rfc_2046() {
        for text in ["application/json", "text/json", "application/vnd.a+json; charset=utf-8"] {
            assert!(is_media_type(text) && is_json(text), "{text}");
        }
        for text in ["text/plain", "application/xml; charset=\"utf-8\"", "application/jsonl"] {
            assert!(is_media_type(text) && !is_json(text), "{text}");
        }
        for text in ["", "xyz", "/", "text/", "/plain", "a b/c"] {
            assert!(!is_media_type(text) && !is_json(text), "{text}");
        }
    }

    #[test]
    fn a_text_that_passed_is_known_and_no_other() {
        let mut known = Known::default();
        assert!(known.is_source("/s") && known.is_source("/s") && !known.is_source("/ s") && known.is_source("/s"));
        assert!(!known.is_source("") && !known.is_schema("/s") && !known.is_content_type(""));
    }
}
