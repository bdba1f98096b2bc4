//! A node's refusal as people read it: what is wrong, where in a statement, and what would be right.
//!
//! The same for a running node and for the router in this process, which answer with the same RFC 9457 problems. Not here:
//! which problems there are (`http::problem`).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// Characters of a statement's line that are shown around the place of a fault.
const LINE_CHARS_MAX: usize = 160;
/// Characters that are shown of an answer that is no problem.
const FOREIGN_CHARS_MAX: usize = 200;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// HTTP status.
    pub(super) status: u16,
    /// When the node asks to be asked again.
    pub(super) retry_after: Option<Duration>,
    told: Told,
    /// The statement that it is about.
    statement: Option<String>,
}

/// What is read of its body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Told {
    title: String,
    detail: String,
    sqlstate: Option<String>,
    hint: Option<String>,
    position: Option<usize>,
    errors: Vec<FieldError>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct FieldError {
    pub(super) field: String,
    pub(super) detail: String,
}

impl Problem {
    /// The refusal that `body` tells, or that there is none in it.
    pub(super) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let told = serde_json::from_slice::<Told>(body).ok().filter(|told| !told.title.is_empty());
        let told = told.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(body);
            let text = text.trim().chars().take(FOREIGN_CHARS_MAX).collect();
            Told { title: format!("the answer is {status} and no problem of a node"), detail: text, ..Told::default() }
        });
        Self { status, retry_after, told, statement: None }
    }

    /// What is wrong with fields.
    pub(super) fn errors(&self) -> &[FieldError] {
        &self.told.errors
    }

    /// The same, which shows its place in `statement`.
    pub(super) fn of(self, statement: &str) -> Self {
        Self { statement: Some(statement.to_owned()), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { title, detail, sqlstate, hint, position, .. } = &self.told;
        match sqlstate {
            Some(state) => write!(f, "{detail} (SQLSTATE {state})")?,
            None if detail.is_empty() => f.write_str(title)?,
            // What is wrong with a request is a sentence of its own.
            None if matches!(self.status, 400 | 404 | 409 | 413 | 415 | 422) => f.write_str(detail)?,
            None => write!(f, "{title}: {detail}")?,
        }
        if let (Some(statement), Some(position)) = (&self.statement, position) {
            place(f, statement, *position)?;
        }
        if let Some(hint) = hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The line of `statement` that holds `position`, in characters from 1, and a mark below it.
fn place(f: &mut fmt::Formatter<'_>, statement: &str, position: usize) -> fmt::Result {
    let before = statement.chars().take(position.saturating_sub(1)).collect::<String>();
    let number = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    let line = statement.split('\n').nth(number - 1).unwrap_or_default();
    // Of a line that is longer than a terminal is wide, what is around the place.
    let from = column.saturating_sub(LINE_CHARS_MAX / 2);
    let shown = line.chars().skip(from).take(LINE_CHARS_MAX);
    let shown = shown.map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let label = format!("line {number}: {}", if from > 0 { "…" } else { "" });
    let indent = label.chars().count() + column - from;
    write!(f, "\n{label}{}\n{:indent$}^", shown.trim_end(), "")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(body: &serde_json::Value) -> Problem {
        Problem::read(400, None, body.to_string().as_bytes())
    }

    #[test]
    fn problems_are_told_in_their_own_words() {
        let problem = told(&json!({"title": "The request can't be read", "detail": "no tenant x"}));
        assert_eq!(problem.to_string(), "no tenant x");
        let problem = Problem::read(503, None, br#"{"title": "The node is busy", "detail": "try again"}"#);
        assert_eq!(problem.to_string(), "The node is busy: try again");
        let foreign = Problem::read(502, None, b"bad gateway\n");
        assert_eq!(foreign.to_string(), "the answer is 502 and no problem of a node: bad gateway");
        assert!(Problem::read(502, None, b"").to_string().contains("502"));
    }

    #[test]
    fn a_fault_of_sql_is_told_once_with_its_place_and_hint() {
        let body = json!({"title": "The query can't be run", "detail": "column \"b\" does not exist", "sqlstate": "42703",
            "hint": "there is a", "position": 13});
        let expect = "column \"b\" does not exist (SQLSTATE 42703)\nline 2:   b\n          ^\nhint: there is a";
        assert_eq!(told(&body).of("SELECT 1,\n  b\nFROM t").to_string(), expect);
        assert!(!told(&body).to_string().contains("line"), "without the statement there is no place");
        let long = format!("SELECT {}b", "a, ".repeat(200));
        let position = long.chars().count();
        let problem = told(&json!({"title": "x", "detail": "d", "sqlstate": "42703", "position": position}));
        let shown = problem.of(&long).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        let mark = lines[2].chars().count() - 1;
        assert_eq!((lines[1].chars().nth(mark), lines[2].chars().nth(mark)), (Some('b'), Some('^')), "{shown}");
    }
}
