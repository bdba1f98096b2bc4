//! Functions that analysts know from PostgreSQL and that DataFusion has not, or has otherwise: one, or a close family, per file.
//!
//! Each gives PostgreSQL's answer with its type and name, or an error; `server/tests/it/against_postgres` asks both. They only
//! compute: what they may give is bounded by [`super::values`], what they parse by [`super::bounds`]. Not here: what operators
//! and casts mean ([`super::arithmetic`], [`super::casts`]), zones ([`super::zone`]).

mod defined;
mod marks;
mod age;
mod clock;
mod format;
mod formats;
mod intervals;
mod json;
mod make;
mod numbers;
mod ordered;
mod regular;
mod rows;
mod series;
mod syntax;
mod truncate;
mod types;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub(super) use format::WIDTH_MAX;
pub(super) use intervals::{product, quotient};
pub use json::normal;
pub(super) use json::{Arguments, Contains, Tables, known_json, rewritten as as_json};
pub use marks::{EXTENSION_NAME, Mark};
pub(super) use rows::{as_table, select};
pub(super) use syntax::{rename, rewritten, substring};
pub(super) use types::TypeOf;

/// Those of values.
pub(super) fn scalars() -> Vec<ScalarUDF> {
    let all = [
        age::AGE,
        clock::CLOCK,
        clock::UUID,
        format::FORMAT,
        format::QUOTE_IDENT,
        format::QUOTE_LITERAL,
        format::QUOTE_NULLABLE,
        formats::EPOCH,
        formats::TO_CHAR,
        formats::TO_DATE,
        formats::TO_TIMESTAMP,
        intervals::BOTH,
        intervals::DAYS,
        intervals::DIVIDED,
        intervals::HOURS,
        intervals::TIMES,
        make::INTERVAL,
        make::TIME,
        make::TIMESTAMP,
        numbers::MOD,
        numbers::SIGN,
        numbers::WIDTH_BUCKET,
        regular::MATCHES,
        regular::SPLIT,
        regular::SUBSTRING,
        types::TYPE_OF,
    ];
    all.into_iter()
        .chain(json::all())
        .map(defined::Definition::function)
        .chain([formats::to_number(), series::function(), truncate::function()])
        .collect()
}

/// Those of groups.
pub(super) fn aggregates() -> Vec<AggregateUDF> {
    ordered::functions().into()
}
