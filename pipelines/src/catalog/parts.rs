//! `extract` and `date_part` with the types that they have in Postgres, and with the fraction of a second.
//!
//! DataFusion gives most parts as whole numbers, so that `extract(minute FROM time) / 15` would leave out its fraction, as
//! `extract(second FROM time)` does. In Postgres `extract` gives a numeric and `date_part` a float. Not here: in which zone a
//! part is ([`super::zone`]).

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, Value, ValueWithSpan,
};

use super::dialect::call;

/// DataFusion's function.
const PART: &str = "date_part";
/// The part of which seconds are made.
const MICROSECOND: &str = "microsecond";
/// Digits of a part that has no fraction.
const DIGITS: u64 = 20;
/// Digits behind the point of one that has.
const FRACTION: i64 = 6;

/// What `extract` of a field becomes; `None` if `expression` is none.
pub(super) fn extract(expression: &Expr) -> Option<Expr> {
    let Expr::Extract { field, syntax, expr } = expression else { return None };
    let microseconds =
        || Expr::Extract { field: DateTimeField::Microsecond, syntax: syntax.clone(), expr: expr.clone() };
    Some(match field {
        DateTimeField::Second | DateTimeField::Seconds => times(numeric(microseconds(), 0), "0.000001"),
        DateTimeField::Millisecond | DateTimeField::Milliseconds => times(numeric(microseconds(), 0), "0.001"),
        DateTimeField::Epoch => numeric(expression.clone(), FRACTION),
        _ => numeric(expression.clone(), 0),
    })
}

/// What `date_part(field, time)` becomes; `None` if the field is no constant.
pub(super) fn date_part(field: &Expr, time: &Expr) -> Option<Expr> {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(name), .. }) = field else { return None };
    let microseconds = || float(call(PART, vec![text(MICROSECOND), time.clone()]));
    Some(match name.to_lowercase().as_str() {
        "second" | "seconds" => operation(microseconds(), BinaryOperator::Divide, float(number("1000000"))),
        "millisecond" | "milliseconds" => operation(microseconds(), BinaryOperator::Divide, float(number("1000"))),
        _ => float(call(PART, vec![field.clone(), time.clone()])),
    })
}

fn numeric(of: Expr, scale: i64) -> Expr {
    cast(of, DataType::Decimal(ExactNumberInfo::PrecisionAndScale(DIGITS, scale)))
}

fn float(of: Expr) -> Expr {
    cast(of, DataType::DoublePrecision)
}

fn cast(of: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(of), data_type, array: false, format: None }
}

fn times(of: Expr, factor: &str) -> Expr {
    operation(of, BinaryOperator::Multiply, number(factor))
}

/// In parentheses: it binds less than what may stand around it.
fn operation(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

fn number(number: &str) -> Expr {
    Expr::value(Value::Number(number.to_owned(), false))
}

fn text(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}
