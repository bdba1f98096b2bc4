//! An aggregate call: a function, its arguments, and its filter.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::common::Result;
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};

/// One aggregate function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    /// The function; boxed since it is large.
    pub(super) function: Arc<AggregateFunctionExpr>,
    /// `FILTER (WHERE …)`.
    filter: Option<Arc<dyn PhysicalExpr>>,
    /// How many state columns it has.
    pub(super) states: usize,
}

/// The columns of a call: arguments and filter.
pub(super) struct Evaluated {
    /// The arguments.
    pub(super) arguments: Vec<ArrayRef>,
    /// The filter.
    pub(super) filter: Option<BooleanArray>,
}

impl Call {
    /// A call of `function` whose arguments are read from rows of `schema`.
    pub(super) fn new(function: Arc<AggregateFunctionExpr>, filter: Option<Arc<dyn PhysicalExpr>>) -> Result<Self> {
        let states = function.state_fields()?.len();
        Ok(Self { function, filter, states })
    }

    /// A fresh accumulator.
    pub(super) fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>> {
        if self.function.groups_accumulator_supported() {
            return self.function.create_groups_accumulator();
        }
        let function = self.function.clone();
        Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
    }

    /// Its arguments and filter for the rows of `batch`.
    pub(super) fn evaluate(&self, batch: &RecordBatch) -> Result<Evaluated> {
        let rows = batch.num_rows();
        let column = |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(batch)?.into_array(rows);
        Ok(Evaluated {
            arguments: self.function.expressions().iter().map(column).collect::<Result<_>>()?,
            filter: self.filter.as_ref().map(column).transpose()?.map(|array| array.as_boolean().clone()),
        })
    }
}
