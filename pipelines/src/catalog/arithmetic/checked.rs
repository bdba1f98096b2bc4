//! `+`, `-` and `*` of whole numbers, that say when they overflow.

use std::fmt::Write;

use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

const NEGATE: &str = "_negate";
/// Operators of one call. A chain is one call and not one in the other, because what asks for a type asks all that is below it;
/// and no more than these, because all arguments of a call are there at once.
const CHAIN_MAX: usize = 64;

/// All of them.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let of = [Operator::Plus, Operator::Minus, Operator::Multiply].into_iter().map(|op| function(vec![op]));
    of.chain([negation()]).collect()
}

fn signature() -> Signature {
    Signature::user_defined(Volatility::Immutable)
}

fn function(operators: Vec<Operator>) -> ScalarUDF {
    let name = match operators.first() {
        Some(Operator::Minus) => "_subtract",
        Some(Operator::Multiply) => "_multiply",
        _ => "_add",
    };
    ScalarUDF::new_from_impl(Checked { operators, name, signature: signature() })
}

fn negation() -> ScalarUDF {
    ScalarUDF::new_from_impl(Negate { signature: signature() })
}

/// Whether `left op right` is a whole number.
pub(super) fn takes(op: Operator, left: &DataType, right: &DataType) -> bool {
    BinaryTypeCoercer::new(left, &op, right).get_result_type().is_ok_and(|given| given.is_integer())
}

/// `left op right`, which [`takes`] says is a whole number.
pub(super) fn call(left: Expr, op: Operator, right: Expr, left_type: &DataType, right_type: &DataType) -> Expr {
    let goes_on = BinaryTypeCoercer::new(left_type, &op, right_type)
        .get_input_types()
        .is_ok_and(|(as_is, _)| as_is == *left_type);
    let (mut arguments, mut operators) = match left {
        Expr::ScalarFunction(call) => match call.func.inner().downcast_ref::<Checked>() {
            Some(chain) if goes_on && chain.operators.len() < CHAIN_MAX => (call.args, chain.operators.clone()),
            _ => (vec![Expr::ScalarFunction(call)], Vec::new()),
        },
        left => (vec![left], Vec::new()),
    };
    arguments.push(right);
    operators.push(op);
    function(operators).call(arguments)
}

/// `-of`.
pub(super) fn negate(of: Expr) -> Expr {
    negation().call(vec![of])
}

/// A chain of operators, from left to right. Behind the first, what is computed so far has the type of what comes of it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operators: Vec<Operator>,
    name: &'static str,
    signature: Signature,
}

impl Checked {
    /// The first argument, and each other one behind its operator.
    fn chain<'a, T>(&'a self, arguments: &'a [T]) -> Result<(&'a T, impl Iterator<Item = (&'a Operator, &'a T)>)> {
        match arguments.split_first() {
            Some((first, others)) if others.len() == self.operators.len() => {
                Ok((first, self.operators.iter().zip(others)))
            }
            _ => plan_err!("{} operators take a number more, and there are {}", self.operators.len(), arguments.len()),
        }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.name
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let (first, others) = self.chain(arguments)?;
        let mut name = first.schema_name().to_string();
        for (op, of) in others {
            // A text takes what is written to it.
            let _ = write!(name, " {op} {}", of.schema_name());
        }
        Ok(name)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let (first, others) = self.chain(arguments)?;
        let (mut types, mut so_far) = (vec![first.clone()], first.clone());
        for (op, of) in others {
            let coercer = BinaryTypeCoercer::new(&so_far, op, of);
            let (left, right) = coercer.get_input_types()?;
            match types.as_mut_slice() {
                [first] => *first = left,
                _ if left == so_far => {}
                _ => return plan_err!("{so_far} {op} {of} is computed as {left}"),
            }
            types.push(right);
            so_far = coercer.get_result_type()?;
        }
        Ok(types)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let (first, others) = self.chain(arguments)?;
        let mut so_far = first.clone();
        for (op, of) in others {
            so_far = BinaryTypeCoercer::new(&so_far, op, of).get_result_type()?;
        }
        Ok(so_far)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (first, others) = self.chain(&arguments.args)?;
        let mut so_far = first.clone();
        for (op, of) in others {
            so_far = match op {
                Operator::Plus => apply(&so_far, of, add)?,
                Operator::Minus => apply(&so_far, of, sub)?,
                Operator::Multiply => apply(&so_far, of, mul)?,
                _ => return exec_err!("{op} is not checked"),
            };
        }
        Ok(so_far)
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
