//! Parameters that are searched: in `x = ANY ($1)` the parameter is an array of what `x` is.
//!
//! DataFusion finds types of parameters beside operators, but not of arguments: such a one would be a text, in which nothing is
//! found. Not here: what a client says of its parameters (`server::postgres::parameters`).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};

/// The function behind `= ANY`.
const SEARCH: &str = "array_has";

/// `plan` with the types of such parameters.
pub(super) fn typed(plan: LogicalPlan) -> Result<LogicalPlan> {
    if plan.get_parameter_names()?.is_empty() {
        return Ok(plan);
    }
    let node = |node: LogicalPlan| {
        let schema = merge_schema(&node.inputs());
        node.map_expressions(|expression| {
            expression.transform_up(|part| {
                let Expr::ScalarFunction(mut call) = part else { return Ok(Transformed::no(part)) };
                let element = match call.args.as_slice() {
                    [Expr::Placeholder(array), of] if array.field.is_none() && call.func.name() == SEARCH => {
                        of.get_type(&schema).ok().and_then(|of| element(&of))
                    }
                    _ => None,
                };
                let (Some(element), Some(searched)) = (element, call.args.first_mut()) else {
                    return Ok(Transformed::no(Expr::ScalarFunction(call)));
                };
                // Doors read times as texts.
                let is_time = element.is_temporal();
                let wanted = DataType::new_list(element, true);
                if let Expr::Placeholder(array) = searched {
                    array.field = Some(Arc::new(Field::new("", wanted.clone(), true)));
                }
                if is_time {
                    *searched = cast(searched.clone(), wanted);
                }
                Ok(Transformed::yes(Expr::ScalarFunction(call)))
            })
        })
    };
    plan.transform_up_with_subqueries(node).data()
}

/// What the array of a parameter holds that is compared with this; `None` where clients send none.
fn element(of: &DataType) -> Option<DataType> {
    match of {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(DataType::Utf8),
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Date32
        | DataType::Timestamp(..) => Some(of.clone()),
        _ => None,
    }
}
