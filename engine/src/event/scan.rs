//! JSON text, read once from front to back: names and values as slices of the text, nothing copied.
//!
//! Strict (RFC 8259), with one exception: a `\u` escape that names no character is let through and marked, because a
//! value that is only passed over may hold what nobody asks for. Not here: what the values mean, and errors' place in a
//! body.

use std::borrow::Cow;
use std::fmt;

use super::escape;

/// What a text has that is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syntax {
    at: usize,
    found: &'static str,
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.found, self.at)
    }
}

/// One value, or the name of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// As it stands in the text.
    pub(super) json: &'a str,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text(Escapes),
    Number,
    Boolean(bool),
    Null,
    /// An object or array, and the strings in it.
    Container(Escapes),
}

/// What the backslashes of a string, or of several, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Escapes {
    /// There are none.
    None,
    /// Characters.
    Sound,
    /// One of them names no character.
    Broken,
}

impl<'a> Token<'a> {
    /// What a text says, unescaped; `None` if it is no text or one of its escapes names no character.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self.kind {
            Kind::Text(Escapes::None) => Some(Cow::Borrowed(self.quoted())),
            Kind::Text(Escapes::Sound) => {
                let mut text = String::with_capacity(self.json.len());
                escape::undo(self.quoted(), &mut text);
                Some(Cow::Owned(text))
            }
            _ => None,
        }
    }

    /// What stands between the quotes of a text.
    pub(super) fn quoted(self) -> &'a str {
        &self.json[1..self.json.len() - 1]
    }

    fn escapes(self) -> Escapes {
        match self.kind {
            Kind::Text(escapes) | Kind::Container(escapes) => escapes,
            _ => Escapes::None,
        }
    }
}

/// Reads one text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    depth_max: usize,
}

impl<'a> Scanner<'a> {
    /// At the front of `text`, in which brackets deeper than `depth_max` count as an error.
    pub(super) fn new(text: &'a str, depth_max: usize) -> Self {
        Self { text, at: 0, depth: 0, depth_max }
    }

    /// How far reading has come.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is no space.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Steps into the object or array whose bracket is next.
    pub(super) fn enter(&mut self) -> Result<(), Syntax> {
        self.depth += 1;
        if self.depth > self.depth_max {
            return self.fail("too many levels of brackets");
        }
        self.at += 1;
        Ok(())
    }

    /// The name of the object's next member, whose value is read next; `None` behind the last one.
    #[inline]
    pub(super) fn member(&mut self, first: bool) -> Result<Option<Token<'a>>, Syntax> {
        match self.peek() {
            Some(b'}') => {
                self.leave();
                return Ok(None);
            }
            Some(b',') if !first => {
                self.at += 1;
                self.peek();
            }
            Some(b'"') if first => {}
            _ => return self.fail("expected a member or the end of the object"),
        }
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return self.fail("expected : behind a member's name");
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// The next value, whatever it is.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Token<'a>, Syntax> {
        let first = self.peek();
        let start = self.at;
        let kind = match first {
            Some(b'"') => return self.string(),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Kind::Number
            }
            Some(b't') => self.literal("true", Kind::Boolean(true))?,
            Some(b'f') => self.literal("false", Kind::Boolean(false))?,
            Some(b'n') => self.literal("null", Kind::Null)?,
            Some(b'{') => Kind::Container(self.object()?),
            Some(b'[') => Kind::Container(self.array()?),
            _ => return self.fail("expected a value"),
        };
        Ok(Token { json: &self.text[start..self.at], kind })
    }

    fn object(&mut self) -> Result<Escapes, Syntax> {
        let mut escapes = Escapes::None;
        self.enter()?;
        let mut first = true;
        while let Some(name) = self.member(first)? {
            first = false;
            escapes = escapes.max(name.escapes()).max(self.value()?.escapes());
        }
        Ok(escapes)
    }

    fn array(&mut self) -> Result<Escapes, Syntax> {
        let mut escapes = Escapes::None;
        self.enter()?;
        if self.peek() == Some(b']') {
            self.leave();
            return Ok(escapes);
        }
        loop {
            escapes = escapes.max(self.value()?.escapes());
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break self.leave(),
                _ => return self.fail("expected , or ] behind an element"),
            }
        }
        Ok(escapes)
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    #[inline]
    fn string(&mut self) -> Result<Token<'a>, Syntax> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if bytes.get(start) != Some(&b'"') {
            return self.fail("expected a string");
        }
        let mut escapes = Escapes::None;
        self.at = plain_end(bytes, start + 1);
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let Some((length, sound)) = escape::length(&bytes[self.at..]) else {
                        return self.fail("an escape that JSON does not know");
                    };
                    escapes = escapes.max(if sound { Escapes::Sound } else { Escapes::Broken });
                    self.at = plain_end(bytes, self.at + length);
                }
                Some(_) => return self.fail("a control character inside a string"),
                None => return self.fail("the text ends inside a string"),
            }
        }
        self.at += 1;
        Ok(Token { json: &self.text[start..self.at], kind: Kind::Text(escapes) })
    }

    fn number(&mut self) -> Result<(), Syntax> {
        let bytes = self.text.as_bytes();
        self.at += usize::from(bytes[self.at] == b'-');
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Syntax> {
        let digits = self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return self.fail("expected a digit");
        }
        self.at += digits;
        Ok(())
    }

    fn literal(&mut self, literal: &'static str, kind: Kind) -> Result<Kind, Syntax> {
        if !self.text.as_bytes()[self.at..].starts_with(literal.as_bytes()) {
            return self.fail("expected a value");
        }
        self.at += literal.len();
        Ok(kind)
    }

    #[cold]
    fn fail<T>(&self, found: &'static str) -> Result<T, Syntax> {
        Err(Syntax { at: self.at, found })
    }
}

/// The first byte from `at` on that is a quote, a backslash or a control character; else the end.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    // The top bit of each byte below `bound`; this is exact for the lowest such byte.
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word & TOPS;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let found =
            below(word, 0x20) | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let tail = bytes.get(at..).unwrap_or_default();
    at + tail.iter().take_while(|byte| **byte >= 0x20 && !matches!(byte, b'"' | b'\\')).count()
}
