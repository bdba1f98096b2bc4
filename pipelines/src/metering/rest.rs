//! One member of `data` that fits no column, as the meters see it.
//!
//! A number's text is kept as it was written, since it may not fit a float. Not here: how leftovers are written
//! ([`engine::event::rest`]).

use engine::event::rest::members;

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
    Some(match json.as_bytes().first()? {
        b'"' => Leftover::Text(serde_json::from_str(&json).ok()?),
        b't' => Leftover::Boolean(true),
        b'f' => Leftover::Boolean(false),
        b'n' => Leftover::Null,
        b'{' | b'[' => Leftover::Nested,
        _ => Leftover::Number(json.into_owned()),
    })
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
