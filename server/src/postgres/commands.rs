//! Statements about the session itself that drivers and pools send between queries: they are answered, and mostly there is
//! nothing to do, since sessions only read.
//!
//! Not here: `SET`, `SHOW` and transactions, which the library has.

use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::pgwire::api::ClientPortalStore;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::api::store::PortalStore;

use super::cursors::Cursors;

/// The answer to `statement`, if it is one of these.
pub(super) async fn answer<C: ClientPortalStore>(
    client: &C,
    cursors: &Cursors,
    statement: &Statement,
) -> Option<Response>
where
    C::PortalStore: PortalStore,
{
    let tag = match statement {
        Statement::Discard { .. } => {
            cursors.close_all().await;
            client.portal_store().clear_portals();
            "DISCARD ALL"
        }
        Statement::Reset(_) => "RESET",
        Statement::Deallocate { name, .. } => {
            // All but the names that are used again go with the connection.
            client.portal_store().rm_statement(&name.value);
            "DEALLOCATE"
        }
        Statement::Savepoint { .. } => "SAVEPOINT",
        Statement::ReleaseSavepoint { .. } => "RELEASE",
        Statement::UNLISTEN { .. } => "UNLISTEN",
        _ => return None,
    };
    Some(Response::Execution(Tag::new(tag)))
}

/// Whether [`answer`] has one.
pub(super) fn is_one(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Discard { .. }
            | Statement::Reset(_)
            | Statement::Deallocate { .. }
            | Statement::Savepoint { .. }
            | Statement::ReleaseSavepoint { .. }
            | Statement::UNLISTEN { .. }
    )
}
