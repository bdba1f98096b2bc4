//! Reads a view: lazily, on a blocking thread, through a short queue, keeping only the rows of the tenants asked for.
//!
//! The one place that enforces the bound on `tenant` (I6); a view's own pruning saves work, it is not what isolation
//! rests on.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int32Type, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};

use super::ask::{Ask, TENANT};
use super::view::SharedView;
use crate::catalog::Cut;

/// Batches that may wait between a view and its reader (I8).
const QUEUE_BATCHES_MAX: usize = 2;

/// The physical plan of a view.
#[derive(Debug)]
pub(super) struct ViewScan {
    view: SharedView,
    cut: Arc<Cut>,
    ask: Arc<Ask>,
    schema: SchemaRef,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl ViewScan {
    pub(super) fn new(view: SharedView, cut: Arc<Cut>, ask: Ask, schema: SchemaRef, limit: Option<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { view, cut, ask: Arc::new(ask), schema, limit, properties: Arc::new(properties) }
    }
}

impl ExecutionPlan for ViewScan {
    fn name(&self) -> &str {
        "ViewScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), QUEUE_BATCHES_MAX);
        if self.ask.is_empty() {
            return Ok(stream.build());
        }
        let (view, cut, ask) = (Arc::clone(&self.view), Arc::clone(&self.cut), Arc::clone(&self.ask));
        let batch_rows = context.session_config().batch_size();
        let confined = ask.tenants().is_some() && view.schema().column_with_name(TENANT).is_some();
        let mut sieve = Sieve { ask: Arc::clone(&ask), confined, schema: Arc::clone(&self.schema), left: self.limit };
        let queue = stream.tx();
        stream.spawn_blocking(move || {
            let mut failed = None;
            let mut emit = |batch: RecordBatch| {
                let kept = match sieve.keep(batch) {
                    Ok(kept) => kept,
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                };
                for from in (0..kept.num_rows()).step_by(batch_rows) {
                    let slice = kept.slice(from, batch_rows.min(kept.num_rows() - from));
                    // The receiver is gone when the query was cancelled or has enough.
                    if queue.blocking_send(Ok(slice)).is_err() {
                        return ControlFlow::Break(());
                    }
                }
                if sieve.left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            // What a library panics on, damaged Parquet say, ends this statement and nothing else.
            let produced = catch_unwind(AssertUnwindSafe(|| view.produce(&cut, &ask, &mut emit)));
            let produced = produced.map_err(|_| {
                DataFusionError::Internal(format!("reading {} panicked; the node's log says where", view.name()))
            })?;
            produced.map_err(|error| DataFusionError::External(Box::new(error)))?;
            failed.map_or(Ok(()), |error| Err(error.into()))
        });
        Ok(stream.build())
    }
}

/// What a scan lets through.
struct Sieve {
    ask: Arc<Ask>,
    /// Whether rows of other tenants than those asked for must be kept out.
    confined: bool,
    schema: SchemaRef,
    left: Option<usize>,
}

impl Sieve {
    fn keep(&mut self, mut batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        let missing = |name: &str| ArrowError::SchemaError(format!("the view did not produce its column {name}"));
        if let (true, Some(tenants)) = (self.confined, self.ask.tenants()) {
            let column = batch.column_by_name(TENANT).ok_or_else(|| missing(TENANT))?;
            batch = confine(&batch, column, tenants)?;
        }
        if let Some(left) = &mut self.left {
            batch = batch.slice(0, batch.num_rows().min(*left));
            *left -= batch.num_rows();
        }
        let columns = self
            .schema
            .fields()
            .iter()
            .map(|field| batch.column_by_name(field.name()).cloned().ok_or_else(|| missing(field.name())));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

/// The rows of `batch` whose tenant is one of `tenants`.
fn confine(batch: &RecordBatch, column: &dyn Array, tenants: &BTreeSet<String>) -> Result<RecordBatch, ArrowError> {
    let keep: BooleanArray = if let DataType::Dictionary(..) = column.data_type() {
        let column = column.as_dictionary::<Int32Type>();
        let known = column.values().as_string::<i32>();
        let known = known.iter().map(|tenant| tenant.is_some_and(|t| tenants.contains(t))).collect::<Vec<_>>();
        column.keys().iter().map(|key| Some(key.is_some_and(|key| known[key as usize]))).collect()
    } else {
        let column = column.as_string::<i32>();
        column.iter().map(|tenant| Some(tenant.is_some_and(|tenant| tenants.contains(tenant)))).collect()
    };
    if keep.true_count() == keep.len() {
        return Ok(batch.clone());
    }
    filter_record_batch(batch, &keep)
}

impl DisplayAs for ViewScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewScan: view={}{}", self.view.name(), self.ask)?;
        let columns = self.schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
        write!(f, ", columns=[{}]", columns.join(" "))?;
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}
