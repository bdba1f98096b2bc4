//! SQL statements that do more than read: those that create and drop materialized views. One place for all doors.
//!
//! They are commands to the platform like any other: journaled under the caller's name, in force when they are answered,
//! history included, and carried out to their end whether or not the client waits. Not here: reading them
//! (`pipelines::catalog`), what views there may be (`actors`).

use std::sync::Arc;

use actors::facets::views::{ViewsCommand, ViewsRejection};
use actors::{Command, CommandError, PLATFORM, Rejected};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use pipelines::catalog::{CatalogError, ViewStatement};

use crate::identity::{Identity, Refusal, Scope};
use crate::node::{AdminError, Node};

/// Why a statement was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It can't be planned, or a view not be kept current.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The caller may not.
    #[error("materialized views are the platform's: {0}")]
    Refused(#[from] Refusal),
    /// The platform's rules say no, or the history could not be computed.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl From<DataFusionError> for StatementError {
    fn from(error: DataFusionError) -> Self {
        Self::Catalog(error.into())
    }
}

/// What `sql` gives for `identity`: rows, or one that says what was done.
///
/// # Errors
/// [`StatementError`] says why there are none.
pub async fn query(node: &Arc<Node>, identity: &Identity, sql: &str) -> Result<DataFrame, StatementError> {
    query_in(node, identity, sql, None).await
}

/// The same in a time zone.
///
/// # Errors
/// [`StatementError`] says why there are none.
pub async fn query_in(
    node: &Arc<Node>,
    identity: &Identity,
    sql: &str,
    zone: Option<&str>,
) -> Result<DataFrame, StatementError> {
    let Some(done) = change(node, identity, sql).await? else {
        return Ok(node.catalog.query_in(&identity.visibility(), sql, zone).await?);
    };
    let column: ArrayRef = Arc::new(StringArray::from(vec![done]));
    let row = RecordBatch::try_from_iter([("done", column)]).map_err(DataFusionError::from)?;
    Ok(node.catalog.session(&identity.visibility())?.read_batch(row)?)
}

/// Carries `sql` out if it changes materialized views, and gives its command tag; `None` if it does not.
///
/// # Errors
/// [`StatementError`] says why nothing changed.
pub async fn change(node: &Arc<Node>, identity: &Identity, sql: &str) -> Result<Option<&'static str>, StatementError> {
    let Some(statement) = ViewStatement::parse(sql)? else { return Ok(None) };
    identity.require_platform()?;
    identity.require(Scope::Admin)?;
    match statement {
        ViewStatement::Create { view, if_not_exists } => {
            let created = command(node, identity, ViewsCommand::Create(view)).await;
            ignore(created, |error| if_not_exists && matches!(error, ViewsRejection::Exists(_)))?;
            Ok(Some("CREATE MATERIALIZED VIEW"))
        }
        ViewStatement::Drop { names, if_exists } => {
            for name in names {
                let dropped = command(node, identity, ViewsCommand::Drop { name }).await;
                ignore(dropped, |error| if_exists && matches!(error, ViewsRejection::Unknown(_)))?;
            }
            Ok(Some("DROP MATERIALIZED VIEW"))
        }
        ViewStatement::Refresh { name } => match node.tenants.views().iter().any(|created| created.view.name == name) {
            true => Ok(Some("REFRESH MATERIALIZED VIEW")),
            false => Err(rejected(ViewsRejection::Unknown(name)).into()),
        },
    }
}

/// Runs to its end even if nobody waits for it any more: a change that is journaled must come into force.
async fn command(node: &Arc<Node>, identity: &Identity, command: ViewsCommand) -> Result<(), AdminError> {
    let (node, principal) = (Arc::clone(node), identity.principal().to_owned());
    let work = async move { node.command(PLATFORM, Command::Views(command), &principal).await };
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(AdminError::Backfill(error.to_string()))).map(|_| ())
}

fn ignore(done: Result<(), AdminError>, may: impl Fn(&ViewsRejection) -> bool) -> Result<(), AdminError> {
    match done {
        Err(AdminError::Command(CommandError::Rejected(Rejected::Views(rejection)))) if may(&rejection) => Ok(()),
        done => done,
    }
}

fn rejected(rejection: ViewsRejection) -> AdminError {
    AdminError::Command(CommandError::Rejected(Rejected::Views(rejection)))
}
