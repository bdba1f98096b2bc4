//! What may be executed: reading. Doors call [`verify`] before they execute a plan, because DataFusion carries out DDL
//! and `SET` at once, without planning them.

use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{LogicalPlan, Statement as Planned};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;

use super::CatalogError;

/// Options that a session may `SET`: how values look, never how much memory or parallelism a query takes (I8).
pub const SETTABLE: [&str; 2] = ["datafusion.execution.time_zone", "datafusion.sql_parser.default_null_ordering"];

/// Refuses a statement that writes by its kind, before it is planned: planning may fail for another reason, which would not
/// say what is the matter.
pub fn verify_kind(statement: &DfStatement) -> Result<(), CatalogError> {
    let statement = match statement {
        DfStatement::Statement(statement) => statement,
        DfStatement::Explain(explain) => return verify_kind(&explain.statement),
        DfStatement::CopyTo(_) | DfStatement::CreateExternalTable(_) => {
            return Err(CatalogError::ReadOnly("COPY and external tables".to_owned()));
        }
        DfStatement::Reset(_) => return Ok(()),
    };
    let text = statement.to_string();
    let mut words = text.split_whitespace();
    match words.next().unwrap_or_default() {
        verb @ ("CREATE" | "DROP" | "ALTER") => {
            Err(CatalogError::ReadOnly(format!("{verb} {}", words.next().unwrap_or_default())))
        }
        verb @ ("INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" | "COPY" | "GRANT" | "REVOKE" | "COMMENT"
        | "VACUUM" | "LOCK" | "LOAD" | "CALL" | "REPLACE") => Err(CatalogError::ReadOnly(verb.to_owned())),
        _ => Ok(()),
    }
}

/// The setting that `statement` is, if it is one. Looked at before planning, which knows few of the forms of `SET`.
pub(super) fn setting(statement: &DfStatement) -> Option<String> {
    match statement {
        DfStatement::Statement(statement) if matches!(**statement, Statement::Set(_) | Statement::Reset(_)) => {
            Some(statement.to_string())
        }
        DfStatement::Reset(_) => Some("RESET".to_owned()),
        _ => None,
    }
}

/// Refuses a `setting` where the session ends with the statement: taken in silence, it would seem to have an effect. What is
/// never allowed is told as such.
pub(super) fn lasting(
    setting: Option<String>,
    planned: Result<LogicalPlan, CatalogError>,
) -> Result<LogicalPlan, CatalogError> {
    match (setting, planned) {
        (None, planned) | (Some(_), planned @ Err(CatalogError::ReadOnly(_))) => planned,
        (Some(setting), _) => Err(CatalogError::Setting(setting)),
    }
}

/// Refuses everything that is not a query, `EXPLAIN`, `SHOW`, a prepared query or a `SET` of [`SETTABLE`].
pub fn verify(plan: &LogicalPlan) -> Result<(), CatalogError> {
    let refuse = |what: &str| Err(CatalogError::ReadOnly(what.to_owned()));
    if let LogicalPlan::Statement(statement) = plan {
        match statement {
            Planned::SetVariable(set) if !is_settable(&set.variable) => {
                return refuse(&format!("SET {}", set.variable));
            }
            Planned::ResetVariable(reset) if !is_settable(&reset.variable) => {
                return refuse(&format!("RESET {}", reset.variable));
            }
            _ => {}
        }
    }
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).verify_plan(plan).map_err(|error| match error {
        DataFusionError::Plan(reason) => CatalogError::ReadOnly(reason),
        other => CatalogError::from(other),
    })
}

fn is_settable(variable: &str) -> bool {
    // The parser has turned the alias `TIME ZONE` into the option's name.
    SETTABLE.contains(&variable)
}
