//! Queries by which clients look around in `pg_catalog`: what they ask of things that are never there (options and access
//! lists of tables, keys, indexes, identities) becomes NULL, where the library's catalog has not even the columns.
//!
//! Not here: queries of users, which must not be touched, so each rule goes by names that only catalogs have; and the one
//! question that is answered as a whole ([`super::types_asked`]).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, SelectItem, SetExpr, Subscript, Value,
    visit_expressions,
};
use pipelines::catalog::SCHEMA;

use super::{dialect, functions};

/// Of `pg_type`: they name a function; in Postgres `0` stands for none and is shown as `-`.
const FUNCTIONS: [&str; 8] =
    ["typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze", "typsubscript"];
/// Of all catalogs: arrays that are always NULL, and that the library has not, or as text.
const ABSENT: [&str; 7] = ["relacl", "reloptions", "attacl", "nspacl", "typacl", "defaclacl", "setconfig"];
/// What queries look like, when the above are replaced, that list options, what is granted on columns, policies, or the
/// labels of an enumeration.
const LISTS_NOTHING: [&str; 4] = [
    "unnest(CAST(NULL AS TEXT[]))",
    "AND CAST(NULL AS TEXT[]) IS NOT NULL",
    "FROM pg_catalog.pg_policy ",
    "FROM pg_catalog.pg_enum ",
];
/// Of `pg_constraint` and `pg_index`: arrays, but of no row.
const KEYS: [&str; 6] = ["conkey", "confkey", "indkey", "indoption", "indclass", "indcollation"];
/// Tables without a row that is asked for.
const EMPTY: [&str; 3] = ["pg_catalog.pg_attrdef", "pg_catalog.pg_sequence", "pg_catalog.pg_collation"];
/// Aggregates that such queries use.
const AGGREGATES: [&str; 6] = ["array_agg", "count", "max", "min", "string_agg", "pg_catalog.count"];
/// The table of labels of enumerations, which has no rows.
const LABELS: &str = "pg_catalog.pg_enum ";
/// Of queries that look for identities and expanded keys.
const MARKS: [&str; 4] = ["_pg_expandarray", "attidentity", "conkey", "indkey"];

/// What a statement is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// The catalogs.
    catalogs: bool,
    /// Keys, indexes or identities.
    keys: bool,
}

impl Scope {
    pub(super) fn of(statement: &str) -> Self {
        Self { catalogs: statement.contains("pg_catalog."), keys: MARKS.iter().any(|mark| statement.contains(mark)) }
    }
}

/// Rewrites one expression of a statement.
pub(super) fn rewrite(expression: &mut Expr, Scope { catalogs, keys }: Scope) {
    match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) if is_one_of(expression, &ABSENT) => *expression = array(),
        Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right } => {
            if is_one_of(left, &FUNCTIONS) {
                by_name(right);
            } else if is_one_of(right, &FUNCTIONS) {
                by_name(left);
            }
        }
        // The library takes Grafana's look at the search path for empty.
        Expr::InList { expr, list, negated: false }
            if *list == [text("")] && expr.to_string() == "quote_ident(table_schema)" =>
        {
            *list = vec![text(SCHEMA)];
        }
        Expr::CompoundFieldAccess { root, access_chain } if keys => {
            let subscript = matches!(access_chain.as_slice(), [AccessExpr::Subscript(Subscript::Index { .. })]);
            if !subscript || is_one_of(root, &KEYS) {
                *expression = null(DataType::Integer(None));
            }
        }
        Expr::Function(function) if keys => rewrite_call(function),
        // DataFusion could not plan how ibis's look for an enumeration hangs together with the rest.
        Expr::Exists { subquery, negated } if catalogs && subquery.to_string().contains(LABELS) => {
            *expression = Expr::value(Value::Boolean(*negated));
        }
        Expr::Subquery(query) if catalogs => match of_nothing(query) {
            Some(nothing) => *expression = nothing,
            None => one_value(query),
        },
        _ => {}
    }
}

/// What a subquery is that looks for defaults, identities or collations of columns, of which there are none. DataFusion
/// could not plan how they hang together with the rest of the query.
fn of_nothing(query: &Query) -> Option<Expr> {
    let text = query.to_string();
    if !EMPTY.iter().any(|table| text.contains(table)) {
        return None;
    }
    let mut parameters = Vec::new();
    let _ = visit_expressions(query, |expression| {
        if matches!(expression, Expr::Value(value) if matches!(value.value, Value::Placeholder(_))) {
            parameters.push(argument(cast(expression.clone(), DataType::Text)));
        }
        ControlFlow::<()>::Continue(())
    });
    dialect::call(functions::NOTHING, parameters)
}

/// DataFusion takes a correlated subquery for one value only if it aggregates; of the one row that there is, the largest is
/// the same. The library's `LIMIT 1` does not do.
fn one_value(query: &mut Query) {
    let limited = query.limit_clause.as_ref().map(ToString::to_string);
    if query.order_by.is_some() || limited.is_some_and(|limit| limit.trim() != "LIMIT 1") {
        return;
    }
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_mut_slice()
    else {
        return;
    };
    let aggregated =
        matches!(value, Expr::Function(function) if AGGREGATES.contains(&function.name.to_string().as_str()));
    if !aggregated && let Some(largest) = dialect::call("max", vec![argument(value.clone())]) {
        *value = largest;
        query.limit_clause = None;
    }
}

/// Parameters of a call stay where they are, since they are counted.
fn rewrite_call(function: &mut Function) {
    let name = function.name.to_string();
    let FunctionArguments::List(list) = &mut function.args else { return };
    match (name.as_str(), list.args.as_mut_slice()) {
        ("json_build_object", _) => function.name = ObjectName::from(vec![Ident::new(functions::NOTHING)]),
        ("array_contains" | "array_lower" | "array_upper", [FunctionArg::Unnamed(FunctionArgExpr::Expr(key)), _])
        | ("unnest", [FunctionArg::Unnamed(FunctionArgExpr::Expr(key))])
            if is_one_of(key, &KEYS) =>
        {
            *key = null(array_of(DataType::Integer(None)));
        }
        ("generate_subscripts", [FunctionArg::Unnamed(FunctionArgExpr::Expr(key)), dimension])
            if is_one_of(key, &KEYS) =>
        {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(dimension)) = dimension else { return };
            let one = Expr::Array(Array { elem: vec![dimension.clone()], named: true });
            list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(one))];
            function.name = ObjectName::from(vec![Ident::new("unnest")]);
        }
        _ => {}
    }
}

/// Gives what becomes NULL the name that it has in Postgres.
pub(super) fn name(item: &mut SelectItem) {
    let SelectItem::UnnamedExpr(expression) = &*item else { return };
    let alias = match expression {
        Expr::Value(value) if value.value == Value::Null => Ident::with_quote('"', "?column?"),
        Expr::Identifier(column) if is_one_of(expression, &ABSENT) => column.clone(),
        Expr::CompoundIdentifier(path) if is_one_of(expression, &ABSENT) => match path.last() {
            Some(column) => column.clone(),
            None => return,
        },
        _ => return,
    };
    *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
}

/// What `ARRAY(query)` is if `query` is about the options of a table, who may do what with it, or labels of a type.
pub(super) fn of_none(query: &Query) -> Option<Expr> {
    let text = query.to_string();
    LISTS_NOTHING.iter().any(|list| text.contains(list)).then(array)
}

fn is_one_of(expression: &Expr, columns: &[&str]) -> bool {
    let column = match expression {
        Expr::Identifier(column) => Some(column),
        Expr::CompoundIdentifier(path) => path.last(),
        _ => None,
    };
    column.is_some_and(|column| columns.contains(&column.value.as_str()))
}

/// Makes of what stands beside such a column the name of a function: of one that was looked up, and of the object id of
/// `pg_proc`, by which Npgsql and others join it.
fn by_name(other: &mut Expr) {
    if let Some(function) = function_name(other) {
        *other = text(&function);
    } else if let Expr::CompoundIdentifier(path) = other
        && let Some(column) = path.last_mut()
        && column.value == "oid"
    {
        *column = Ident::new("proname");
    }
}

/// The function that stands beside such a column, as the column shows it. The library has made a look-up of
/// `'name'::regproc`.
fn function_name(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Value(value) if matches!(&value.value, Value::Number(number, _) if number == "0") => Some("-".to_owned()),
        Expr::Subquery(query) => {
            let looked_up = query.to_string();
            let (_, name) = looked_up.split_once("FROM pg_catalog.pg_proc WHERE proname = '")?;
            Some(name.split('\'').next()?.trim_start_matches("pg_catalog.").to_owned())
        }
        _ => None,
    }
}

fn array() -> Expr {
    null(array_of(DataType::Text))
}

fn array_of(element: DataType) -> DataType {
    DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None))
}

fn text(value: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(value.to_owned()))
}

fn null(data_type: DataType) -> Expr {
    cast(Expr::value(Value::Null), data_type)
}

fn cast(expression: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expression), data_type, array: false, format: None }
}

/// Of a call.
pub(super) fn argument(expression: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expression))
}
