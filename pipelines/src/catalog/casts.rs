//! Functions and groups that differ by a cast only: `sum(value), sum(value::bigint)`, `GROUP BY time, time::date`.
//!
//! DataFusion calls an expression by its text without casts, and wants what is aggregated or grouped to have names of their
//! own. In a select where two such would clash, each cast is put into a function whose name tells the type; it gives what it
//! is given. Elsewhere casts stay, since optimizers look through them. Not here: names that are seen ([`super::names`]).

use std::collections::HashMap;
use std::ops::ControlFlow;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr as Planned, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, visit_expressions,
    visit_expressions_mut,
};

use super::dialect::call;

/// What casts are put into.
pub(super) const NAME: &str = "_as";

/// Gives the casts of `query` names where they need them.
pub(super) fn name(query: &mut Query) {
    let Query { body, order_by, .. } = query;
    let keys = match order_by.as_mut().map(|order_by| &mut order_by.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.as_mut_slice(),
        _ => &mut [],
    };
    name_in(body, keys);
}

fn name_in(body: &mut SetExpr, keys: &mut [OrderByExpr]) {
    match body {
        SetExpr::Select(select) => name_in_select(select, keys),
        SetExpr::SetOperation { left, right, .. } => {
            name_in(left, &mut []);
            name_in(right, &mut []);
        }
        _ => {}
    }
}

fn name_in_select(select: &mut Select, keys: &mut [OrderByExpr]) {
    if clash(select, keys) {
        expressions(select, keys).for_each(|expression| {
            let _ = visit_expressions_mut(expression, wrap);
        });
    }
}

fn wrap(expression: &mut Expr) -> ControlFlow<()> {
    if matches!(expression, Expr::Cast { .. }) {
        let cast = std::mem::replace(expression, Expr::Tuple(Vec::new()));
        *expression = call(NAME, vec![cast]);
    }
    ControlFlow::Continue(())
}

/// What is projected, grouped by, filtered by after grouping, and ordered by.
fn expressions<'a>(select: &'a mut Select, keys: &'a mut [OrderByExpr]) -> impl Iterator<Item = &'a mut Expr> {
    let projected = select.projection.iter_mut().filter_map(|item| match item {
        SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => Some(expression),
        _ => None,
    });
    let grouped = match &mut select.group_by {
        GroupByExpr::Expressions(expressions, _) => expressions.as_mut_slice(),
        GroupByExpr::All(_) => &mut [],
    };
    projected.chain(grouped).chain(select.having.as_mut()).chain(keys.iter_mut().map(|key| &mut key.expr))
}

/// Whether two functions, or two groups, of `select` have one name.
fn clash(select: &mut Select, keys: &mut [OrderByExpr]) -> bool {
    let mut texts: HashMap<String, String> = HashMap::new();
    let mut clashes = false;
    let mut look = |expression: &Expr| {
        let text = expression.to_string();
        let known = texts.entry(without_casts(expression)).or_insert_with(|| text.clone());
        clashes |= *known != text;
    };
    if let GroupByExpr::Expressions(groups, _) = &select.group_by {
        groups.iter().for_each(&mut look);
    }
    for expression in expressions(select, keys) {
        let _ = visit_expressions(expression, |part| {
            if matches!(part, Expr::Function(_)) {
                look(part);
            }
            ControlFlow::<()>::Continue(())
        });
    }
    clashes
}

fn without_casts(expression: &Expr) -> String {
    let mut bare = expression.clone();
    let _ = visit_expressions_mut(&mut bare, |part| {
        if let Expr::Cast { expr: inner, .. } | Expr::Nested(inner) = part {
            *part = inner.as_ref().clone();
        }
        ControlFlow::<()>::Continue(())
    });
    bare.to_string()
}

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(As { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct As {
    signature: Signature,
}

impl ScalarUDFImpl for As {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_name(&self, arguments: &[Planned]) -> Result<String> {
        let told = arguments.iter().map(|argument| match argument {
            Planned::Cast(cast) => format!("CAST({} AS {})", cast.expr.schema_name(), cast.field.data_type()),
            other => other.schema_name().to_string(),
        });
        Ok(told.collect::<Vec<_>>().join(", "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(FieldRef::clone(&arguments.arg_fields[0]))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.into_iter().next() {
            Some(value) => Ok(value),
            None => internal_err!("{NAME} takes one argument"),
        }
    }
}
