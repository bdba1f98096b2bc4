//! Errors as Postgres clients know them: SQL state, hint and position beside the sentence.
//!
//! Not here: what went wrong and which state that has (`query::Failure`), and where in the text ([`super::place`]).

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};
use pipelines::catalog::CatalogError;

use crate::query::{Busy, Failure};

use super::typed::Malformed;

/// Tells the errors that the library leaves as `XX000`.
pub(super) struct SqlStates;

impl ErrorHandler for SqlStates {
    fn on_error<C>(&self, _client: &C, error: &mut PgWireError)
    where
        C: ClientInfo,
    {
        if let Some(failure) = failure(error) {
            *error = told(failure);
        }
        // The library tells of a block that has failed by the state of one that was never begun.
        if let PgWireError::UserError(told) = error
            && told.code == "25P01"
        {
            told.code = "25P02".to_owned();
        }
    }
}

/// The failure in an error that the library or a stream of rows passes on.
pub(super) fn failure(error: &PgWireError) -> Option<Failure> {
    let PgWireError::ApiError(inner) = error else { return None };
    let planned = inner.downcast_ref::<DataFusionError>();
    planned.map(of_datafusion).or_else(|| inner.downcast_ref::<ParserError>().map(|error| Failure::to_parse(error, "")))
}

fn of_datafusion(error: &DataFusionError) -> Failure {
    let malformed = match error.find_root() {
        DataFusionError::External(inner) => inner.downcast_ref::<Malformed>(),
        _ => None,
    };
    let told =
        |malformed: &Malformed| Failure { state: "22P02", message: malformed.to_string(), hint: None, position: None };
    malformed.map_or_else(|| Failure::from(error), told)
}

/// The state that the client will see.
pub(super) fn state(error: &PgWireError) -> String {
    match error {
        PgWireError::UserError(told) => told.code.clone(),
        PgWireError::QueryCanceled => "57014".to_owned(),
        other => failure(other).map_or_else(|| "XX000".to_owned(), |failure| failure.state.to_owned()),
    }
}

/// An error that ends the connection.
pub(super) fn fatal(code: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("FATAL".to_owned(), code.to_owned(), message.into())))
}

/// A failure that ends the statement.
pub(super) fn told(failure: Failure) -> PgWireError {
    let mut error = ErrorInfo::new("ERROR".to_owned(), failure.state.to_owned(), failure.message);
    error.hint = failure.hint;
    error.position = failure.position.map(|position| position.to_string());
    PgWireError::UserError(Box::new(error))
}

/// A failure that says all there is to say.
pub(super) fn error(state: &'static str, message: impl Into<String>) -> PgWireError {
    told(Failure { state, message: message.into(), hint: None, position: None })
}

/// An error of DataFusion, on its way to [`SqlStates`].
pub(super) fn from(error: DataFusionError) -> PgWireError {
    PgWireError::ApiError(Box::new(error))
}

/// An error of the catalog.
pub(super) fn from_catalog(error: CatalogError) -> PgWireError {
    match error {
        CatalogError::DataFusion(inner) => from(inner),
        refused => told(Failure::from(&refused)),
    }
}

/// Too many statements at once.
pub(super) fn from_busy(busy: &Busy) -> PgWireError {
    told(Failure::from(busy))
}
