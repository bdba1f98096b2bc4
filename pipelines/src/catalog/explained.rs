//! `EXPLAIN (…)` with options in parentheses, as Postgres clients write it: of them the format JSON, and whether to run.
//!
//! In JSON a plan is one row of one column, `QUERY PLAN`, in the shape of PostgreSQL's: each node has a type and the nodes that it
//! reads. The nodes are those of DataFusion once it has optimized the statement. Options that only say how much is told are left
//! out. Not here: `EXPLAIN` without options, which DataFusion answers with two columns of text.

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Expr, Statement, UtilityOption, Value};

use super::functions;
use super::names::unnumbered;
use super::verify::verify;

const COLUMN: &str = "QUERY PLAN";
/// Options that say how much is told.
const TOLD: [&str; 8] = ["verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary"];

/// The statement whose plan is wanted in JSON, if `statement` wants that; else its options are set as DataFusion reads them.
///
/// # Errors
/// Options that PostgreSQL has not, and formats that are not told here.
pub(super) fn in_json(statement: &mut DfStatement) -> Result<Option<DfStatement>> {
    let DfStatement::Statement(statement) = statement else { return Ok(None) };
    let Statement::Explain { analyze, options: Some(options), statement: explained, .. } = statement.as_mut() else {
        return Ok(None);
    };
    let mut is_json = false;
    for option in options.iter() {
        match option.name.value.to_lowercase().as_str() {
            "analyze" => *analyze = is_on(option)?,
            "format" => match written(option).as_str() {
                "json" => is_json = true,
                "text" => is_json = false,
                other @ ("xml" | "yaml") => return not_impl_err!("EXPLAIN in the format {other}: ask for JSON"),
                other => return plan_err!("unrecognized value for EXPLAIN option \"format\": \"{other}\""),
            },
            told if TOLD.contains(&told) => {}
            other => return plan_err!("unrecognized EXPLAIN option \"{other}\""),
        }
    }
    match (is_json, *analyze) {
        (false, _) => Ok(None),
        (true, true) => not_impl_err!("EXPLAIN (ANALYZE, FORMAT JSON): leave out one of them"),
        (true, false) => Ok(Some(DfStatement::Statement(explained.clone()))),
    }
}

/// A plan that gives what `plan` is, in JSON.
///
/// # Errors
/// Plans that may not be executed, or can't be optimized.
pub(super) fn told(state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan> {
    verify(plan)?;
    let optimized = state.optimize(plan)?;
    let text = unnumbered(&optimized.display_pg_json().to_string());
    LogicalPlanBuilder::empty(true).project([functions::known_json(lit(text)).alias(COLUMN)])?.build()
}

/// The argument of an option in small letters.
fn written(option: &UtilityOption) -> String {
    match &option.arg {
        Some(Expr::Identifier(name)) => name.value.to_lowercase(),
        Some(Expr::Value(value)) => match &value.value {
            Value::SingleQuotedString(text) => text.to_lowercase(),
            other => other.to_string().to_lowercase(),
        },
        Some(other) => other.to_string().to_lowercase(),
        None => String::new(),
    }
}

fn is_on(option: &UtilityOption) -> Result<bool> {
    match written(option).as_str() {
        "" | "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => plan_err!("{} requires a Boolean value", option.name),
    }
}
