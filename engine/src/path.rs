//! JSON paths of meters (`$.a.b`, `$['a b'].c`) and the pointers (RFC 6901) that name data columns.
//!
//! Only member access: a meter's value and dimensions are single members. Not here: looking anything up.

use std::fmt;

/// Longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 256;

/// A parsed path: the member names from the top of `data` down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonPath(Vec<String>);

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a path at byte {at}: {reason}; write $.member or $['member'], members joined")]
pub struct PathError {
    /// Byte offset.
    pub at: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl JsonPath {
    /// Parses `$.a.b` and `$['a'].b`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let fail = |at, reason| Err(PathError { at, reason });
        if text.len() > PATH_BYTES_MAX {
            return fail(PATH_BYTES_MAX, "longer than 256 bytes");
        }
        let Some(mut rest) = text.strip_prefix('$') else { return fail(0, "does not start with $") };
        let mut members = Vec::new();
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            if let Some(tail) = rest.strip_prefix("['") {
                let Some(end) = tail.find("']") else { return fail(at, "no closing ']") };
                members.push(tail[..end].to_owned());
                rest = &tail[end + 2..];
            } else if let Some(tail) = rest.strip_prefix('.') {
                let end = tail.find(['.', '[']).unwrap_or(tail.len());
                if end == 0 {
                    return fail(at, "an empty member");
                }
                members.push(tail[..end].to_owned());
                rest = &tail[end..];
            } else {
                return fail(at, "expected . or ['");
            }
        }
        if members.is_empty() {
            return fail(1, "names no member");
        }
        Ok(Self(members))
    }

    /// The member names, outermost first.
    pub fn members(&self) -> &[String] {
        &self.0
    }

    /// The RFC 6901 pointer, which is the name of the data column: `/a/b`.
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        for member in &self.0 {
            push_member(&mut pointer, member);
        }
        pointer
    }
}

/// Appends one member to a pointer, escaped.
pub fn push_member(pointer: &mut String, member: &str) {
    pointer.push('/');
    if !member.contains(['~', '/']) {
        pointer.push_str(member);
        return;
    }
    for character in member.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// The members that a pointer names, unescaped.
pub fn members(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|member| member.replace("~1", "/").replace("~0", "~"))
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for member in &self.0 {
            write!(f, "['{member}']")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expect: Result<&str, usize>) {
        let got = JsonPath::parse(path).map(|p| p.pointer()).map_err(|e| e.at);
        assert_eq!(got, expect.map(str::to_owned), "{path}");
    }

    #[test]
    fn paths_become_pointers() {
        check("$.a", Ok("/a"));
        check("$.a.b_c", Ok("/a/b_c"));
        check("$['a b'].c", Ok("/a b/c"));
        check("$['a/b~c']", Ok("/a~1b~0c"));
        check("a", Err(0));
        check("$", Err(1));
        check("$..a", Err(1));
        check("$.a[0]", Err(3));
        check("$['a", Err(1));
    }

    #[test]
    fn pointers_are_read_back() {
        assert_eq!(members("/a~1b~0c/d").collect::<Vec<_>>(), ["a/b~c", "d"]);
    }
}
