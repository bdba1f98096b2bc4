//! An aggregate call: a function, its arguments, and its filter.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};

use super::sums::WideSum;

/// One aggregate function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    /// The function; boxed since it is large.
    pub(super) function: Arc<AggregateFunctionExpr>,
    /// `FILTER (WHERE …)`.
    filter: Option<Arc<dyn PhysicalExpr>>,
    /// How it is kept, if it is a sum that could wrap.
    wide: Option<WideSum>,
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
        let wide = WideSum::of(&function)?;
        Ok(Self { function, filter, wide, states })
    }

    /// The types of its state columns.
    pub(super) fn state_types(&self) -> Result<Vec<DataType>> {
        if let Some(wide) = &self.wide {
            return Ok(vec![wide.state_type()]);
        }
        Ok(self.function.state_fields()?.iter().map(|state| state.data_type().clone()).collect())
    }

    /// Whether its states are of another type than the function's own.
    pub(super) fn is_wide(&self) -> bool {
        self.wide.is_some()
    }

    /// What an accumulator evaluated, as the function gives it.
    ///
    /// # Errors
    /// A sum that does not fit the function's type.
    pub(super) fn value(&self, evaluated: &ArrayRef) -> Result<ArrayRef> {
        self.wide.as_ref().map_or_else(|| Ok(Arc::clone(evaluated)), |wide| wide.narrow(evaluated))
    }

    /// A fresh accumulator; what it evaluates is for [`Self::value`].
    pub(super) fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>> {
        if let Some(wide) = &self.wide {
            return Ok(wide.accumulator());
        }
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
