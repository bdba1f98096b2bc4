//! Forms that drivers and tools write, and that DataFusion takes for something else or not at all: `LIMIT $1`, `= ANY (SELECT …)`,
//! `FROM current_schema()`.
//!
//! They are rewritten before the library's own rules see them: one of those makes a search in an array of every `= ANY`. Not
//! here: casts and operators ([`super::dialect`]).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, Ident, LimitClause, ObjectName, ObjectNamePart,
    Query, SelectItem, SetExpr, Statement, TableAlias, TableFactor, Value, VisitMut, VisitorMut,
};

use super::{dialect, texts};

/// The function that stands for the view of settings.
const SETTINGS: &str = "pg_show_all_settings";
/// Functions of the session that are read as tables of one row.
const OF_SESSION: [&str; 4] = ["current_schema", "current_database", "version", "session_user"];

/// Rewrites `statement`; twice is once.
pub(super) fn rewrite(statement: &mut Statement) {
    let _ = statement.visit(&mut Forms);
}

struct Forms;

impl VisitorMut for Forms {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &mut query.limit_clause {
            limit.iter_mut().for_each(count);
            offset.iter_mut().for_each(|offset| count(&mut offset.value));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: args @ Some(_), alias, .. } = factor
            && args.as_ref().is_some_and(|args| args.args.is_empty())
            && let Some(bare) = bare(name)
        {
            if bare == SETTINGS {
                *name = ObjectName::from(vec![Ident::new("pg_catalog"), Ident::new("pg_settings")]);
                *args = None;
                alias.get_or_insert_with(|| called(SETTINGS));
            } else if OF_SESSION.contains(&bare.as_str())
                && let Some(row) = row_of(&bare)
            {
                let alias = alias.take().unwrap_or_else(|| called(&bare));
                *factor =
                    TableFactor::Derived { lateral: false, subquery: Box::new(row), alias: Some(alias), sample: None };
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Cast { expr, data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)), .. } => {
                list(expr, Some(&**element));
            }
            Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => list(right, None),
            _ => {}
        }
        let (left, right, negated) = match expression {
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
            _ => return ControlFlow::Continue(()),
        };
        if let Expr::Subquery(subquery) = right.as_ref() {
            *expression = Expr::InSubquery { expr: left.clone(), subquery: subquery.clone(), negated };
        }
        ControlFlow::Continue(())
    }
}

/// A parameter that counts rows is a number, whatever is said of it; so is a text, which some drivers write for one.
fn count(limit: &mut Expr) {
    let written = |value: &Value| matches!(value, Value::Placeholder(_) | Value::SingleQuotedString(_));
    if matches!(limit, Expr::Value(value) if written(&value.value)) {
        *limit = cast(limit.clone(), DataType::BigInt(None));
    }
}

/// An array that is written as a text, as its elements: the library cuts such a text at every comma.
fn list(written: &mut Expr, element: Option<&DataType>) {
    let Expr::Value(value) = &*written else { return };
    let Value::SingleQuotedString(text) = &value.value else { return };
    let Some(found) = texts::listed(text) else { return };
    let elem = found.into_iter().map(|text| {
        let text = Expr::value(text.map_or(Value::Null, Value::SingleQuotedString));
        match element {
            Some(element) => cast(text, element.clone()),
            None => text,
        }
    });
    *written = Expr::Array(Array { elem: elem.collect(), named: true });
}

fn cast(expression: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expression), data_type, array: false, format: None }
}

/// The name of a function of the catalogs, without them.
fn bare(name: &ObjectName) -> Option<String> {
    let parts = name.0.iter().map(ObjectNamePart::as_ident).collect::<Option<Vec<_>>>()?;
    match parts.as_slice() {
        [name] => Some(name.value.to_lowercase()),
        [schema, name] if schema.value.eq_ignore_ascii_case("pg_catalog") => Some(name.value.to_lowercase()),
        _ => None,
    }
}

fn called(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: Ident::new(name), columns: Vec::new(), at: None }
}

/// `SELECT name() AS name`.
fn row_of(name: &str) -> Option<Query> {
    let mut query = dialect::one_query("SELECT 1")?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let expr = dialect::call(name, Vec::new())?;
    select.projection = vec![SelectItem::ExprWithAlias { expr, alias: Ident::new(name) }];
    Some(query)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn what_drivers_write_is_planned() {
        let check = |sql: &str, expect: &str| {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
            rewrite(&mut statement);
            rewrite(&mut statement);
            assert_eq!(statement.to_string(), expect);
        };
        check("select 1 limit $1 offset $2", "SELECT 1 LIMIT CAST($1 AS BIGINT) OFFSET CAST($2 AS BIGINT)");
        check("select 1 limit '2'", "SELECT 1 LIMIT CAST('2' AS BIGINT)");
        check("select a = any (select 1) from t", "SELECT a IN (SELECT 1) FROM t");
        check("select a <> all (select 1) from t", "SELECT a NOT IN (SELECT 1) FROM t");
        check("select a = any ($1) from t", "SELECT a = ANY($1) FROM t");
        check("select a = any ('{x,\"y,z\"}') from t", "SELECT a = ANY(ARRAY['x', 'y,z']) FROM t");
        check(
            "select '{1,null}'::int[], '{}'::date[]",
            "SELECT ARRAY[CAST('1' AS INT), CAST(NULL AS INT)]::INT[], ARRAY[]::DATE[]",
        );
        check(
            "select * from current_schema()",
            "SELECT * FROM (SELECT current_schema() AS current_schema) AS current_schema",
        );
        check("select * from pg_show_all_settings() s", "SELECT * FROM pg_catalog.pg_settings s");
    }
}
