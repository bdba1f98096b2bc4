//! `+`, `-` and `*` of whole numbers, that say when they overflow.

use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

const NEGATE: &str = "_negate";

/// All of them.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let of = [Operator::Plus, Operator::Minus, Operator::Multiply].into_iter().filter_map(function);
    of.chain([negation()]).collect()
}

fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

fn function(op: Operator) -> Option<ScalarUDF> {
    let name = match op {
        Operator::Plus => "_add",
        Operator::Minus => "_subtract",
        Operator::Multiply => "_multiply",
        _ => return None,
    };
    Some(ScalarUDF::new_from_impl(Checked { op, name, signature: signature() }))
}

fn negation() -> ScalarUDF {
    ScalarUDF::new_from_impl(Negate { signature: signature() })
}

/// `left op right`, if that is a whole number.
pub(super) fn call(left: Expr, op: Operator, right: Expr, left_type: &DataType, right_type: &DataType) -> Option<Expr> {
    let given = BinaryTypeCoercer::new(left_type, &op, right_type).get_result_type().ok()?;
    given.is_integer().then(|| function(op).map(|function| function.call(vec![left, right])))?
}

/// `-of`.
pub(super) fn negate(of: Expr) -> Expr {
    negation().call(vec![of])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    op: Operator,
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.name
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        match arguments {
            [left, right] => Ok(format!("{} {} {}", left.schema_name(), self.op, right.schema_name())),
            _ => plan_err!("{} takes two numbers", self.op),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [left, right] => {
                let (left, right) = BinaryTypeCoercer::new(left, &self.op, right).get_input_types()?;
                Ok(vec![left, right])
            }
            _ => plan_err!("{} takes two numbers", self.op),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [left, right] => BinaryTypeCoercer::new(left, &self.op, right).get_result_type(),
            _ => plan_err!("{} takes two numbers", self.op),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match (arguments.args.as_slice(), self.op) {
            ([left, right], Operator::Plus) => apply(left, right, add),
            ([left, right], Operator::Minus) => apply(left, right, sub),
            ([left, right], Operator::Multiply) => apply(left, right, mul),
            _ => exec_err!("{} takes two numbers", self.op),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Negate {
    signature: Signature,
}

impl ScalarUDFImpl for Negate {
    fn name(&self) -> &str {
        NEGATE
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        match arguments {
            [of] => Ok(format!("(- {})", of.schema_name())),
            _ => plan_err!("- takes one number"),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [DataType::UInt64 | DataType::UInt32] => Ok(vec![DataType::Int64]),
            [DataType::UInt8 | DataType::UInt16] => Ok(vec![DataType::Int32]),
            [of] => Ok(vec![of.clone()]),
            _ => plan_err!("- takes one number"),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [of] = arguments.args.as_slice() else { return exec_err!("- takes one number") };
        Ok(ColumnarValue::Array(neg(&of.to_array(arguments.number_rows)?)?))
    }
}
