//! Instants in the session's zone, as in Postgres: a date among them is the instant at which it begins there, and one that is cast
//! to a timestamp without a zone is what clocks show there.
//!
//! DataFusion does both as if all clocks were those of Greenwich. On the plan before types are coerced, since it takes
//! types. Not here: texts ([`super::text_times`]), and times without a zone, which DataFusion
//! takes so.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Between, Cast, InList};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast, lit};

use super::walk::Rule;
use super::zone;

/// Functions whose arguments become of one type.
const OF_ONE_TYPE: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];

/// See the module.
#[derive(Debug)]
pub(super) struct Instants;

impl Rule for Instants {
    const NAME: &'static str = "instants";

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(changed(part, schema))
    }
}

fn changed(mut part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let made = match &mut part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if takes(*op, right, schema) => {
            begun(&mut [left.as_mut(), right.as_mut()], schema)
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            begun(&mut [expr.as_mut(), low.as_mut(), high.as_mut()], schema)
        }
        Expr::InList(InList { expr, list, .. }) => {
            let mut all = vec![expr.as_mut()];
            all.extend(list);
            begun(&mut all, schema)
        }
        Expr::ScalarFunction(call) if OF_ONE_TYPE.contains(&call.name()) => {
            begun(&mut call.args.iter_mut().collect::<Vec<_>>(), schema)
        }
        Expr::Case(case) => {
            let thens = case.when_then_expr.iter_mut().map(|(_, then)| then.as_mut());
            let mut all = thens.chain(case.else_expr.as_deref_mut()).collect::<Vec<_>>();
            begun(&mut all, schema)
        }
        Expr::Cast(cast) => on_the_clock(cast, schema),
        _ => false,
    };
    if made { Transformed::yes(part) } else { Transformed::no(part) }
}

/// Has an instant that loses its zone be shifted to it first; whether it is one.
fn on_the_clock(cast: &mut Cast, schema: &DFSchema) -> bool {
    if !matches!(cast.field.data_type(), DataType::Timestamp(_, None)) {
        return false;
    }
    let Ok(DataType::Timestamp(_, Some(zone))) = cast.expr.get_type(schema) else { return false };
    if *zone == *zone::UTC {
        return false;
    }
    let [shifted, _] = zone::functions();
    let instant = std::mem::take(cast.expr.as_mut());
    *cast.expr = shifted.call(vec![lit(zone.as_ref()), instant, lit(zone.as_ref())]);
    true
}

/// Whether an operation may be one of a date and an instant; a long chain is on its left.
fn takes(op: Operator, right: &Expr, schema: &DFSchema) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, Minus, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom | Minus)
        && matches!(right.get_type(schema), Ok(DataType::Date32 | DataType::Timestamp(_, Some(_))))
}

/// Makes instants of the dates among `all` if one of them is an instant; whether there were any.
fn begun(all: &mut [&mut Expr], schema: &DFSchema) -> bool {
    let types = all.iter().map(|of| of.get_type(schema).ok()).collect::<Vec<_>>();
    let instant = types.iter().flatten().find(|of| matches!(of, DataType::Timestamp(_, Some(_))));
    let Some(instant) = instant else { return false };
    let mut made = false;
    for (of, of_type) in all.iter_mut().zip(&types) {
        if *of_type == Some(DataType::Date32) {
            **of = cast(of.clone(), instant.clone());
            made = true;
        }
    }
    made
}
