//! What single pieces of syntax stand for: how often an operand is written out, how many sets a `GROUP BY` makes, how deep a type
//! is nested. Not here: what is added up of them ([`super::syntax`]).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    GroupByWithModifier, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Value, Visit, visit_expressions,
};

use super::{Figure, NAME_BYTES_MAX, TooComplex};

/// Functions that DataFusion writes out as a `CASE` with arguments twice.
const WRITTEN_TWICE: [&str; 5] = ["coalesce", "ifnull", "nvl", "nvl2", "nullif"];
/// Parts that make no difference.
const FEW: u64 = 200;
/// Lists up to this length are written out as comparisons.
const SHORT_LIST: usize = 3;

/// Names are compared with all that there are when they are not found.
pub(super) fn check_name(name: &ObjectName) -> Result<(), TooComplex> {
    name.0.iter().filter_map(|part| part.as_ident()).try_for_each(check_ident)
}

/// The same of one part of a name.
pub(super) fn check_ident(name: &Ident) -> Result<(), TooComplex> {
    Figure::Name.within(name.value.len() as u64, NAME_BYTES_MAX)
}

/// How often an operand of `expression` may stand in what is planned.
pub(super) fn times_written(expression: &Expr) -> u64 {
    match expression {
        Expr::Between { .. } => 2,
        Expr::InList { list, .. } if list.len() <= SHORT_LIST => list.len() as u64,
        Expr::Function(function) => {
            let name = function.name.0.last().and_then(|name| name.as_ident());
            let twice =
                name.is_some_and(|name| WRITTEN_TWICE.iter().any(|twice| name.value.eq_ignore_ascii_case(twice)));
            1 + u64::from(twice)
        }
        _ => 1,
    }
}

/// What `refers` references to items of a select list become at most; items are looked at only if that may matter.
pub(super) fn referred(refers: u64, parts: u64, largest: impl FnOnce() -> u64) -> u64 {
    let at_most = refers.saturating_mul(parts);
    if at_most <= FEW { at_most } else { refers.saturating_mul(largest()) }
}

/// The first select of a query.
pub(super) fn select_of(query: &Query) -> Option<&Select> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Query(query) => body = &query.body,
            _ => return None,
        }
    }
}

/// Expressions in the largest item of a select list.
pub(super) fn largest_item(select: &Select) -> u64 {
    let sizes = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(item)
        | SelectItem::ExprWithAlias { expr: item, .. }
        | SelectItem::ExprWithAliases { expr: item, .. } => count(item),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => 1,
    });
    sizes.max().unwrap_or(1)
}

/// Expressions in the windows that a select names.
pub(super) fn named_windows(select: &Select) -> u64 {
    select.named_window.iter().map(|window| 1 + count(window)).sum()
}

/// Expressions in a piece of syntax.
pub(super) fn count(piece: &impl Visit) -> u64 {
    let mut count = 0;
    let _ = visit_expressions(piece, |_| {
        count += 1;
        ControlFlow::<()>::Continue(())
    });
    count
}

/// How many sets `GROUP BY` makes, and of how many keys.
pub(super) fn grouping(select: &Select) -> (u64, u64) {
    let (keys, modifiers) = match &select.group_by {
        GroupByExpr::All(modifiers) => (&[][..], modifiers),
        GroupByExpr::Expressions(keys, modifiers) => (keys.as_slice(), modifiers),
    };
    let power = |keys: usize| u32::try_from(keys).ok().and_then(|keys| 1_u64.checked_shl(keys)).unwrap_or(u64::MAX);
    let within = |parts: &[Vec<Expr>]| parts.iter().map(Vec::len).sum::<usize>();
    let mut sets = 1_u64;
    let mut all = 0_u64;
    for key in keys {
        let (more, keys) = match key {
            Expr::Cube(parts) => (power(parts.len()), within(parts)),
            Expr::Rollup(parts) => (parts.len() as u64 + 1, within(parts)),
            Expr::GroupingSets(parts) => (parts.len() as u64, within(parts)),
            _ => (1, 1),
        };
        sets = sets.saturating_mul(more);
        all = all.saturating_add(keys as u64);
    }
    for modifier in modifiers {
        sets = sets.saturating_mul(match modifier {
            GroupByWithModifier::Cube => power(keys.len()),
            _ => keys.len() as u64 + 1,
        });
    }
    (sets, all)
}

/// Levels of a type.
pub(super) fn levels_of(data_type: &DataType) -> u64 {
    let mut levels = 0;
    let mut within = vec![(1, data_type)];
    while let Some((level, data_type)) = within.pop() {
        levels = levels.max(level);
        match data_type {
            DataType::Array(
                ArrayElemTypeDef::AngleBracket(of)
                | ArrayElemTypeDef::SquareBracket(of, _)
                | ArrayElemTypeDef::Parenthesis(of),
            )
            | DataType::Nullable(of)
            | DataType::LowCardinality(of) => within.push((level + 1, of.as_ref())),
            DataType::Map(key, value) => within.extend([(level + 1, key.as_ref()), (level + 1, value.as_ref())]),
            DataType::Struct(fields, _) | DataType::Tuple(fields) => {
                within.extend(fields.iter().map(|field| (level + 1, &field.field_type)));
            }
            DataType::Union(fields) => within.extend(fields.iter().map(|field| (level + 1, &field.field_type))),
            DataType::Nested(columns) => within.extend(columns.iter().map(|column| (level + 1, &column.data_type))),
            _ => {}
        }
    }
    levels
}

/// Levels of a type that an argument names, as functions of Arrow take them.
pub(super) fn levels_of_named(function: &Function) -> u64 {
    let name = function.name.0.last().and_then(|name| name.as_ident());
    let takes_types = name.is_some_and(|name| name.value.to_ascii_lowercase().contains("arrow"));
    let FunctionArguments::List(list) = &function.args else { return 0 };
    if !takes_types {
        return 0;
    }
    let mut deepest = 0;
    for argument in &list.args {
        let (FunctionArg::Unnamed(argument)
        | FunctionArg::Named { arg: argument, .. }
        | FunctionArg::ExprNamed { arg: argument, .. }) = argument;
        if let FunctionArgExpr::Expr(Expr::Value(value)) = argument
            && let Some(text) = text_of(&value.value)
        {
            let (mut open, mut most) = (0_u64, 0);
            for byte in text.bytes() {
                match byte {
                    b'(' | b'<' | b'[' => open += 1,
                    b')' | b'>' | b']' => open = open.saturating_sub(1),
                    _ => {}
                }
                most = open.max(most);
            }
            deepest = deepest.max(most);
        }
    }
    deepest
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::DollarQuotedString(text) => Some(&text.value),
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text)
        | Value::DoubleQuotedString(text) => Some(text),
        _ => None,
    }
}
