//! `data` of one event, taken apart into members by pointer as it is read.
//!
//! Not here: which column a member goes to (`builder`), attributes.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::event::builder::EventBatchBuilder;
use crate::event::escape;
use crate::event::scan::{Escapes, Kind, Scanner, Syntax, Token};
use crate::path::{PATH_BYTES_MAX, push_member};
use crate::units::Units;

/// Objects up to this many members are searched for a repeated name as they are read, larger ones sorted afterwards.
const NAMES_SEARCHED_MAX: usize = 16;

/// Why an event's text can't be taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// Not JSON.
    Json(Syntax),
    /// A text has an escape that names no character, for instance half of a surrogate pair.
    Escape,
    /// An object has a name twice, so what it says depends on who reads it.
    Repeated(String),
}

impl From<Syntax> for Malformed {
    fn from(error: Syntax) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Escape => f.write_str("an escape \\u names no character; a surrogate needs its other half"),
            Self::Repeated(name) => write!(f, "the member {name:?} is given twice; give it once"),
        }
    }
}

/// Takes `data` apart; reused from event to event.
#[derive(Debug, Default)]
pub struct Members {
    pointer: String,
    /// Hashes of the names met so far in each object that is being read, outermost first.
    names: Vec<u64>,
    /// Room for a text without its escapes.
    unescaped: String,
    /// The first thing that is wrong with what was read, beyond its being JSON.
    wrong: Option<Malformed>,
}

impl Members {
    /// Stages the members of `data`, any JSON value of bounded depth.
    pub fn stage(&mut self, data: &str, builder: &mut EventBatchBuilder) -> Result<(), Malformed> {
        self.read(&mut Scanner::new(data, usize::MAX), builder)?;
        self.judge()
    }

    /// Stages the members of the value that is next. What makes them unacceptable is told by [`judge`](Self::judge), so
    /// that reading goes on to where the value ends.
    pub(super) fn read(&mut self, scanner: &mut Scanner<'_>, builder: &mut EventBatchBuilder) -> Result<(), Syntax> {
        self.pointer.clear();
        self.names.clear();
        self.wrong = None;
        if scanner.peek() == Some(b'{') {
            return self.object(scanner, builder);
        }
        let token = scanner.value()?;
        match token.kind {
            Kind::Text(Escapes::Broken) | Kind::Container(Escapes::Broken) => self.wrong = Some(Malformed::Escape),
            _ => builder.json("", token.json),
        }
        Ok(())
    }

    /// Whether the members that were read last are acceptable.
    pub(super) fn judge(&mut self) -> Result<(), Malformed> {
        self.wrong.take().map_or(Ok(()), Err)
    }

    fn object(&mut self, scanner: &mut Scanner<'_>, builder: &mut EventBatchBuilder) -> Result<(), Syntax> {
        let outer = self.names.len();
        scanner.enter()?;
        let mut first = true;
        while let Some(name) = scanner.member(first)? {
            first = false;
            let parent = self.pointer.len();
            self.name(outer, name);
            self.member(scanner, builder)?;
            self.pointer.truncate(parent);
        }
        if first {
            builder.json(&self.pointer, "{}");
        }
        self.check_names(outer);
        self.names.truncate(outer);
        Ok(())
    }

    fn member(&mut self, scanner: &mut Scanner<'_>, builder: &mut EventBatchBuilder) -> Result<(), Syntax> {
        // Below a pointer longer than a meter's path may be, nothing is metered: the object stays whole.
        if scanner.peek() == Some(b'{') && self.pointer.len() <= PATH_BYTES_MAX {
            return self.object(scanner, builder);
        }
        let token = scanner.value()?;
        match token.kind {
            Kind::Text(Escapes::None) => builder.text(&self.pointer, token.quoted()),
            Kind::Text(Escapes::Sound) => {
                self.unescaped.clear();
                escape::undo(token.quoted(), &mut self.unescaped);
                builder.text(&self.pointer, &self.unescaped);
            }
            Kind::Number => match Units::parse(token.json) {
                Ok(units) => builder.units(&self.pointer, units),
                Err(_) => builder.json(&self.pointer, token.json),
            },
            Kind::Boolean(truth) => builder.boolean(&self.pointer, truth),
            Kind::Text(Escapes::Broken) | Kind::Container(Escapes::Broken) => self.note(Malformed::Escape),
            Kind::Null | Kind::Container(_) => builder.json(&self.pointer, token.json),
        }
        Ok(())
    }

    /// Appends `name` to the pointer.
    fn name(&mut self, outer: usize, name: Token<'_>) {
        match name.kind {
            Kind::Text(Escapes::None) => {
                self.note_name(outer, name.quoted());
                push_member(&mut self.pointer, name.quoted());
            }
            _ => match name.text() {
                Some(name) => {
                    self.note_name(outer, &name);
                    push_member(&mut self.pointer, &name);
                }
                None => self.note(Malformed::Escape),
            },
        }
    }

    fn note_name(&mut self, outer: usize, name: &str) {
        let hash = xxh3_64(name.as_bytes());
        let met = &self.names[outer..];
        if met.len() < NAMES_SEARCHED_MAX && met.contains(&hash) {
            self.note(Malformed::Repeated(name.to_owned()));
        }
        self.names.push(hash);
    }

    fn check_names(&mut self, outer: usize) {
        let met = &mut self.names[outer..];
        if met.len() > NAMES_SEARCHED_MAX {
            met.sort_unstable();
            if met.windows(2).any(|pair| pair[0] == pair[1]) {
                self.note(Malformed::Repeated(format!("{} (one of its members)", self.pointer)));
            }
        }
    }

    fn note(&mut self, wrong: Malformed) {
        self.wrong.get_or_insert(wrong);
    }
}
