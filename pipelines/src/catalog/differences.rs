//! Differences of instants where intervals are wanted: they have days, as in Postgres.
//!
//! DataFusion knows a difference as a length and casts it to an interval without days, and it takes no parts of one
//! that are not whole. On the plan, since it takes types: before types are coerced for what takes an interval itself,
//! and after for what is cast then. Not here: how intervals compare ([`super::spans`]).

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, exec_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::analyzer::AnalyzerRule;

use super::{apart, spelled};

const NAME: &str = "_days";
/// What takes parts.
const PART: &str = "date_part";

/// See the module.
#[derive(Debug)]
pub(super) struct Differences;

impl AnalyzerRule for Differences {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewrite).data()
    }

    fn name(&self) -> &str {
        "differences"
    }
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if matches!(plan, LogicalPlan::Limit(_) | LogicalPlan::Statement(_)) {
        return Ok(Transformed::no(plan));
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let changed = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let changed = expression.transform_up(|part| {
            apart::heed()?;
            Ok(with_days(part, &schema))
        })?;
        Ok(if changed.transformed { changed.update_data(|part| name.restore(part)) } else { changed })
    })?;
    if changed.transformed { changed.map_data(LogicalPlan::recompute_schema) } else { Ok(changed) }
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
