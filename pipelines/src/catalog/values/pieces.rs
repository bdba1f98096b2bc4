//! Streams around what evaluates functions: few rows at a time for those that multiply, and what a batch takes is counted until
//! the next one is asked for.
//!
//! Around the operator, so that its batches are counted; and around what it reads, so that it begins each batch with nothing
//! pending ([`super::charge`]), and with no more rows than constants and values of many bytes allow.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use futures::{Stream, StreamExt};

use super::bytes::bytes_of;
use super::charge::Pending;
use super::weight::Weight;

/// `plan` with a [`Charged`] around each operator whose functions are guarded or whose constants are large.
pub(in super::super) fn charged(plan: Arc<dyn ExecutionPlan>, value_bytes_max: u64) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let mut weight = Weight::new(value_bytes_max);
        node.apply_expressions(&mut |expression| weight.add(expression))?;
        if weight.is_nothing() {
            return Ok(Transformed::no(node));
        }
        let rows_max = weight.rows_max();
        let children =
            node.children().into_iter().map(|child| Charged::around(Arc::clone(child), rows_max, false)).collect();
        let keeps = node.is::<ProjectionExec>();
        let node = node.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))?;
        Ok(Transformed::yes(Charged::around(node, None, keeps)))
    })
    .data()
}

/// See the module.
#[derive(Debug)]
struct Charged {
    input: Arc<dyn ExecutionPlan>,
    rows_max: Option<usize>,
    keeps: bool,
}

impl Charged {
    fn around(input: Arc<dyn ExecutionPlan>, rows_max: Option<usize>, keeps: bool) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input, rows_max, keeps })
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Arc<dyn ExecutionPlan> {
        Self::around(children.pop().unwrap_or_else(|| Arc::clone(&self.input)), self.rows_max, self.keeps)
    }
}

impl ExecutionPlan for Charged {
    fn name(&self) -> &str {
        "Charged"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.over(children))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.over(children))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let reservation = |name: &str| MemoryConsumer::new(name).register(context.memory_pool());
        let pending = Pending { reservation: Arc::new(reservation("functions")), keeps: self.keeps };
        let held = reservation("batch");
        let input = self.input.execute(partition, context)?;
        Ok(Box::pin(Rows { input, pending, held, rows_max: self.rows_max, rest: None }))
    }
}

impl DisplayAs for Charged {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Charged")?;
        self.rows_max.map_or(Ok(()), |rows| write!(f, ": rows={rows}"))
    }
}

/// The batches of `input`, counted.
struct Rows {
    input: SendableRecordBatchStream,
    /// What functions below take for the batch that is being computed.
    pending: Pending,
    /// What the batch takes that was handed on last, or of which there is more to hand on.
    held: MemoryReservation,
    rows_max: Option<usize>,
    rest: Option<RecordBatch>,
}

impl Rows {
    /// The next rows of what is there.
    fn piece(&mut self) -> Option<RecordBatch> {
        let rest = self.rest.take()?;
        let rows_max = self.rows_max.unwrap_or(usize::MAX);
        if rest.num_rows() <= rows_max {
            return Some(rest);
        }
        self.rest = Some(rest.slice(rows_max, rest.num_rows() - rows_max));
        Some(rest.slice(0, rows_max))
    }
}

impl Stream for Rows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.rest.is_none() {
            this.held.free();
            let polled = super::charge::within(&this.pending, || this.input.poll_next_unpin(context));
            let next = ready!(polled).transpose();
            this.pending.reservation.free();
            match next {
                Ok(None) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Some(batch)) => match this.held.try_resize(bytes_of(&batch)) {
                    Ok(()) => this.rest = Some(batch),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            }
        } else {
            // The operator around this one begins another batch.
            super::charge::begin();
        }
        Poll::Ready(this.piece().map(Ok))
    }
}

impl RecordBatchStream for Rows {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
