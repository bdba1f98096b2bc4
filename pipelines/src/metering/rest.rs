//! One member of `data` in JSON, as the meters see it: one that fits no column, or one that SQL reads.
//!
//! A number's text is kept as it was written, since it may not fit a float. Not here: how leftovers are written
//! ([`engine::event::rest`]).

use engine::event::rest::members;
use engine::units::Units;

/// A member's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leftover {
    /// A string, unescaped.
    Text(String),
    /// A number, as written.
    Number(String),
    /// A boolean.
    Boolean(bool),
    /// `null`.
    Null,
    /// An array or object.
    Nested,
}

/// The member that `pointer` names among the leftovers `rest`; `None` if there is none.
pub(super) fn member(rest: &str, pointer: &str) -> Option<Leftover> {
    let (_, json) = members(rest).find(|(name, _)| name == pointer)?;
    Leftover::parse(&json)
}

impl Leftover {
    /// The value that the JSON text `json` is.
    pub(super) fn parse(json: &str) -> Option<Self> {
        Some(match json.as_bytes().first()? {
            b'"' => Self::Text(serde_json::from_str(json).ok()?),
            b't' => Self::Boolean(true),
            b'f' => Self::Boolean(false),
            b'n' => Self::Null,
            b'{' | b'[' => Self::Nested,
            _ => Self::Number(json.to_owned()),
        })
    }

    /// Its canonical text; `None` if it is null, an array or an object.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(text) => Some(Units::parse(&text).map_or(text, |units| units.to_string())),
            Self::Boolean(flag) => Some(bool_text(flag).to_owned()),
            Self::Null | Self::Nested => None,
        }
    }

    /// The number that it is, if it is one that can be counted exactly.
    pub(super) fn number(&self) -> Option<Units> {
        match self {
            Self::Number(text) => Units::parse(text).ok(),
            _ => None,
        }
    }
}

/// A boolean's canonical text.
pub(super) fn bool_text(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rest: &str, pointer: &str, expect: Option<Leftover>) {
        assert_eq!(member(rest, pointer), expect, "{pointer} in {rest}");
    }

    #[test]
    fn members_are_found_as_written() {
        let rest = r#"{"/a":1e400,"/b~1\"c":"x\ny","/d":[1,{"/e":"]"}],"/e":true,"/f":null,"/g":-0.10}"#;
        check(rest, "/a", Some(Leftover::Number("1e400".into())));
        check(rest, "/b~1\"c", Some(Leftover::Text("x\ny".into())));
        check(rest, "/d", Some(Leftover::Nested));
        check(rest, "/e", Some(Leftover::Boolean(true)));
        check(rest, "/f", Some(Leftover::Null));
        check(rest, "/g", Some(Leftover::Number("-0.10".into())));
        check(rest, "/h", None);
        check("", "/a", None);
    }
}
