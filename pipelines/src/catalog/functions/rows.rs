//! Functions that give rows: each has one that gives the same as a list, of which `unnest` makes rows.
//!
//! In a select list a call becomes `unnest(list)`, as a table a subquery that selects that. A table's one column is called by
//! its alias, as in PostgreSQL. Whole numbers that are written out stay DataFusion's `generate_series`, which makes rows as they
//! are asked for. Not here: `WITH ORDINALITY`, which DataFusion refuses, and arguments that read tables beside the call.

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, Statement, TableAlias, TableAliasColumnDef, TableFactor,
    TableWithJoins, UnaryOperator, Value,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::syntax::{plain, text};
use super::{regular, series};
use crate::catalog::dialect::call;

const SERIES: &str = "generate_series";
const UNNEST: &str = "unnest";

/// What gives rows of one column.
struct Rows {
    name: &'static str,
    /// The function that gives them as a list.
    list: &'static str,
    /// What the column of a table is called, unless it has columns' names; else as the table.
    column: Option<&'static str>,
    /// What tells that rows are of a type that a list can't tell.
    mark: Option<&'static str>,
}

const fn rows(name: &'static str, list: &'static str) -> Rows {
    Rows { name, list, column: None, mark: None }
}

const fn elements(name: &'static str, list: &'static str, mark: Option<&'static str>) -> Rows {
    Rows { name, list, column: Some(VALUE), mark }
}

const VALUE: &str = "value";
const JSON: Option<&str> = Some("_known_json");
const JSONB: Option<&str> = Some("_known_jsonb");
const ALL: [Rows; 10] = [
    rows(SERIES, series::NAME),
    rows("regexp_matches", regular::MATCHES.name),
    rows("regexp_split_to_table", regular::SPLIT.name),
    rows("string_to_table", "string_to_array"),
    rows("json_object_keys", "_json_keys"),
    rows("jsonb_object_keys", "_jsonb_keys"),
    elements("json_array_elements", "_json_elements", JSON),
    elements("jsonb_array_elements", "_jsonb_elements", JSONB),
    elements("json_array_elements_text", "_json_elements_text", None),
    elements("jsonb_array_elements_text", "_jsonb_elements_text", None),
];
/// What gives rows of a name and a value: the lists of both, and the type of the values.
const PAIRS: [(&str, &str, &str, Option<&str>); 4] = [
    ("json_each", "_json_keys", "_json_values", JSON),
    ("jsonb_each", "_jsonb_keys", "_jsonb_values", JSONB),
    ("json_each_text", "_json_keys", "_json_values_text", None),
    ("jsonb_each_text", "_jsonb_keys", "_jsonb_values_text", None),
];

/// The rows that the call of `name` gives, in a select list.
///
/// # Errors
/// Arguments that it has not.
pub(super) fn in_list(name: &str, arguments: &[&Expr], session: &str) -> Result<Option<Expr>> {
    if PAIRS.iter().any(|(pairs, ..)| *pairs == name) {
        return not_impl_err!("{name} in a select list: write it in FROM, where it is a table of key and value");
    }
    let Some(of) = ALL.iter().find(|of| of.name == name) else { return Ok(None) };
    of.rows(arguments.iter().map(|argument| (*argument).clone()).collect(), session).map(Some)
}

impl Rows {
    fn rows(&self, mut arguments: Vec<Expr>, session: &str) -> Result<Expr> {
        if self.name == SERIES {
            match arguments.len() {
                2 => arguments.push(Expr::value(Value::Number("1".to_owned(), false))),
                3 => {}
                count => return plan_err!("generate_series takes two or three values, it was given {count}"),
            }
            arguments.push(text(session));
        }
        let rows = call(UNNEST, vec![call(self.list, arguments)]);
        Ok(match self.mark {
            Some(mark) => call(mark, vec![rows]),
            None => rows,
        })
    }
}

/// Makes of a table that is such a call what DataFusion reads.
///
/// # Errors
/// Arguments that it has not.
pub(in crate::catalog) fn as_table(factor: &mut TableFactor, session: &str) -> Result<()> {
    match factor {
        TableFactor::UNNEST { alias, array_exprs, with_ordinality: false, .. } if array_exprs.len() == 1 => {
            name_column(alias, UNNEST);
        }
        TableFactor::Table { name, args: Some(args), alias, with_ordinality: false, .. } => {
            let Some(plain) = args.args.iter().map(plain).collect::<Option<Vec<_>>>() else { return Ok(()) };
            if let Some(derived) = derived(name, &plain, alias, session)? {
                *factor = derived;
            }
        }
        TableFactor::Function { name, args, alias, with_ordinality: false, .. } => {
            let Some(plain) = args.iter().map(plain).collect::<Option<Vec<_>>>() else { return Ok(()) };
            if let Some(derived) = derived(name, &plain, alias, session)? {
                *factor = derived;
            }
        }
        _ => {}
    }
    Ok(())
}

fn derived(
    name: &ObjectName,
    arguments: &[&Expr],
    alias: &mut Option<TableAlias>,
    session: &str,
) -> Result<Option<TableFactor>> {
    let name = name.to_string().to_lowercase();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    if let Some((pairs, keys, values, mark)) = PAIRS.iter().find(|(pairs, ..)| *pairs == name) {
        let unnested = |list: &str| call(UNNEST, vec![call(list, arguments.iter().map(|of| (*of).clone()).collect())]);
        let values = match mark {
            Some(mark) => call(mark, vec![unnested(values)]),
            None => unnested(values),
        };
        let column = |expr: Expr, name: &str| SelectItem::ExprWithAlias { expr, alias: Ident::new(name) };
        let columns = vec![column(unnested(keys), "key"), column(values, VALUE)];
        let alias = alias.take().unwrap_or_else(|| called(pairs));
        let subquery = Box::new(select(columns, Vec::new())?);
        return Ok(Some(TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None }));
    }
    let Some(of) = ALL.iter().find(|of| of.name == name) else { return Ok(None) };
    if of.name == SERIES && arguments.iter().all(|argument| is_number(argument)) {
        name_column(alias, SERIES);
        return Ok(None);
    }
    let arguments = arguments.iter().map(|argument| (*argument).clone()).collect();
    let alias = alias.take().unwrap_or_else(|| called(of.name));
    let column = of.column.map_or_else(|| alias.name.clone(), Ident::new);
    let expr = of.rows(arguments, session)?;
    let subquery = Box::new(select(vec![SelectItem::ExprWithAlias { expr, alias: column }], Vec::new())?);
    Ok(Some(TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None }))
}

/// A table of one column calls it as it is called itself.
fn name_column(alias: &mut Option<TableAlias>, name: &str) {
    let alias = alias.get_or_insert_with(|| called(name));
    if alias.columns.is_empty() {
        alias.columns = vec![TableAliasColumnDef { name: alias.name.clone(), data_type: None }];
    }
}

fn called(name: &str) -> TableAlias {
    TableAlias { explicit: true, name: Ident::new(name), columns: Vec::new(), at: None }
}

fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(&value.value, Value::Number(digits, _) if !digits.contains(['.', 'e', 'E'])),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } | Expr::Nested(expr) => is_number(expr),
        _ => false,
    }
}

/// `SELECT projection FROM from`.
///
/// # Errors
/// Never.
pub(in crate::catalog) fn select(projection: Vec<SelectItem>, from: Vec<TableWithJoins>) -> Result<Query> {
    let parsed = Parser::parse_sql(&GenericDialect {}, "SELECT 1")?.pop();
    let Some(Statement::Query(mut query)) = parsed else { return plan_err!("a query is one") };
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = projection;
        select.from = from;
    }
    Ok(*query)
}
