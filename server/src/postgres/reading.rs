//! Only reading: what a statement may be, looked at before anything of it runs.
//!
//! The library's hooks carry out `SET` by themselves, so those are looked at here too. Not here: the rules for plans
//! (`pipelines::catalog::verify`), and which parameters there are ([`super::parameters`]).

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::error::PgWireResult;
use pipelines::catalog::{self, zone};

use super::parameters;
use super::sqlstate::from_catalog;

const TIME_ZONE: &str = "timezone";

/// Refuses `statement` if a hook would carry out more than reading, or what makes no sense.
pub(super) async fn check_hooked(context: &SessionContext, statement: &Statement) -> PgWireResult<()> {
    match statement {
        // The hook hands what it does not know to DataFusion, whose settings are limits (I8).
        Statement::Set(_) if statement.to_string().replace('"', "").to_lowercase().contains("datafusion.") => {
            plan(context, statement.clone()).await.map(|_| ())
        }
        _ => parameters::check(statement),
    }
}

/// The plan of `statement`, which only reads.
pub(super) async fn plan(context: &SessionContext, statement: Statement) -> PgWireResult<LogicalPlan> {
    let statement = DfStatement::Statement(Box::new(statement));
    catalog::plan(&context.state(), statement).await.map_err(from_catalog)
}

/// Has the session compute in the time zone that its client has set, which the library keeps beside the other settings. What
/// a client began with and is no zone is UTC.
pub(super) fn turn_to<C: ClientInfo + ?Sized>(context: &SessionContext, client: &C) {
    let set = client.metadata().get(TIME_ZONE).or_else(|| {
        client.metadata().iter().find(|(name, _)| name.eq_ignore_ascii_case(TIME_ZONE)).map(|(_, value)| value)
    });
    let zone = set.and_then(|name| zone::named(name));
    catalog::turn_to(context, zone.unwrap_or_else(|| zone::UTC.to_owned()));
}
