//! SQL statements as doors ask them: planned, or known for one of those that create and drop materialized views.
//!
//! The latter are commands to the platform like any other: journaled under the caller's name, in force when they are answered,
//! history included, and carried out to their end whether or not the client waits. Not here: reading them
//! (`pipelines::catalog`), what views there may be (`actors`).

use std::sync::Arc;

use actors::facets::views::{ViewsCommand, ViewsRejection};
use actors::{Command, CommandError, PLATFORM, Rejected};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::error::DataFusionError;
use pipelines::catalog::{CatalogError, Ready, ViewStatement, Visibility};

use crate::identity::{Identity, Refusal, Scope};
use crate::node::{AdminError, Node};
use crate::query::Failure;

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

/// What a statement asks for.
#[derive(Debug)]
pub enum Asked {
    /// Rows, which are planned.
    Rows(Ready),
    /// A change of materialized views.
    Change(ViewStatement),
}

/// Reads and plans `sql` for `identity` in a time zone, apart from the doors' threads; `held` is let go when that has ended,
/// whether or not somebody waits for it.
///
/// # Errors
/// [`Unplanned`] says why it can't be planned, and where.
pub async fn ask(
    node: &Arc<Node>,
    identity: &Identity,
    sql: &str,
    zone: Option<&str>,
    held: impl Send + 'static,
) -> Result<Asked, Unplanned> {
    let (of, visibility) = (Arc::clone(node), identity.visibility());
    let (sql, zone) = (sql.to_owned(), zone.map(str::to_owned));
    let work = async move {
        let _held = held;
        if let Some(change) = ViewStatement::parse(&sql)? {
            return Ok(Asked::Change(change));
        }
        let planned = async { Ok(Ready::new(of.catalog.query_in(&visibility, &sql, zone.as_deref()).await?).await?) };
        planned.await.map(Asked::Rows).map_err(|error| unplanned(&of, &visibility, &sql, error))
    };
    node.catalog.apart(work).await?
}

/// Why a statement can't be planned.
#[derive(Debug)]
pub struct Unplanned {
    /// As the catalog says it.
    pub error: CatalogError,
    /// As it is told, with the place in the text.
    pub failure: Failure,
}

impl From<CatalogError> for Unplanned {
    fn from(error: CatalogError) -> Self {
        Self { failure: Failure::from(&error), error }
    }
}

/// `error` of planning `sql`, with the place and the name that was probably meant.
pub fn unplanned(node: &Node, visibility: &Visibility, sql: &str, error: CatalogError) -> Unplanned {
    let failure = match (&error, node.catalog.session(visibility)) {
        (CatalogError::DataFusion(inner), Ok(session)) => Failure::to_plan(inner, sql, &session.state()),
        (error, _) => Failure::from(error),
    };
    Unplanned { error, failure }
}

/// The one row that says what was done.
///
/// # Errors
/// If it can't be planned.
pub async fn done(node: &Node, identity: &Identity, done: &str) -> Result<Ready, CatalogError> {
    let column: ArrayRef = Arc::new(StringArray::from(vec![done]));
    let row = RecordBatch::try_from_iter([("done", column)]).map_err(DataFusionError::from)?;
    Ok(Ready::new(node.catalog.session(&identity.visibility())?.read_batch(row)?).await?)
}

/// Carries `statement` out, and gives its command tag.
///
/// # Errors
/// [`StatementError`] says why nothing changed.
pub async fn change(
    node: &Arc<Node>,
    identity: &Identity,
    statement: ViewStatement,
) -> Result<&'static str, StatementError> {
    identity.require_platform()?;
    identity.require(Scope::Admin)?;
    match statement {
        ViewStatement::Create { view, if_not_exists } => {
            let created = command(node, identity, ViewsCommand::Create(view)).await;
            ignore(created, |error| if_not_exists && matches!(error, ViewsRejection::Exists(_)))?;
            Ok("CREATE MATERIALIZED VIEW")
        }
        ViewStatement::Drop { names, if_exists } => {
            for name in names {
                let dropped = command(node, identity, ViewsCommand::Drop { name }).await;
                ignore(dropped, |error| if_exists && matches!(error, ViewsRejection::Unknown(_)))?;
            }
            Ok("DROP MATERIALIZED VIEW")
        }
        ViewStatement::Refresh { name } => match node.tenants.views().iter().any(|created| created.view.name == name) {
            true => Ok("REFRESH MATERIALIZED VIEW"),
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
