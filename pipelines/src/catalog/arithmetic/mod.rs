//! Arithmetic that gives what Postgres gives, or an error: never a number that wrapped, and no infinity.
//!
//! On the plan, since it takes types: whole numbers overflow (22003), what is divided by zero has no result (22012), a
//! decimal is divided to sixteen digits behind the point and averaged so, a cast to a whole number rounds, and a sum of
//! small constants is a whole number. The functions that stand for operators have their names, so that columns keep
//! theirs. Not here: sums (`metering::functions::sum`), texts ([`super::text_times`]).

mod checked;
mod divide;
mod whole;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator, ScalarUDF, TryCast, cast};

use super::walk::Rule;

const AVERAGE: &str = "avg";
/// Digits behind the point of what an average is taken of; DataFusion's has four more, and so sixteen as a quotient
/// has.
const AVERAGED_DIGITS: i8 = 12;
const DIGITS_MAX: u8 = 38;

/// What operators and casts become.
pub(super) fn functions() -> Vec<ScalarUDF> {
    checked::functions().into_iter().chain([divide::function(), divide::divisor(), whole::function()]).collect()
}

/// See the module. Goes before types are coerced: what it makes has types of its own.
#[derive(Debug)]
pub(super) struct Arithmetic;

impl Rule for Arithmetic {
    const NAME: &'static str = "arithmetic";

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(changed(part, schema))
    }
}

/// A part of an expression; what has no type yet stays as it is.
fn changed(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let made = match part {
        Expr::BinaryExpr(operation) => return operated(operation, schema),
        Expr::Negative(ref of) if of.get_type(schema).is_ok_and(|of| of.is_integer()) => match of.as_ref() {
            Expr::Literal(..) => None,
            of => Some(checked::negate(of.clone())),
        },
        Expr::Cast(Cast { ref expr, ref field }) if field.data_type().is_integer() => {
            rounded(expr, schema).map(|rounded| Expr::Cast(Cast { expr: Box::new(rounded), field: field.clone() }))
        }
        Expr::TryCast(TryCast { ref expr, ref field }) if field.data_type().is_integer() => rounded(expr, schema)
            .map(|rounded| Expr::TryCast(TryCast { expr: Box::new(rounded), field: field.clone() })),
        Expr::AggregateFunction(ref call) if call.func.name() == "sum" => small_sum(call, schema),
        Expr::AggregateFunction(mut call) if call.func.name() == AVERAGE => {
            let changed = with_digits(&mut call.params.args, schema);
            let call = Expr::AggregateFunction(call);
            return if changed { Transformed::yes(call) } else { Transformed::no(call) };
        }
        Expr::WindowFunction(mut window) if window.fun.name() == AVERAGE => {
            let changed = with_digits(&mut window.params.args, schema);
            let window = Expr::WindowFunction(window);
            return if changed { Transformed::yes(window) } else { Transformed::no(window) };
        }
        _ => None,
    };
    made.map_or_else(|| Transformed::no(part), Transformed::yes)
}

/// Takes the operation apart and not a copy of it: a chain of them would be copied at each level.
fn operated(operation: BinaryExpr, schema: &DFSchema) -> Transformed<Expr> {
    let BinaryExpr { left, op, right } = operation;
    let as_it_was = |left, right| Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }));
    let (Ok(left_type), Ok(right_type)) = (left.get_type(schema), right.get_type(schema)) else {
        return as_it_was(left, right);
    };
    let whole = left_type.is_integer() && right_type.is_integer();
    let decimal = left_type.is_decimal() || right_type.is_decimal();
    let float = left_type.is_floating() || right_type.is_floating();
    match op {
        Operator::Plus | Operator::Minus | Operator::Multiply
            if whole && checked::takes(op, &left_type, &right_type) =>
        {
            Transformed::yes(checked::call(*left, op, *right, &left_type, &right_type))
        }
        Operator::Divide if decimal && !float && divide::takes(&left_type) && divide::takes(&right_type) => {
            Transformed::yes(divide::call(*left, *right))
        }
        Operator::Divide | Operator::Modulo if float && !divide::is_checked(&right) => {
            let right = Box::new(divide::checked(*right));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        _ => as_it_was(left, right),
    }
}

/// `of` without what is behind the point; `None` if nothing is.
fn rounded(of: &Expr, schema: &DFSchema) -> Option<Expr> {
    let of_type = of.get_type(schema).ok()?;
    ((of_type.is_decimal() || of_type.is_floating()) && !whole::is_one(of)).then(|| whole::call(of.clone()))
}

/// Gives the decimals that an average is taken of the digits that it needs; whether they had fewer.
fn with_digits(averaged: &mut [Expr], schema: &DFSchema) -> bool {
    let [of] = averaged else { return false };
    if !matches!(of.get_type(schema), Ok(DataType::Decimal128(_, scale)) if scale < AVERAGED_DIGITS) {
        return false;
    }
    *of = cast(of.clone(), DataType::Decimal128(DIGITS_MAX, AVERAGED_DIGITS));
    true
}

/// A constant is a 64-bit number to DataFusion and one of 32 bits to Postgres, whose sum is one of 64.
fn small_sum(call: &AggregateFunction, schema: &DFSchema) -> Option<Expr> {
    let [of] = call.params.args.as_slice() else { return None };
    if of.get_type(schema).ok()? != DataType::Int64 || !is_small(of) {
        return None;
    }
    let mut call = call.clone();
    call.params.args = vec![cast(of.clone(), DataType::Int32)];
    Some(Expr::AggregateFunction(call))
}

fn is_small(of: &Expr) -> bool {
    match of {
        Expr::Literal(value, _) => {
            let value = value.cast_to(&DataType::Int64);
            value.is_ok_and(|value| value.is_null() || value.cast_to(&DataType::Int32).is_ok())
        }
        Expr::Case(case) => {
            case.when_then_expr.iter().all(|(_, then)| is_small(then)) && case.else_expr.as_deref().is_none_or(is_small)
        }
        Expr::Negative(of) => is_small(of),
        _ => false,
    }
}
