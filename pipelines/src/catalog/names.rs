//! Names of columns as Postgres gives them, and statements whose columns share a name.
//!
//! DataFusion wants the columns of each projection to have names of their own, and calls what has none by its text, casts left
//! out: `value, value::int` and `count(*), count(*)` are refused, and so is `window_start::date … ORDER BY window_start`. So a
//! column without a name gets one that holds Postgres's and a number behind a [`MARK`]; the plan takes the number away again.
//! `ORDER BY` of a name is looked up among the columns of the answer first, as Postgres does.
//!
//! Not here: what expressions mean ([`super::dialect`]); functions over casts ([`super::casts`]).

use std::collections::HashMap;
use std::collections::HashSet;

use datafusion::common::{Column, Result, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr as Planned, LogicalPlan, LogicalPlanBuilder, Projection};
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TableAlias, TableAliasColumnDef,
};

use super::figure::{NOTHING, figure, folded};

/// Stands between a name and its number. It takes no room, and nobody types it.
pub(super) const MARK: char = '\u{2060}';

/// `text` without the numbers of [`Numbering`].
pub fn unnumbered(text: &str) -> String {
    let mut parts = text.split(MARK);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| plain.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit())));
    plain
}

/// Numbers the columns of the queries of one statement.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    number: usize,
    /// Queries whose one column needs no name, by their place.
    unnamed: HashSet<usize>,
}

/// A column of a select list.
struct Item {
    name: String,
    /// What it is called when it was numbered.
    numbered: Option<String>,
    /// As it was written.
    text: String,
    /// Whether its name is that of a column that it reads.
    of_column: bool,
}

fn place(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}

impl Numbering {
    /// `query` is an expression; its column has no name there.
    pub(super) fn expression(&mut self, query: &Query) {
        self.unnamed.insert(place(query));
    }

    /// `query` is a table called `alias`.
    pub(super) fn table(&mut self, query: &Query, alias: &mut Option<TableAlias>) {
        let Some(names) = self.told(query) else { return };
        self.number += 1;
        let invented = || TableAlias {
            explicit: true,
            name: quoted(format!("{MARK}{}", self.number)),
            columns: Vec::new(),
            at: None,
        };
        let alias = alias.get_or_insert_with(invented);
        if alias.columns.is_empty() {
            alias.columns = names;
        }
    }

    /// `query` is what `WITH` calls `alias`.
    pub(super) fn cte(&mut self, query: &Query, alias: &mut TableAlias) {
        if alias.columns.is_empty()
            && let Some(names) = self.told(query)
        {
            alias.columns = names;
        }
    }

    /// What the columns of `query` are to be called; `None` if that is not known, or they are called so by themselves.
    fn told(&mut self, query: &Query) -> Option<Vec<TableAliasColumnDef>> {
        let select = first(&query.body)?;
        let names = select.projection.iter().map(|item| match item {
            SelectItem::UnnamedExpr(expression) => Some((figure(expression), is_plain(expression))),
            SelectItem::ExprWithAlias { alias, .. } => Some((folded(alias), true)),
            _ => None,
        });
        let names = names.collect::<Option<Vec<_>>>()?;
        let mut known = HashSet::new();
        let distinct = names.iter().all(|(name, _)| known.insert(name.clone()));
        if distinct && names.iter().all(|(_, plain)| *plain) {
            return None;
        }
        known.clear();
        let named = names.into_iter().map(|(name, _)| {
            let name = if known.insert(name.clone()) { name } else { self.next(&name) };
            TableAliasColumnDef { name: quoted(name), data_type: None }
        });
        Some(named.collect())
    }

    /// Numbers the columns of `query`.
    pub(super) fn query(&mut self, query: &mut Query) -> Result<()> {
        if self.unnamed.remove(&place(query)) && query.order_by.is_none() {
            return Ok(());
        }
        let items = self.body(&mut query.body);
        let Some(items) = items else { return Ok(()) };
        if let Some(order_by) = &mut query.order_by
            && let OrderByKind::Expressions(keys) = &mut order_by.kind
        {
            keys.iter_mut().try_for_each(|key| items.refer(&mut key.expr))?;
        }
        Ok(())
    }

    /// The columns of the first select.
    fn body(&mut self, body: &mut SetExpr) -> Option<Items> {
        match body {
            SetExpr::Select(select) => Some(self.select(select)),
            SetExpr::SetOperation { left, right, .. } => {
                let items = self.body(left);
                self.body(right);
                items
            }
            _ => None,
        }
    }

    fn select(&mut self, select: &mut Select) -> Items {
        let mut items = Items { known: Vec::with_capacity(select.projection.len()), open: false };
        for item in &mut select.projection {
            let (expression, alias) = match item {
                SelectItem::UnnamedExpr(expression) => (expression, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(folded(alias))),
                _ => {
                    items.open = true;
                    continue;
                }
            };
            let (text, name) = (expression.to_string(), alias.clone().unwrap_or_else(|| figure(expression)));
            let own = alias.is_some() || is_plain(expression);
            let clashes = |known: &Item| {
                let both_of_relations = text.contains('.') && known.text.contains('.') && text != known.text;
                known.name == name && known.numbered.is_none() && (alias.is_some() || !both_of_relations)
            };
            let numbered = (!own || items.known.iter().any(clashes)).then(|| self.next(&name));
            let of_column = alias.is_none() && !matches!(expression, Expr::Function(_));
            if let Some(numbered) = &numbered {
                let expr = std::mem::replace(expression, Expr::Identifier(Ident::new("")));
                *item = SelectItem::ExprWithAlias { expr, alias: quoted(numbered.clone()) };
            }
            items.known.push(Item { name, numbered, text, of_column });
        }
        if let Some(Distinct::On(keys)) = &mut select.distinct {
            // What is ambiguous is told of ORDER BY, which has the same keys.
            keys.iter_mut().for_each(|key| drop(items.refer(key)));
        }
        items
    }

    fn next(&mut self, name: &str) -> String {
        self.number += 1;
        format!("{name}{MARK}{}", self.number)
    }
}

struct Items {
    known: Vec<Item>,
    /// Whether there are others: `*`.
    open: bool,
}

impl Items {
    /// Makes `key` mean the column of the answer that it names, if it names one.
    fn refer(&self, key: &mut Expr) -> Result<()> {
        let Expr::Identifier(name) = key else { return Ok(()) };
        let wanted = folded(name);
        let mut found = self.known.iter().filter(|item| item.name == wanted);
        let Some(first) = found.next() else { return Ok(()) };
        let doubtful = self.open && first.of_column && first.numbered.is_some();
        if doubtful || found.any(|other| other.text != first.text) {
            let field = Box::new(Column::from_name(wanted));
            return Err(DataFusionError::SchemaError(
                Box::new(SchemaError::AmbiguousReference { field }),
                Box::new(None),
            ));
        }
        if let Some(numbered) = &first.numbered {
            *key = Expr::Identifier(quoted(numbered.clone()));
        }
        Ok(())
    }
}

fn first(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => first(&query.body),
        SetExpr::SetOperation { left, .. } => first(left),
        _ => None,
    }
}

/// Whether DataFusion calls it as Postgres does.
fn is_plain(expression: &Expr) -> bool {
    matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) && figure(expression) != NOTHING
}

fn quoted(name: String) -> Ident {
    Ident::with_quote('"', name)
}

/// `plan` with the names that were numbered as they are to be seen.
pub(super) fn restored(plan: LogicalPlan) -> Result<LogicalPlan> {
    if let LogicalPlan::Explain(mut explain) = plan {
        explain.plan = std::sync::Arc::new(restored(explain.plan.as_ref().clone())?);
        return Ok(LogicalPlan::Explain(explain));
    }
    if !plan.schema().fields().iter().any(|field| field.name().contains(MARK)) {
        return Ok(plan);
    }
    let names = plan.schema().fields().iter().map(|field| unnumbered(field.name())).collect::<Vec<_>>();
    let mut times: HashMap<&str, usize> = HashMap::new();
    names.iter().for_each(|name| *times.entry(name).or_default() += 1);
    let called = |at: usize, expression: Planned| {
        let name = names[at].clone();
        // Two columns of one name are told apart by relations, as those of a join are.
        if times[name.as_str()] > 1 {
            return expression.alias_qualified(Some(format!("{MARK}{at}")), name);
        }
        expression.alias(name)
    };
    let is_numbered = |at: usize| {
        let field = plan.schema().field(at);
        field.name().contains(MARK) || times[names[at].as_str()] > 1
    };
    if let LogicalPlan::Projection(projection) = &plan {
        let expressions = projection.expr.iter().enumerate().map(|(at, expression)| match expression {
            expression if !is_numbered(at) => expression.clone(),
            Planned::Alias(alias) => called(at, alias.expr.as_ref().clone()),
            other => called(at, other.clone()),
        });
        let input = std::sync::Arc::clone(&projection.input);
        return Ok(LogicalPlan::Projection(Projection::try_new(expressions.collect(), input)?));
    }
    let columns = plan.schema().columns().into_iter().enumerate().map(|(at, column)| {
        let column = Planned::Column(column);
        if is_numbered(at) { called(at, column) } else { column }
    });
    let columns = columns.collect::<Vec<_>>();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
