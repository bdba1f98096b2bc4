//! One JSON value as a data column would hold it. Numbers are taken by their source text, never through a float (I4).
//!
//! Not here: which column a value goes to (`builder`), what is inside arrays (nobody looks: they are kept as text).

use std::borrow::Cow;

use crate::units::Units;

/// What a JSON text is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number that is a quantity.
    Units(Units),
    /// `true` or `false`.
    Boolean(bool),
    /// An object with at least one member, which becomes columns of its own.
    Object,
    /// What fits no column: an array, a null, an empty object, a number that is not a quantity.
    Other,
}

impl<'a> Value<'a> {
    /// Reads `json`, which must be one JSON value without space around it. Fails on a string whose escapes name no
    /// character, for instance half of a surrogate pair.
    pub(crate) fn parse(json: &'a str) -> Result<Self, sonic_rs::Error> {
        Ok(match json.as_bytes().first() {
            Some(b'"') => Self::Text(text(json)?),
            Some(b'{') if !json[1..].trim_start().starts_with('}') => Self::Object,
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'-' | b'0'..=b'9') => Units::parse(json).map_or(Self::Other, Self::Units),
            _ => Self::Other,
        })
    }
}

/// Unescapes a JSON string; borrows when there is nothing to unescape.
fn text(json: &str) -> Result<Cow<'_, str>, sonic_rs::Error> {
    if json.contains('\\') {
        return sonic_rs::from_str(json).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(json.trim_matches('"')))
}

/// Appends `text` as a JSON string.
pub(crate) fn push_text(json: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
        return;
    }
    json.push_str(&sonic_rs::to_string(text).expect("any text is a JSON string"));
}

/// Appends `value`, a JSON value, without the space between its tokens.
pub(crate) fn push_compact(json: &mut String, value: &str) {
    let space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    if !value.bytes().any(space) {
        json.push_str(value);
        return;
    }
    let mut from = 0;
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in value.bytes().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
        } else if byte == b'"' {
            quoted = true;
        } else if space(byte) {
            json.push_str(&value[from..at]);
            from = at + 1;
        }
    }
    json.push_str(&value[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: Option<Value<'_>>) {
        assert_eq!(Value::parse(json).ok(), expect, "{json}");
    }

    #[test]
    fn values_are_what_a_column_holds() {
        check(r#""a""#, Some(Value::Text("a".into())));
        check(r#""""#, Some(Value::Text("".into())));
        check(r#""a\"\u00e9\\""#, Some(Value::Text("a\"é\\".into())));
        check(r#""\ud800""#, None);
        check("1.50", Some(Value::Units(Units(1_500_000_000))));
        check("1e400", Some(Value::Other));
        check("true", Some(Value::Boolean(true)));
        check("{ }", Some(Value::Other));
        check(r#"{"a":1}"#, Some(Value::Object));
        check("[1]", Some(Value::Other));
        check("null", Some(Value::Other));
    }

    #[test]
    fn space_between_tokens_goes_and_space_in_strings_stays() {
        let mut json = String::new();
        push_compact(&mut json, "[ 1,\n\"a \\\" b\\\\\" , { \"c\" : 2 } ]");
        assert_eq!(json, r#"[1,"a \" b\\",{"c":2}]"#);
    }
}
