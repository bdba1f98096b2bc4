//! Functions of PostgreSQL that are others by another name, a cast, or a time in a zone: rewritten before names are looked up.
//!
//! Columns have been named by then ([`crate::catalog::names`]), so an answer is called by what was written. Not here: what
//! gives rows ([`super::rows`]), and functions that are computed.

use datafusion::common::{Result, not_impl_err, plan_err};
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    TimezoneInfo, Value,
};

use super::{clock, formats, make, regular, rows};
use crate::catalog::dialect::call;
use crate::catalog::zone;

/// Functions that are another one, arguments and all.
const SAME: [(&str, &str); 8] = [
    ("ceiling", "ceil"),
    ("variance", "var_samp"),
    ("every", "bool_and"),
    ("statement_timestamp", "now"),
    ("transaction_timestamp", "now"),
    ("array_cat", "array_concat"),
    ("pow", "power"),
    ("char_length", "character_length"),
];
/// What cuts a text that is cast to a length.
const CUT: &str = "left";

/// What `function`, whose name in lower case is `name`, is called; its arguments stay.
pub(in crate::catalog) fn rename(function: &mut Function, name: &str) {
    if let Some((_, same)) = SAME.iter().find(|(known, _)| *known == name) {
        function.name = ObjectName::from(vec![Ident::new(*same)]);
    }
}

/// What `function` is, if it is another expression.
///
/// # Errors
/// Arguments by names that it has not.
pub(in crate::catalog) fn rewritten(function: &Function, name: &str, session: &str) -> Result<Option<Expr>> {
    if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty() {
        return Ok(None);
    }
    let arguments = match &function.args {
        FunctionArguments::None => Vec::new(),
        FunctionArguments::List(list) => {
            if name == make::INTERVAL.name {
                return interval(&list.args).map(Some);
            }
            let Some(plain) = list.args.iter().map(plain).collect::<Option<Vec<_>>>() else { return Ok(None) };
            plain
        }
        FunctionArguments::Subquery(_) => return Ok(None),
    };
    let here = |local: Expr| call(zone::AT, vec![text(session), local, text(session)]);
    let utc = |instant: Expr| call(zone::AT, vec![text(zone::UTC), instant, text(session)]);
    let now = || call("now", Vec::new());
    let is_bare = matches!(function.args, FunctionArguments::None);
    Ok(Some(match (name, arguments.as_slice()) {
        ("date", [of]) => cast((*of).clone(), DataType::Date),
        ("localtimestamp", []) if is_bare => here(now()),
        ("localtime", []) if is_bare => cast(here(now()), DataType::Time(None, TimezoneInfo::None)),
        ("clock_timestamp", []) => utc(call(clock::CLOCK.name, Vec::new())),
        ("to_date", [of, pattern]) => call(formats::TO_DATE.name, vec![(*of).clone(), (*pattern).clone()]),
        ("to_timestamp", [of, pattern]) => {
            here(call(formats::TO_TIMESTAMP.name, vec![(*of).clone(), (*pattern).clone()]))
        }
        ("to_timestamp", [seconds]) => utc(call(formats::EPOCH.name, vec![(*seconds).clone()])),
        ("gen_random_uuid", []) => call(clock::UUID.name, vec![call("uuid", Vec::new())]),
        ("pg_typeof", [of]) if has_length(of) => {
            return not_impl_err!("pg_typeof of a text of a length, which is a text here");
        }
        ("age", [of]) => {
            let today = cast(call("current_date", Vec::new()), DataType::Timestamp(None, TimezoneInfo::None));
            call("age", vec![today, (*of).clone()])
        }
        ("make_timestamptz", [parts @ .., last]) if parts.len() == 5 || parts.len() == 6 => {
            let mut parts = parts.iter().map(|part| (*part).clone()).collect::<Vec<_>>();
            let of = if parts.len() == 6 {
                (*last).clone()
            } else {
                parts.push((*last).clone());
                text(session)
            };
            call(zone::AT, vec![of, call(make::TIMESTAMP.name, parts), text(session)])
        }
        ("substring", [of, pattern]) if is_text(pattern) => {
            call(regular::SUBSTRING.name, vec![(*of).clone(), (*pattern).clone()])
        }
        (_, arguments) => return rows::in_list(name, arguments, session),
    }))
}

/// What `substring(text FROM pattern)` is, if `expression` is that.
pub(in crate::catalog) fn substring(expression: &Expr) -> Option<Expr> {
    match expression {
        Expr::Substring { expr, substring_from: Some(pattern), substring_for: None, .. } if is_text(pattern) => {
            Some(call(regular::SUBSTRING.name, vec![expr.as_ref().clone(), pattern.as_ref().clone()]))
        }
        _ => None,
    }
}

/// Whether `expression` is a cast to a text of a length, as it is or with what cuts it.
fn has_length(expression: &Expr) -> bool {
    match expression {
        Expr::Cast { data_type, .. } => matches!(data_type, DataType::Varchar(_) | DataType::Char(_)),
        Expr::Function(function) => match &function.args {
            FunctionArguments::List(list) => list
                .args
                .first()
                .and_then(plain)
                .is_some_and(|first| function.name.to_string() == CUT && has_length(first)),
            _ => false,
        },
        _ => false,
    }
}

fn is_text(expression: &Expr) -> bool {
    let is_text = |value: &Value| matches!(value, Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_));
    matches!(expression, Expr::Value(value) if is_text(&value.value))
}

/// `make_interval` with all of its arguments in their order.
fn interval(arguments: &[FunctionArg]) -> Result<Expr> {
    let zero = || Expr::value(Value::Number("0".to_owned(), false));
    let mut parts = make::PARTS.map(|_| zero());
    for (at, argument) in arguments.iter().enumerate() {
        let (at, given) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(given)) => (Some(at), given),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(given), .. } => {
                (make::PARTS.iter().position(|part| name.value.eq_ignore_ascii_case(part)), given)
            }
            FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(given), .. } => {
                (make::PARTS.iter().position(|part| name.value.eq_ignore_ascii_case(part)), given)
            }
            other => return plan_err!("make_interval does not take {other}"),
        };
        match at.and_then(|at| parts.get_mut(at)) {
            Some(part) => *part = given.clone(),
            None => return plan_err!("make_interval takes {}", make::PARTS.join(", ")),
        }
    }
    Ok(call(make::INTERVAL.name, parts.into()))
}

/// An argument without a name.
pub(super) fn plain(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    }
}

/// `expression` as another type.
pub(in crate::catalog) fn cast(expression: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expression), data_type, array: false, format: None }
}

/// A constant.
pub(in crate::catalog) fn text(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}
