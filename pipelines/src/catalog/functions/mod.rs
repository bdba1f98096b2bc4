//! Functions that analysts know from PostgreSQL and that DataFusion has not, or has otherwise: one, or a close family, per file.
//!
//! Each gives PostgreSQL's answer with its type and name, or an error; `server/tests/it/against_postgres` asks both. They only
//! compute: what they may give is bounded by [`super::values`], what they parse by [`super::bounds`]. Not here: what operators
//! and casts mean ([`super::arithmetic`], [`super::casts`]), zones ([`super::zone`]).

mod defined;
mod marks;
mod age;
mod clock;
mod formats;
mod make;
mod numbers;
mod syntax;

use datafusion::logical_expr::ScalarUDF;

pub use marks::{EXTENSION_NAME, Mark};
pub(super) use syntax::{rename, rewritten};

/// Those of values.
pub(super) fn scalars() -> Vec<ScalarUDF> {
    let all = [
        age::AGE,
        clock::CLOCK,
        clock::UUID,
        formats::TO_CHAR,
        make::INTERVAL,
        make::TIME,
        make::TIMESTAMP,
        numbers::SIGN,
        numbers::WIDTH_BUCKET,
    ];
    all.into_iter().map(defined::Definition::function).collect()
}
