//! The root of every physical plan: runs what is below it on threads of its own and within its share of memory.
//!
//! At the root of the plan and not in the doors, so that none can forget it.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use engine::lock::Lock;
use futures::{FutureExt, StreamExt};

use super::share::Share;
use super::threads::{Crew, GIVES_WAY_AFTER, Threads};

/// Batches that may wait between a statement and the door that sends them (I8).
const QUEUE_BATCHES_MAX: usize = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct StatementExec {
    input: Arc<dyn ExecutionPlan>,
    threads: Arc<Threads>,
    crew: Lock<Option<Arc<Crew>>>,
    runtime: Arc<RuntimeEnv>,
}

impl StatementExec {
    /// `input` with at most `bytes_max` of the memory of `runtime`.
    pub(super) fn new(
        input: Arc<dyn ExecutionPlan>,
        threads: Arc<Threads>,
        runtime: &RuntimeEnv,
        bytes_max: usize,
    ) -> Self {
        let share = Share::new(Arc::clone(&runtime.memory_pool), bytes_max);
        let runtime = Arc::new(RuntimeEnv { memory_pool: Arc::new(share), ..runtime.clone() });
        Self { input, threads, crew: Lock::default(), runtime }
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Arc<dyn ExecutionPlan> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        let (threads, runtime) = (Arc::clone(&self.threads), Arc::clone(&self.runtime));
        Arc::new(Self { input, threads, crew: Lock::default(), runtime })
    }

    /// The crew of all partitions; hired when the first of them is executed.
    fn crew(&self) -> Result<Option<Arc<Crew>>> {
        if let Some(hired) = &*self.crew.lock() {
            return Ok(Some(Arc::clone(hired)));
        }
        // Hiring starts threads, so it is done without the lock; of two that were hired at once the second goes home.
        let Some(hired) = self.threads.lend()?.map(Arc::new) else { return Ok(None) };
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
        let context = Arc::new(TaskContext::new(
            context.task_id(),
            context.session_id(),
            context.session_config().clone(),
            context.scalar_functions().clone(),
            context.higher_order_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            Arc::clone(&self.runtime),
        ));
        let Some(crew) = self.crew()? else { return self.input.execute(partition, context) };
        let Some(handle) = crew.handle().cloned() else { return self.input.execute(partition, context) };
        let mut stream = RecordBatchReceiverStreamBuilder::new(self.schema(), QUEUE_BATCHES_MAX);
        let (input, queue) = (Arc::clone(&self.input), stream.tx());
        let work = async move {
            let mut rows = input.execute(partition, context)?;
            while let Some(batch) = rows.next().await {
                // The receiver is gone when the statement was cancelled or has enough.
                if queue.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        stream.spawn_on(contained(work), &handle);
        let held = (SpawnedTask::spawn(give_way(Arc::clone(&crew))), crew);
        let rows = stream.build().map(move |batch| {
            let _until_the_end = &held;
            batch
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
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
        write!(f, "StatementExec: memory={}", self.runtime.memory_pool)
    }
}
