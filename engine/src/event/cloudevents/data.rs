//! `data` of one event, taken apart into members by pointer.
//!
//! Not here: which column a member goes to (`builder`), attributes.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::event::builder::EventBatchBuilder;
use crate::event::value::Value;
use crate::path::{PATH_BYTES_MAX, push_member};

/// Objects up to this many members are searched for a repeated name as they are read, larger ones sorted afterwards.
const NAMES_SEARCHED_MAX: usize = 16;

/// Why an event's text can't be taken apart.
#[derive(Debug)]
pub enum Malformed {
    /// Not JSON.
    Json(sonic_rs::Error),
    /// An object has a name twice, so what it says depends on who reads it.
    Repeated(String),
}

impl From<sonic_rs::Error> for Malformed {
    fn from(error: sonic_rs::Error) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The error's further lines show the text around it, which may be anything.
            Self::Json(error) => f.write_str(error.to_string().lines().next().unwrap_or("not JSON")),
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
}

impl Members {
    /// Stages the members of `data`, any JSON value of bounded depth.
    pub fn stage(&mut self, data: &str, builder: &mut EventBatchBuilder) -> Result<(), Malformed> {
        self.pointer.clear();
        self.names.clear();
        match Value::parse(data)? {
            Value::Object => self.object(data, builder),
            _ => leftover("", data, builder),
        }
    }

    /// Stages `json`, any JSON value of bounded depth, as the member that `pointer` names.
    pub fn stage_at(&mut self, pointer: &str, json: &str, builder: &mut EventBatchBuilder) -> Result<(), Malformed> {
        self.pointer.clear();
        self.pointer.push_str(pointer);
        self.names.clear();
        self.member(json, builder)
    }

    fn object(&mut self, object: &str, builder: &mut EventBatchBuilder) -> Result<(), Malformed> {
        let outer = self.names.len();
        for member in sonic_rs::to_object_iter(object) {
            let (name, value) = member?;
            self.note_name(outer, &name)?;
            let parent = self.pointer.len();
            push_member(&mut self.pointer, &name);
            self.member(value.as_raw_str(), builder)?;
            self.pointer.truncate(parent);
        }
        self.check_names(outer)?;
        self.names.truncate(outer);
        Ok(())
    }

    fn member(&mut self, json: &str, builder: &mut EventBatchBuilder) -> Result<(), Malformed> {
        match Value::parse(json)? {
            Value::Text(text) => builder.text(&self.pointer, &text),
            Value::Units(units) => builder.units(&self.pointer, units),
            Value::Boolean(truth) => builder.boolean(&self.pointer, truth),
            // Below a pointer longer than a meter's path may be, nothing is metered: the object stays whole.
            Value::Object if self.pointer.len() <= PATH_BYTES_MAX => self.object(json, builder)?,
            Value::Object | Value::Other => leftover(&self.pointer, json, builder)?,
        }
        Ok(())
    }

    fn note_name(&mut self, outer: usize, name: &str) -> Result<(), Malformed> {
        let hash = xxh3_64(name.as_bytes());
        let met = &self.names[outer..];
        if met.len() < NAMES_SEARCHED_MAX && met.contains(&hash) {
            return Err(Malformed::Repeated(name.to_owned()));
        }
        self.names.push(hash);
        Ok(())
    }

    fn check_names(&mut self, outer: usize) -> Result<(), Malformed> {
        let met = &mut self.names[outer..];
        if met.len() > NAMES_SEARCHED_MAX {
            met.sort_unstable();
            if met.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Malformed::Repeated(format!("{} (one of its members)", self.pointer)));
            }
        }
        Ok(())
    }
}

/// Stages what stays JSON text. The parser only skips over it, which does not look at surrogate escapes.
fn leftover(pointer: &str, json: &str, builder: &mut EventBatchBuilder) -> Result<(), Malformed> {
    if json.contains("\\u") {
        sonic_rs::Deserializer::from_str(json).use_rawnumber().deserialize::<sonic_rs::Value>()?;
    }
    builder.json(pointer, json);
    Ok(())
}
