//! CloudEvents' binary content mode over HTTP: attributes as `ce-` headers, data as body.
//!
//! Becomes the structured form before it is decoded, so that there is one decoder. `Content-Type` is the attribute
//! `datacontenttype`. Data that is JSON becomes JSON, other text a string, and anything else base64. Not here: what an event
//! must have.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::event::syntax;
use serde::de::IgnoredAny;

use super::media::Media;
use super::problem::{Kind, Problem};

/// What attributes' headers begin with.
const PREFIX: &str = "ce-";

/// Attributes that are no headers: data is the body, its type the header of HTTP.
const NO_HEADERS: [&str; 3] = ["data", "data_base64", "datacontenttype"];

/// The event in the JSON format.
pub(super) fn structured(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut event = serde_json::Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        if NO_HEADERS.contains(&attribute) {
            return Err(refused(name, "data is the body, and Content-Type says what it is"));
        }
        let text = decoded(name, value)?;
        if event.insert(attribute.to_owned(), text.into()).is_some() {
            return Err(refused(name, "each attribute is given once"));
        }
    }
    let media = match headers.get(header::CONTENT_TYPE) {
        Some(value) => {
            let text = value.to_str().map_err(|_| refused(&header::CONTENT_TYPE, "use printable ASCII"))?.trim();
            event.insert("datacontenttype".to_owned(), text.into());
            text
        }
        None => syntax::JSON,
    };
    let mut out = serde_json::to_vec(&event).map_err(|error| Kind::Malformed.with(error.to_string()))?;
    if body.is_empty() {
        return Ok(out);
    }
    out.pop();
    if !event.is_empty() {
        out.push(b',');
    }
    push_data(&mut out, media, body)?;
    out.push(b'}');
    Ok(out)
}

fn push_data(out: &mut Vec<u8>, media: &str, body: &[u8]) -> Result<(), Problem> {
    let media = Media::parse(media);
    if media.is_json() {
        media.check_utf8()?;
        let text = media.text(body)?;
        // The text itself, so that numbers keep every digit; it is known to be one whole JSON value.
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
            Kind::Malformed.with(format!("data is not JSON: {error}")).field("data", "malformed", error.to_string())
        })?;
        out.extend_from_slice(b"\"data\":");
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    match media.is_text().then(|| std::str::from_utf8(body).ok()).flatten() {
        Some(text) => {
            out.extend_from_slice(b"\"data\":");
            out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
        }
        None => {
            out.extend_from_slice(b"\"data_base64\":\"");
            out.extend_from_slice(STANDARD.encode(body).as_bytes());
            out.push(b'"');
        }
    }
    Ok(())
}

fn refused(name: &HeaderName, detail: &str) -> Problem {
    Kind::Malformed.with(format!("header {name}: {detail}")).field(name.as_str(), "invalid", detail)
}

/// Section 3.1.3.2 of the CloudEvents HTTP binding: double-quoted strings are unescaped, then percent-encoding is undone,
/// once.
fn decoded(name: &HeaderName, value: &HeaderValue) -> Result<String, Problem> {
    let text = value.to_str().ok().and_then(unquoted);
    text.and_then(|text| percent_decoded(&text))
        .ok_or_else(|| refused(name, "use printable ASCII, percent-encode everything else, and close what is quoted"))
}

/// `None` if a quote is not closed.
fn unquoted(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut chars = text.trim().chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => quoted = !quoted,
            '\\' if quoted => out.push(chars.next()?),
            _ => out.push(char),
        }
    }
    (!quoted).then_some(out)
}

/// `None` if a `%` is not followed by two hex digits, or the bytes are not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(headers: &[(&'static str, &str)], body: impl AsRef<[u8]>, expect: Result<serde_json::Value, Kind>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let got = structured(&map, body.as_ref()).map_err(|problem| problem.kind);
        let got = got.map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap());
        assert_eq!(got, expect, "{headers:?}");
    }

    #[test]
    fn headers_become_attributes() {
        let json = "application/json; charset=utf-8";
        let headers = [("ce-id", "1"), ("ce-source", "/a%20b%C3%A9"), ("host", "x"), ("content-type", json)];
        let event = json!({"id": "1", "source": "/a bé", "datacontenttype": json, "data": {"tokens": 3}});
        check(&headers, r#"{"tokens": 3}"#, Ok(event));
        check(&[("ce-id", "1")], "", Ok(json!({"id": "1"})));
        check(&[("ce-id", "1")], "7", Ok(json!({"id": "1", "data": 7})));
        check(&[("content-type", "text/plain")], "", Ok(json!({"datacontenttype": "text/plain"})));
    }

    #[test]
    fn values_are_unquoted_and_then_decoded_once() {
        for (value, expect) in [
            ("\"hello world\"", "hello world"),
            ("\"1\"", "1"),
            (r#""a \"quote\" and a \\""#, r#"a "quote" and a \"#),
            ("a%22b", "a\"b"),
            ("\"a%20b\"%20c", "a b c"),
            ("%2541", "%41"),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
            ("euro%e2%82%ac", "euro€"),
            ("%41", "A"),
            ("a\\b", "a\\b"),
            ("", ""),
        ] {
            check(&[("ce-subject", value)], "", Ok(json!({"subject": expect})));
        }
        for value in ["%zz", "%4", "%C0%A0", "\"open", r#""a\"#, "\"a\\\""] {
            check(&[("ce-subject", value)], "", Err(Kind::Malformed));
        }
    }

    #[test]
    fn data_is_what_its_type_says() {
        let data = |media: &str, body: &[u8], member: &str, value: serde_json::Value| {
            check(&[("content-type", media)], body, Ok(json!({"datacontenttype": media, member: value})));
        };
        data("text/json", b"{\"n\":1}", "data", json!({"n": 1}));
        data("application/vnd.a+json", b"[1]", "data", json!([1]));
        data("application/json; charset=\"UTF-8\"", "\u{feff}1".as_bytes(), "data", json!(1));
        data("text/plain", b"{\"n\":1}", "data", json!("{\"n\":1}"));
        data("application/xml", "<a>é</a>".as_bytes(), "data", json!("<a>é</a>"));
        data("image/svg+xml", b"<svg/>", "data", json!("<svg/>"));
        data("application/octet-stream", b"\0\x01\x02", "data_base64", json!("AAEC"));
        data("text/plain", b"\xff", "data_base64", json!("/w=="));
        data("text/plain; charset=latin1", b"a", "data_base64", json!("YQ=="));
    }

    #[test]
    fn nothing_is_smuggled_in() {
        check(&[("ce-id", "1")], r#"1,"tenant":"other""#, Err(Kind::Malformed));
        check(&[("ce-id", "1")], "{} {}", Err(Kind::Malformed));
        check(&[("ce-data", "1")], "{}", Err(Kind::Malformed));
        check(&[("ce-datacontenttype", "text/plain")], "{}", Err(Kind::Malformed));
        check(&[("ce-id", "1"), ("ce-id", "2")], "{}", Err(Kind::Malformed));
        check(&[("content-type", "application/json; charset=utf-16")], "{}", Err(Kind::UnsupportedMedia));
    }
}
