//! How large and how deep a statement may be: counted in its text before it is parsed, in its syntax before it is planned, and
//! in its plan before that is optimized (I13).
//!
//! Parsers, planners and drop glue recurse as deep as a statement is nested, and a stack that overflows ends the process. So
//! depth has a bound, and the threads that parse, plan and run have stacks that are sized for it ([`super::threads`]): the
//! figures belong together and are no options. A short statement can also become a large plan (a `WITH` that is read twice
//! by the next one, `CUBE`, `BETWEEN` within `BETWEEN`): what it becomes is added up before any of it is written out.
//!
//! Not here: memory of rows and values ([`super::share`]), time (the doors).

mod tokens;
mod syntax;
mod frame;
mod pieces;
mod growth;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Expr, Statement};
use datafusion::sql::sqlparser::dialect::Dialect;
use engine::event::json;

pub(super) use growth::{AfterEach, Growth};

/// Bytes of a statement's text.
pub const BYTES_MAX: u64 = 1 << 20;
/// Words, numbers, texts and signs of a statement.
pub const TOKENS_MAX: u64 = 500_000;
/// Tokens between two commas, those of what encloses them included: no parser nests its tree deeper than that.
pub const STRETCH_TOKENS_MAX: u64 = 20_000;
/// Levels of a statement. An operator within another is one, a table beside another two, a set operation three, a query four.
pub const LEVELS_MAX: u64 = 2_000;
/// Parts of a plan: nodes, columns and expressions, after everything that stands for more was written out.
pub const PARTS_MAX: u64 = 500_000;
/// Columns of a query, and keys that it is grouped or sorted by: each is looked for among all.
pub const COLUMNS_MAX: u64 = 4_096;
/// What is kept is computed for each event, on threads with ordinary stacks.
const KEPT: Limits = Limits { stretch_tokens: 2_000, levels: 200, parts: 20_000 };
const READ: Limits = Limits { stretch_tokens: STRETCH_TOKENS_MAX, levels: LEVELS_MAX, parts: PARTS_MAX };
/// Levels of a type that is named in a text, as `arrow_cast` takes it.
pub const TYPE_LEVELS_MAX: u64 = 32;
/// Bytes of a name.
pub const NAME_BYTES_MAX: u64 = 1_024;

#[derive(Debug, Clone, Copy)]
struct Limits {
    stretch_tokens: u64,
    levels: u64,
    parts: u64,
}

/// A statement is larger, or nested deeper, than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}, more than the {limit} that are allowed", .figure.told(.found))]
pub struct TooComplex {
    /// What was counted.
    pub figure: Figure,
    /// How much of it there is, as far as it was counted.
    pub found: u64,
    /// How much there may be.
    pub limit: u64,
}

/// What is counted of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Bytes of its text.
    Bytes,
    /// Tokens of its text.
    Tokens,
    /// Tokens without a comma between them.
    Stretch,
    /// Levels of nesting.
    Levels,
    /// Parts of its plan.
    Parts,
    /// Columns of a query, or keys of a grouping or an order.
    Columns,
    /// Bytes of a name.
    Name,
    /// Levels of a type's name.
    TypeLevels,
    /// Levels of a JSON text.
    JsonLevels,
}

impl Figure {
    fn told(&self, found: &u64) -> String {
        match self {
            Self::Bytes => format!("the statement has {found} bytes"),
            Self::Tokens => format!("the statement has {found} words and signs"),
            Self::Stretch => format!("the statement has {found} words and signs in a row without a comma"),
            Self::Levels => format!("the statement is nested {found} levels deep"),
            Self::Parts => format!("the statement grows to {found} parts when it is planned"),
            Self::Columns => format!("a query has {found} columns or keys"),
            Self::Name => format!("a name has {found} bytes"),
            Self::TypeLevels => format!("a type is nested {found} levels deep"),
            Self::JsonLevels => format!("a JSON text is nested {found} levels deep"),
        }
    }

    fn within(self, found: u64, limit: u64) -> Result<(), TooComplex> {
        if found <= limit { Ok(()) } else { Err(TooComplex { figure: self, found, limit }) }
    }
}

impl From<TooComplex> for DataFusionError {
    fn from(error: TooComplex) -> Self {
        Self::External(Box::new(error))
    }
}

/// Counts the text of a statement, before anything parses it.
///
/// # Errors
/// A figure that is beyond its limit.
pub fn check_text(text: &str, dialect: &dyn Dialect) -> Result<(), TooComplex> {
    tokens::check(text, dialect, READ)
}

/// Counts what was parsed, before anything rewrites or plans it.
///
/// # Errors
/// A figure that is beyond its limit.
pub fn check_syntax(statement: &Statement) -> Result<(), TooComplex> {
    syntax::check(statement, READ)
}

/// The same of a statement as DataFusion parses it.
pub(super) fn check_parsed(statement: &DfStatement) -> Result<(), TooComplex> {
    parsed(statement, READ)
}

/// [`check_text`] of what is kept.
pub(crate) fn check_kept_text(text: &str, dialect: &dyn Dialect) -> Result<(), TooComplex> {
    tokens::check(text, dialect, KEPT)
}

/// [`check_syntax`] of a query that is kept.
pub(crate) fn check_kept(statement: &DfStatement) -> Result<(), TooComplex> {
    parsed(statement, KEPT)
}

/// [`check_syntax`] of an expression that is kept.
pub(crate) fn check_kept_expression(expression: &Expr) -> Result<(), TooComplex> {
    syntax::check(expression, KEPT)
}

/// Looks at how deep a JSON text is nested, before anything reads it.
///
/// # Errors
/// If that is deeper than events may be.
pub fn check_json(text: &str) -> Result<(), TooComplex> {
    match json::levels_beyond(text) {
        None => Ok(()),
        Some(found) => {
            let limit = json::LEVELS_MAX as u64;
            Err(TooComplex { figure: Figure::JsonLevels, found: found as u64, limit })
        }
    }
}

fn parsed(statement: &DfStatement, limits: Limits) -> Result<(), TooComplex> {
    match statement {
        DfStatement::Statement(statement) => syntax::check(statement.as_ref(), limits),
        DfStatement::Explain(explain) => parsed(&explain.statement, limits),
        // Refused by their kind, or without anything that nests.
        DfStatement::CopyTo(_) | DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_how_much_there_is_and_may_be() {
        let told = Figure::Levels.within(2001, 2000).unwrap_err().to_string();
        assert_eq!(told, "the statement is nested 2001 levels deep, more than the 2000 that are allowed");
        assert!(Figure::Levels.within(2000, 2000).is_ok());
    }
}
