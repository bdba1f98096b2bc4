//! Casts of texts that do more than DataFusion's: `varchar(n)` cuts, and a text becomes the `bytea` that it spells.
//!
//! DataFusion drops the length and takes the text's own bytes. Not here: casts to other types, and names ([`super::casts`]).

use datafusion::sql::sqlparser::ast::{CharacterLength, DataType, Expr, Value, ValueWithSpan};

use super::dialect::call;

/// How a text spells bytes.
const HEX: &str = "\\x";

/// What `expression` becomes, if it is such a cast.
pub(super) fn rewritten(expression: &Expr) -> Option<Expr> {
    let Expr::Cast { expr, data_type, .. } = expression else { return None };
    match data_type {
        DataType::Varchar(Some(length))
        | DataType::CharacterVarying(Some(length))
        | DataType::CharVarying(Some(length)) => {
            let CharacterLength::IntegerLength { length, .. } = length else { return None };
            let length = Expr::value(Value::Number(length.to_string(), false));
            Some(call("left", vec![expression.clone(), length]))
        }
        DataType::Bytea => {
            let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = expr.as_ref() else {
                return None;
            };
            let digits = text.strip_prefix(HEX)?;
            let is_whole = digits.len() % 2 == 0 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
            is_whole.then(|| Expr::value(Value::HexStringLiteral(digits.to_owned())))
        }
        _ => None,
    }
}
