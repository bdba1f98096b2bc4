//! What Postgres calls a column that was given no name: the function, the column, the type of a cast, or `?column?`.
//!
//! Not here: what becomes of the name ([`super::names`]).

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SetExpr,
    TimezoneInfo, TrimWhereField,
};

/// The name of a column that Postgres gives none.
pub(super) const NOTHING: &str = "?column?";
/// Functions that stand for operators and casts of the Postgres door.
const OPERATORS: [&str; 8] = [
    "json_get",
    "json_get_text",
    "array_contains",
    "_json_path",
    "_json_path_text",
    "_jsonb_has",
    "_jsonb_has_any",
    "_jsonb_has_all",
];
const CASTS: [(&str, &str); 3] = [("_json", "json"), ("_jsonb", "jsonb"), ("_uuid", "uuid")];

/// How sure a name is: that of a cast gives way to the one of what is cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    None,
    Weak,
    Strong,
}

/// The name of `expression`.
pub(super) fn figure(expression: &Expr) -> String {
    named(expression).1
}

/// An identifier as it is looked up.
pub(super) fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

fn named(expression: &Expr) -> (Strength, String) {
    let strong = |name: &str| (Strength::Strong, name.to_owned());
    let nothing = || (Strength::None, NOTHING.to_owned());
    match expression {
        Expr::Identifier(name) => (Strength::Strong, folded(name)),
        Expr::CompoundIdentifier(names) => names.last().map_or_else(nothing, |name| (Strength::Strong, folded(name))),
        Expr::CompoundFieldAccess { root, access_chain } => match access_chain.last() {
            Some(AccessExpr::Dot(field)) => named(field),
            _ => named(root),
        },
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => named(inner),
        Expr::Cast { expr, data_type, .. } => cast(expr, type_name(data_type)),
        Expr::TypedString(typed) => (Strength::Weak, type_name(&typed.data_type)),
        Expr::Interval(_) => (Strength::Weak, "interval".to_owned()),
        Expr::Case { else_result, .. } => match else_result.as_deref().map(named) {
            Some((Strength::Strong, name)) => (Strength::Strong, name),
            _ => (Strength::Weak, "case".to_owned()),
        },
        Expr::Function(function) => {
            let name = function.name.0.last().and_then(|part| part.as_ident()).map(folded);
            let name = name.unwrap_or_else(|| function.name.to_string().to_lowercase());
            if OPERATORS.contains(&name.as_str()) {
                return nothing();
            }
            match (CASTS.iter().find(|(cast, _)| *cast == name), &function.args) {
                (Some((_, kind)), FunctionArguments::List(list)) => match list.args.as_slice() {
                    [FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))] => cast(inner, (*kind).to_owned()),
                    _ => (Strength::Strong, name),
                },
                _ => (Strength::Strong, name),
            }
        }
        Expr::Subquery(query) => column_of(query).map_or_else(nothing, |name| (Strength::Strong, name)),
        Expr::Exists { negated: false, .. } => strong("exists"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Position { .. } => strong("position"),
        Expr::Substring { shorthand, .. } => strong(if *shorthand { "substr" } else { "substring" }),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => nothing(),
    }
}

fn cast(inner: &Expr, kind: String) -> (Strength, String) {
    match named(inner) {
        (Strength::Strong, name) => (Strength::Strong, name),
        _ => (Strength::Weak, kind),
    }
}

fn column_of(query: &Query) -> Option<String> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Query(query) => body = query.body.as_ref(),
            SetExpr::SetOperation { left, .. } => body = left,
            SetExpr::Select(select) => {
                return match select.projection.first()? {
                    SelectItem::UnnamedExpr(expression) => Some(figure(expression)),
                    SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
                    _ => None,
                };
            }
            _ => return None,
        }
    }
}

/// A type by the name that Postgres has for it inside.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::SmallInt(_) | DataType::Int2(_) | DataType::TinyInt(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Float(_) | DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 => "float8",
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::Varchar(_) | DataType::CharacterVarying(_) => "varchar",
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "timestamptz",
        DataType::Timestamp(..) => "timestamp",
        DataType::Time(..) => "time",
        DataType::Interval { .. } => "interval",
        DataType::Array(_) => "array",
        other => return other.to_string().to_lowercase(),
    };
    name.to_owned()
}
