//! Media types of bodies: which ones are JSON or other text, and in which character set.
//!
//! Not here: content codings (`body`), which shape a media type means.

use engine::event::encoding;
use engine::event::syntax;

use super::problem::{Kind, Problem};

/// A `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media<'a> {
    whole: &'a str,
    /// Type and subtype, as they were written.
    essence: &'a str,
    charset: Option<&'a str>,
}

impl<'a> Media<'a> {
    /// Takes `text` apart; of what is no media type, as far as it goes.
    pub(super) fn parse(text: &'a str) -> Self {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let charset = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        });
        Self { whole: text, essence: essence.trim(), charset }
    }

    /// Type and subtype in lower case.
    pub(super) fn essence(&self) -> String {
        self.essence.to_ascii_lowercase()
    }

    /// Whether its subtype is `json` or ends in `+json`.
    pub(super) fn is_json(&self) -> bool {
        syntax::is_json(self.whole)
    }

    /// Whether it is text in UTF-8.
    pub(super) fn is_text(&self) -> bool {
        let essence = self.essence();
        let text = essence.starts_with("text/") || essence.ends_with("/xml") || essence.ends_with("+xml");
        text && self.is_utf8()
    }

    /// Refuses a character set that is not read.
    pub(super) fn check_utf8(&self) -> Result<(), Problem> {
        if self.is_utf8() {
            return Ok(());
        }
        let expect = "send UTF-8";
        let detail = format!("character set {:?} is not supported; {expect}", self.charset.unwrap_or_default());
        Err(Kind::UnsupportedMedia.with(detail).field("Content-Type", "unsupported", expect))
    }

    fn is_utf8(&self) -> bool {
        let known = |charset: &str| ["utf-8", "utf8", "us-ascii"].iter().any(|utf8| charset.eq_ignore_ascii_case(utf8));
        self.charset.is_none_or(known)
    }

    /// `body` as text, without a byte order mark.
    pub(super) fn text<'b>(&self, body: &'b [u8]) -> Result<&'b str, Problem> {
        let malformed = |what: &str| {
            let detail = format!("data is {what}; send UTF-8");
            Kind::Malformed.with(&*detail).field("data", "malformed", detail)
        };
        if let Some(encoding) = encoding::foreign(body) {
            return Err(malformed(encoding));
        }
        std::str::from_utf8(encoding::trimmed(body)).map_err(|_| malformed("not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, essence: &str, utf8: bool) {
        let media = Media::parse(text);
        assert_eq!((media.essence().as_str(), media.check_utf8().is_ok()), (essence, utf8), "{text}");
    }

    #[test]
    fn parameters_are_told_apart() {
        check("application/json", "application/json", true);
        check("Application/JSON ; charset=UTF-8", "application/json", true);
        check("text/json;q=1; Charset=\"utf-8\"", "text/json", true);
        check("text/plain; charset=utf-16", "text/plain", false);
        check("text/plain; charset=iso-8859-1", "text/plain", false);
        check("", "", true);
    }
}
