//! What functions that build JSON are given: JSON texts of values, and JSON that is one already as it is.
//!
//! Which texts are JSON is told by their marks, which optimizers may drop: so it is decided on the plan as it was written. A whole
//! row becomes the names and values of its columns there, since they are not known before. Not here: how values are written
//! ([`super::encode`]).

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, Result, TableReference, not_impl_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, lit};

use super::build::{ARRAY, ARRAY_BINARY, MEMBER, OBJECT, OBJECT_BINARY, ROW};
use super::encode;
use crate::catalog::functions::marks::Mark;
use crate::catalog::names::unnumbered;
use crate::catalog::walk::Rule;

/// Functions whose arguments become of one type, so that one that is JSON makes JSON of the others.
const OF_ONE_TYPE: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];

/// See the module.
#[derive(Debug)]
pub(in crate::catalog) struct Arguments;

impl Rule for Arguments {
    const NAME: &'static str = "arguments_of_json";

    fn check(node: &LogicalPlan, _: &DFSchema) -> Result<()> {
        node.apply_expressions(|expression| {
            expression.apply(|part| match whole_row(part) {
                Some(_) if !node.inputs().iter().all(|input| has_whole_rows(input)) => {
                    not_impl_err!("a whole row of what is grouped, or joined by an outer join: name its columns")
                }
                _ => Ok(TreeNodeRecursion::Continue),
            })
        })?;
        Ok(())
    }

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(ScalarFunction { func, args }) = part else { return Ok(Transformed::no(part)) };
        let as_it_was =
            |args: Vec<Expr>| Transformed::no(Expr::ScalarFunction(ScalarFunction { func: func.clone(), args }));
        let name = func.name();
        let read = match name {
            _ if name == encode::ELEMENT.name || name == encode::TO_JSON.name => Some(encode::READ),
            _ if name == encode::TO_JSONB.name => Some(encode::READ_BINARY),
            _ => None,
        };
        if let Some(read) = read {
            return Ok(match args.as_slice() {
                [of] if is_json(of, schema)? => Transformed::yes(read.function().call(args)),
                _ => as_it_was(args),
            });
        }
        let named_in_turn = match name {
            ROW if args.len() == 1 => {
                let args = columns(&args[0], schema)?;
                return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })));
            }
            OBJECT | OBJECT_BINARY | MEMBER | ROW => true,
            ARRAY | ARRAY_BINARY => false,
            _ => return Ok(as_it_was(args)),
        };
        if args.iter().all(is_made) {
            return Ok(as_it_was(args));
        }
        let made = args.into_iter().enumerate().map(|(at, of)| made(of, named_in_turn && at.is_multiple_of(2), schema));
        let args = made.collect::<Result<Vec<_>>>()?;
        Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })))
    }
}

/// Whether an argument is a JSON text by what made it.
fn is_made(of: &Expr) -> bool {
    matches!(of, Expr::ScalarFunction(call) if [encode::OF.name, encode::READ.name, ROW].contains(&call.name()))
}

/// An argument as a JSON text.
fn made(of: Expr, is_name: bool, schema: &DFSchema) -> Result<Expr> {
    if is_made(&of) {
        return Ok(of);
    }
    let how = match is_json(&of, schema)? {
        true if is_name => return plan_err!("key value must be scalar, not array, composite, or json"),
        true => encode::READ,
        false => encode::OF,
    };
    Ok(how.function().call(vec![of]))
}

/// Whether `of` is JSON.
///
/// # Errors
/// Arrays of JSON: nothing tells their elements from other texts.
fn is_json(of: &Expr, schema: &DFSchema) -> Result<bool> {
    match of {
        Expr::Case(case) => {
            let branches = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
            any(branches.map(AsRef::as_ref), schema)
        }
        Expr::ScalarFunction(call) if OF_ONE_TYPE.contains(&call.name()) => any(call.args.iter(), schema),
        other => {
            if is_marked(other, schema) {
                return Ok(true);
            }
            let is_list = matches!(other.get_type(schema), Ok(DataType::List(_) | DataType::LargeList(_)));
            if is_list && other.exists(|part| Ok(is_marked(part, schema)))? {
                return not_impl_err!("JSON of an array of JSON: take json_agg of its elements");
            }
            Ok(false)
        }
    }
}

fn any<'a>(mut all: impl Iterator<Item = &'a Expr>, schema: &DFSchema) -> Result<bool> {
    all.try_fold(false, |found, of| Ok(is_json(of, schema)? || found))
}

fn is_marked(of: &Expr, schema: &DFSchema) -> bool {
    let mark = of.to_field(schema).ok().and_then(|(_, field)| Mark::of(&field));
    matches!(mark, Some(Mark::Json | Mark::Jsonb))
}

/// The table whose row `part` is a whole one of.
#[expect(deprecated, reason = "the planner makes it, and nothing else says which table is meant")]
fn whole_row(part: &Expr) -> Option<&TableReference> {
    match part {
        Expr::Wildcard { qualifier, .. } => qualifier.as_ref(),
        _ => None,
    }
}

/// Whether all columns of tables are there, and none is null because a join found no row.
fn has_whole_rows(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::TableScan(_) => true,
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => {
            plan.inputs().into_iter().all(has_whole_rows)
        }
        LogicalPlan::Join(join) => join.join_type == JoinType::Inner && plan.inputs().into_iter().all(has_whole_rows),
        _ => false,
    }
}

/// The names and values of the columns of the row that `of` is.
fn columns(of: &Expr, schema: &DFSchema) -> Result<Vec<Expr>> {
    let Some(table) = whole_row(of) else { return plan_err!("a row of names and values in turn") };
    if schema.iter().any(|(_, field)| field.name() == table.table()) {
        return not_impl_err!("{table} is a column and a table: name the columns, or call the table otherwise");
    }
    let mut all = Vec::new();
    for (_, field) in schema.iter().filter(|(of, _)| of.is_some_and(|of| of == table)) {
        let column = Expr::Column(Column::new(Some(table.clone()), field.name()));
        all.push(encode::OF.function().call(vec![lit(unnumbered(field.name()))]));
        all.push(made(column, false, schema)?);
    }
    Ok(all)
}
