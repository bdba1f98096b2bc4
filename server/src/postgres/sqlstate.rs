//! Errors as Postgres clients know them: five-character SQL states beside the sentence.
//!
//! Not here: what went wrong, which DataFusion and the limits say.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion_postgres::pgwire::api::{ClientInfo, ErrorHandler};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};
use pipelines::catalog::CatalogError;
use pipelines::views::Fault;

use crate::query::Busy;

/// Gives the errors that the library leaves as `XX000` their states.
pub(super) struct SqlStates;

impl ErrorHandler for SqlStates {
    fn on_error<C>(&self, _client: &C, error: &mut PgWireError)
    where
        C: ClientInfo,
    {
        let PgWireError::ApiError(inner) = error else { return };
        let code = if let Some(error) = inner.downcast_ref::<DataFusionError>() {
            state(error)
        } else if inner.downcast_ref::<ParserError>().is_some() {
            "42601"
        } else {
            return;
        };
        *error = user("ERROR", code, inner.to_string());
    }
}

/// The state of an error of planning or execution.
fn state(error: &DataFusionError) -> &'static str {
    match error.find_root() {
        DataFusionError::SQL(..) => "42601",
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { .. } => "42703",
            SchemaError::AmbiguousReference { .. } => "42702",
            SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => "42701",
        },
        DataFusionError::Plan(text) if text.contains("not found") && text.contains("table") => "42P01",
        DataFusionError::Plan(text) if text.starts_with("Invalid function") => "42883",
        DataFusionError::Plan(_) => "42000",
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            datafusion::arrow::error::ArrowError::DivideByZero => "22012",
            datafusion::arrow::error::ArrowError::CastError(_)
            | datafusion::arrow::error::ArrowError::ParseError(_) => "22P02",
            datafusion::arrow::error::ArrowError::ArithmeticOverflow(_) => "22003",
            _ => "22000",
        },
        DataFusionError::Execution(_) => "22000",
        root => match Fault::of(root) {
            // Some clients send the statement again on this one.
            Some(Fault::Moved) => "40001",
            Some(Fault::Damage) => "XX001",
            Some(Fault::Statement) => "42P01",
            Some(Fault::Bug) | None => "XX000",
        },
    }
}

/// An error that ends the connection.
pub(super) fn fatal(code: &str, message: impl Into<String>) -> PgWireError {
    user("FATAL", code, message.into())
}

/// An error that ends the statement.
pub(super) fn error(code: &str, message: impl Into<String>) -> PgWireError {
    user("ERROR", code, message.into())
}

fn user(severity: &str, code: &str, message: String) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new(severity.to_owned(), code.to_owned(), message)))
}

/// An error of DataFusion, on its way to [`SqlStates`].
pub(super) fn from(error: DataFusionError) -> PgWireError {
    PgWireError::ApiError(Box::new(error))
}

/// An error of the catalog.
pub(super) fn from_catalog(failure: CatalogError) -> PgWireError {
    match failure {
        CatalogError::DataFusion(inner) => from(inner),
        CatalogError::View(_) => error("0A000", failure.to_string()),
        refused => error("25006", refused.to_string()),
    }
}

/// Too many statements at once.
pub(super) fn from_busy(busy: &Busy) -> PgWireError {
    error("53300", busy.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;
    use pipelines::lake::LakeError;
    use pipelines::views::ViewError;

    async fn check(sql: &str, expect: &str) {
        let context = SessionContext::new();
        let outcome = match context.sql(sql).await {
            Ok(frame) => frame.collect().await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = outcome.unwrap_err();
        assert_eq!(state(&error), expect, "{sql}: {error:?}");
    }

    #[test]
    fn damage_is_told_from_what_a_statement_is_to_blame_for() {
        let check = |error: LakeError, expect| {
            assert_eq!(state(&DataFusionError::External(Box::new(ViewError::Lake(error)))), expect);
        };
        check(LakeError::Damaged { file: "f".into(), reason: "r".into() }, "XX001");
        check(LakeError::Moved, "40001");
    }

    #[tokio::test]
    async fn errors_have_the_states_that_clients_know() {
        check("selec 1", "42601").await;
        check("select * from nowhere", "42P01").await;
        check("select a from (select 1 as b)", "42703").await;
        check("select no_such_function(1)", "42883").await;
        check("select 1 / (b - b) from (values (1), (2)) t(b)", "22012").await;
        check("select cast(b as int) from (values ('x'), ('y')) t(b)", "22P02").await;
    }
}
