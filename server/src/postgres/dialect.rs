//! SQL as Postgres clients write it, turned into SQL that DataFusion plans to the same effect.
//!
//! The library's parser does most of it; here is what it leaves out. Not here: functions ([`super::functions`]), the
//! catalogs' own queries ([`super::introspection`]), statements that are about the session ([`super::commands`]).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableFactor, TimezoneInfo, Value, VisitMut, VisitorMut,
    visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use pipelines::catalog::{TooComplex, bounds};

use super::introspection::{self, Scope, argument};
use super::typed::{self, TextType};
use super::{comments, forms, parameters, settings, sqlstate, types_asked};

/// Digits of a second that Postgres keeps.
const MICROSECONDS: Option<u64> = Some(6);

/// Parses statements.
#[derive(Debug, Default)]
pub(super) struct Dialect(PostgresCompatibilityParser);

impl Dialect {
    /// The statements of `sql`, within bounds.
    pub(super) fn parse(&self, sql: &str) -> PgWireResult<Vec<Statement>> {
        bounds::check_text(sql, &PostgreSqlDialect {}).map_err(beyond)?;
        if !asks_catalogs(sql)
            && let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql)
        {
            statements.iter().try_for_each(bounds::check_syntax).map_err(beyond)?;
            return Ok(statements.into_iter().map(|statement| rewritten(self.keeping_subqueries(statement))).collect());
        }
        let statements = self.0.parse(sql).map_err(|error| PgWireError::ApiError(Box::new(error)))?;
        statements.iter().try_for_each(bounds::check_syntax).map_err(beyond)?;
        Ok(statements.into_iter().map(rewritten).collect())
    }

    /// What [`parse`](Self::parse) makes of a statement that was parsed otherwise.
    pub(super) fn rewrite(&self, statement: Statement) -> Statement {
        rewritten(self.keeping_subqueries(statement))
    }

    /// The library's rewriting, but for one rule. A subquery in a select list becomes NULL there if it has a parameter or
    /// looks outside, and is cut to one row else. Clients' questions to the catalogs need that; anywhere else it is a wrong
    /// answer that nobody notices. It knows subqueries by their bare form, so they go through in parentheses.
    fn keeping_subqueries(&self, mut statement: Statement) -> Statement {
        forms::rewrite(&mut statement);
        let _ = statement.visit(&mut Subqueries { hides: true });
        let mut statement = self.0.rewrite(statement);
        let _ = statement.visit(&mut Subqueries { hides: false });
        statement
    }

    /// The query that reads some or all columns of a table.
    pub(super) fn whole(&self, table: &ObjectName, columns: &[Ident]) -> PgWireResult<Query> {
        let columns = columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {} FROM {table}", if columns.is_empty() { "*" } else { &columns });
        match self.parse(&sql)?.pop() {
            Some(Statement::Query(query)) => Ok(*query),
            _ => Err(sqlstate::error("42601", format!("{table} is not the name of a view"))),
        }
    }
}

fn beyond(figure: TooComplex) -> PgWireError {
    sqlstate::from(figure.into())
}

/// Whether `sql` is, or may be, one of the questions that the library's parser knows.
fn asks_catalogs(sql: &str) -> bool {
    let sql = sql.to_ascii_lowercase();
    ["pg_", "information_schema", "::reg", "as reg"].iter().any(|mark| sql.contains(mark))
}

/// Puts the subqueries of select lists in parentheses, or takes those away.
struct Subqueries {
    hides: bool,
}

impl VisitorMut for Subqueries {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            let (SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. }) = item
            else {
                continue;
            };
            match expression {
                Expr::Subquery(_) if self.hides => *expression = Expr::Nested(Box::new(expression.clone())),
                Expr::Nested(inner) if !self.hides && matches!(**inner, Expr::Subquery(_)) => {
                    *expression = (**inner).clone();
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

fn rewritten(mut statement: Statement) -> Statement {
    types_asked::answered(&mut statement);
    forms::rewrite(&mut statement);
    comments::replace_functions(&mut statement);
    let scope = Scope::of(&statement.to_string());
    let _ = statement.visit(&mut Rewrite { scope });
    match &mut statement {
        Statement::ShowVariable { variable } => shown(variable).unwrap_or(statement),
        Statement::Set(set) => {
            parameters::plain(set);
            statement
        }
        _ => statement,
    }
}

struct Rewrite {
    scope: Scope,
}

impl VisitorMut for Rewrite {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select.projection.iter_mut().for_each(introspection::name);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        introspection::rewrite(expression, self.scope);
        rewrite(expression);
        ControlFlow::Continue(())
    }
}

fn rewrite(expression: &mut Expr) {
    match expression {
        // JSON and UUIDs are checked texts. The inner cast gives a parameter its type. Names are texts.
        Expr::Cast { kind, data_type, .. } => {
            if data_type.to_string().eq_ignore_ascii_case("name") {
                *data_type = DataType::Text;
            }
            let Some(wanted) = texts_of(data_type) else { return };
            if matches!(kind, CastKind::Cast | CastKind::DoubleColon)
                && let Some(checked) = wanted.and_then(|kind| call(kind.function(), vec![argument(expression.clone())]))
            {
                *expression = checked;
            }
        }
        Expr::TypedString(typed) => {
            if let Some(Some(kind)) = texts_of(&mut typed.data_type)
                && let Some(checked) = call(kind.function(), vec![argument(expression.clone())])
            {
                *expression = checked;
            }
        }
        Expr::BinaryOp { left, op: operator @ (BinaryOperator::Arrow | BinaryOperator::LongArrow), right } => {
            let function = if *operator == BinaryOperator::Arrow { typed::MEMBER } else { "json_get_text" };
            if let Some(member) = call(function, vec![argument((**left).clone()), argument((**right).clone())]) {
                *expression = member;
            }
        }
        Expr::BinaryOp { left, op, right } if json(op).is_some() => {
            if let Some(function) = json(op)
                && let Some(asked) = call(function, vec![argument((**left).clone()), argument((**right).clone())])
            {
                *expression = asked;
            }
        }
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("array") => {
            if let FunctionArguments::Subquery(query) = &function.args
                && let Some(array) = array_of(query)
            {
                *expression = array;
            }
        }
        // The only escape character that DataFusion knows is the backslash.
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            if let Some(Value::SingleQuotedString(escape)) = escape_char.as_ref().map(|value| &value.value)
                && escape.len() == 1
                && escape != "\\"
                && let Some(same) = with_backslash(pattern, escape)
            {
                **pattern = same;
                *escape_char = None;
            }
        }
        _ => {}
    }
}

/// The function behind an operator that only JSON has.
fn json(operator: &BinaryOperator) -> Option<&'static str> {
    Some(match operator {
        BinaryOperator::HashArrow => "_json_path",
        BinaryOperator::HashLongArrow => "_json_path_text",
        BinaryOperator::Question => "_jsonb_has",
        BinaryOperator::QuestionPipe => "_jsonb_has_any",
        BinaryOperator::QuestionAnd => "_jsonb_has_all",
        _ => return None,
    })
}

/// Makes text of JSON and UUIDs, and of arrays of them; which of them it is, if it is one and no array.
fn texts_of(wanted: &mut DataType) -> Option<Option<TextType>> {
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) = wanted {
        texts_of(element)?;
        return Some(None);
    }
    let kind = TextType::named(wanted)?;
    *wanted = DataType::Text;
    Some(Some(kind))
}

/// A pattern whose escape character is `escape`, with the backslash instead.
fn with_backslash(pattern: &Expr, escape: &str) -> Option<Expr> {
    let text = |text: &str| argument(Expr::value(Value::SingleQuotedString(text.to_owned())));
    let plain = call("replace", vec![argument(pattern.clone()), text("\\"), text("\\\\")])?;
    call("replace", vec![argument(plain), text(escape), text("\\")])
}

/// `ARRAY(SELECT …)`.
fn array_of(query: &Query) -> Option<Expr> {
    if let Some(none) = introspection::of_none(query) {
        return Some(none);
    }
    let mut aggregated = query.clone();
    if let SetExpr::Select(select) = aggregated.body.as_mut()
        && let [SelectItem::UnnamedExpr(element) | SelectItem::ExprWithAlias { expr: element, .. }] =
            select.projection.as_mut_slice()
        && (&query.order_by, &query.limit_clause, &select.distinct) == (&None, &None, &None)
    {
        // Not around it: what it says of the outer query must stay where DataFusion finds it.
        *element = call("array_agg", vec![argument(element.clone())])?;
        return Some(Expr::Subquery(Box::new(aggregated)));
    }
    let mut around = one_query("SELECT array_agg(element) FROM (SELECT 1) AS elements(element)")?;
    let SetExpr::Select(select) = around.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut select.from.first_mut()?.relation else { return None };
    **subquery = query.clone();
    Some(Expr::Subquery(Box::new(around)))
}

/// A call of the function `name`.
pub(super) fn call(name: &str, arguments: Vec<FunctionArg>) -> Option<Expr> {
    let mut call = one_query(&format!("SELECT {name}(1)"))?;
    let SetExpr::Select(select) = call.body.as_mut() else { return None };
    let SelectItem::UnnamedExpr(Expr::Function(mut function)) = select.projection.pop()? else { return None };
    let FunctionArguments::List(list) = &mut function.args else { return None };
    list.args = arguments;
    Some(Expr::Function(function))
}

/// The name of the function that `expression` calls with one argument, and that.
pub(super) fn called(expression: &Expr) -> Option<(&str, &Expr)> {
    let Expr::Function(function) = expression else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    match (function.name.0.as_slice(), list.args.as_slice()) {
        ([name], [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))]) => {
            Some((name.as_ident()?.value.as_str(), argument))
        }
        _ => None,
    }
}

pub(super) fn one_query(sql: &str) -> Option<Query> {
    match Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

/// `SHOW` of what never changes, as a query; the library does the rest.
fn shown(variable: &[Ident]) -> Option<Statement> {
    let words = variable.iter().map(|word| word.value.to_lowercase()).collect::<Vec<_>>();
    let name = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["timezone"] => {
            return Some(Statement::ShowVariable { variable: vec![Ident::new("time"), Ident::new("zone")] });
        }
        ["transaction", "isolation", "level"] => "transaction_isolation".to_owned(),
        [name] => (*name).to_owned(),
        _ => return None,
    };
    settings::setting(&name)?;
    one_query(&format!("SELECT current_setting('{name}') AS \"{name}\"")).map(|query| Statement::Query(Box::new(query)))
}

/// Gives parameters whose type the client declared that type, if it is a number or an array of times. The plan may want
/// another number: DataFusion then compares an integer with a decimal as Postgres does. Such an array comes as one of texts
/// ([`super::texts`]).
pub(super) fn declare(statement: &mut Statement, types: &[Option<Type>]) {
    let _ = visit_expressions_mut(statement, |expression| {
        if let Expr::Value(value) = expression
            && let Value::Placeholder(name) = &value.value
            && let Some(data_type) = name.strip_prefix('$').and_then(|number| declared(number.parse().ok()?, types))
        {
            let parameter = Box::new(expression.clone());
            *expression = Expr::Cast { kind: CastKind::Cast, expr: parameter, data_type, array: false, format: None };
        }
        ControlFlow::<()>::Continue(())
    });
}

fn declared(number: usize, types: &[Option<Type>]) -> Option<DataType> {
    let array = |element| Some(DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None)));
    match *types.get(number.checked_sub(1)?)?.as_ref()? {
        Type::INT2 => Some(DataType::SmallInt(None)),
        Type::INT4 => Some(DataType::Integer(None)),
        Type::INT8 => Some(DataType::BigInt(None)),
        Type::FLOAT4 => Some(DataType::Real),
        Type::FLOAT8 => Some(DataType::DoublePrecision),
        Type::TIMESTAMPTZ_ARRAY => array(DataType::Timestamp(MICROSECONDS, TimezoneInfo::WithTimeZone)),
        Type::TIMESTAMP_ARRAY => array(DataType::Timestamp(MICROSECONDS, TimezoneInfo::None)),
        Type::DATE_ARRAY => array(DataType::Date),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expect: &str) {
        let statements = Dialect::default().parse(sql).unwrap();
        assert_eq!(statements.iter().map(ToString::to_string).collect::<Vec<_>>(), [expect], "{sql}");
    }

    #[test]
    fn what_clients_write_is_planned_to_the_same_effect() {
        check("select '{}'::jsonb", "SELECT _jsonb('{}'::TEXT)");
        check("select null::name", "SELECT NULL::TEXT");
        check("select uuid '0'", "SELECT _uuid(TEXT '0')");
        check("select try_cast(a as json), a::uuid[]", "SELECT TRY_CAST(a AS TEXT), a::TEXT[]");
        check(
            "select 1 from t where d -> 'a' ->> 0 = 'x'",
            "SELECT 1 FROM t WHERE json_get_text(json_get(d, 'a'), 0) = 'x'",
        );
        check(
            "select (select $1), (select a from t limit 1) as b",
            "SELECT (SELECT $1), (SELECT a FROM t LIMIT 1) AS b",
        );
        check(
            "select (select max(a) from t where t.b = u.b) from u",
            "SELECT (SELECT max(a) FROM t WHERE t.b = u.b) FROM u",
        );
        check("select (select a from t)", "SELECT (SELECT a FROM t)");
        check("select array(select a from t)", "SELECT (SELECT array_agg(a) FROM t)");
        check(
            "select array(select a from t order by a)",
            "SELECT (SELECT array_agg(element) FROM (SELECT a FROM t ORDER BY a) AS elements (element))",
        );
        check(
            "select 1 from t where a not like 'pg/_%' escape '/'",
            r"SELECT 1 FROM t WHERE a NOT LIKE replace(replace('pg/_%', '\', '\\'), '/', '\')",
        );
        check("show server_version", "SELECT current_setting('server_version') AS \"server_version\"");
        check("show timezone", "SHOW time zone");
        check(
            "show transaction isolation level",
            "SELECT current_setting('transaction_isolation') AS \"transaction_isolation\"",
        );
        check("show datafusion.execution.batch_size", "SHOW datafusion execution batch_size");
    }

    #[test]
    fn what_is_never_there_is_null() {
        check(
            "select c.relacl, 1 from pg_class c",
            "SELECT CAST(NULL AS TEXT[]) AS relacl, 1 FROM pg_catalog.pg_class c",
        );
        check("select 1 from t where t.typreceive != 0", "SELECT 1 FROM t WHERE t.typreceive <> '-'");
        check("select typinput = 'pg_catalog.array_in'::regproc from t", "SELECT typinput = 'array_in' FROM t");
        check(
            "select 1 from pg_type t join pg_proc p on p.oid = t.typreceive",
            "SELECT 1 FROM pg_catalog.pg_type t JOIN pg_catalog.pg_proc p ON p.proname = t.typreceive",
        );
        check(
            "select not exists (select 1 from pg_catalog.pg_enum e where e.enumtypid = t.oid) from t",
            "SELECT true FROM t",
        );
        check(
            "select unnest(i.indkey), generate_subscripts(i.indkey, $1) from i",
            "SELECT unnest(CAST(NULL AS INTEGER[])), unnest(ARRAY[$1]) FROM i",
        );
        check(
            "select 1 from c where a.attnum = any(c.conkey)",
            "SELECT 1 FROM c WHERE array_contains(CAST(NULL AS INTEGER[]), a.attnum)",
        );
        let options = "select array(select 'toast.' || x from pg_catalog.unnest(tc.reloptions) x)";
        check(options, "SELECT CAST(NULL AS TEXT[])");
        check(
            "select 1 from pg_type t where (select c.relkind = 'c' from pg_class c where c.oid = t.typrelid)",
            "SELECT 1 FROM pg_catalog.pg_type t WHERE \
             (SELECT max(c.relkind = 'c') FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid)",
        );
        check("select json_build_object($1, attidentity)", "SELECT _nothing($1, attidentity)");
        check("select (s).x, json_build_object('a', 1) from t", "SELECT (s).x, json_build_object('a', 1) FROM t");
    }

    #[test]
    fn declared_types_are_kept() {
        let declared = |types: &[Option<Type>]| {
            let mut statement = Dialect::default().parse("select $1 > x, $2").unwrap().remove(0);
            declare(&mut statement, types);
            statement.to_string()
        };
        assert_eq!(declared(&[Some(Type::INT2), Some(Type::TEXT)]), "SELECT CAST($1 AS SMALLINT) > x, $2");
        assert_eq!(declared(&[None]), "SELECT $1 > x, $2");
        let times = declared(&[Some(Type::TIMESTAMPTZ_ARRAY)]);
        assert_eq!(times, "SELECT CAST($1 AS TIMESTAMP(6) WITH TIME ZONE[]) > x, $2");
    }
}
