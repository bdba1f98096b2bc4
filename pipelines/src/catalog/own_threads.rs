//! The root of every physical plan: runs what is below it on threads of its own and within its share of memory.
//!
//! At the root of the plan and not in the doors, so that none can forget it.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use engine::lock::Lock;
use futures::{FutureExt, StreamExt};

use super::share::Share;
use super::threads::{Crew, GIVES_WAY_AFTER, Threads};
use super::values;

/// Batches that may wait between a statement and the door that sends them (I8).
const QUEUE_BATCHES_MAX: usize = 2;
/// Bytes of a batch that a door gets, about.
const PIECE_BYTES: usize = 4 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct StatementExec {
    input: Arc<dyn ExecutionPlan>,
    crew: Lock<Option<Arc<Crew>>>,
    means: Means,
}

/// What a statement runs with.
#[derive(Debug, Clone)]
pub(super) struct Means {
    threads: Arc<Threads>,
    /// Its memory is `share`.
    runtime: Arc<RuntimeEnv>,
    share: Arc<Share>,
    /// Bytes of one value.
    value_bytes_max: usize,
    /// Rows that an operator gathers before it hands them on.
    batch_rows: usize,
}

impl Means {
    /// With `share` of the memory of `runtime`.
    pub(super) fn new(
        threads: Arc<Threads>,
        runtime: &RuntimeEnv,
        share: Arc<Share>,
        value_bytes_max: usize,
        batch_rows: usize,
    ) -> Self {
        let runtime = Arc::new(RuntimeEnv { memory_pool: Arc::clone(&share) as _, ..runtime.clone() });
        Self { threads, runtime, share, value_bytes_max, batch_rows }
    }
}

impl StatementExec {
    /// `input` with `means`.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, means: Means) -> Self {
        Self { input, crew: Lock::default(), means }
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Arc<dyn ExecutionPlan> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Arc::new(Self::new(input, self.means.clone()))
    }

    /// The crew of all partitions; hired when the first of them is executed.
    fn crew(&self) -> Result<Option<Arc<Crew>>> {
        if let Some(hired) = &*self.crew.lock() {
            return Ok(Some(Arc::clone(hired)));
        }
        // Hiring starts threads, so it is done without the lock; of two that were hired at once the second goes home.
        let Some(hired) = self.means.threads.lend()?.map(Arc::new) else { return Ok(None) };
        let crew = Arc::clone(self.crew.lock().get_or_insert_with(|| Arc::clone(&hired)));
        Ok(Some(crew))
    }
}

impl ExecutionPlan for StatementExec {
    fn name(&self) -> &str {
        "StatementExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
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
        let mut config = context.session_config().clone();
        if config.batch_size() != self.means.batch_rows {
            config = config.with_batch_size(self.means.batch_rows);
        }
        let context = Arc::new(TaskContext::new(
            context.task_id(),
            context.session_id(),
            config,
            context.scalar_functions().clone(),
            context.higher_order_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            Arc::clone(&self.means.runtime),
        ));
        let Some(crew) = self.crew()? else { return self.input.execute(partition, context) };
        let Some(handle) = crew.handle().cloned() else { return self.input.execute(partition, context) };
        let mut stream = RecordBatchReceiverStreamBuilder::new(self.schema(), QUEUE_BATCHES_MAX);
        let (input, queue) = (Arc::clone(&self.input), stream.tx());
        let waiting = Arc::new(MemoryConsumer::new("answer").register(context.memory_pool()));
        let (counted, value_bytes_max) = (Arc::clone(&waiting), self.means.value_bytes_max as u64);
        let work = async move {
            let mut rows = input.execute(partition, context)?;
            while let Some(batch) = rows.next().await {
                let batch = batch?;
                values::check_values(&batch, value_bytes_max)?;
                counted.try_grow(values::bytes_of(&batch))?;
                for piece in pieces(&batch) {
                    // The receiver is gone when the statement was cancelled or has enough.
                    if queue.send(Ok(piece)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        };
        let share = Arc::clone(&self.means.share);
        let work = async move {
            tokio::select! {
                biased;
                short = share.ended() => Err(short),
                done = work => done,
            }
        };
        stream.spawn_on(contained(work), &handle);
        let held = (SpawnedTask::spawn(give_way(Arc::clone(&crew))), crew);
        let mut read = 0;
        let rows = stream.build().map(move |batch| {
            let _until_the_end = &held;
            // Whoever asks for more has done with the last.
            waiting.shrink(std::mem::take(&mut read).min(waiting.size()));
            read = batch.as_ref().map_or(0, values::bytes_of);
            batch
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// The rows of `batch`, so many at a time that whoever writes them out has no more than some of them twice.
fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> + Send + use<> {
    let rows = batch.num_rows();
    let rows_max = (rows / values::bytes_of(batch).div_ceil(PIECE_BYTES).max(1)).max(1);
    let batch = batch.clone();
    (0..rows).step_by(rows_max).map(move |from| batch.slice(from, rows_max.min(rows - from)))
}

/// A panic of `work` ends its statement and no more (I11).
async fn contained(work: impl Future<Output = Result<()>>) -> Result<()> {
    let panicked = |_| DataFusionError::Internal("the statement panicked; the node's log says where".to_owned());
    AssertUnwindSafe(work).catch_unwind().await.map_err(panicked)?
}

async fn give_way(crew: Arc<Crew>) {
    tokio::time::sleep(GIVES_WAY_AFTER).await;
    crew.give_way();
}

impl DisplayAs for StatementExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatementExec: memory={}", self.means.runtime.memory_pool)
    }
}
