//! From a statement to its plan: the one way for all doors, and for what is kept current.
//!
//! Syntax is rewritten, DataFusion plans, names are restored and types are coerced. So what a plan says of its columns is what
//! its rows are, unless it has parameters that are not bound yet. Not here: what may be executed ([`super::verify`]).

use std::any::Any;

use datafusion::common::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::dialect::{GenericDialect, dialect_from_str};

use super::schema::PublicSchema;
use super::{
    CATALOG, CatalogError, SCHEMA, apart, arrays, bounds, dialect, explained, names, verify, verify_kind, zone,
};

/// The one statement of `text`, whose text is within bounds.
///
/// # Errors
/// Syntax, and what is too large.
pub(super) fn parsed(state: &SessionState, text: &str) -> Result<DfStatement, CatalogError> {
    let dialect = &state.config_options().sql_parser.dialect;
    let known = dialect_from_str(dialect).unwrap_or_else(|| Box::new(GenericDialect {}));
    bounds::check_text(text, known.as_ref())?;
    Ok(state.sql_to_statement(text, dialect)?)
}

/// The plan of `statement`, which only reads and is within bounds.
///
/// # Errors
/// What can't be planned, or is not allowed.
pub async fn plan(state: &SessionState, statement: DfStatement) -> Result<LogicalPlan, CatalogError> {
    bounds::check_parsed(&statement)?;
    verify_kind(&statement)?;
    let plan = planned(state, statement).await?;
    verify(&plan)?;
    Ok(plan)
}

/// The same of a statement that was looked at.
pub(crate) async fn planned(state: &SessionState, mut statement: DfStatement) -> Result<LogicalPlan> {
    if let Some(explained) = explained::in_json(&mut statement)? {
        let plan = Box::pin(planned(state, explained)).await?;
        return coerced(state, explained::told(state, &plan)?);
    }
    let zone = state.config_options().execution.time_zone.clone().unwrap_or_else(|| zone::UTC.to_owned());
    rewrite(&mut statement, &zone)?;
    if let Some(public) = state.catalog_list().catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA))
        && let Some(public) = (public.as_ref() as &dyn Any).downcast_ref::<PublicSchema>()
    {
        public.turn_to(&zone);
    }
    let plan = arrays::typed(names::restored(state.statement_to_plan(statement).await?)?)?;
    apart::heed()?;
    coerced(state, plan)
}

/// `plan` with the types that its rows will have; of a plan with parameters those that are not yet bound keep it as it is.
///
/// # Errors
/// Types that do not fit.
pub fn coerced(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_query = !matches!(plan, LogicalPlan::Statement(_) | LogicalPlan::Ddl(_) | LogicalPlan::Dml(_));
    if !is_query || !plan.get_parameter_names()?.is_empty() {
        return Ok(plan);
    }
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})
}

/// `plan` with types as far as they are known before its parameters are bound: for what is told of its columns.
///
/// # Errors
/// Parameters without names.
pub fn announced(state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan> {
    if plan.get_parameter_names()?.is_empty() {
        return Ok(plan.clone());
    }
    let coerced = state.analyzer().execute_and_check(plan.clone(), state.config_options(), |_, _| {});
    // A parameter of which no type is known has to wait for its value.
    Ok(coerced.unwrap_or_else(|_| plan.clone()))
}

fn rewrite(statement: &mut DfStatement, zone: &str) -> Result<()> {
    match statement {
        DfStatement::Statement(statement) => dialect::rewrite(statement, zone),
        DfStatement::Explain(explain) => rewrite(&mut explain.statement, zone),
        _ => Ok(()),
    }
}
