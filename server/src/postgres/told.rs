//! What clients are told of parameters whose type is not that by which DataFusion computes: object ids, which are numbers of 32
//! bits to it, and JSON and UUIDs, which are texts.
//!
//! A driver that looks up types by `$1::oid[]` would else have to look up an array of numbers first, and would never begin; one
//! that is told of a text refuses a UUID. Not here: columns ([`super::results`]), and how such values are read
//! ([`super::texts`]).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType, Expr, Statement, Value, visit_expressions};
use datafusion_postgres::pgwire::api::Type;

use super::dialect;
use super::typed::TextType;

/// Corrects the `types` of the parameters of `statement`.
pub(super) fn tell(statement: &Statement, types: &mut [Type]) {
    let _ = visit_expressions(statement, |expression| {
        if let Some((number, meant)) = meant(expression)
            && let Some(told) = number.checked_sub(1).and_then(|at| types.get_mut(at))
        {
            *told = meant;
        }
        ControlFlow::<()>::Continue(())
    });
}

/// What `kind` is read as: the library reads no array of ids, whose bytes are those of an array of numbers.
pub(super) fn read_as(kind: Type) -> Type {
    if kind == Type::OID_ARRAY { Type::INT4_ARRAY } else { kind }
}

/// The parameter that `expression` casts, and to what.
fn meant(expression: &Expr) -> Option<(usize, Type)> {
    match expression {
        Expr::Cast { expr, data_type, .. } => Some((number(expr)?, ids(data_type)?)),
        // A cast to such a type has become a call, with a cast to text in it.
        call => {
            let (name, argument) = dialect::called(call)?;
            let kind =
                [TextType::Json, TextType::Jsonb, TextType::Uuid].into_iter().find(|kind| kind.function() == name)?;
            let Expr::Cast { expr, .. } = argument else { return None };
            Some((number(expr)?, kind.wire()))
        }
    }
}

fn number(parameter: &Expr) -> Option<usize> {
    let Expr::Value(value) = parameter else { return None };
    let Value::Placeholder(name) = &value.value else { return None };
    name.strip_prefix('$')?.parse().ok()
}

fn ids(wanted: &DataType) -> Option<Type> {
    match wanted {
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) if is_id(element) => Some(Type::OID_ARRAY),
        plain if is_id(plain) => Some(Type::OID),
        _ => None,
    }
}

fn is_id(wanted: &DataType) -> bool {
    let DataType::Custom(name, _) = wanted else { return false };
    name.0.last().and_then(|part| part.as_ident()).is_some_and(|name| name.value.eq_ignore_ascii_case("oid"))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;

    #[test]
    fn what_is_cast_is_told_by_its_own_type() {
        let check = |sql: &str, expect: [Type; 2]| {
            let statement = Dialect::default().parse(sql).unwrap().remove(0);
            let mut types = [Type::INT4_ARRAY, Type::INT4];
            tell(&statement, &mut types);
            assert_eq!(types, expect, "{sql}");
        };
        check("select typname from pg_type where oid = any($1::oid[]) and oid > $2::oid", [Type::OID_ARRAY, Type::OID]);
        check("select $1::int[], $2::pg_catalog.oid", [Type::INT4_ARRAY, Type::OID]);
        check("select $3::oid", [Type::INT4_ARRAY, Type::INT4]);
        check("select cast($1 as uuid), $2::jsonb -> 'a'", [Type::UUID, Type::JSONB]);
    }
}
