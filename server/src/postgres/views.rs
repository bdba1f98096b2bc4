//! Creating and dropping materialized views over the Postgres wire.
//!
//! Looked for before the library parses anything, since its planner knows no such statements. Not here: what they do
//! (`statements`).

use actors::facets::views::ViewsRejection;
use actors::{CommandError, Rejected};
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use pipelines::catalog::ViewStatement;

use crate::node::AdminError;
use crate::statements::{self, StatementError};

use super::session::Session;
use super::sqlstate::{self, from_catalog};

/// Carries `change` out in the name of whoever is asking.
pub(super) async fn change(session: &Session, change: ViewStatement) -> PgWireResult<Response> {
    let identity = session.identity()?;
    let done = statements::change(&session.door.node, &identity, change).await.map_err(from)?;
    Ok(Response::Execution(Tag::new(done)))
}

fn from(error: StatementError) -> PgWireError {
    let error = match error {
        StatementError::Catalog(failure) => return from_catalog(failure),
        other => other,
    };
    let state = match &error {
        StatementError::Refused(_) => "42501",
        StatementError::Admin(AdminError::Command(CommandError::Rejected(Rejected::Views(rejection)))) => {
            match rejection {
                ViewsRejection::Exists(_) => "42P07",
                ViewsRejection::Unknown(_) => "42P01",
                ViewsRejection::TooMany => "54000",
                ViewsRejection::Invalid(_) => "0A000",
            }
        }
        StatementError::Admin(AdminError::View(_)) => "0A000",
        StatementError::Admin(AdminError::Command(CommandError::Busy)) => "53300",
        StatementError::Admin(AdminError::Command(CommandError::Closed)) => "57P03",
        StatementError::Admin(_) | StatementError::Catalog(_) => "58000",
    };
    sqlstate::error(state, error.to_string())
}
