//! Statements about the session itself that drivers and pools send between queries: they are answered, and mostly there is
//! nothing to do, since sessions only read.
//!
//! Not here: `SET`, `SHOW` and transactions, which the library has.

use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::pgwire::api::ClientPortalStore;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::api::store::PortalStore;

use super::cursors::Cursors;
use super::kept::{Kept, Kind};

/// The answer to `statement`, if it is one of these.
pub(super) async fn answer<C: ClientPortalStore>(
    client: &C,
    cursors: &Cursors,
    kept: &Kept,
    statement: &Statement,
) -> Option<Response>
where
    C::PortalStore: PortalStore,
{
    let tag = tag(statement)?;
    match statement {
        Statement::Discard { .. } => {
            cursors.close_all();
            client.portal_store().clear_portals();
            kept.forget_portals();
        }
        // Of `ALL`, what is not prepared again goes with the connection.
        Statement::Deallocate { name, .. } => {
            client.portal_store().rm_statement(&name.value);
            kept.forget(Kind::Statement, &name.value);
        }
        _ => {}
    }
    Some(Response::Execution(Tag::new(tag)))
}

/// What [`answer`] says, of those that it answers.
pub(super) fn tag(statement: &Statement) -> Option<&'static str> {
    match statement {
        Statement::Discard { .. } => Some("DISCARD ALL"),
        Statement::Reset(_) => Some("RESET"),
        Statement::Deallocate { .. } => Some("DEALLOCATE"),
        Statement::Savepoint { .. } => Some("SAVEPOINT"),
        Statement::ReleaseSavepoint { .. } => Some("RELEASE"),
        Statement::UNLISTEN { .. } => Some("UNLISTEN"),
        _ => None,
    }
}
