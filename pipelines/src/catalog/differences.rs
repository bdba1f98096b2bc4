//! Differences of instants where intervals are wanted: they have days, as in Postgres.
//!
//! DataFusion knows a difference as a length and casts it to an interval without days, and it takes no parts of one
//! that are not whole. On the plan, since it takes types: before types are coerced for what takes an interval itself,
//! and after for what is cast then. Not here: how intervals compare ([`super::spans`]).

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, exec_err};
use datafusion::logical_expr::{
    BinaryExpr, Cast, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

use super::spelled;
use super::walk::Rule;

const NAME: &str = "_days";
/// What takes parts.
const PART: &str = "date_part";

/// See the module.
#[derive(Debug)]
pub(super) struct Differences;

impl Rule for Differences {
    const NAME: &'static str = "differences";

    fn part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(with_days(part, schema))
    }
}

fn with_days(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match part {
        Expr::Cast(Cast { expr, field })
            if *field.data_type() == DataType::Interval(IntervalUnit::MonthDayNano) && is_difference(&expr, schema) =>
        {
            Transformed::yes(function().call(vec![*expr]))
        }
        // Days of both are added, and so are hours, however many they become.
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Plus | Operator::Minus), right })
            if is_difference(&right, schema) && is_difference(&left, schema) =>
        {
            let [left, right] = [left, right].map(|of| Box::new(function().call(vec![*of])));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::ScalarFunction(mut call) if call.name() == PART => match call.args.as_mut_slice() {
            [_, of] if is_difference(of, schema) => {
                *of = function().call(vec![of.clone()]);
                Transformed::yes(Expr::ScalarFunction(call))
            }
            _ => Transformed::no(Expr::ScalarFunction(call)),
        },
        other => Transformed::no(other),
    }
}

fn is_difference(of: &Expr, schema: &DFSchema) -> bool {
    of.get_type(schema).is_ok_and(|of| matches!(of, DataType::Duration(_)))
}

/// The function: a difference as an interval.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Days { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Days {
    signature: Signature,
}

impl ScalarUDFImpl for Days {
    fn name(&self) -> &str {
        NAME
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        Ok(arguments.iter().map(|of| of.schema_name().to_string()).collect::<Vec<_>>().join(", "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of] = arguments.args.as_slice() else { return exec_err!("{NAME} takes one difference") };
        Ok(ColumnarValue::Array(spelled::parts(&of.to_array(arguments.number_rows)?)?))
    }
}
