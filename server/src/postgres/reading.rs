//! Only reading: what a statement may be, looked at before anything of it runs.
//!
//! The library's hooks carry out `SET` by themselves, so those are looked at here too. Not here: the rules for plans
//! (`pipelines::catalog::verify`), and which parameters there are ([`super::parameters`]).

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::pgwire::error::PgWireResult;
use pipelines::catalog::{verify, verify_kind};

use super::parameters;
use super::sqlstate::{from, from_catalog};

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
    verify_kind(&statement).map_err(from_catalog)?;
    let plan = context.state().statement_to_plan(statement).await.map_err(from)?;
    verify(&plan).map_err(from_catalog)?;
    Ok(plan)
}
