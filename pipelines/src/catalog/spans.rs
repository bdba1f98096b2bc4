//! Intervals compare and sort by how long they are, as in Postgres: a month has thirty days and a day twenty-four hours.
//!
//! DataFusion compares months, then days, then the rest, and knows differences of instants as another type. On the plan, since
//! it takes types: what is compared or sorted by is the length. Where DataFusion compares on its own (grouping, joining,
//! `DISTINCT`, `min`, `max`, `greatest`, `least`, `nullif`), intervals are refused; differences of instants have one part and are not. Not
//! here: how they are written ([`super::spelled`]).

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, DurationMicrosecondType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, exec_err, not_impl_err, plan_err};
use datafusion::logical_expr::expr::{AggregateFunction, Between, InList, Sort, WindowFunction};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use super::walk::Rule;

const NAME: &str = "_span";
const MONTH_DAYS: i128 = 30;
const DAY_NS: i128 = 86_400_000_000_000;
const MICROSECOND_NS: i128 = 1_000;
/// Digits of the longest interval's nanoseconds, and more.
const DIGITS: u8 = 38;
/// Functions that compare what they are given.
const COMPARING: [&str; 3] = ["greatest", "least", "nullif"];

/// See the module. Goes before types are coerced: what it makes has types of its own.
#[derive(Debug)]
pub(super) struct Spans;

impl Rule for Spans {
    const NAME: &'static str = "spans";

    fn check(node: &LogicalPlan, schema: &DFSchema) -> Result<()> {
        refuse(node, schema)
    }

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        changed(part, schema)
    }

    fn key(key: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(length(key, schema))
    }
}

/// Refuses what compares rows by intervals.
fn refuse(plan: &LogicalPlan, schema: &DFSchema) -> Result<()> {
    let any = |expressions: &[Expr]| expressions.iter().any(|of| is_interval(of, schema));
    let found = match plan {
        LogicalPlan::Aggregate(aggregate) => any(&aggregate.group_expr).then_some("GROUP BY"),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let mut types = input.schema().fields().iter().map(|field| field.data_type());
            types.any(|of| matches!(of, DataType::Interval(_))).then_some("DISTINCT")
        }
        LogicalPlan::Distinct(Distinct::On(on)) => any(&on.on_expr).then_some("DISTINCT ON"),
        LogicalPlan::Join(join) => join.on.iter().any(|(left, _)| is_interval(left, schema)).then_some("JOIN"),
        _ => None,
    };
    match found {
        Some(what) => not_impl_err!("{what} of intervals: take extract(epoch FROM …) of them"),
        None => Ok(()),
    }
}

/// A part of an expression; what has no type yet stays as it is.
fn changed(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let wrapped = |of: Box<Expr>| Box::new(call(*of));
    Ok(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) && mixes(&[&left, &right], schema) => {
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: wrapped(left), op, right: wrapped(right) }))
        }
        Expr::Between(Between { expr, negated, low, high }) if mixes(&[&expr, &low, &high], schema) => {
            let (expr, low, high) = (wrapped(expr), wrapped(low), wrapped(high));
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        Expr::InList(InList { expr, list, negated }) if is_interval(&expr, schema) => {
            let list = list.into_iter().map(call).collect();
            Transformed::yes(Expr::InList(InList { expr: wrapped(expr), list, negated }))
        }
        Expr::WindowFunction(mut window) => {
            let WindowFunction { fun, params } = window.as_mut();
            let compares = ["min", "max"].contains(&fun.name()) || params.distinct;
            if params.partition_by.iter().any(|of| is_interval(of, schema))
                || compares && params.args.iter().any(|of| is_interval(of, schema))
            {
                return not_impl_err!("a window that compares intervals: take extract(epoch FROM …) of them");
            }
            let sorted = lengths(&mut params.order_by, schema);
            let window = Expr::WindowFunction(window);
            if sorted { Transformed::yes(window) } else { Transformed::no(window) }
        }
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let compares = ["min", "max"].contains(&func.name()) || params.distinct;
            if compares && params.args.iter().any(|of| is_interval(of, schema)) {
                return not_impl_err!("{}() of intervals: take it of extract(epoch FROM …)", func.name());
            }
            let sorted = lengths(&mut params.order_by, schema);
            let aggregate = Expr::AggregateFunction(AggregateFunction { func, params });
            if sorted { Transformed::yes(aggregate) } else { Transformed::no(aggregate) }
        }
        Expr::ScalarFunction(function)
            if COMPARING.contains(&function.name()) && function.args.iter().any(|of| is_interval(of, schema)) =>
        {
            return not_impl_err!("{}() of intervals: take extract(epoch FROM …) of them", function.name());
        }
        other => Transformed::no(other),
    })
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn is_interval(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| matches!(of, DataType::Interval(_)))
}

/// Whether one of them is an interval, or a text is compared with a difference of instants.
fn mixes(all: &[&Expr], schema: &DFSchema) -> bool {
    let types = all.iter().filter_map(|of| of.get_type(schema).ok()).collect::<Vec<_>>();
    let durations = types.iter().filter(|of| matches!(of, DataType::Duration(_))).count();
    let is_mixed = durations > 0 && types.iter().any(DataType::is_string);
    types.len() == all.len() && (is_mixed || types.iter().any(|of| matches!(of, DataType::Interval(_))))
}

fn length(of: Expr, schema: &DFSchema) -> Transformed<Expr> {
    if is_interval(&of, schema) { Transformed::yes(call(of)) } else { Transformed::no(of) }
}

fn lengths(order: &mut [Sort], schema: &DFSchema) -> bool {
    let mut changed = false;
    for sort in order.iter_mut().filter(|sort| is_interval(&sort.expr, schema)) {
        sort.expr = call(sort.expr.clone());
        changed = true;
    }
    changed
}

fn call(of: Expr) -> Expr {
    function().call(vec![of])
}

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Span { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Span {
    signature: Signature,
}

impl ScalarUDFImpl for Span {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        Ok(arguments.iter().map(|of| of.schema_name().to_string()).collect::<Vec<_>>().join(", "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [DataType::Duration(_)] => Ok(vec![DataType::Duration(TimeUnit::Microsecond)]),
            [DataType::Interval(_) | DataType::Null] => Ok(vec![DataType::Interval(IntervalUnit::MonthDayNano)]),
            [of] if of.is_string() => Ok(vec![DataType::Interval(IntervalUnit::MonthDayNano)]),
            _ => plan_err!("an interval is compared with an interval"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(DIGITS, 0))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of] = arguments.args.as_slice() else { return exec_err!("{NAME} takes one interval") };
        let spans = of.to_array(arguments.number_rows)?;
        let lengths: Decimal128Array = match spans.data_type() {
            DataType::Duration(TimeUnit::Microsecond) => {
                let spans = spans.as_primitive::<DurationMicrosecondType>();
                spans.iter().map(|us| us.map(|us| i128::from(us) * MICROSECOND_NS)).collect()
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let spans = spans.as_primitive::<IntervalMonthDayNanoType>();
                let nanoseconds = |span: arrow::datatypes::IntervalMonthDayNano| {
                    let days = i128::from(span.months) * MONTH_DAYS + i128::from(span.days);
                    days * DAY_NS + i128::from(span.nanoseconds)
                };
                spans.iter().map(|span| span.map(nanoseconds)).collect()
            }
            other => return exec_err!("{other} is no interval"),
        };
        Ok(ColumnarValue::Array(Arc::new(lengths.with_precision_and_scale(DIGITS, 0)?) as ArrayRef))
    }
}
