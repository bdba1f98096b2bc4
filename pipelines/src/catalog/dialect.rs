//! Statements as they are parsed, turned into what DataFusion plans to the effect that they have in Postgres.
//!
//! One walk over the syntax: columns get names ([`super::names`]), casts too where they need them ([`super::casts`]), and times
//! are taken in the zone that is meant ([`super::zone`]). What needs types is done on the plan ([`super::arithmetic`]). Not
//! here: what only Postgres clients write (`server::postgres::dialect`).

use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query,
    Select, Statement, TableFactor, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::functions::Tables;
use super::names::Numbering;
use super::{casts, functions, lengths, membership, parts, refused, similar, zone};

/// Rewrites `statement` for a session whose time zone is `zone`.
///
/// # Errors
/// What Postgres refuses and DataFusion would not: an `ORDER BY` that may mean two columns.
pub(super) fn rewrite(statement: &mut Statement, zone: &str) -> Result<()> {
    let rewrite = &mut Rewrite { numbering: Numbering::default(), rows: 0, tables: Vec::new(), zone };
    match statement.visit(rewrite) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Rewrite<'a> {
    numbering: Numbering,
    /// Rows that were looked for in subqueries.
    rows: usize,
    /// The selects on the way to the current one, the innermost last.
    tables: Vec<Tables>,
    zone: &'a str,
}

impl VisitorMut for Rewrite<'_> {
    type Break = Box<DataFusionError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.numbering.cte(&cte.query, &mut cte.alias);
        }
        if let Err(error) = refused::sets(query).and_then(|()| self.numbering.query(query)) {
            return ControlFlow::Break(Box::new(error));
        }
        // After that, which reads names off casts.
        casts::name(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        membership::in_list(select);
        self.tables.push(Tables::of(select));
        match refused::joins(&select.from) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<Self::Break> {
        self.tables.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        if let Err(error) = functions::as_table(factor, self.zone) {
            return ControlFlow::Break(Box::new(error));
        }
        if let TableFactor::Derived { subquery, alias, .. } = factor {
            self.numbering.table(subquery, alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Self::Break> {
        if let Expr::Subquery(query) | Expr::Exists { subquery: query, .. } | Expr::InSubquery { subquery: query, .. } =
            expression
        {
            self.numbering.expression(query);
        }
        match refused::comparison(expression) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Self::Break> {
        match expression {
            Expr::AtTimeZone { timestamp, time_zone } => {
                let arguments = vec![(**time_zone).clone(), (**timestamp).clone(), text(self.zone)];
                *expression = call(zone::AT, arguments);
            }
            Expr::Function(function) => match self.function(function) {
                Ok(None) => {}
                Ok(Some(changed)) => *expression = changed,
                Err(error) => return ControlFlow::Break(Box::new(error)),
            },
            Expr::Extract { .. } => {
                if let Some(typed) = parts::extract(expression) {
                    *expression = typed;
                }
            }
            // DataFusion would write the sign before the text, where it holds for its first part only.
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } if matches!(**expr, Expr::Interval(_)) => {
                **expr = Expr::Nested(expr.clone());
            }
            Expr::Substring { .. } => {
                if let Some(found) = functions::substring(expression) {
                    *expression = found;
                }
            }
            Expr::InSubquery { .. } => {
                self.rows += 1;
                match membership::of_row(expression, self.rows) {
                    Ok(None) => {}
                    Ok(Some(changed)) => *expression = changed,
                    Err(error) => return ControlFlow::Break(Box::new(error)),
                }
            }
            Expr::Cast { .. } => {
                if let Some(cut) = lengths::rewritten(expression) {
                    *expression = cut;
                }
            }
            _ => match similar::rewritten(expression) {
                Ok(None) => {}
                Ok(Some(changed)) => *expression = changed,
                Err(error) => return ControlFlow::Break(Box::new(error)),
            },
        }
        ControlFlow::Continue(())
    }
}

impl Rewrite<'_> {
    /// What `function` means here, if it is not what DataFusion takes it for.
    fn function(&self, function: &mut Function) -> Result<Option<Expr>> {
        let name = function.name.to_string().to_lowercase();
        let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
        functions::rename(function, name);
        if let Some(built) = functions::as_json(function, name, self.tables.last())? {
            return Ok(Some(built));
        }
        if let Some(changed) = functions::rewritten(function, name, self.zone)? {
            return Ok(Some(changed));
        }
        let Some(arguments) = plain(&function.args) else { return Ok(None) };
        Ok(match (name, arguments.as_slice()) {
            ("timezone", [zone, time]) => Some(call(zone::AT, vec![(*zone).clone(), (*time).clone(), text(self.zone)])),
            ("date_trunc", [field, time, zone]) => {
                let there = call(zone::IN, vec![(*zone).clone(), (*time).clone()]);
                Some(call(zone::IN, vec![text(self.zone), call("date_trunc", vec![(*field).clone(), there])]))
            }
            ("date_part", [field, time]) => parts::date_part(field, time),
            _ => None,
        })
    }
}

/// Arguments without names and options.
fn plain(arguments: &FunctionArguments) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = arguments else { return None };
    if !list.args.iter().all(|argument| matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(_)))) {
        return None;
    }
    let expressions = list.args.iter().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    });
    Some(expressions.collect())
}

fn text(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}

/// A call of the function `name`.
pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
