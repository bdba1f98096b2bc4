//! CloudEvents' binary content mode over HTTP: attributes as `ce-` headers, data as body.
//!
//! Becomes the structured form before it is decoded, so that there is one decoder. Data must be JSON.

use axum::http::{HeaderMap, header};
use serde::de::IgnoredAny;

use super::problem::{Kind, Problem};

/// What attributes' headers begin with.
const PREFIX: &str = "ce-";

/// The event in the JSON format.
pub(super) fn structured(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut event = serde_json::Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        let text = value.to_str().ok().and_then(percent_decoded).ok_or_else(|| {
            let detail = "use printable ASCII and percent-encode everything else";
            Kind::Malformed.with(format!("header {name}: {detail}")).field(name.as_str(), "invalid", detail)
        })?;
        // `data` is the body: an attribute of that name would be a second one.
        let twice = event.insert(attribute.to_owned(), text.into()).is_some();
        if twice || matches!(attribute, "data" | "data_base64") {
            let detail = "each attribute is given once, and data is the body";
            return Err(Kind::Malformed.with(format!("header {name}: {detail}")).field(
                name.as_str(),
                "invalid",
                detail,
            ));
        }
    }
    let mut out = serde_json::to_vec(&event).map_err(|error| Kind::Malformed.with(error.to_string()))?;
    if body.is_empty() {
        return Ok(out);
    }
    check_json(headers, body)?;
    // The text itself, so that numbers keep every digit; it is known to be one whole JSON value.
    out.pop();
    out.extend_from_slice(if event.is_empty() { b"\"data\":" } else { b",\"data\":" });
    out.extend_from_slice(body);
    out.push(b'}');
    Ok(out)
}

fn check_json(headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media != "application/json" && !media.ends_with("+json") {
        let expect = "send data as JSON";
        let detail = format!("data of type {media:?} can't be metered; {expect}");
        return Err(Kind::UnsupportedMedia.with(detail).field("Content-Type", "unsupported", expect));
    }
    serde_json::from_slice::<IgnoredAny>(body).map(|_| ()).map_err(|error| {
        Kind::Malformed.with(format!("data is not JSON: {error}")).field("data", "malformed", error.to_string())
    })
}

/// Section 3.1.3.2 of the CloudEvents HTTP binding; `None` if a `%` is not followed by two hex digits, or not UTF-8.
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
    use super::*;

    fn check(headers: &[(&'static str, &str)], body: &str, expect: Result<serde_json::Value, Kind>) {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let got = structured(&headers, body.as_bytes()).map_err(|problem| problem.kind);
        let got = got.map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap());
        assert_eq!(got, expect, "{body}");
    }

    #[test]
    fn headers_become_attributes() {
        let headers =
            [("ce-id", "1"), ("ce-source", "/a%20b%C3%A9"), ("host", "x"), ("content-type", "application/json")];
        let event = serde_json::json!({"id": "1", "source": "/a bé", "data": {"tokens": 3}});
        check(&headers, r#"{"tokens": 3}"#, Ok(event));
        check(&[("ce-id", "1")], "", Ok(serde_json::json!({"id": "1"})));
    }

    #[test]
    fn nothing_is_smuggled_in() {
        check(&[("ce-id", "1")], r#"1,"tenant":"other""#, Err(Kind::Malformed));
        check(&[("ce-id", "1")], "{} {}", Err(Kind::Malformed));
        check(&[("ce-data", "1")], "{}", Err(Kind::Malformed));
        check(&[("ce-id", "1"), ("ce-id", "2")], "{}", Err(Kind::Malformed));
        check(&[("ce-id", "%zz")], "{}", Err(Kind::Malformed));
        check(&[("content-type", "text/plain"), ("ce-id", "1")], "hello", Err(Kind::UnsupportedMedia));
    }
}
