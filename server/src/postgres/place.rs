//! Where in its text a statement can't be planned.
//!
//! The library's parser forgets the places of words, so a statement that failed is parsed and planned once more with them;
//! nothing of it runs. Not here: what the failure is called (`query::Failure`).

use std::sync::Arc;

use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_postgres::pgwire::error::PgWireError;

use pipelines::catalog::{self, CatalogError};

use crate::query::Failure;

use super::bounds::Bounds;
use super::dialect::Dialect;
use super::session::Session;
use super::sqlstate::{failure, told};

/// The state of what is refused because it writes, which is told even if planning failed for another reason.
const READ_ONLY: &str = "25006";

/// `error` of planning `text`, with the place and the name that was probably meant.
pub(super) async fn placed(
    error: PgWireError,
    text: &str,
    session: &Arc<Session>,
    bounds: &Arc<Bounds>,
) -> PgWireError {
    if failure(&error).is_none() {
        return error;
    }
    let (of, text) = (Arc::clone(session), text.to_owned());
    let work = Box::pin(async move { Ok(again(error, &text, &of.asker()?.context).await) });
    match session.apart(bounds, work).await {
        Ok(error) | Err(error) => error,
    }
}

/// The same where it may take its time.
pub(super) async fn again(error: PgWireError, text: &str, context: &SessionContext) -> PgWireError {
    let Some(plain) = failure(&error) else { return error };
    // A limit has no place.
    if plain.state.starts_with("53") || plain.state.starts_with("54") || plain.state.starts_with("57") {
        return told(plain);
    }
    match first(text, &context.state()).await {
        // Another failure is one of the detour: the library rewrites some texts before it parses them.
        Some(placed) if placed.state == plain.state || placed.state == READ_ONLY => told(placed),
        _ => told(plain),
    }
}

/// The first failure of planning `text`.
async fn first(text: &str, session: &SessionState) -> Option<Failure> {
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).and_then(|mut parser| parser.parse_statements());
    let statements = match parsed {
        Ok(statements) => statements,
        Err(error) => return Some(Failure::to_parse(&error, text)),
    };
    let dialect = Dialect::default();
    for statement in statements {
        let statement = Statement::Statement(Box::new(dialect.rewrite(statement)));
        match catalog::plan(session, statement).await {
            Ok(_) => {}
            Err(CatalogError::DataFusion(error)) => return Some(Failure::to_plan(&error, text, session)),
            Err(refused) => return Some(Failure::from(&refused)),
        }
    }
    None
}
