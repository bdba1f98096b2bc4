//! `json_agg` and the like, and rows as JSON: written as lists and objects that are built of what aggregates gather.
//!
//! An aggregate becomes a function of `array_agg`, which sorts, filters and counts what it holds. A row is one that is written
//! out, or a table of the select by its name. Not here: what is built ([`super::build`]).

use std::collections::HashSet;

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Select, TableFactor, Value,
};

use super::{build, encode};
use crate::catalog::dialect::call;
use crate::catalog::figure::folded;
use crate::catalog::functions::syntax::plain;

const ARRAY_AGG: &str = "array_agg";
/// What gathers rows, what it makes of a list of them, and whether that is of names and values.
const AGGREGATES: [(&str, &str, bool); 4] = [
    ("json_agg", "_json_list", false),
    ("jsonb_agg", "_jsonb_list", false),
    ("json_object_agg", "_json_members", true),
    ("jsonb_object_agg", "_jsonb_members", true),
];
const ROW_TO_JSON: &str = "row_to_json";

/// The tables of a select that may stand for their rows.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Tables(HashSet<String>);

impl Tables {
    /// Those of `select`. What gives rows of one column is called as that is.
    pub(in crate::catalog) fn of(select: &Select) -> Self {
        let factors = select
            .from
            .iter()
            .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
        let name = |factor: &TableFactor| match factor {
            TableFactor::Table { alias: Some(alias), args: None, .. }
            | TableFactor::Derived { alias: Some(alias), .. } => Some(folded(&alias.name)),
            TableFactor::Table { name, args: None, .. } => name.0.last().and_then(|part| part.as_ident()).map(folded),
            _ => None,
        };
        Self(factors.filter_map(name).collect())
    }
}

/// What `function`, whose name in lower case is `name`, is if it makes JSON; in a select of `tables`.
///
/// # Errors
/// Arguments that it has not.
pub(in crate::catalog) fn rewritten(function: &Function, name: &str, tables: Option<&Tables>) -> Result<Option<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return Ok(None) };
    let Some(arguments) = list.args.iter().map(plain).collect::<Option<Vec<_>>>() else { return Ok(None) };
    if let Some((_, gathers, of_pairs)) = AGGREGATES.iter().find(|(aggregate, ..)| *aggregate == name) {
        let element = match arguments.as_slice() {
            [key, value] if *of_pairs => call(build::MEMBER, vec![(*key).clone(), value_of(value, tables)]),
            [of] if !of_pairs => element(name, of, tables)?,
            _ => return plan_err!("{name} takes {}", if *of_pairs { "a name and a value" } else { "one value" }),
        };
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
            return not_impl_err!("{name} of DISTINCT values: select them in a subquery");
        }
        return Ok(Some(call(gathers, vec![gathered(function, list, element)])));
    }
    let is_known = [encode::TO_JSON.name, encode::TO_JSONB.name, ROW_TO_JSON].contains(&name);
    let is_built = [build::OBJECT, build::OBJECT_BINARY, build::ARRAY, build::ARRAY_BINARY].contains(&name);
    match arguments.as_slice() {
        [of] if is_known => match row(of, tables) {
            Some(row) if name == encode::TO_JSONB.name => Ok(Some(call(encode::READ_BINARY.name, vec![row]))),
            Some(row) => Ok(Some(row)),
            None if name == ROW_TO_JSON => plan_err!("row_to_json takes a row: ROW(…), or a table by its name"),
            None => {
                check_type(name, of)?;
                Ok(None)
            }
        },
        [_, _] if name == ROW_TO_JSON => not_impl_err!("row_to_json with line feeds"),
        all if is_built && all.iter().any(|of| row(of, tables).is_some()) => {
            Ok(Some(call(name, all.iter().map(|of| value_of(of, tables)).collect())))
        }
        _ => Ok(None),
    }
}

/// `array_agg` of `element`, in the order and of the rows of `function`.
fn gathered(function: &Function, list: &FunctionArgumentList, element: Expr) -> Expr {
    let mut gathered = function.clone();
    gathered.name = ObjectName::from(vec![Ident::new(ARRAY_AGG)]);
    let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(element))];
    gathered.args = FunctionArguments::List(FunctionArgumentList { args, ..list.clone() });
    Expr::Function(gathered)
}

fn element(name: &str, of: &Expr, tables: Option<&Tables>) -> Result<Expr> {
    if let Some(row) = row(of, tables) {
        return Ok(call(encode::ROW_ELEMENT.name, vec![row]));
    }
    check_type(name, of)?;
    Ok(call(encode::ELEMENT.name, vec![of.clone()]))
}

/// A constant without a type is none of which JSON is made.
fn check_type(name: &str, of: &Expr) -> Result<()> {
    match of {
        Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::Null) => {
            plan_err!("{name}: could not determine polymorphic type because input has type unknown: cast it")
        }
        Expr::Nested(inner) => check_type(name, inner),
        _ => Ok(()),
    }
}

fn value_of(of: &Expr, tables: Option<&Tables>) -> Expr {
    row(of, tables).unwrap_or_else(|| of.clone())
}

/// A row as JSON; `None` if `of` is none.
fn row(of: &Expr, tables: Option<&Tables>) -> Option<Expr> {
    let fields = match of {
        Expr::Nested(inner) => return row(inner, tables),
        Expr::Identifier(table) if tables.is_some_and(|tables| tables.0.contains(&folded(table))) => {
            let Expr::Function(mut whole) = call(build::ROW, Vec::new()) else { return None };
            if let FunctionArguments::List(list) = &mut whole.args {
                let table = ObjectName::from(vec![table.clone()]);
                list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(table))];
            }
            return Some(Expr::Function(whole));
        }
        Expr::Tuple(fields) => fields.iter().collect::<Vec<_>>(),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
            let FunctionArguments::List(list) = &function.args else { return None };
            list.args.iter().map(plain).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    let pairs = fields.into_iter().enumerate().flat_map(|(at, field)| {
        let name = Expr::value(Value::SingleQuotedString(format!("f{}", at + 1)));
        [name, value_of(field, tables)]
    });
    Some(call(build::ROW, pairs.collect()))
}
