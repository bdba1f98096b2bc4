//! Only reading: what a statement may be, looked at before anything of it runs.
//!
//! All of it is done apart from the door's threads, as a part of the statement ([`Session::apart`]). The library's hooks carry
//! out `SET` by themselves, so those are looked at here too. Not here: the rules for plans
//! (`pipelines::catalog::verify`), and which parameters there are ([`super::parameters`]).

use std::sync::Arc;

use datafusion::common::{DFSchemaRef, ParamValues};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::error::PgWireResult;
use pipelines::catalog::{self, ViewStatement, zone};

use super::bounds::Bounds;
use super::parameters;
use super::place::again;
use super::results::{self, Planned, Reader};
use super::session::Session;
use super::sqlstate::{self, from_catalog};

const TIME_ZONE: &str = "timezone";

/// What a text says.
pub(super) enum Read {
    /// Statements that read or are about the session.
    Statements(Vec<Statement>),
    /// One that changes materialized views.
    Change(ViewStatement),
}

/// What `text` says, parsed and rewritten.
pub(super) async fn read(session: &Arc<Session>, bounds: &Arc<Bounds>, text: &str) -> PgWireResult<Read> {
    let (of, text) = (Arc::clone(session), text.to_owned());
    let work = Box::pin(async move {
        if let Some(change) = ViewStatement::parse(&text).map_err(from_catalog)? {
            return Ok(Read::Change(change));
        }
        match of.door.dialect.parse(&text) {
            Ok(statements) => Ok(Read::Statements(statements)),
            Err(error) => Err(again(error, &text, &of.asker()?.context).await),
        }
    });
    session.apart(bounds, work).await
}

/// Refuses `statement` if a hook would carry out more than reading, or what makes no sense.
pub(super) async fn check_hooked(
    session: &Arc<Session>,
    bounds: &Arc<Bounds>,
    statement: &Statement,
) -> PgWireResult<()> {
    match statement {
        // The hook hands what it does not know to DataFusion, whose settings are limits (I8).
        Statement::Set(_) if statement.to_string().replace('"', "").to_lowercase().contains("datafusion.") => {
            plan(session, bounds, statement.clone()).await.map(|_| ())
        }
        _ => parameters::check(statement),
    }
}

/// The plan of `statement`, which only reads.
pub(super) async fn plan(
    session: &Arc<Session>,
    bounds: &Arc<Bounds>,
    statement: Statement,
) -> PgWireResult<LogicalPlan> {
    let context = Arc::clone(&session.asker()?.context);
    session.apart(bounds, Box::pin(async move { planned_in(&context, statement).await })).await
}

/// The same, planned to its end.
pub(super) async fn planned(
    session: &Arc<Session>,
    bounds: &Arc<Bounds>,
    statement: Statement,
    reader: Reader,
) -> PgWireResult<Planned> {
    let context = Arc::clone(&session.asker()?.context);
    let work = Box::pin(async move {
        let plan = planned_in(&context, statement).await?;
        Planned::new(&context, plan, reader).await.map_err(sqlstate::from)
    });
    session.apart(bounds, work).await
}

/// `plan` with `values` for its parameters, planned to its end.
pub(super) async fn bound(
    session: &Arc<Session>,
    bounds: &Arc<Bounds>,
    plan: LogicalPlan,
    values: ParamValues,
    reader: Reader,
) -> PgWireResult<Planned> {
    let context = Arc::clone(&session.asker()?.context);
    let work = Box::pin(async move {
        let plan = results::bound(&context, &plan, &values).map_err(sqlstate::from)?;
        Planned::new(&context, plan, reader).await.map_err(sqlstate::from)
    });
    session.apart(bounds, work).await
}

/// The columns of `plan` as they are told before its parameters are bound.
pub(super) async fn columns(
    session: &Arc<Session>,
    bounds: &Arc<Bounds>,
    plan: LogicalPlan,
) -> PgWireResult<DFSchemaRef> {
    let context = Arc::clone(&session.asker()?.context);
    let work = Box::pin(async move {
        let plan = catalog::announced(&context.state(), &plan).map_err(sqlstate::from)?;
        results::schema(&plan).map_err(sqlstate::from)
    });
    session.apart(bounds, work).await
}

async fn planned_in(context: &SessionContext, statement: Statement) -> PgWireResult<LogicalPlan> {
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
