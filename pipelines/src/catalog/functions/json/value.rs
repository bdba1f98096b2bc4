//! A JSON text as a value, and in the form in which PostgreSQL keeps `jsonb`.
//!
//! Of members of one name the last counts, members are ordered by the length of their names and then by their bytes, numbers are
//! decimals and keep their zeros. How deep a text is nested is checked before it is read. Not here: what is asked of values.

use std::fmt;

use datafusion::common::{Result, exec_err};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::catalog::bounds;

/// Powers of ten that a number may be written with: each is a digit.
const POWER_MAX: i64 = 30;
/// Pairs of values that are compared to find one in another.
const COMPARISONS_MAX: u64 = 10_000_000;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Members as they are written.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// `text`, which is one JSON value and not nested too deeply, without blanks around it.
///
/// # Errors
/// A text that is not JSON.
pub(super) fn checked(text: &str) -> Result<&RawValue> {
    bounds::check_json(text)?;
    read(text)
}

pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    match serde_json::from_str(text) {
        Ok(read) => Ok(read),
        Err(error) => exec_err!("invalid input syntax for type json: {error}"),
    }
}

impl Json {
    /// The value that `text` is.
    ///
    /// # Errors
    /// A text that is not JSON, or that holds what `jsonb` can't keep.
    pub(super) fn of(text: &str) -> Result<Self> {
        Self::of_raw(checked(text)?)
    }

    fn of_raw(raw: &RawValue) -> Result<Self> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = read(text)?;
                let members = members.into_iter().map(|(name, value)| Ok((name, Self::of_raw(value)?)));
                let mut members = members.collect::<Result<Vec<_>>>()?;
                if members.iter().any(|(name, _)| name.contains('\0')) {
                    return exec_err!("unsupported Unicode escape sequence: \\u0000 cannot be converted to text");
                }
                // Stable, so that the last of one name is behind the others.
                members.sort_by(|(one, _), (other, _)| (one.len(), one).cmp(&(other.len(), other)));
                members.reverse();
                members.dedup_by(|(other, _), (kept, _)| other == kept);
                members.reverse();
                Self::Object(members)
            }
            Some(b'[') => {
                let elements = read::<Vec<&RawValue>>(text)?;
                Self::Array(elements.into_iter().map(Self::of_raw).collect::<Result<_>>()?)
            }
            Some(b'"') => {
                let text = read::<String>(text)?;
                if text.contains('\0') {
                    return exec_err!("unsupported Unicode escape sequence: \\u0000 cannot be converted to text");
                }
                Self::Text(text)
            }
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            _ => Self::Number(number(text)?),
        })
    }

    /// It as `jsonb` is written.
    pub(super) fn written(&self) -> String {
        let mut text = String::new();
        self.push(&mut text);
        text
    }

    fn push(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(is) => text.push_str(if *is { "true" } else { "false" }),
            Self::Number(number) => text.push_str(number),
            Self::Text(inner) => text.push_str(&quoted(inner)),
            Self::Array(elements) => {
                text.push('[');
                for (at, element) in elements.iter().enumerate() {
                    text.push_str(if at > 0 { ", " } else { "" });
                    element.push(text);
                }
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    text.push_str(if at > 0 { ", " } else { "" });
                    text.push_str(&quoted(name));
                    text.push_str(": ");
                    value.push(text);
                }
                text.push('}');
            }
        }
    }

    /// What type PostgreSQL calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The member `name`.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let at = members.binary_search_by(|(known, _)| (known.len(), known.as_str()).cmp(&(name.len(), name)));
        at.ok().map(|at| &members[at].1)
    }

    /// Whether all of `other` is in it.
    ///
    /// # Errors
    /// If that takes more comparisons than a call may.
    pub(super) fn contains(&self, other: &Self) -> Result<bool> {
        let mut left = COMPARISONS_MAX;
        let found = self.contains_within(other, &mut left);
        if left == 0 {
            return exec_err!("@> would compare more than {COMPARISONS_MAX} pairs of values");
        }
        Ok(found)
    }

    fn contains_within(&self, other: &Self, left: &mut u64) -> bool {
        match (self, other) {
            // An array contains a scalar that is one of its elements; only at the top, not within other arrays.
            (Self::Array(elements), other) if !matches!(other, Self::Array(_) | Self::Object(_)) => {
                elements.iter().any(|element| element.is_same(other))
            }
            _ => self.has(other, left),
        }
    }

    /// The same within a value; wrong where no comparison is left.
    fn has(&self, other: &Self, left: &mut u64) -> bool {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return false;
        }
        match (self, other) {
            (Self::Object(_), Self::Object(members)) => {
                members.iter().all(|(name, value)| self.member(name).is_some_and(|own| own.has(value, left)))
            }
            (Self::Array(own), Self::Array(elements)) => {
                elements.iter().all(|element| own.iter().any(|own| own.has(element, left)))
            }
            _ => self.is_same(other),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => bare(one) == bare(other),
            (Self::Array(_) | Self::Object(_), _) => false,
            _ => self == other,
        }
    }
}

/// A number without the zeros at its end.
fn bare(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

/// A number without an exponent.
fn number(text: &str) -> Result<String> {
    let (digits, power) = match text.split_once(['e', 'E']) {
        Some((digits, power)) => (digits, power.parse::<i64>().unwrap_or(i64::MAX)),
        None => (text, 0),
    };
    if !(-POWER_MAX..=POWER_MAX).contains(&power) {
        return exec_err!("a number of jsonb may be written with powers of ten up to {POWER_MAX} here, not as {text}");
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut all = format!("{whole}{fraction}");
    let mut behind = fraction.len() as i64 - power;
    while behind < 0 {
        all.push('0');
        behind += 1;
    }
    let behind = usize::try_from(behind).unwrap_or_default();
    while all.len() <= behind {
        all.insert(0, '0');
    }
    let point = all.len() - behind;
    let (whole, fraction) = all.split_at(point);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let is_zero = all.bytes().all(|digit| digit == b'0');
    let sign = if is_zero { "" } else { sign };
    Ok(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_one_form() {
        let check = |text: &str, expect: &str| assert_eq!(Json::of(text).unwrap().written(), expect, "{text}");
        check(r#" {"bb":1, "a":2, "bb" : [1,2.50,-0, 1e2,1.5E-3]} "#, r#"{"a": 2, "bb": [1, 2.50, 0, 100, 0.0015]}"#);
        check(r#""\u00e9\n\/""#, "\"é\\n/\"");
        check("{}", "{}");
        assert!(Json::of("{a:1}").is_err());
        assert!(Json::of("1e400").is_err());
        assert!(Json::of("\"\\u0000\"").is_err());
    }

    #[test]
    fn what_is_in_a_value() {
        let check = |one: &str, other: &str, expect: bool| {
            assert_eq!(Json::of(one).unwrap().contains(&Json::of(other).unwrap()).unwrap(), expect, "{one} {other}");
        };
        check(r#"{"a":1,"b":{"c":[1,2]}}"#, r#"{"b":{"c":[2]}}"#, true);
        check("[1,2]", "1", true);
        check("[1,2]", "[2.0,1,1]", true);
        check("1", "[1]", false);
        check("[[1,2]]", "[1]", false);
        check("{}", "{}", true);
        check(r#"{"a":1}"#, r#"{"a":null}"#, false);
    }
}
